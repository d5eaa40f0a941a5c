"""The top of the page: what was reached, and whether it can be trusted."""

from __future__ import annotations

import math

import numpy as np

from lamina.report.html import Markup, element
from lamina.report.run import Run, direction
from lamina.report.text import number, readable
from lamina.report.verdict import Mark, headline, sentence, trust

_SIGNS: dict[Mark, str] = {"good": "✓", "warn": "!", "bad": "✕", "none": "–"}
_WORDS: dict[Mark, str] = {
    "good": "good",
    "warn": "attention",
    "bad": "problem",
    "none": "unknown",
}
_SECTIONS = {
    "findings": "Findings",
    "curves": "Learning curves",
    "predictions": "Predictions",
    "architecture": "Architecture",
    "weights": "Weights",
    "time": "Time and memory",
    "record": "Record",
}


def header(run: Run) -> Markup:
    """Return the verdict about a run, its main figures, and links to the sections."""
    started = run.record.get("started", "")
    eyebrow = f"Training report · {started[:16]}" if started else "Training report"
    return element(
        "header",
        element("p", eyebrow, class_="eyebrow"),
        element("h1", run.name),
        element("p", headline(run), class_="lede"),
        element("p", sentence(run), class_="note"),
        figures(run),
        _trust_list(run),
        _navigation(run),
    )


def figures(run: Run) -> Markup | None:
    """Return the metrics in the best epoch."""
    best = run.best()
    if best is None:
        return None
    _, index, _ = best
    logs = run.scalars()
    shown = [name for name in logs if name.startswith("val_")] or list(logs)
    shown = [n for n in shown if not n.startswith("learning_rate")]
    shown = sorted(shown, key=lambda n: not n.endswith("loss"))[:4]
    cells = [
        element(
            "div",
            element("dt", f"{readable(name)}, epoch {run.epochs[index]}"),
            element("dd", number(logs[name][index])),
        )
        for name in shown
        if index < len(logs[name]) and math.isfinite(logs[name][index])
    ]
    others = [
        element(
            "div",
            element("dt", f"best {readable(name)}, epoch {epoch}"),
            element("dd", number(value)),
        )
        for name in shown
        for epoch, value in [_best_of(run, name)]
        if epoch not in (None, run.epochs[index]) and value != logs[name][index]
    ]
    return element("dl", cells, others[:2], class_="figures")


def _best_of(run: Run, name: str) -> tuple[int | None, float]:
    values = np.asarray(run.scalars()[name], float)
    better = direction(name)
    if not better or not np.isfinite(values).any():
        return None, math.nan
    best = int(np.nanargmax(values) if better == "max" else np.nanargmin(values))
    return run.epochs[best], float(values[best])


def _trust_list(run: Run) -> Markup:
    items = [
        element(
            "li",
            element(
                "span", _SIGNS[mark], class_="mark", role="img", aria_label=_WORDS[mark]
            ),
            element("b", name),
            element("span", text),
            class_=mark,
        )
        for name, mark, text in trust(run)
    ]
    return element("ul", items, class_="trust")


def _navigation(run: Run) -> Markup:
    present = {
        "findings": run.findings,
        "curves": run.epochs,
        "predictions": run.evaluation,
        "architecture": run.layers,
        "weights": run.snapshots.get("layers"),
        "time": run.seconds.get("total"),
        "record": run.record,
    }
    links = [
        element("a", title, href=f"#{name}")
        for name, title in _SECTIONS.items()
        if present[name]
    ]
    return element("nav", links, aria_label="Sections")
