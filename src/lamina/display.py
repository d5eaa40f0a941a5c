"""Output for notebooks: tables and small curves as HTML, and figures of Matplotlib."""

from __future__ import annotations

import functools
import html
import io
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from lamina.core.module import short

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Side: TypeAlias = Literal["left", "center", "right"]

_WIDTH, _HEIGHT = 90, 22  # pixels of a small curve


def html_table(
    headers: Sequence[str], rows: Sequence[Sequence[str]], sides: Sequence[Side]
) -> str:
    """Return a table as HTML. Its colors are those of the page around it.

    Args:
        headers: HTML of the first row, such as the results of `html.escape`.
        rows: text of the cells.
        sides: alignment of each column.
    """
    styles = [f' style="text-align:{side}"' for side in sides]

    def line(tag: str, cells: Sequence[str]) -> str:
        pairs = zip(styles, cells, strict=True)
        return f"<tr>{''.join(f'<{tag}{s}>{c}</{tag}>' for s, c in pairs)}</tr>"

    body = "".join(line("td", [html.escape(cell) for cell in row]) for row in rows)
    head = line("th", headers)
    return f"<table><thead>{head}</thead><tbody>{body}</tbody></table>"


def layer_html(layer: Any) -> str:
    """Return the arguments and weights of a layer as HTML tables.

    Args:
        layer: a layer, built or not.
    """
    arguments = layer.constructor_arguments().items()
    rows = [[name, short(value)] for name, value in arguments if name != "name"]
    title = f"<b>{html.escape(type(layer).__name__)}: {html.escape(layer.name)}</b>"
    parts = [title]
    if rows:
        parts.append(html_table(["Argument", "Value"], rows, ["left", "left"]))
    weights = [
        [w.path, str(tuple(w.shape)), w.dtype, f"{w.size:,}", "NY"[w.trainable]]
        for w in layer.weights
    ]
    if weights:
        headers = ["Weight", "Shape", "Type", "Param #", "Trainable"]
        sides: list[Side] = ["left", "left", "left", "right", "center"]
        parts.append(html_table(headers, weights, sides))
    elif not layer.built:
        parts.append("Not built: the first data determine shapes and weights.")
    return "".join(parts)


def sparkline(values: Sequence[float]) -> str:
    """Return a small curve of values as SVG in the color of the text around it.

    Values that are not finite leave a gap. The curve is empty if there are none.
    """
    finite = [v for v in values if math.isfinite(v)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    step = (_WIDTH - 4) / max(len(values) - 1, 1)
    parts: list[str] = []
    is_new = True
    for i, value in enumerate(values):
        if not math.isfinite(value):
            is_new = True
            continue
        rise = (value - low) / (high - low) if high > low else 0.5
        y = _HEIGHT - 3 - rise * (_HEIGHT - 6)
        parts.append(f"{'M' if is_new else 'L'}{2 + i * step:.1f} {y:.1f}")
        is_new = False
    # A round cap makes a single value a dot.
    return (
        f'<svg width="{_WIDTH}" height="{_HEIGHT}" aria-hidden="true">'
        f'<path d="{"".join(parts)}{"h0" if parts else ""}" fill="none" '
        'stroke="currentColor" stroke-width="1.5" stroke-linecap="round"/></svg>'
    )


def new_figure(
    columns: int, rows: int, width: float, height: float
) -> tuple[Figure, list[Any]]:
    """Return a figure, and its axes row by row.

    The figure needs no display, and pyplot does not keep it. Notebooks show it if it is
    the value of a cell.

    Args:
        columns: number of axes in a row.
        rows: number of rows.
        width: inches of one of the axes.
        height: inches of one of the axes.
    """
    size = (columns * width, rows * height)
    figure = _figure_class()(figsize=size, layout="constrained")
    axes: Any = figure.subplots(rows, columns, squeeze=False)
    return figure, list(np.ravel(axes))


@functools.cache
def _figure_class() -> type[Figure]:
    from matplotlib.figure import Figure

    class NotebookFigure(Figure):
        def _repr_png_(self) -> bytes:
            buffer = io.BytesIO()
            self.savefig(buffer, format="png", dpi=100)
            return buffer.getvalue()

    return NotebookFigure
