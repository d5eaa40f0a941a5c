"""Grids of images, drawn with Matplotlib."""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lamina.errors import ArgumentError
from lamina.tracebacks import filter_traceback
from lamina.typing import ArrayLike
from lamina.visualization.drawing import (
    Boxes,
    Color,
    channels_last,
    draw_bounding_boxes,
    draw_segmentation_masks,
)


@filter_traceback
def plot_image_gallery(
    images: ArrayLike,
    y_true: ArrayLike | None = None,
    y_pred: ArrayLike | None = None,
    label_map: Mapping[int, str] | None = None,
    rows: int | None = None,
    cols: int | None = None,
    value_range: Sequence[float] = (0, 255),
    scale: float = 2,
    path: str | os.PathLike[str] | None = None,
    show: bool | None = None,
    transparent: bool = True,
    dpi: int = 60,
    legend_handles: Sequence[Any] | None = None,
    data_format: str | None = None,
) -> None:
    """Plot a grid of images.

    Args:
        images: (batch, height, width, channels).
        y_true: class of each image, which is written above it.
        y_pred: predicted class of each image.
        label_map: the names of the classes.
        rows: rows of the grid; None for as many as columns.
        cols: columns of the grid; None for as many as needed.
        value_range: the values of black and white.
        scale: width of an image in inches.
        path: path of an image file to write.
        show: whether to show the plot; None to show it unless there is a `path`. With
            False and no path, it remains Matplotlib's current figure.
        transparent: whether the background in the file is transparent.
        dpi: pixels of an inch in the file.
        legend_handles: Matplotlib's artists for a legend.
        data_format: "channels_last", "channels_first", or None for
            `config.image_data_format()`.

    Raises:
        ShapeError: the images are not 4D.
        ArgumentError: there are both `path` and `show`, or labels without `label_map`.

    Example:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp(), "images.png")
        >>> plot_image_gallery(np.zeros((2, 8, 8, 3)), path=path)
        >>> path.is_file()
        True
    """
    owner = "plot_image_gallery"
    if path is not None and show:
        raise ArgumentError(
            f"{owner}: pass `path` to write a file or `show=True` to show the plot, "
            "not both."
        )
    titles = _titles(y_true, y_pred, label_map)
    pixels = _to_bytes(channels_last(owner, images, data_format), value_range)
    height, width = pixels.shape[1:3]
    rows = rows or math.ceil(math.sqrt(len(pixels)))
    cols = cols or math.ceil(len(pixels) / rows)

    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(
        rows,
        cols,
        figsize=(cols * scale, rows * scale * height / width),
        layout="tight",
        frameon=False,
        squeeze=False,
    )
    _draw_panels(axes, pixels, titles)
    if legend_handles is not None:
        figure.legend(handles=legend_handles, loc="lower center")
    if path is not None:
        figure.savefig(
            path, pad_inches=0, bbox_inches="tight", transparent=transparent, dpi=dpi
        )
        plt.close(figure)
    elif show or show is None:
        plt.show()
        plt.close(figure)


def _draw_panels(axes: np.ndarray, pixels: np.ndarray, titles: Sequence[str]) -> None:
    for panel in axes.flat:
        panel.axis("off")
    # Matplotlib colors images of one channel only if they have no channel axis.
    images = pixels.squeeze(-1) if pixels.shape[-1] == 1 else pixels
    for panel, image in zip(axes.flat, images, strict=False):
        panel.imshow(image, cmap="gray", vmin=0, vmax=255)
    for panel, title in zip(axes.flat, titles[: len(pixels)], strict=False):
        panel.set_title(title, fontsize=8)


@filter_traceback
def plot_bounding_box_gallery(
    images: ArrayLike,
    bounding_box_format: str,
    y_true: Boxes | None = None,
    y_pred: Boxes | None = None,
    value_range: Sequence[float] = (0, 255),
    true_color: Color = (0, 188, 212),
    pred_color: Color = (255, 235, 59),
    line_thickness: int = 2,
    font_scale: float = 1.0,
    text_thickness: int | None = None,
    class_mapping: Mapping[int, str] | None = None,
    ground_truth_mapping: Mapping[int, str] | None = None,
    prediction_mapping: Mapping[int, str] | None = None,
    legend: bool = False,
    legend_handles: Sequence[Any] | None = None,
    rows: int | None = None,
    cols: int | None = None,
    data_format: str | None = None,
    **kwargs: Any,
) -> None:
    """Plot a grid of images with their true and predicted bounding boxes.

    Args:
        images: (batch, height, width, channels).
        bounding_box_format: see `utils.bounding_boxes`.
        y_true: the true boxes, as in `draw_bounding_boxes`.
        y_pred: the predicted boxes.
        value_range: the values of black and white.
        true_color: color of the true boxes, from 0 to 255.
        pred_color: color of the predicted boxes.
        line_thickness: thickness of the boxes in pixels.
        font_scale: 1 for letters of 22 pixels.
        text_thickness: thickness of the letters in pixels; None for `line_thickness`.
        class_mapping: the names of the classes.
        ground_truth_mapping: the names for the true boxes, instead of `class_mapping`.
        prediction_mapping: the names for the predicted boxes.
        legend: whether to explain the colors.
        legend_handles: Matplotlib's artists for another legend.
        rows: rows of the grid.
        cols: columns of the grid.
        data_format: "channels_last", "channels_first", or None for
            `config.image_data_format()`.
        **kwargs: more arguments of `plot_image_gallery`.

    Raises:
        ShapeError: the images are not 4D.
        ArgumentError: there are both `legend` and `legend_handles`, or boxes are not
            valid.

    Example:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp(), "boxes.png")
        >>> boxes = {"boxes": [[[1, 1, 6, 6]]], "labels": [[0]]}
        >>> plot_bounding_box_gallery(np.zeros((1, 8, 8, 3)), "xyxy", boxes, path=path)
        >>> path.is_file()
        True
    """
    owner = "plot_bounding_box_gallery"
    if legend and legend_handles:
        raise ArgumentError(f"{owner}: pass `legend` or `legend_handles`, not both.")
    pixels = _to_bytes(channels_last(owner, images, data_format), value_range)
    style = line_thickness, text_thickness, font_scale, "channels_last"
    for boxes, mapping, color in (
        (y_true, ground_truth_mapping or class_mapping, true_color),
        (y_pred, prediction_mapping or class_mapping, pred_color),
    ):
        if boxes is not None:
            pixels = draw_bounding_boxes(
                pixels, boxes, bounding_box_format, mapping, color, *style
            )
    if legend:
        legend_handles = _color_patches(
            {"Ground Truth": true_color, "Prediction": pred_color}
        )
    plot_image_gallery(
        pixels,
        rows=rows,
        cols=cols,
        legend_handles=legend_handles,
        data_format="channels_last",
        **kwargs,
    )


