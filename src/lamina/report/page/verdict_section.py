"""The top of the page: what was reached, and whether it can be trusted."""

from __future__ import annotations

import math

from lamina.report.html import Markup, element
from lamina.report.run import Run, best_index, direction
from lamina.report.text import number, readable
from lamina.report.verdict import Mark, headline, sentence, trust

_SIGNS: dict[Mark, str] = {"good": "✓", "warn": "!", "bad": "✕", "none": "–"}
_WORDS: dict[Mark, str] = {
    "good": "good",
    "warn": "attention",
    "bad": "problem",
    "none": "unknown",
}


def header(run: Run, navigation: Markup) -> Markup:
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
        navigation,
    )


def figures(run: Run) -> Markup | None:
    """Return the metrics in the best epoch."""
    best = run.best()
    if best is None:
        return None
    _, index, _ = best
    logs = run.scalars()
    shown = [name for name in logs if name.startswith("val_")] or list(logs)
    shown = [
        name
        for name in shown
        if not name.startswith("learning_rate") and index < len(logs[name])
    ]
    shown = sorted(shown, key=lambda n: not n.endswith("loss"))[:4]
    cells = [
        element(
            "div",
            element("dt", f"{readable(name)}, epoch {run.epochs[index]}"),
            element("dd", number(logs[name][index])),
        )
        for name in shown
        if math.isfinite(logs[name][index])
    ]
    others = [
        element(
            "div",
            element("dt", f"best {readable(name)}, epoch {run.epochs[i]}"),
            element("dd", number(logs[name][i])),
        )
        for name in shown
        for i in [best_index(logs[name], direction(name))]
        if i is not None and logs[name][i] != logs[name][index]
    ]
    return element("dl", cells, others[:2], class_="figures")


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
