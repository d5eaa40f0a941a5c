"""Charts of docs/performance.md and docs/scaling.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from benchmarks.results import US, Result

COLORS = {
    US: "#d1495b",
    "Keras-JAX": "#30638e",
    "torch eager": "#edae49",
    "torch channels_last": "#c98b1b",
    "JAX scan": "#7a7a7a",
}
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    # The same values give the same file.
    "svg.hashsalt": "lamina",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def training(results: Sequence[Result], path: Path) -> None:
    """Draw lamina's training speed relative to the main peers, one row per network."""
    peers = [p for p in COLORS if any(p in result.rivals() for result in results)]
    with rc_context(STYLE):
        figure = Figure(figsize=(7.5, 0.5 * len(results) + 1))
        axes = figure.subplots()
        height = 0.8 / len(peers)
        for index, peer in enumerate(peers):
            ratios = [r.ratio(peer, r.quantities[0]["key"]) for r in results]
            rows = [
                row + (index - (len(peers) - 1) / 2) * height
                for row, ratio in enumerate(ratios)
                if ratio
            ]
            lengths = [ratio - 1 for ratio in ratios if ratio]
            axes.barh(rows, lengths, height, 1, color=COLORS[peer], label=peer)
        axes.set_yticks(range(len(results)), [result.name for result in results])
        axes.invert_yaxis()
        axes.set_xscale("log")
        axes.axvline(1, color="black", linewidth=0.8)
        plain_ticks(axes)
        axes.set_xlabel(
            "the peer's time for a step / lamina's; right of 1: lamina wins"
        )
        axes.legend(frameon=False)
        save(figure, path)


def memory(results: Sequence[Result], path: Path) -> None:
    """Draw the peak memory of lamina and the main peers, one group per network."""
    peers = [p for p in COLORS if any(r.median(p, "peak_memory") for r in results)]
    with rc_context(STYLE):
        figure = Figure(figsize=(7.5, 0.5 * len(results) + 1))
        axes = figure.subplots()
        height = 0.8 / len(peers)
        for index, peer in enumerate(peers):
            values = [(r.median(peer, "peak_memory") or 0) / 2**20 for r in results]
            offset = (index - (len(peers) - 1) / 2) * height
            rows = [row + offset for row in range(len(results))]
            axes.barh(rows, values, height, color=COLORS[peer], label=peer)
        axes.set_yticks(range(len(results)), [result.name for result in results])
        axes.invert_yaxis()
        axes.set_xlabel("peak memory of the process, MiB")
        axes.legend(frameon=False)
        save(figure, path)


def growth(results: Sequence[Result], path: Path) -> None:
    """Draw one panel per series: a quantity against the size."""
    panels = [
        (result, title, quantities)
        for result in results
        for title, quantities in result.series.items()
    ]
    rows = (len(panels) + 1) // 2
    with rc_context(STYLE):
        figure = Figure(figsize=(9, 2.7 * rows))
        grid = figure.subplots(rows, 2, squeeze=False)
        for axes in grid.flat[len(panels) :]:
            axes.set_visible(False)
        for axes, (result, title, quantities) in zip(grid.flat, panels, strict=False):
            panel(axes, result, title, quantities)
        save(figure, path)


def panel(
    axes: Axes, result: Result, title: str, quantities: Sequence[dict[str, object]]
) -> None:
    counts = [number(str(quantity["key"])) for quantity in quantities]
    for peer in [US, *result.rivals()]:
        values = [
            (result.median(peer, str(q["key"])) or float("nan"))
            * float(str(q["scale"]))
            for q in quantities
        ]
        color = COLORS.get(peer, "#9a9a9a")
        axes.plot(counts, values, marker="o", markersize=3, color=color, label=peer)
    axes.set_xscale("symlog" if 0 in counts else "log")
    axes.set_yscale("log")
    axes.set_xticks(counts, [f"{count:,}" for count in counts])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_xlabel(str(quantities[-1]["key"]).partition(" ")[2].partition(",")[0])
    axes.set_title(f"{title}, {quantities[0]['unit']}", fontsize=9, loc="left")
    axes.legend(frameon=False, fontsize=7)


class Curve(NamedTuple):
    """Speedups by number of GPUs; the band shows how far communication is hidden."""

    name: str
    gpus: Sequence[int]
    lower: Sequence[float]
    upper: Sequence[float]


def speedups(panels: Mapping[str, Sequence[Curve]], path: Path) -> None:
    """Draw one panel per link: speedup against the number of GPUs."""
    with rc_context(STYLE):
        figure = Figure(figsize=(7.5, 3.4))
        grid = figure.subplots(1, len(panels), squeeze=False)
        for axes, (title, curves) in zip(grid.flat, panels.items(), strict=True):
            gpus = curves[0].gpus
            axes.plot(gpus, gpus, color="black", linewidth=0.8, label="ideal")
            for curve, color in zip(curves, COLORS.values(), strict=False):
                axes.fill_between(
                    gpus, curve.lower, curve.upper, color=color, alpha=0.3, linewidth=0
                )
                axes.plot(
                    gpus, curve.lower, color=color, marker="o", markersize=3,
                    label=curve.name,
                )  # fmt: skip
            axes.set_xscale("log", base=2)
            axes.set_yscale("log", base=2)
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axes.set_xlabel("GPUs")
            axes.set_title(title, fontsize=9, loc="left")
        grid[0, 0].set_ylabel("times as fast as one GPU")
        grid[0, 0].legend(frameon=False, fontsize=7)
        save(figure, path)


def number(key: str) -> int:
    return int(key.split()[0].replace(",", ""))


def plain_ticks(axes: Axes) -> None:
    """Use ticks at 1, 2, 5 and 10."""
    ticks = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200]
    low, high = axes.get_xlim()
    axes.set_xticks([tick for tick in ticks if low <= tick <= high])
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())


def save(figure: Figure, path: Path) -> None:
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
