"""Diagrams of models as SVG."""

from __future__ import annotations

import html

from lamina.diagrams.diagram import Details, diagram_of
from lamina.diagrams.layout import Point
from lamina.diagrams.scene import COLORS, Rectangle, arrowhead, scene_of
from lamina.training.trainer import Trainer

# Inside a page the drawing has the page's text color. A file of its own is the root
# element, and follows the light or dark theme of its viewer.
_INK = "stroke:currentColor;fill:currentColor"
_RULES = {
    "": "font:12px Helvetica,Arial,sans-serif",
    ":root": "color:#1f2328;background:#fff",
    " text": "fill:currentColor;text-anchor:middle",
    " .title": "font-weight:600",
    " .group>text": "text-anchor:start",
    " rect": f"{_INK};stroke-opacity:.45;fill-opacity:.04",
    " .group rect": "stroke-dasharray:2 3",
    " .arrow": "stroke:currentColor;stroke-opacity:.7;stroke-width:1.2;fill:none",
    " .head": "fill:currentColor;fill-opacity:.8",
    **{
        f" .{tone} rect": f"stroke:{color};stroke-opacity:1;fill:{color}"
        for tone, color in COLORS.items()
    },
    " :is(.input,.trained) rect": "fill-opacity:.15",
    " g.frozen rect": "stroke-dasharray:4 3",
}
_DARK = ".lamina-diagram:root{color:#e6edf3;background:#0d1117}"
_STYLE = (
    "".join(f".lamina-diagram{name}{{{rule}}}" for name, rule in _RULES.items())
    + f"@media(prefers-color-scheme:dark){{{_DARK}}}"
)
_TITLE = ' class="title"'


def model_svg(
    model: Trainer, details: Details | None = None, direction: str = "TB"
) -> str:
    """Draw a model as an SVG element that also is a complete SVG file.

    It has no scripts, links or fonts. In an HTML page it takes the color of the text
    around it. The style rules begin with the class `lamina-diagram`.

    Args:
        model: a built model.
        details: the facts in the boxes; by default names, shapes of outputs and numbers
            of parameters.
        direction: of the arrows: "TB" down, "BT" up, "LR" right, "RL" left.

    Raises:
        StateError: the model is not built.
        ArgumentError: the direction is unknown.

    Example:
        >>> import lamina
        >>> model = lamina.Sequential([lamina.Input((4,)), lamina.layers.Dense(2)])
        >>> model_svg(model).count("<rect")
        2
    """
    if details is None:
        details = Details(outputs=True, params=True)
    group = diagram_of(model, details)
    scene = scene_of(group, direction)
    width, height = _number(scene.width), _number(scene.height)
    boxes = sum(r.tone != "group" for r in scene.rectangles)
    label = html.escape(f"Graph of the model {group.title}, {boxes} nodes")
    parts = [*map(_rectangle, scene.rectangles), *map(_arrow, scene.curves)]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="lamina-diagram" role="img" '
        f'aria-label="{label}" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}"><style>{_STYLE}</style>{"".join(parts)}</svg>'
    )


def _rectangle(rectangle: Rectangle) -> str:
    texts = [
        f'<text x="{_number(x)}" y="{_number(y)}"{_TITLE if i == 0 else ""}>'
        f"{html.escape(line)}</text>"
        for i, (x, y, line) in enumerate(rectangle.baselines())
    ]
    x, y, width, height = map(_number, rectangle[:4])
    return (
        f'<g class="{rectangle.tone}"><title>{html.escape(rectangle.full)}</title>'
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="4"/>'
        f"{''.join(texts)}</g>"
    )


def _arrow(curve: list[Point]) -> str:
    texts = [f"{_number(x)} {_number(y)}" for x, y in curve]
    head = "L".join(f"{_number(x)} {_number(y)}" for x, y in arrowhead(curve))
    return (
        f'<path class="arrow" d="M{texts[0]}C{" ".join(texts[1:])}"/>'
        f'<path class="head" d="M{head}Z"/>'
    )


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
