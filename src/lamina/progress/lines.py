"""Lines of a terminal: the block that moves, and the rows of finished epochs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lamina.progress.snapshot import Metric, Snapshot
from lamina.progress.text import (
    Styled,
    amount,
    change,
    columns,
    cut,
    duration,
    joined,
    number,
    rate,
    sparkline,
    styled,
    wrapped,
)

_BOLD, _DIM, _BAR = "1", "2", "36"
_COLORS = {True: "32", False: "31", None: _DIM}
_BAR_COLUMNS = 8, 40  # fewest and most
_METRIC_LINES = 2
_TIME_COLUMNS, _NUMBER_COLUMNS, _CELL_COLUMNS = 6, 9, 14
_GAP = "  "


def sorted_metrics(names: Iterable[str]) -> list[str]:
    """Sort metrics: the loss first, and each followed by that of validation."""

    def key(name: str) -> tuple[bool, str, bool]:
        base = name.removeprefix("val_")
        return base != "loss", base, base != name

    return sorted(names, key=key)


def position(snapshot: Snapshot) -> list[str]:
    """Return texts of how far a loop is, how fast, and how long it still takes."""
    texts = [amount(snapshot.done, snapshot.total, snapshot.unit)]
    if snapshot.state:
        return [*texts, snapshot.state]
    if snapshot.done > 1:  # the first step takes longer than the others
        texts.append(rate(snapshot.each, snapshot.unit))
    if snapshot.total is None or snapshot.done <= 1:
        return [*texts, duration(snapshot.seconds)]
    left = snapshot.each * max(snapshot.total - snapshot.done, 0)
    texts.append(f"{duration(left)} left")
    if snapshot.left is not None:
        texts.append(f"{duration(snapshot.left)} to the end")
    return texts


def moving_lines(snapshot: Snapshot, width: int) -> list[Styled]:
    """Return the lines of a loop that runs, each of at most `width` columns."""
    title, texts = styled(snapshot.title, _BOLD), position(snapshot)
    fewest, most = _BAR_COLUMNS
    while (room := width - title.width - columns(_GAP.join(texts)) - 2) < fewest:
        if len(texts) == 1:
            break
        texts.pop()
    bar = styled("")
    if snapshot.total and room >= fewest:
        bar = _bar(snapshot.done / snapshot.total, min(room, most))
    by_name = {metric.name: metric for metric in snapshot.metrics}
    parts = [_metric(by_name[name]) for name in sorted_metrics(by_name)]
    if not snapshot.state:
        parts += [styled(note, _DIM) for note in snapshot.notes]
    lines = [
        joined([title, bar, styled(_GAP.join(filter(None, texts)))], " "),
        *wrapped(parts, width)[:_METRIC_LINES],
    ]
    return [cut(line, width) for line in lines]


def _bar(fraction: float, width: int) -> Styled:
    full = round(width * min(fraction, 1.0))
    # Thick and thin lines differ without colors too.
    return joined([styled("━" * full, _BAR), styled("─" * (width - full), _DIM)], "")


def _metric(metric: Metric, has_curve: bool = True) -> Styled:
    name = styled(metric.name, _DIM)
    value = styled(number(metric.value), _DIM if metric.is_old else "")
    curve = styled(sparkline(metric.curve) if len(metric.curve) > 1 else "", _BAR)
    parts = [name, value, _change(metric), *([curve] if has_curve else [])]
    return joined(parts, " ")


def _change(metric: Metric) -> Styled:
    text = "" if metric.change is None else change(metric.change)
    return styled(text, _COLORS[metric.is_better])


def finished_lines(snapshot: Snapshot, width: int) -> list[Styled]:
    """Return the line of a finished loop, in several if it is wider than `width`."""
    texts = [
        amount(snapshot.done, snapshot.total, snapshot.unit),
        duration(snapshot.seconds),
        rate(snapshot.each, snapshot.unit),
    ]
    parts = [styled(snapshot.title, _BOLD), *map(styled, texts)]
    by_name = {metric.name: metric for metric in snapshot.metrics}
    parts += [_metric(by_name[name], False) for name in sorted_metrics(by_name)]
    return wrapped([*parts, *(styled(n, _DIM) for n in snapshot.notes)], width)


class EpochTable:
    """Table of finished epochs, row by row, whose head is repeated if columns change.

    Rows that are wider than the terminal are lines with the names of the metrics.
    """

    def __init__(self) -> None:
        self._names: list[str] = []
        self._head: Styled | None = None

    def lines(self, snapshot: Snapshot, width: int) -> list[Styled]:
        """Return the lines of an epoch, with those of the head if it is due."""
        by_name = {metric.name: metric for metric in snapshot.metrics}
        self._names = sorted_metrics({*self._names, *by_name})
        metrics = [by_name.get(name) for name in self._names]
        for least in (_CELL_COLUMNS, _NUMBER_COLUMNS):
            has_changes = least == _CELL_COLUMNS
            cells = [_cell(metric, has_changes) for metric in metrics]
            head, row = self._rows(snapshot, cells, least)
            if max(head.width, row.width) <= width:
                break
        else:
            self._head = None
            return finished_lines(snapshot, width)
        heads = [head] if head != self._head else []
        self._head = head
        start = _epoch_columns(snapshot) + len(_GAP) + _TIME_COLUMNS
        return [*heads, row, *(_ending_at(start, note) for note in snapshot.notes)]

    def _rows(
        self, snapshot: Snapshot, cells: Sequence[Styled], least: int
    ) -> tuple[Styled, Styled]:
        """Return the head and a row, whose columns have the same widths."""
        widths = [_epoch_columns(snapshot), _TIME_COLUMNS]
        widths += [max(columns(name), least) for name in self._names]
        epoch, seconds = _epoch(snapshot), duration(snapshot.seconds)
        first = [
            f"{text:>{w}}" for text, w in zip((epoch, seconds), widths, strict=False)
        ]
        head = [
            f"{text:>{w}}" for text, w in zip(("Epoch", "Time"), widths, strict=False)
        ]
        names = [styled(name, _BOLD) for name in (*head, *self._names)]
        row = [*map(styled, first), *cells]
        return _in_columns(names, widths), _in_columns(row, widths)


def _epoch(snapshot: Snapshot) -> str:
    return snapshot.title.removeprefix("Epoch ")


def _epoch_columns(snapshot: Snapshot) -> int:
    total = _epoch(snapshot).rpartition("/")[2]
    return max(len("Epoch"), 2 * len(total) + 1)


def _in_columns(cells: Sequence[Styled], widths: Sequence[int]) -> Styled:
    """Join the cells of a row, each filled with spaces up to its width."""
    filled = [
        joined([cell, styled(" " * (width - cell.width))], "")
        for cell, width in zip(cells, widths, strict=True)
    ]
    line = joined(filled)
    return Styled(line.plain.rstrip(), line.colored.rstrip())


def _ending_at(column: int, note: str) -> Styled:
    """Return a note such as "1.2s compiling", with the end of its time at a column."""
    seconds, _, text = note.partition(" ")
    return styled(f"{seconds:>{column}} {text}", _DIM)


def _cell(metric: Metric | None, has_change: bool) -> Styled:
    if metric is None:
        return styled("-", _DIM)
    value = styled(number(metric.value))
    return joined([value, *([_change(metric)] if has_change else [])], " ")
