"""Small charts as SVG, in the colors of the page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from lamina.report.html import Markup, element
from lamina.report.text import number

_WIDTH, _HEIGHT = 340.0, 250.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 46.0, 10.0, 10.0, 38.0

Point = tuple[float, float]


class Axis(NamedTuple):
    """One axis of a chart.

    Attributes:
        label: what it shows.
        low: the smallest value.
        high: the largest value.
    """

    label: str
    low: float
    high: float

    @classmethod
    def around(cls, label: str, values: Sequence[float]) -> Axis:
        """Return an axis that contains all values, with a margin."""
        known = [v for v in values if math.isfinite(v)] or [0.0]
        low, high = min(known), max(known)
        margin = (high - low) * 0.04 or abs(high) * 0.1 or 1.0
        return cls(label, low - margin, high + margin)

    def ticks(self) -> list[float]:
        """Return about five round values on the axis."""
        rough = (self.high - self.low) / 5
        base = 10.0 ** math.floor(math.log10(rough))
        step = next(m * base for m in (1, 2, 2.5, 5, 10) if m * base >= rough * 0.999)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [round(i * step, 12) for i in range(first, last + 1)]


class Chart:
    """A chart with two axes, to which marks are added.

    Args:
        description: what the chart shows, for readers who do not see it.
        x: the horizontal axis.
        y: the vertical axis.
    """

    def __init__(self, description: str, x: Axis, y: Axis) -> None:
        self._description, self._x, self._y = description, x, y
        self._marks: list[Markup] = []

    def _position(self, point: Point) -> Point:
        x, y = point
        across = (x - self._x.low) / (self._x.high - self._x.low)
        up = (y - self._y.low) / (self._y.high - self._y.low)
        return (
            _LEFT + across * (_WIDTH - _LEFT - _RIGHT),
            _HEIGHT - _BOTTOM - up * (_HEIGHT - _TOP - _BOTTOM),
        )

    def line(self, points: Sequence[Point], kind: str = "first") -> Chart:
        """Add a line through points, in a color or "guide" for a dashed gray one."""
        known = [p for p in points if all(map(math.isfinite, p))]
        texts = [f"{x:.1f} {y:.1f}" for x, y in map(self._position, known)]
        path = f"M{'L'.join(texts)}" if texts else ""
        self._marks.append(element("path", d=path, class_=f"curve {kind}"))
        return self

    def dots(
        self, points: Sequence[Point], kind: str = "first", radius: float = 2.4
    ) -> Chart:
        """Add dots."""
        # One path of lines of no length is a tenth of the size of circles.
        texts = [f"M{x:.1f} {y:.1f}h0" for x, y in map(self._position, points)]
        width = f"stroke-width: {2 * radius}"
        self._marks.append(
            element("path", d="".join(texts), class_=f"dots {kind}", style=width)
        )
        return self

    def bars(self, bars: Sequence[tuple[float, float, float]], kind: str) -> Chart:
        """Add bars, given by their left and right end and their height."""
        for left, right, height in bars:
            x0, y0 = self._position((left, height))
            x1, y1 = self._position((right, max(self._y.low, 0.0)))
            size = {"width": f"{max(x1 - x0 - 1, 0.5):.1f}", "height": f"{y1 - y0:.1f}"}
            place = {"x": f"{x0 + 0.5:.1f}", "y": f"{y0:.1f}"}
            self._marks.append(element("rect", **place, **size, class_=f"fill {kind}"))
        return self

    def svg(self) -> Markup:
        """Return the chart."""
        return element(
            "svg",
            element("title", self._description),
            self._grid(),
            self._marks,
            self._labels(),
            viewBox=f"0 0 {_WIDTH:.0f} {_HEIGHT:.0f}",
            role="img",
            class_="chart",
        )

    def _grid(self) -> list[Markup]:
        found: list[Markup] = []
        for value in self._y.ticks():
            _, y = self._position((self._x.low, value))
            line = f"M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}"
            found.append(element("path", d=line, class_="axis"))
            found.append(_text(number(value), _LEFT - 6, y + 3.5, "end"))
        for value in self._x.ticks():
            x, _ = self._position((value, self._y.low))
            found.append(_text(number(value), x, _HEIGHT - _BOTTOM + 15, "middle"))
        base = f"M{_LEFT} {_HEIGHT - _BOTTOM}H{_WIDTH - _RIGHT}"
        return [*found, element("path", d=base, class_="axis base")]

    def _labels(self) -> list[Markup]:
        middle = (_TOP + _HEIGHT - _BOTTOM) / 2
        rotation = f"rotate(-90 11 {middle:.0f})"
        center = (_LEFT + _WIDTH - _RIGHT) / 2
        return [
            _text(self._x.label, center, _HEIGHT - 5, "middle"),
            _text(self._y.label, 11, middle, "middle", transform=rotation),
        ]


def _text(text: str, x: float, y: float, anchor: str, **more: object) -> Markup:
    position = {"x": f"{x:.1f}", "y": f"{y:.1f}", "text_anchor": anchor}
    return element("text", text, **position, class_="quiet", **more)


def figure(chart: Chart, caption: str) -> Markup:
    """Return a chart with a caption."""
    return element("figure", chart.svg(), element("figcaption", caption))


def spark_line(rows: Sequence[Sequence[float]]) -> Markup:
    """Return a few series as small lines without axes."""
    known = [v for row in rows for v in row]
    low, high = min(known), max(known)
    size = high - low or 1.0
    lines: list[Markup] = []
    for row, kind in zip(rows, ("first", "second", "third"), strict=False):
        step = 160 / max(len(row) - 1, 1)
        points = [
            f"{i * step:.1f} {38 - 36 * (v - low) / size:.1f}"
            for i, v in enumerate(row)
        ]
        path = f"M{'L'.join(points)}"
        lines.append(element("path", d=path, class_=f"curve {kind}"))
    title = element("title", f"Series from {number(low)} to {number(high)}")
    return element(
        "svg", title, lines, viewBox="0 0 160 40", role="img", class_="spark"
    )