@filter_traceback
def plot_segmentation_mask_gallery(
    images: ArrayLike,
    num_classes: int,
    value_range: Sequence[float] = (0, 255),
    y_true: ArrayLike | None = None,
    y_pred: ArrayLike | None = None,
    color_mapping: Mapping[int, Color] | None = None,
    blend: bool = True,
    alpha: float = 0.8,
    ignore_index: int = -1,
    data_format: str | None = None,
    **kwargs: Any,
) -> None:
    """Plot images, and beside each its true and its predicted segmentation mask.

    Args:
        images: (batch, height, width, channels).
        num_classes: the largest class that is drawn.
        value_range: the values of black and white.
        y_true: the true classes of the pixels, (batch, height, width) or with an axis
            of one channel.
        y_pred: the predicted classes.
        color_mapping: colors of classes, as in `draw_segmentation_masks`.
        blend: whether colors and images are added.
        alpha: weight of the colors.
        ignore_index: a class that is not drawn.
        data_format: "channels_last", "channels_first", or None for
            `config.image_data_format()`.
        **kwargs: more arguments of `plot_image_gallery`.

    Raises:
        ShapeError: the images are not 4D, or the masks have another size.

    Example:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp(), "masks.png")
        >>> images, masks = np.zeros((1, 8, 8, 3)), np.ones((1, 8, 8), "int32")
        >>> plot_segmentation_mask_gallery(images, 2, y_true=masks, path=path)
        >>> path.is_file()
        True
    """
    owner = "plot_segmentation_mask_gallery"
    pixels = _to_bytes(channels_last(owner, images, data_format), value_range)
    draw = functools.partial(
        draw_segmentation_masks,
        num_classes=num_classes,
        color_mapping=color_mapping,
        alpha=alpha,
        blend=blend,
        ignore_index=ignore_index,
        data_format="channels_last",
    )
    columns = [pixels]
    for masks in (y_true, y_pred):
        if masks is not None:
            labels = np.asarray(masks).astype("int32")
            if labels.ndim == 4:
                labels = labels.reshape(pixels.shape[:3])
            columns.append(draw(pixels, labels))
    plot_image_gallery(
        np.stack(columns, 1).reshape(-1, *pixels.shape[1:]),
        rows=len(pixels),
        cols=len(columns),
        data_format="channels_last",
        **kwargs,
    )


def _to_bytes(pixels: np.ndarray, value_range: Sequence[float]) -> np.ndarray:
    """Scale pixels so that the range becomes 0 to 255."""
    low, high = value_range
    scaled = (pixels.astype("float32") - low) * (255 / (high - low))
    return np.clip(scaled, 0, 255).astype("uint8")


def _titles(
    y_true: ArrayLike | None,
    y_pred: ArrayLike | None,
    label_map: Mapping[int, str] | None,
) -> list[str]:
    """Return the text above each image."""
    given = [(n, y) for n, y in (("Label", y_true), ("Pred", y_pred)) if y is not None]
    if given and label_map is None:
        raise ArgumentError(
            "plot_image_gallery: `label_map` is needed for the names of `y_true` and "
            "`y_pred`, as in `label_map={0: 'cat', 1: 'dog'}`."
        )
    names = dict(label_map or {})
    columns = [
        [f"{name}: {names.get(int(label), 'Unknown')}" for label in np.ravel(labels)]
        for name, labels in given
    ]
    return ["  ".join(parts) for parts in zip(*columns, strict=True)]


def _color_patches(colors: Mapping[str, Color]) -> list[Any]:
    from matplotlib.patches import Patch

    return [
        Patch(color=tuple(np.divide(color, 255)), label=name)
        for name, color in colors.items()
    ]
