"""One page about several runs: results, curves, and what differs."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

from lamina.report.collect.record import flattened
from lamina.report.html import Markup, element, markup, table
from lamina.report.page import curves, record
from lamina.report.page.predictions import SCORES, score_text
from lamina.report.run import Run
from lamina.report.text import number, readable, seconds

# Entries of records that say nothing about a result.
_IGNORED = ("started", "command", "steps")


def results(runs: Sequence[Run]) -> Markup:
    """Return the best losses and the scores of runs."""
    return markup(_losses(runs), _scores(runs))


def records(runs: Sequence[Run]) -> Markup:
    """Return the records of runs."""
    return markup(
        element("details", element("summary", run.name), record.section(run))
        for run in runs
        if run.record
    )


def grouped(runs: Sequence[Run]) -> list[curves.Group]:
    """Return runs in groups that differ in their seed only."""
    found: dict[str, list[Run]] = {}
    for run in runs:
        entries = {k: v for k, v in _entries(run).items() if not k.endswith("seed")}
        key = json.dumps(entries, sort_keys=True, default=str)
        found.setdefault(key, []).append(run)
    return [
        curves.Group(
            group[0].name
            if len(group) == 1
            else f"{group[0].name} and {len(group) - 1} more",
            group,
        )
        for group in found.values()
    ]


def header(runs: Sequence[Run]) -> Markup:
    """Return the number of runs, the best one, and their names."""
    names = ", ".join(run.name for run in runs)
    return element(
        "header",
        element("p", "Training report", class_="eyebrow"),
        element("h1", f"{len(runs)} runs compared"),
        element("p", _verdict(runs), class_="lede"),
        element("p", names, class_="note"),
    )


def _verdict(runs: Sequence[Run]) -> str:
    """Return which run has the lowest loss of validation or training."""
    best = [(run.best(), run) for run in runs]
    known = [(found, run) for found, run in best if found is not None]
    names = {found[0] for found, _ in known}
    if not known:
        return "No run has a finite loss."
    if len(names) > 1:
        return "Some runs have no validation loss, so the runs cannot be ranked."
    (name, index, value), run = min(known, key=lambda item: item[0][2])
    return (
        f"{run.name} has the lowest {readable(name)}: {number(value)} in epoch "
        f"{run.epochs[index]}."
    )


def _losses(runs: Sequence[Run]) -> Markup:
    rows: list[tuple[str, ...]] = []
    for run in runs:
        best = run.best()
        if best is None:
            cells = ("-", "-", "-")
        else:
            name, index, value = best
            last = run.scalars()[name][-1]
            cells = (number(value), str(run.epochs[index]), number(last))
        total = run.total_seconds()
        rows.append(
            (
                _name(run),
                *cells,
                f"{len(run.epochs):,}",
                seconds(total) if total else "-",
            )
        )
    best = next((b for b in (run.best() for run in runs) if b is not None), None)
    loss = readable(best[0]) if best else "loss"
    head = ("Run", f"#Best {loss}", "#In epoch", "#Last", "#Epochs", "#Time")
    return table("Results of the runs", head, rows)


def _scores(runs: Sequence[Run]) -> Markup | None:
    """Return the scores of predictions, a line for each run."""
    found = [_named_scores(run) for run in runs]
    names = dict.fromkeys(name for scores in found for name in scores)
    if not names:
        return None
    rows = [
        (_name(run), *(scores.get(name, "-") for name in names))
        for run, scores in zip(runs, found, strict=True)
    ]
    return table("Scores of predictions", ("Run", *(f"#{n}" for n in names)), rows)


def _named_scores(run: Run) -> dict[str, str]:
    several = len(run.evaluation) > 1
    return {
        (f"{result['name']}: " if several else "") + SCORES[name]: score_text(name, v)
        for result in run.evaluation
        for name, v in result["scores"].items()
        if name != "baseline"
    }


def _name(run: Run) -> Markup:
    return element("span", run.name, class_="run")


def differences(runs: Sequence[Run]) -> Markup:
    """Return the entries of the records that are not the same in all runs."""
    entries = [_entries(run) for run in runs]
    names = dict.fromkeys(name for some in entries for name in some)
    rows = [
        (name, *map(_shown, values))
        for name in names
        for values in [[some.get(name, math.nan) for some in entries]]
        if any(value != values[0] for value in values)
    ]
    head = ("What", *(run.name for run in runs))
    if not rows:
        return element("p", "The records of the runs are equal.")
    return table("What differs", head, rows)


def _shown(value: object) -> Markup | str:
    if isinstance(value, float) and math.isnan(value):
        return "-"
    return element("code", record.shown(value))


def _entries(run: Run) -> dict[str, Any]:
    """Return what may explain a difference of results, by dotted names."""
    known = {k: v for k, v in run.record.items() if k not in _IGNORED and v is not None}
    found = flattened(known)
    top = [row for row in run.layers if not row["level"]]
    found["parameters"] = sum(row["params"] for row in top)
    found["layers"] = ", ".join(row["kind"] for row in top)
    return found
