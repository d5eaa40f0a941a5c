"""HTML as strings that escape everything except other HTML."""

from __future__ import annotations

import html
import json
import math
from collections.abc import Iterable
from typing import Any, TypeAlias

import numpy as np


class Markup(str):
    """Text that is HTML already. Any other string is escaped."""

    __slots__ = ()


# `None` and false values of conditions are omitted.
Child: TypeAlias = "str | int | float | Iterable[Child] | None"


def markup(*children: Child) -> Markup:
    """Join children; strings that are not `Markup` are escaped."""
    return Markup("".join(_texts(children)))


def _texts(children: Iterable[Child]) -> Iterable[str]:
    for child in children:
        if isinstance(child, Markup):
            yield child
        elif isinstance(child, (str, int, float)):
            yield html.escape(str(child))
        elif child is not None:
            yield from _texts(child)


def element(tag: str, *children: Child, **attributes: object) -> Markup:
    """Return an element with escaped children and attributes.

    Args:
        tag: the name of the element.
        *children: its content.
        **attributes: its attributes; `class_` is `class`, `aria_label` is
            `aria-label`. `True` gives an attribute without value; `None` and `False`
            omit it.
    """
    given = "".join(
        f" {_name(name)}" + ("" if value is True else f'="{_text(value)}"')
        for name, value in attributes.items()
        if value is not None and value is not False
    )
    if tag in ("img", "input", "meta", "br", "col"):
        return Markup(f"<{tag}{given}>")
    return Markup(f"<{tag}{given}>{markup(*children)}</{tag}>")


def _name(attribute: str) -> str:
    return attribute.rstrip("_").replace("_", "-")


def _text(value: object) -> str:
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return html.escape(text)


def part(title: str, note: str | None, *content: Child) -> Markup:
    """Return a part of a section, with a title and a note."""
    text = None if note is None else element("p", note, class_="note")
    return element("div", element("h3", title), text, *content)


def data_script(name: str, value: object) -> Markup:
    """Return a script element with data as JSON that cannot end the element.

    Args:
        name: the element's `id`.
        value: JSON data; numbers that are not finite become `null`.
    """
    try:
        text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError):  # arrays, or numbers that are not finite
        text = json.dumps(plain(value), separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    head = f'<script type="application/json" id="{html.escape(name)}">'
    return Markup(f"{head}{text}</script>")


def plain(value: object) -> Any:
    """Convert arrays, tuples and numbers that are not finite to JSON data."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def table(
    label: str,
    head: Iterable[Child],
    rows: Iterable[Iterable[Child]],
    **attributes: object,
) -> Markup:
    """Return a table that scrolls by itself if it is too wide.

    Args:
        label: what the table shows, for screen readers.
        head: the cells of the first row. A name that starts with `#` is that of a
            column of numbers.
        rows: the cells of the other rows.
        **attributes: attributes of the table.
    """
    names = [str(name) for name in head]
    classes = ["number" if name.startswith("#") else None for name in names]
    top = [
        element("th", name.removeprefix("#"), class_=kind, scope="col")
        for name, kind in zip(names, classes, strict=True)
    ]
    body = [
        element(
            "tr",
            [
                cell
                if isinstance(cell, Markup) and cell.startswith("<td")
                else element("td", cell, class_=kind)
                for cell, kind in zip(row, classes, strict=True)
            ],
        )
        for row in rows
    ]
    content = element("thead", element("tr", top)), element("tbody", body)
    inner = element("table", *content, **attributes)
    # Focusable, so that the keyboard can scroll it.
    attributes = {"tabindex": "0", "role": "group", "aria_label": label}
    return element("div", inner, class_="scroll", **attributes)
