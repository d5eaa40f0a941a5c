"""Figures of predictions and weights, drawn with Matplotlib."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lamina.display import new_figure
from lamina.errors import ArgumentError, ShapeError
from lamina.layers import (
    Conv1DTranspose,
    Conv2DTranspose,
    DepthwiseConv1D,
    DepthwiseConv2D,
    Layer,
)
from lamina.report.evaluation import confusion_matrix
from lamina.tracebacks import filter_traceback
from lamina.training.trainer import Trainer
from lamina.typing import ArrayLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLUMNS = 8  # of a grid of images
_MOST_WRITTEN = 20  # classes of a matrix whose cells have numbers


@filter_traceback
def plot_confusion(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    labels: Sequence[str] | None = None,
    normalize: bool = False,
    path: str | os.PathLike[str] | None = None,
) -> Figure:
    """Plot a confusion matrix: true classes by row, predicted classes by column.

    Colors show the share of a row, so that rare classes are visible too.

    Args:
        y_true: the true classes: indices of shape (rows,) or (rows, 1), or one-hot rows
            of shape (rows, classes).
        y_pred: the predictions, as `predict` returns them: probabilities or logits of
            shape (rows, classes), probabilities of the second of two classes of shape
            (rows,) or (rows, 1), or class indices as integers.
        labels: the names of the classes.
        normalize: whether to write the share of a row in percent instead of the count.
        path: path of an image file to write.

    Returns:
        A figure of Matplotlib, which notebooks show.

    Raises:
        DataError: the numbers of rows differ, or there are more classes than labels.
        ShapeError: the classes are not numbers of these shapes.

    Example:
        >>> figure = plot_confusion([0, 1, 1], [[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
        >>> [text.get_text() for text in figure.axes[0].texts]
        ['1', '0', '1', '1']
    """
    true, predicted = _classes(y_true), _classes(y_pred)
    classes = None if labels is None else len(labels)
    counts = confusion_matrix(true, predicted, classes)
    fractions = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    size = max(3.5, min(0.55 * len(counts) + 1.5, 12))
    figure, (axes,) = new_figure(1, 1, size, size)
    axes.imshow(fractions, cmap="Blues", vmin=0, vmax=1)
    if len(counts) <= _MOST_WRITTEN:
        _write_cells(axes, counts, fractions, normalize)
    places = range(len(counts))
    if labels is not None:
        axes.set_xticks(places, labels, rotation=90)
        axes.set_yticks(places, labels)
    elif len(counts) <= _MOST_WRITTEN:
        axes.set(xticks=places, yticks=places)
    correct = np.trace(counts) / max(counts.sum(), 1)
    axes.set(xlabel="predicted class", ylabel="true class")
    axes.set_title(f"{correct:.1%} of {counts.sum():,} correct", fontsize=10)
    return _saved(figure, path)


@filter_traceback
def show_predictions(
    model: Trainer,
    x: ArrayLike,
    y: ArrayLike | None = None,
    labels: Sequence[str] | None = None,
    count: int = 16,
    path: str | os.PathLike[str] | None = None,
) -> Figure:
    """Plot images with what a model predicts for them.

    Each image has the predicted class and, if the model returns probabilities, the
    probability. Wrong predictions are red, with the true class in a second line.
    Outputs with one value that is not a probability are written as numbers.

    Args:
        model: a model of images.
        x: images of shape (rows, height, width) or (rows, height, width, channels).
        y: the true classes, indices or one-hot rows; or the true values.
        labels: the names of the classes.
        count: number of images, from the first.
        path: path of an image file to write.

    Returns:
        A figure of Matplotlib, which notebooks show.

    Raises:
        ShapeError: `x` are not images, `y` has other rows, or the model has another
            output than a vector.
        ArgumentError: there are more classes than labels.

    Example:
        >>> images = np.zeros((4, 8, 8))
        >>> model = lamina.Sequential([lamina.layers.Flatten(), lamina.layers.Dense(3)])
        >>> len(show_predictions(model, images, labels=["a", "b", "c"]).axes)
        4
    """
    images = np.asarray(x)[:count]
    if images.ndim not in (3, 4):
        raise ShapeError(
            "show_predictions: `x` must be images of shape (rows, height, width) or "
            f"(rows, height, width, channels). Received: {images.shape}. For other "
            "data print model.predict(x)."
        )
    outputs = np.asarray(model.predict(images, verbose=0))
    true = None if y is None else np.asarray(y)[:count]
    if true is not None and len(true) != len(images):
        raise ShapeError(
            "show_predictions: `y` must have a row for each image. Received: "
            f"{len(true)} rows for {len(images)} images."
        )
    captions = _captions(outputs, true, labels)
    columns = min(len(images), _COLUMNS)
    rows = -(-len(images) // columns)
    figure, axes = new_figure(columns, rows, 1.4, 1.4 + 0.17 * (true is not None))
    for panel in axes:
        panel.axis("off")
    low, high = float(images.min()), float(images.max())
    for panel, image, caption in zip(axes, images, captions, strict=False):
        _draw_image(panel, image, low, high)
        color = "black" if caption.is_right else "#c62828"
        panel.set_title(caption.text, fontsize=8, color=color)
    return _saved(figure, path)


@filter_traceback
def plot_filters(
    layer: Layer,
    count: int = 64,
    channel: int = 0,
    path: str | os.PathLike[str] | None = None,
) -> Figure:
    """Plot the kernels of a convolution as images.

    A kernel of three input channels is shown in color, from the smallest weight to the
    largest. Otherwise one channel is shown, blue for negative weights, red for positive
    ones and white for 0. The shown filters have one scale.

    Args:
        layer: a built convolution in one or two dimensions, such as `model.layers[0]`.
        count: number of filters, from the first.
        channel: the input channel that is shown, if there are not three.
        path: path of an image file to write.

    Returns:
        A figure of Matplotlib, which notebooks show.

    Raises:
        ArgumentError: the layer has no kernel of a convolution, or no such channel.

    Example:
        >>> from lamina.layers import Conv2D
        >>> layer = Conv2D(5, 3)
        >>> layer.build((None, 8, 8, 1))
        >>> len(plot_filters(layer).axes)
        5
    """
    kernels = _kernels(layer)[..., :count]
    channels = kernels.shape[2]
    if not -channels <= channel < channels:
        raise ArgumentError(
            f"plot_filters: `channel` must be from 0 to {channels - 1}. Received: "
            f"{channel}."
        )
    columns = min(kernels.shape[-1], _COLUMNS)
    figure, axes = new_figure(columns, -(-kernels.shape[-1] // columns), 1.1, 1.1)
    low, high = kernels.min(), kernels.max()
    limit = np.abs(kernels).max() or 1
    for panel in axes:
        panel.axis("off")
    for panel, kernel in zip(axes, np.moveaxis(kernels, -1, 0), strict=False):
        if channels == 3:
            panel.imshow((kernel - low) / (high - low if high > low else 1))
        else:
            panel.imshow(kernel[..., channel], cmap="RdBu_r", vmin=-limit, vmax=limit)
    return _saved(figure, path)


def _write_cells(
    axes: Axes, counts: np.ndarray, fractions: np.ndarray, normalize: bool
) -> None:
    for (row, column), count in np.ndenumerate(counts):
        share = fractions[row, column]
        color = "white" if share > 0.5 else "black" if count else "#9aa0a6"
        text = f"{share:.0%}" if normalize else str(count)
        axes.text(column, row, text, ha="center", va="center", color=color, size=9)


def _saved(figure: Figure, path: str | os.PathLike[str] | None) -> Figure:
    if path is not None:
        figure.savefig(path, dpi=150)
    return figure


def _classes(values: ArrayLike) -> np.ndarray:
    """Return class indices for indices, one-hot rows or probabilities."""
    array = np.asarray(values)
    if array.ndim not in (1, 2) or not array.size or array.dtype.kind not in "biuf":
        raise ShapeError(
            "Classes must be numbers of shape (rows,) or (rows, classes). Received: "
            f"shape {array.shape}, type {array.dtype}. Convert names to indices, as in "
            "np.unique(y, return_inverse=True)[1]."
        )
    if array.ndim == 2 and array.shape[1] > 1:
        return array.argmax(1)
    flat = array.reshape(-1)
    is_binary = flat.dtype.kind == "f" and bool((flat != np.round(flat)).any())
    return (flat >= 0.5 if is_binary else flat).astype(int)


class _Caption(NamedTuple):
    """The text above an image, and whether the prediction is right."""

    text: str
    is_right: bool


def _captions(
    outputs: np.ndarray, true: np.ndarray | None, labels: Sequence[str] | None
) -> list[_Caption]:
    """Return the captions of images from the outputs of a model."""
    if outputs.ndim not in (1, 2):
        raise ShapeError(
            "show_predictions: the model must return one vector for each image. "
            f"Received: outputs of shape {outputs.shape}."
        )
    scores = outputs.reshape(len(outputs), -1)
    is_share = bool((scores >= 0).all() and (scores <= 1).all())
    if scores.shape[1] == 1:
        is_binary = true is None or bool(np.isin(true, (0, 1)).all())
        if not (is_share and is_binary):
            values = [None] * len(scores) if true is None else np.ravel(true).tolist()
            return [
                _Caption(
                    f"{score:.4g}" + ("" if v is None else f"\ntrue: {v:.4g}"), True
                )
                for score, v in zip(scores[:, 0].tolist(), values, strict=True)
            ]
        scores = np.concatenate([1 - scores, scores], 1)
    if labels is not None and len(labels) < scores.shape[1]:
        raise ArgumentError(
            f"show_predictions: `labels` must name {scores.shape[1]} classes. "
            f"Received: {len(labels)} names."
        )
    chosen = scores.argmax(1)
    right = chosen if true is None else _classes(true)
    captions: list[_Caption] = []
    for row, one, other in zip(scores, chosen.tolist(), right.tolist(), strict=True):
        text = _name(one, labels) + (f" ({row[one]:.0%})" if is_share else "")
        if one != other:
            text += f"\ntrue: {_name(other, labels)}"
        captions.append(_Caption(text, one == other))
    return captions


def _name(index: int, labels: Sequence[str] | None) -> str:
    return str(index) if labels is None else str(labels[index])


def _draw_image(panel: Axes, image: np.ndarray, low: float, high: float) -> None:
    """Show an image, with `low` as black and `high` as white."""
    pixels = (image.astype("float32") - low) / (high - low if high > low else 1)
    if pixels.ndim == 3 and pixels.shape[-1] == 1:
        pixels = pixels[..., 0]
    panel.imshow(pixels, cmap="gray", vmin=0, vmax=1)


def _kernels(layer: Layer) -> np.ndarray:
    """Return kernels of shape (height, width, channels, filters)."""
    kernel = getattr(layer, "kernel", None)
    if kernel is None or np.ndim(kernel) not in (3, 4):
        raise ArgumentError(
            "plot_filters: `layer` must be a built convolution in one or two "
            f"dimensions, as in model.layers[0]. Received: {layer!r}."
        )
    array = np.asarray(kernel, "float32")
    array = array[None] if array.ndim == 3 else array
    if isinstance(layer, (DepthwiseConv1D, DepthwiseConv2D)):
        # A filter of a depthwise convolution has one input channel.
        return array.reshape(*array.shape[:2], 1, -1)
    if isinstance(layer, (Conv1DTranspose, Conv2DTranspose)):
        return array.swapaxes(2, 3)
    return array
