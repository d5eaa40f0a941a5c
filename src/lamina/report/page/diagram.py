"""A graph of layers as SVG, laid out from top to bottom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from lamina.core.module import snake_case
from lamina.report.page.html import Markup, element

_HEIGHT, _GAP, _SPACE = 46.0, 28.0, 18.0
# Width of a character of the two lines in a box.
_TITLE, _SMALL = 8.0, 6.3
_SWEEPS = 6


class Box(NamedTuple):
    """One box of a diagram: two lines of text, and its width."""

    title: str
    note: str

    @property
    def width(self) -> float:
        """The width that the text needs."""
        longest = max(_TITLE * len(self.title), _SMALL * len(self.note))
        return min(max(longest + 28, 96), 330)


class Place(NamedTuple):
    """Position of a box's top left corner."""

    x: float
    y: float


class Layout:
    """Layered layout of a directed acyclic graph.

    Each box is on the row below the last one that it depends on. A connection that
    skips rows passes through an empty slot on each, so that it crosses no box.

    Args:
        boxes: the boxes, each after those that it depends on.
        edges: pairs of indices of boxes.
    """

    def __init__(self, boxes: Sequence[Box], edges: Sequence[tuple[int, int]]) -> None:
        self._widths = [box.width for box in boxes]
        self._depth = [0] * len(boxes)
        for start, stop in sorted(edges, key=lambda edge: edge[1]):
            self._depth[stop] = max(self._depth[stop], self._depth[start] + 1)
        self._above: dict[int, list[int]] = {}
        self._below: dict[int, list[int]] = {}
        # The slots of each connection, from its start to its end.
        self.paths = [self._path(*edge) for edge in edges]
        self._rows = self._ordered()
        count = len(boxes)
        self._centers = self._placed(count)
        self.places = [self._place(i) for i in range(count)]
        self.slots = [self._place(i) for i in range(len(self._widths))]
        right = [c + w / 2 for c, w in zip(self._centers, self._widths, strict=True)]
        self.width = max(right, default=0.0)
        self.height = len(self._rows) * (_HEIGHT + _GAP) - _GAP

    def _path(self, start: int, stop: int) -> list[int]:
        path = [start]
        for depth in range(self._depth[start] + 1, self._depth[stop]):
            path.append(len(self._widths))
            self._widths.append(_SPACE)
            self._depth.append(depth)
        path.append(stop)
        for above, below in zip(path, path[1:], strict=False):
            self._above.setdefault(below, []).append(above)
            self._below.setdefault(above, []).append(below)
        return path

    def _ordered(self) -> list[list[int]]:
        """Return the slots of each row, in an order with few crossings."""
        rows: list[list[int]] = [[] for _ in range(max(self._depth, default=-1) + 1)]
        for item, depth in enumerate(self._depth):
            rows[depth].append(item)
        for sweep in range(_SWEEPS):
            near = self._above if sweep % 2 == 0 else self._below
            position = {item: i for row in rows for i, item in enumerate(row)}
            for row in rows if sweep % 2 == 0 else reversed(rows):
                row.sort(key=lambda item: _mean(near, position, item, position[item]))
                position.update({item: i for i, item in enumerate(row)})
        return rows

    def _placed(self, count: int) -> list[float]:
        """Return the center of each slot, near those that it is connected with."""
        known = dict.fromkeys(range(len(self._widths)), 0.0)
        for sweep in range(_SWEEPS):
            near = self._below if sweep % 2 else self._above
            for row in reversed(self._rows) if sweep % 2 else self._rows:
                wanted = [_mean(near, known, i, known[i], count) for i in row]
                known.update(zip(row, self._spread(row, wanted), strict=True))
        edge = min(
            (known[i] - width / 2 for i, width in enumerate(self._widths)), default=0.0
        )
        return [known[i] - edge for i in range(len(self._widths))]

    def _spread(self, row: Sequence[int], wanted: Sequence[float]) -> list[float]:
        """Return centers near the wanted ones, with space between slots."""
        found: list[float] = []
        for i, (item, center) in enumerate(zip(row, wanted, strict=True)):
            if i:
                before = row[i - 1]
                half = (self._widths[before] + self._widths[item]) / 2
                center = max(center, found[-1] + half + _SPACE)
            found.append(center)
        # Pushing to the right moved the row; move it back by the mean.
        shift = sum(f - w for f, w in zip(found, wanted, strict=True)) / len(row)
        return [center - shift for center in found]

    def _place(self, item: int) -> Place:
        x = self._centers[item] - self._widths[item] / 2
        return Place(x, self._depth[item] * (_HEIGHT + _GAP))

    def curve(self, path: Sequence[int]) -> str:
        """Return the SVG path of a connection through its slots."""
        x = self._centers[path[0]]
        y = self.slots[path[0]].y + _HEIGHT
        parts = [f"M{x:.1f} {y:.1f}"]
        for i, item in enumerate(path[1:], 1):
            x, previous = self._centers[item], x
            top = self.slots[item].y
            middle = (y + top) / 2
            parts.append(
                f"C{previous:.1f} {middle:.1f} {x:.1f} {middle:.1f} {x:.1f} {top:.1f}"
            )
            y = top
            if i < len(path) - 1:
                y = top + _HEIGHT
                parts.append(f"V{y:.1f}")
        return "".join(parts)


