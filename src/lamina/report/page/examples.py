"""Rows of data: images, texts, series and tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina.report.html import Markup, element
from lamina.report.page.charts import spark_line
from lamina.report.text import number


def example_list(rows: Sequence[dict[str, Any]]) -> Markup:
    """Return rows as a list, each with its note."""
    return element("ul", [_example(row) for row in rows], class_="rows")


def _example(row: dict[str, Any]) -> Markup:
    note = f"row {row['row']:,}, {row['note']}"
    if row["kind"] == "image":
        return element("li", row_cell(row), element("span", note), class_="small")
    if row["kind"] == "text":
        return element("li", element("small", note), row["text"], class_="text")
    return element("li", row_cell(row), element("span", note))


def row_cell(row: dict[str, Any]) -> Markup:
    """Return one row as an image, a text, a small chart or its first values."""
    kind = row["kind"]
    if kind == "image":
        return element("img", src=row["png"], alt=f"Input row {row['row']}")
    if kind == "series":
        return spark_line(row["values"])
    if kind == "text":
        return element("span", row["text"])
    texts = [
        f"{name} {value if isinstance(value, str) else number(value)}"
        for name, value in row["cells"]
    ]
    return element("span", ", ".join(texts), class_="cells")
