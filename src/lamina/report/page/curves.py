"""Learning curves: the data that the page's script draws with uPlot."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from lamina.report.html import Markup, data_script, element, markup
from lamina.report.run import Run, best_index, direction, rounded, thinned
from lamina.report.text import number


class Group(NamedTuple):
    """Runs that differ in their seed only, drawn as one curve with a band."""

    label: str
    runs: Sequence[Run]


def section(groups: Sequence[Group]) -> Markup:
    """Return the section with a plot of each metric, and its data."""
    panels = _panels(groups)
    if not panels:
        return element("p", "Curves appear after the first epoch.")
    figures = [
        element(
            "figure",
            element("figcaption", panel["title"]),
            element(
                "div",
                id=f"plot-{i}",
                class_="plot",
                role="img",
                aria_label=_description(panel),
            ),
            class_="panel",
        )
        for i, panel in enumerate(panels)
    ]
    notes = [element("p", note, class_="note") for note in _notes(groups)]
    data = data_script("curves-data", panels)
    return markup(notes, _controls(), figures, _values(groups), data)


def _controls() -> Markup:
    smoothing = element(
        "input",
        type="range",
        id="smoothing",
        min="0",
        max="0.95",
        step="0.05",
        value="0",
    )
    return element(
        "div",
        element(
            "label", element("input", type="checkbox", id="log-scale"), "Log scale"
        ),
        element("label", "Smoothing", smoothing),
        element("button", "Reset zoom", type="button", id="reset-zoom"),
        element("span", "Drag across a plot to zoom in."),
        class_="controls",
        hidden=True,
    )


def _notes(groups: Sequence[Group]) -> list[str]:
    notes: list[str] = []
    if any(len(group.runs) > 1 for group in groups):
        notes.append(
            "A line is the mean of runs that differ in their seed only; the "
            "band is their smallest and largest value."
        )
    if len(groups) > 1:
        notes.append("Solid lines are validation, dashed lines training.")
    for group in groups[:1] if len(groups) == 1 else []:
        for name, values in group.runs[0].rates.items():
            if values and len(set(values)) == 1:
                text = name.replace("_", " ").capitalize()
                notes.append(f"{text}: {number(values[0])} in every epoch.")
    return notes


def _panels(groups: Sequence[Group]) -> list[dict[str, Any]]:
    """Return the panels: one for each metric, then one for each learning rate."""
    runs = [run for group in groups for run in group.runs]
    epochs = sorted({run.epochs[i] for run in runs for i in thinned(len(run.epochs))})
    if not epochs:
        return []
    logs = dict.fromkeys(name for run in runs for name in run.scalars())
    names = dict.fromkeys(name.removeprefix("val_") for name in logs)
    panels = [_metric_panel(groups, epochs, name) for name in _in_order(names)]
    rates = dict.fromkeys(name for run in runs for name in run.rates)
    for name in rates:
        values = {value for run in runs for value in run.rates.get(name, ())}
        if len(values) > 1:
            panels.append(_rate_panel(groups, epochs, name))
    return [panel for panel in panels if panel["series"]]


def _in_order(names: dict[str, None]) -> list[str]:
    """Return the loss first, then metrics; rates have panels of their own."""
    found = [name for name in names if not name.startswith("learning_rate")]
    return sorted(found, key=lambda name: name != "loss")


def _metric_panel(
    groups: Sequence[Group], epochs: list[int], name: str
) -> dict[str, Any]:
    series: list[dict[str, Any]] = []
    for i, group in enumerate(groups):
        for key in (name, f"val_{name}"):
            rows = [
                _on_epochs(run, run.scalars().get(key), epochs) for run in group.runs
            ]
            if not np.isfinite(rows).any():
                continue
            kind = "validation" if key.startswith("val_") else "training"
            single = len(groups) == 1
            label = kind if single else f"{group.label}, {kind}"
            tone = (kind == "validation") if single else i
            dash = not single and kind == "training"
            series.append(_line(label, rows, int(tone), dash))
    return {
        "title": name.replace("_", " "),
        "x": epochs,
        "series": series,
        "best": _best_epoch(groups, name),
    }


def _rate_panel(
    groups: Sequence[Group], epochs: list[int], name: str
) -> dict[str, Any]:
    series: list[dict[str, Any]] = []
    for i, group in enumerate(groups):
        rows = [_on_epochs(run, run.rates.get(name), epochs) for run in group.runs]
        label = "learning rate" if len(groups) == 1 else group.label
        series.append(_line(label, rows, 2 if len(groups) == 1 else i, False))
    title = name.replace("_", " ")
    return {"title": title, "x": epochs, "series": series, "best": None}


def _on_epochs(
    run: Run, values: Sequence[float] | None, epochs: Sequence[int]
) -> list[float]:
    """Return a run's values at some epochs, NaN where it has none."""
    known = dict(zip(run.epochs, values or (), strict=False))
    return [known.get(epoch, math.nan) for epoch in epochs]


def _line(
    label: str, rows: Sequence[Sequence[float]], tone: int, dash: bool
) -> dict[str, Any]:
    array = np.asarray(rows, float)
    array[~np.isfinite(array)] = math.nan
    known = np.isfinite(array).any(0)
    mean = np.full(array.shape[1], math.nan)
    mean[known] = np.nanmean(array[:, known], 0)
    band = None
    if len(rows) > 1:
        low, high = mean.copy(), mean.copy()
        low[known] = np.nanmin(array[:, known], 0)
        high[known] = np.nanmax(array[:, known], 0)
        band = [rounded(low), rounded(high)]
    return {
        "label": label,
        "values": rounded(mean),
        "tone": tone,
        "dash": dash,
        "band": band,
    }


def _single_run(groups: Sequence[Group]) -> Run | None:
    runs = [run for group in groups for run in group.runs]
    return runs[0] if len(runs) == 1 else None


def _best_epoch(groups: Sequence[Group], name: str) -> int | None:
    """Return the best epoch of a single run's metric, for the line in its panel."""
    run = _single_run(groups)
    if run is None:
        return None
    best = best_index(run.scalars().get(f"val_{name}", ()), direction(name))
    return None if best is None else run.epochs[best]


def _description(panel: dict[str, Any]) -> str:
    """Return what a plot shows, for readers who do not see it."""
    parts: list[str] = []
    for line in panel["series"]:
        known = [v for v in line["values"] if v is not None and math.isfinite(v)]
        if known:
            ends = f"from {number(known[0])} to {number(known[-1])}"
            parts.append(f"{line['label']} {ends}")
    first, last = panel["x"][0], panel["x"][-1]
    return f"{panel['title']} in epochs {first} to {last}: {'; '.join(parts)}."


def _values(groups: Sequence[Group]) -> Markup | None:
    """Return the values of the epochs as text, for a single run."""
    run = _single_run(groups)
    if run is None:
        return None
    logs = run.scalars()
    keep = thinned(len(run.epochs), 50)
    lines = ["\t".join(["epoch", *logs])]
    for i in keep:
        cells = [number(v[i]) if i < len(v) else "-" for v in logs.values()]
        lines.append("\t".join([str(run.epochs[i]), *cells]))
    some = f" of {len(keep)} epochs" if len(keep) < len(run.epochs) else ""
    summary = element("summary", f"Values{some} as text")
    return element("details", summary, element("pre", markup("\n".join(lines))))
