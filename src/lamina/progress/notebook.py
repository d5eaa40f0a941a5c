"""HTML of progress for notebooks: a bar, two curves and a table of epochs."""

from __future__ import annotations

import html
import math
import sys
from collections.abc import Sequence

from lamina.progress.lines import finished_lines, position, sorted_metrics
from lamina.progress.snapshot import Metric, Snapshot
from lamina.progress.text import change, duration, number, resampled

# Most rows: each update sends them again, and the notebook's file holds the last.
_MOVING_ROWS, _ROWS = 10, 100
_CHART_POINTS = 80
_CHART_WIDTH, _CHART_HEIGHT = 160, 40
# Colors that can be read on white and on black.
_BETTER, _WORSE, _FIRST, _SECOND = "#238551", "#cd4246", "#2d72d2", "#b8660f"
_COLORS = {True: _BETTER, False: _WORSE, None: "inherit"}
_BOX = "color:inherit;font-variant-numeric:tabular-nums;line-height:1.6"
_SCROLL = "max-height:24em;overflow:auto;display:inline-block"
_DIM = "opacity:.8"
_TITLE = "text-align:left"  # over the values, also where a page centers titles
_CHANGE = "display:inline-block;min-width:4.5em;text-align:left"  # values are aligned


def html_of(rows: Sequence[Snapshot], moving: Snapshot | None) -> str:
    """Return the HTML of finished loops and of one that runs.

    Args:
        rows: the finished ones.
        moving: the one that runs; `None` if all are finished.
    """
    parts: list[str] = []
    if moving is not None:
        parts.append(_bar(moving))
    charted = moving or (rows[-1] if rows else None)
    if charted is not None:
        parts.append(_chart(charted.metrics))
    shown = rows[-(_ROWS if moving is None else _MOVING_ROWS) :]
    if len(shown) < len(rows):
        hidden = len(rows) - len(shown)
        parts.append(f'<div style="{_DIM}">{hidden} earlier epochs</div>')
    if shown and not shown[-1].is_epoch:
        line = finished_lines(shown[-1], sys.maxsize)[0].plain
        parts.append(f"<div>{html.escape(line)}</div>")
    elif shown:
        parts.append(_table(shown))
    return f'<div class="lamina-progress" style="{_BOX}">{"".join(parts)}</div>'


def _bar(snapshot: Snapshot) -> str:
    value = f' value="{snapshot.done}" max="{snapshot.total}"' if snapshot.total else ""
    texts = [*position(snapshot), *snapshot.notes]
    title, text = (
        html.escape(snapshot.title),
        html.escape(" · ".join(filter(None, texts))),
    )
    metrics = "".join(_inline(metric) for metric in _sorted(snapshot.metrics))
    bar = f'<progress{value} style="width:16em" aria-label="{title}"></progress>'
    return f"<div><b>{title}</b> {bar} {text}</div><div>{metrics}</div>"


def _sorted(metrics: Sequence[Metric]) -> list[Metric]:
    by_name = {metric.name: metric for metric in metrics}
    return [by_name[name] for name in sorted_metrics(by_name)]


def _inline(metric: Metric) -> str:
    name, value = html.escape(metric.name), _value(metric)
    if metric.is_old:
        return f'<span style="{_DIM}">{name} {value}</span>&emsp;'
    return f'<span><span style="{_DIM}">{name}</span> {value}</span>&emsp;'


def _value(metric: Metric) -> str:
    text = "" if metric.change is None else change(metric.change)
    color = _COLORS[metric.is_better]
    small = f'<small style="{_CHANGE};color:{color}">{text}</small>'
    return f"{number(metric.value)} {small}"


def _table(rows: Sequence[Snapshot]) -> str:
    names = sorted_metrics({m.name for row in rows for m in row.metrics})
    titles = "".join(f'<th style="{_TITLE}">{html.escape(n)}</th>' for n in names)
    lines = [f"<tr><th></th><th>time</th>{titles}<th></th></tr>"]
    for row in rows:
        values = {metric.name: _value(metric) for metric in row.metrics}
        cells = [html.escape(row.title), duration(row.seconds)]
        cells += [values.get(name, "-") for name in names]
        cells.append(html.escape(", ".join(row.notes)))
        lines.append(f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>")
    return f'<div style="{_SCROLL}"><table>{"".join(lines)}</table></div>'


def _chart(metrics: Sequence[Metric]) -> str:
    """Return curves with one scale as a picture, if there are any."""
    curves = {
        m.name: resampled(m.curve, _CHART_POINTS)
        for m in _sorted(metrics)
        if len(m.curve) > 1
    }
    finite = [v for curve in curves.values() for v in curve if math.isfinite(v)]
    if not finite:
        return ""
    low, high = min(finite), max(finite)
    lines = "".join(
        _polyline(curve, low, high, color)
        for curve, color in zip(curves.values(), (_FIRST, _SECOND), strict=False)
    )
    legend = " ".join(
        f'<small style="color:{color}">{html.escape(name)}</small>'
        for name, color in zip(curves, (_FIRST, _SECOND), strict=False)
    )
    size = f'width="{_CHART_WIDTH}" height="{_CHART_HEIGHT}"'
    names = html.escape(" and ".join(curves))
    return (
        f'<div><svg {size} role="img" aria-label="{names} by epoch">{lines}</svg> '
        f"{legend}</div>"
    )


def _polyline(values: Sequence[float], low: float, high: float, color: str) -> str:
    across = (_CHART_WIDTH - 4) / (len(values) - 1)
    down = (_CHART_HEIGHT - 4) / ((high - low) or 1.0)
    points = " ".join(
        f"{2 + i * across:.1f},{2 + (high - value) * down:.1f}"
        for i, value in enumerate(values)
        if math.isfinite(value)
    )
    style = f'fill="none" stroke="{color}" stroke-width="2"'
    return f'<polyline points="{points}" {style}/>'
