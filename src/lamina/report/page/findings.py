"""The section with what the checks found."""

from __future__ import annotations

from lamina.report.html import Markup, element, markup
from lamina.report.run import Run


def section(run: Run) -> Markup | None:
    """Return the findings, the most severe first."""
    if not run.findings:
        return None
    order = ("error", "warning", "advice")
    known = [f for f in run.findings if f["severity"] in order]
    rows = sorted(known, key=lambda f: order.index(f["severity"]))
    items = [
        element(
            "div",
            element(
                "p",
                element("span", row["severity"], class_=f"severity {row['severity']}"),
                " ",
                element("code", row["code"]),
            ),
            element("p", row["message"]),
            element("p", f"→ {row['fix']}", class_="fix") if row["fix"] else None,
            class_="finding",
        )
        for row in rows
    ]
    return markup(items)