def _mean(
    near: Mapping[int, Sequence[int]],
    values: Mapping[int, float],
    item: int,
    default: float,
    boxes: int = 0,
) -> float:
    known = near.get(item, ())
    # A box follows boxes rather than slots, so that chains are straight.
    known = [i for i in known if i < boxes] or known if item < boxes else known
    return sum(values[i] for i in known) / len(known) if known else default


def diagram(
    layers: Sequence[Mapping[str, Any]], edges: Sequence[tuple[int, int]]
) -> Markup:
    """Return a graph of layers as SVG.

    Args:
        layers: rows of layers, as `structure_of` returns them; those of level 0 are
            drawn.
        edges: pairs of indices of connected rows.
    """
    shown = {
        i: n for n, i in enumerate(i for i, r in enumerate(layers) if not r["level"])
    }
    boxes = [_box(layers[i]) for i in shown]
    layout = Layout(boxes, [(shown[a], shown[b]) for a, b in edges])
    lines = [
        element("path", d=layout.curve(path), class_="edge", marker_end="url(#arrow)")
        for path in layout.paths
    ]
    drawn = [
        _drawn(box, place, bool(layers[i]["params"]))
        for i, box, place in zip(shown, boxes, layout.places, strict=True)
    ]
    arrow = element("path", d="M0 0L7 3.5L0 7z", class_="head")
    size = {"markerWidth": 7, "markerHeight": 7, "refX": 6.5, "refY": 3.5}
    width, height = layout.width + 2, layout.height + 2
    names = ", ".join(box.title for box in boxes[:30])
    return element(
        "svg",
        element("title", f"Graph of {len(boxes)} layers: {names}"),
        element("defs", element("marker", arrow, id="arrow", orient="auto", **size)),
        lines,
        drawn,
        viewBox=f"-1 -1 {width:.0f} {height:.0f}",
        width=f"{width:.0f}",
        height=f"{height:.0f}",
        role="img",
        class_="diagram",
    )


def _box(row: Mapping[str, Any]) -> Box:
    name, kind = row["name"], row["kind"]
    # A default name says the kind already.
    named = kind in ("Input", "function") or name.startswith(snake_case(kind))
    title = name if named else f"{kind} {name}"
    count = f" · {row['params']:,} parameters" if row["params"] else ""
    return Box(_cut(title, 38), _cut(f"{row['shape']}{count}", 48))


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _drawn(box: Box, place: Place, has_weights: bool) -> Markup:
    middle = place.x + box.width / 2
    frame = element(
        "rect",
        x=f"{place.x:.1f}",
        y=f"{place.y:.1f}",
        width=f"{box.width:.1f}",
        height=_HEIGHT,
        rx=7,
        class_="box weights-box" if has_weights else "box",
    )
    lines = [
        element(
            "text",
            text,
            x=f"{middle:.1f}",
            y=f"{place.y + offset:.1f}",
            text_anchor="middle",
            class_=kind,
        )
        for text, offset, kind in (
            (box.title, 19, "name"),
            (box.note, 35.5, "quiet note-line"),
        )
    ]
    return element("g", frame, lines)
