"""The section with the layers of the model."""

from __future__ import annotations

from typing import Any

from lamina.report.html import Markup, element, markup, table
from lamina.report.run import Run


def section(run: Run, drawing: str = "") -> Markup | None:
    """Return the graph and the table of the layers.

    Args:
        run: the run.
        drawing: the graph as SVG, without a script.
    """
    if not run.layers:
        return None
    top = [row for row in run.layers if not row["level"]]
    total = sum(row["params"] for row in top)
    trained = sum(row["trained"] for row in top)
    text = (
        f"{total:,} parameters in {len(top)} layers; {trained:,} of them are trained."
    )
    if trained == total:
        text = f"{total:,} parameters in {len(top)} layers, all trained."
    graph = element(
        "div",
        Markup(drawing),
        class_="graph",
        tabindex="0",
        role="group",
        aria_label="Graph of the layers",
    )
    return markup(
        element("p", text, class_="note"),
        graph if drawing else None,
        element("p", "Shapes in the table are those of one row.", class_="note"),
        table("Layers", ("Layer", "Output", "#Parameters"), map(_cells, run.layers)),
    )


def _cells(row: dict[str, Any]) -> tuple[Markup, str, str]:
    indent = f"padding-left: {row['level'] * 1.1:.1f}rem" if row["level"] else None
    what = ", ".join(text for text in (row["kind"], row["details"]) if text)
    name = element(
        "div", row["name"], element("small", what, class_="quiet"), style=indent
    )
    frozen = row["params"] - row["trained"]
    note = f" ({frozen:,} not trained)" if frozen and row["params"] else ""
    count = f"{row['params']:,}{note}" if row["params"] else "-"
    return name, row["shape"], count
