"""`plot_model`: diagrams of models in files."""

from __future__ import annotations

import math
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lamina.diagrams.diagram import Details, diagram_of
from lamina.diagrams.dot import dot_of
from lamina.diagrams.scene import (
    COLORS,
    FONT_SIZE,
    Rectangle,
    Scene,
    arrowhead,
    scene_of,
)
from lamina.diagrams.svg import model_svg
from lamina.errors import ArgumentError
from lamina.tracebacks import filter_traceback
from lamina.training.trainer import Trainer

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_INK = "#1f2328"
_LINES = {"frozen": (0, (4, 3)), "group": (0, (2, 3))}
_NARROWER = 0.9  # the letters of Matplotlib's font are wider than those of Helvetica
# Pixels of an image: of a side, by Matplotlib, and of all, which are 400 MB.
_LARGEST_SIDE, _MOST_PIXELS = 2**16 - 1, 10**8


@filter_traceback
def plot_model(
    model: Trainer,
    to_file: str | os.PathLike[str] = "model.png",
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = False,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
) -> Any:
    """Draw a model to a file.

    Inputs are green, layers with trained weights blue, and those whose weights are
    frozen have a dashed border.

    Args:
        model: a built model.
        to_file: path of the file; its extension determines the format: `.svg`, `.png`,
            `.pdf`, another format of Matplotlib, or `.dot` for Graphviz, which needs
            the extra `plot`.
        show_shapes: whether boxes have the shapes of inputs and outputs.
        show_dtype: whether boxes have the outputs' types.
        show_layer_names: whether boxes have the layers' names.
        rankdir: direction of arrows: "TB" down, "BT" up, "LR" right, "RL" left.
        expand_nested: whether to show the layers of nested models.
        dpi: resolution of the image in dots per inch; less for very large images.
        show_layer_activations: whether boxes have the layers' activations.
        show_trainable: whether boxes say whether layers are trainable.
        splines: Graphviz's style of arrows in a `.dot` file.

    Returns:
        The image in a notebook, otherwise `None`.

    Raises:
        ArgumentError: the extension is not an image format, or `rankdir` is unknown.
        StateError: the model is not built.
        MissingPackageError: pydot is not installed, for a `.dot` file.

    Example:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp(), "model.svg")
        >>> model = lamina.Sequential([lamina.Input((2,)), lamina.layers.Dense(1)])
        >>> plot_model(model, path)
        >>> path.is_file()
        True
    """
    path = Path(to_file)
    kind = path.suffix.removeprefix(".").lower() or "png"
    details = Details(
        names=show_layer_names,
        inputs=show_shapes,
        outputs=show_shapes,
        dtypes=show_dtype,
        activations=show_layer_activations,
        trainable=show_trainable,
        nested=expand_nested,
    )
    if kind == "dot":
        options = {"rankdir": rankdir, "dpi": dpi, "splines": splines}
        dot = dot_of(model, details, options)
        path.write_text(dot.to_string(), encoding="utf-8")
        return None
    if kind == "svg":
        path.write_text(model_svg(model, details, rankdir), encoding="utf-8")
        return _shown("SVG", path)
    figure = _figure(scene_of(diagram_of(model, details), rankdir))
    kinds = figure.canvas.get_supported_filetypes()
    if kind not in kinds:
        raise ArgumentError(
            "plot_model: `to_file` must end in '.png', '.svg', '.pdf', '.dot' or "
            f"another image format of Matplotlib. Received: {str(to_file)!r}."
        )
    figure.savefig(path, format=kind, dpi=_bounded(dpi, *figure.get_size_inches()))
    return _shown("Image", path) if kind in ("png", "jpg", "jpeg") else None


def _bounded(dpi: float, width: float, height: float) -> float:
    """Return a resolution at which an image of this size in inches can be drawn."""
    area = math.sqrt(_MOST_PIXELS / (width * height))
    return min(dpi, _LARGEST_SIDE / max(width, height), area)


def _shown(kind: str, path: Path) -> Any:
    """Return an image for the output of a notebook's cell; `None` elsewhere."""
    ipython = sys.modules.get("IPython")
    if ipython is None or not ipython.get_ipython():
        return None
    from IPython import display  # pyright: ignore[reportMissingImports]

    return getattr(display, kind)(filename=os.fspath(path))


def _figure(scene: Scene) -> Any:
    """Return a figure of Matplotlib in which one point is a unit of the scene."""
    from matplotlib.figure import Figure
    from matplotlib.patches import PathPatch, Polygon
    from matplotlib.path import Path as Curve

    figure = Figure(figsize=(scene.width / 72, scene.height / 72))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, scene.width), ylim=(scene.height, 0))
    axes.axis("off")
    for rectangle in scene.rectangles:
        _draw(axes, rectangle)
    for curve in scene.curves:
        codes = [Curve.MOVETO] + [Curve.CURVE4] * (len(curve) - 1)
        path = Curve(curve, codes)
        axes.add_patch(PathPatch(path, fill=False, color=_INK, alpha=0.7, linewidth=1))
        axes.add_patch(Polygon(arrowhead(curve), color=_INK, alpha=0.8, linewidth=0))
    return figure


def _draw(axes: Axes, rectangle: Rectangle) -> None:
    from matplotlib.patches import FancyBboxPatch

    x, y, width, height, tone, *_ = rectangle
    color = COLORS.get(tone, _INK)
    is_filled = tone in ("input", "trained")
    corner = FancyBboxPatch(
        (x, y),
        width,
        height,
        boxstyle="round,pad=0,rounding_size=4",
        facecolor=(color, 0.15 if is_filled else 0.03),
        edgecolor=(color, 1 if tone in COLORS else 0.5),
        linestyle=_LINES.get(tone, "-"),
    )
    axes.add_patch(corner)
    for i, (at, base, line) in enumerate(rectangle.baselines()):
        axes.text(
            at,
            base,
            line,
            size=FONT_SIZE * _NARROWER,
            weight="bold" if i == 0 else "normal",
            ha="left" if tone == "group" else "center",
            va="baseline",
            color=_INK,
            parse_math=False,
        )
