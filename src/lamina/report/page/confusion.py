"""The confusion matrix, the worst confusions and the rows behind them."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina.report.collect.rows import png_url
from lamina.report.html import Child, Markup, element, markup, part
from lamina.report.page.examples import example_list, row_cell
from lamina.report.text import counted, percent

# Classes of a matrix with numbers; a larger one is an image.
_MOST = 16


def matrix(result: dict[str, Any]) -> Markup | None:
    """Return the confusion matrix."""
    counts = result.get("matrix")
    if counts is None:
        return None
    names = result["classes"]
    unit = "positions" if result["positions"] else "rows"
    text = f"Number of {unit}: a line is a true class, a column a predicted one."
    drawn = _table(counts, names) if len(names) <= _MOST else _image(counts)
    return part("Confusion matrix", text, drawn)


def _table(counts: list[list[int]], names: list[str]) -> Markup:
    heads = [element("th", name, scope="col", title=name) for name in names]
    corner = element("th", "true \\ predicted", class_="corner")
    lines = [
        element(
            "tr",
            element("th", name, scope="row", title=name),
            [_cell(i == j, n, sum(line)) for j, n in enumerate(line)],
        )
        for i, (name, line) in enumerate(zip(names, counts, strict=True))
    ]
    content = element("thead", element("tr", corner, heads)), element("tbody", lines)
    inner = element("table", *content, class_="matrix")
    label = "Confusion matrix"
    return element(
        "div", inner, class_="scroll", tabindex="0", role="group", aria_label=label
    )


def _cell(correct: bool, count: int, total: int) -> Markup:
    if not count:
        return element("td", "·", class_="zero")
    share = count / max(total, 1)
    kind = "hit" if correct else "miss"
    strength = round(0.08 + 0.32 * share if correct else 0.15 + 0.5 * share, 3)
    return element("td", f"{count:,}", class_=kind, style=f"--share: {strength}")


def _image(counts: list[list[int]]) -> Markup:
    array = np.asarray(counts, float)
    fractions = array / np.maximum(array.sum(1, keepdims=True), 1)
    alpha = (np.sqrt(fractions) * 255).astype(np.uint8)
    pixels = np.stack([np.full_like(alpha, 90), alpha], -1)
    text = f"Confusion matrix of {len(counts)} classes: dark cells have most rows"
    return element("img", src=png_url(pixels), alt=text, class_="large-matrix")


def confusions(result: dict[str, Any]) -> Markup | None:
    """Return the worst confusions, with rows."""
    found = result["confusions"]
    if not found:
        return None
    names = result["classes"]
    unit = "position" if result["positions"] else "row"
    parts: list[Child] = []
    for confusion in found:
        true, predicted = (
            names[i] if i < len(names) else str(i)
            for i in (confusion["true"], confusion["predicted"])
        )
        title = markup(
            element("b", true),
            " predicted as ",
            element("b", predicted, class_="wrong"),
            f": {counted(confusion['rows'], unit)}, "
            f"{percent(confusion['share'])} of the class",
        )
        rows = confusion["examples"]
        parts.append(
            element("div", element("p", title), example_list(rows) if rows else None)
        )
    has_text = any(c["examples"] and c["examples"][0]["kind"] == "text" for c in found)
    kind = "confusions wide" if has_text else "confusions"
    return part("Worst confusions", None, element("div", parts, class_=kind))


def sequences(result: dict[str, Any]) -> Markup | None:
    """Return the sequences with most wrong positions."""
    rows = result.get("sequences")
    if not rows:
        return None
    names = result["classes"]
    items = [
        element(
            "li",
            element("small", f"row {row['row']:,}"),
            element("div", row_cell(row)),
            element("div", [_position(t, p, names) for t, p in _known(row)]),
            class_="text",
        )
        for row in rows
    ]
    text = "Positions that are wrong have the predicted class, then the true one."
    content = element("ul", items, class_="rows")
    return part("Sequences with most wrong positions", text, content)


def _known(row: dict[str, Any]) -> list[tuple[int, int]]:
    pairs = zip(row["true"], row["pred"], strict=True)
    return [(t, p) for t, p in pairs if t >= 0]


def _position(true: int, predicted: int, names: list[str]) -> Markup:
    shown = [names[i] if i < len(names) else str(i) for i in (predicted, true)]
    if true == predicted:
        return element("span", f"{shown[0]} ")
    return element("span", f"{shown[0]} ({shown[1]}) ", class_="wrong")
