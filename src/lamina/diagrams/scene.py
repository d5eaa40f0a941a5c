"""Diagrams of models with positions: rectangles with text, and curves between them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, NamedTuple

from lamina.diagrams.diagram import Box, Group, Tone
from lamina.diagrams.layout import Point, layered_layout
from lamina.errors import invalid

FONT_SIZE = 12.0
# Color of border and area of each kind of rectangle; none for the color of the text.
COLORS = {"input": "#2da15f", "trained": "#4c8bf5", "frozen": "#4c8bf5"}
_LINE = 16.0
_DESCENT = 4.0  # of a line, below its baseline
_PADDING = 9.0
_MARGIN = 12.0
_HEAD = 7.0  # length of an arrowhead
_LOOP = 22.0  # how far the arrow of a layer to itself leaves its box
_LONGEST = 48  # characters of a line
_NARROW, _WIDE = frozenset("iljtfrI.,:;'|!()[] "), frozenset("mwMWQO@%—")


class Rectangle(NamedTuple):
    """A box or group: upper left corner, size and text.

    Args:
        x: left border.
        y: upper border.
        width: in points.
        height: in points.
        tone: of a box; "group" for a nested model.
        lines: the text; a line that is too long has an ellipsis.
        full: the text without an ellipsis.
    """

    x: float
    y: float
    width: float
    height: float
    tone: Tone | Literal["group"]
    lines: list[str]
    full: str

    def baselines(self) -> list[tuple[float, float, str]]:
        """Return the lines, each with the x of its middle and the y of its baseline.

        The title of a group starts at x instead.
        """
        is_group = self.tone == "group"
        x = self.x + (_PADDING if is_group else self.width / 2)
        top = _PADDING if is_group else (self.height - len(self.lines) * _LINE) / 2
        first = self.y + top + _LINE - _DESCENT
        return [(x, first + i * _LINE, line) for i, line in enumerate(self.lines)]


class Scene(NamedTuple):
    """All that is drawn, with the origin at the upper left.

    Args:
        width: of the drawing, in points.
        height: of the drawing, in points.
        rectangles: groups before the boxes in them.
        curves: points of cubic Bézier curves: a start, and three points per segment.
            The end has an arrowhead.
    """

    width: float
    height: float
    rectangles: list[Rectangle]
    curves: list[list[Point]]


def scene_of(group: Group, direction: str) -> Scene:
    """Lay out a diagram.

    Args:
        group: the whole model.
        direction: of the arrows: "TB" down, "BT" up, "LR" right, "RL" left.

    Raises:
        ArgumentError: the direction is unknown.
    """
    if direction not in ("TB", "BT", "LR", "RL"):
        expected = "'TB', 'BT', 'LR' or 'RL'"
        raise invalid("plot_model", "rankdir", direction, expected)
    inside = _arranged(group, direction)
    width, height = inside.width + 2 * _MARGIN, inside.height + 2 * _MARGIN
    rectangles, curves = _moved(inside, _MARGIN, _MARGIN)
    return Scene(width, height, rectangles, curves)


def _arranged(group: Group, direction: str) -> Scene:
    """Lay out the items of a group, after the insides of nested groups."""
    parts = [
        _box_scene(item) if isinstance(item, Box) else _group_scene(item, direction)
        for item in group.items
    ]
    numbers = {item.key: i for i, item in enumerate(group.items)}
    pairs = [(numbers[a.source], numbers[a.target]) for a in group.arrows]
    edges = list(dict.fromkeys(pairs))
    loops = {a for a, b in edges if a == b}
    is_level = direction in ("LR", "RL")
    frames = [(p.height, p.width) if is_level else (p.width, p.height) for p in parts]
    rooms = [(w + 2 * _LOOP * (i in loops), h) for i, (w, h) in enumerate(frames)]
    layout = layered_layout(rooms, edges)
    turn = _turn(direction, layout.height)
    rectangles: list[Rectangle] = []
    curves: list[list[Point]] = []
    for part, center in zip(parts, layout.centers, strict=True):
        x, y = turn(center)
        moved = _moved(part, x - part.width / 2, y - part.height / 2)
        rectangles += moved[0]
        curves += moved[1]
    for (start, _), route in zip(edges, layout.routes, strict=True):
        if route:
            curves.append([turn(point) for point in _curve(route)])
        else:
            loop = _loop(layout.centers[start], frames[start])
            curves.append([turn(point) for point in loop])
    width, height = layout.width, layout.height
    if is_level:
        width, height = height, width
    return Scene(width, height, rectangles, curves)


def arrowhead(curve: list[Point]) -> list[Point]:
    """Return the triangle at the end of a curve, the tip first."""
    (from_x, from_y), (x, y) = curve[-2:]
    length = math.hypot(x - from_x, y - from_y)
    dx, dy = (x - from_x) / length, (y - from_y) / length
    back = x - _HEAD * dx, y - _HEAD * dy
    side = _HEAD * 0.45
    return [
        (x, y),
        (back[0] - side * dy, back[1] + side * dx),
        (back[0] + side * dy, back[1] - side * dx),
    ]


def _turn(direction: str, length: float) -> Callable[[Point], Point]:
    """Return the function from points of a layout downwards to points of a drawing."""
    return {
        "TB": lambda p: p,
        "BT": lambda p: (p[0], length - p[1]),
        "LR": lambda p: (p[1], p[0]),
        "RL": lambda p: (length - p[1], p[0]),
    }[direction]


def _moved(
    scene: Scene, dx: float, dy: float
) -> tuple[list[Rectangle], list[list[Point]]]:
    rectangles = [r._replace(x=r.x + dx, y=r.y + dy) for r in scene.rectangles]
    return rectangles, [[(x + dx, y + dy) for x, y in c] for c in scene.curves]


def _curve(route: list[Point]) -> list[Point]:
    """Return a Bézier curve through points, vertical at each of them."""
    points = route[:1]
    for (x, y), (to_x, to_y) in zip(route, route[1:], strict=False):
        if abs(to_y - y) < 0.5:  # the border of a box is that of its rank
            continue
        middle = (y + to_y) / 2
        points += [(x, middle), (to_x, middle), (to_x, to_y)]
    return points


def _loop(center: Point, size: Point) -> list[Point]:
    """Return a curve from the right side of a box to the same side."""
    x, y = center[0] + size[0] / 2, center[1]
    rise = size[1] / 4
    return [
        (x, y + rise),
        (x + _LOOP, y + rise),
        (x + _LOOP, y - rise),
        (x, y - rise),
    ]


def _box_scene(box: Box) -> Scene:
    full = [box.title, *box.lines]
    lines = [_shortened(line) for line in full]
    width = max(_text_width(line, i == 0) for i, line in enumerate(lines))
    width += 2 * _PADDING
    height = len(lines) * _LINE + _PADDING
    text = "\n".join(full)
    rectangle = Rectangle(0, 0, width, height, box.tone, lines, text)
    return Scene(width, height, [rectangle], [])


def _group_scene(group: Group, direction: str) -> Scene:
    """Lay out a nested model below its title, in a frame."""
    inside = _arranged(group, direction)
    title = _shortened(group.title)
    room = max(inside.width, _text_width(title, True))
    top = _LINE + _MARGIN
    width, height = room + 2 * _MARGIN, inside.height + top + _MARGIN
    rectangles, curves = _moved(inside, (width - inside.width) / 2, top)
    frame = Rectangle(0, 0, width, height, "group", [title], group.title)
    return Scene(width, height, [frame, *rectangles], curves)


def _shortened(line: str) -> str:
    if len(line) <= _LONGEST:
        return line
    half = (_LONGEST - 1) // 2
    return f"{line[:half]}…{line[-half:]}"


def _text_width(line: str, is_bold: bool) -> float:
    """Estimate the width of a line in a sans-serif font, rather too large."""
    ems = sum(
        0.38 if c in _NARROW else 0.95 if c in _WIDE or ord(c) > 0x2E80 else 0.63
        for c in line
    )
    return ems * FONT_SIZE * (1.07 if is_bold else 1.0)
