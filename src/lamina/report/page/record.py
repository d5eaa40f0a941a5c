"""The section with the record of a run, and how to repeat it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from lamina.report.collect.record import flattened
from lamina.report.html import Markup, element, markup, table
from lamina.report.run import Run

_VERSIONS = {
    "lamina": "lamina",
    "python": "Python",
    "jax": "JAX",
    "numpy": "NumPy",
    "platform": "Platform",
    "device": "Device",
    "cores": "Cores",
}


def section(run: Run) -> Markup | None:
    """Return the record of a run: how to repeat it, its data, versions, arguments."""
    record = run.record
    if not record:
        return None
    versions = record.get("versions") or {}
    arguments = flattened(record.get("arguments") or {})
    rows = [
        *_data_rows("Training data", record.get("data")),
        *_data_rows("Validation data", record.get("validation_data")),
        *((name, versions[key]) for key, name in _VERSIONS.items() if key in versions),
    ]
    return markup(
        _repetition(record, arguments),
        table("Record", ("What", "Value"), _cells(rows), class_="record"),
        element(
            "details",
            element("summary", f"All {len(arguments)} arguments of compile and fit"),
            table(
                "Arguments",
                ("Argument", "Value"),
                _cells(arguments.items()),
                class_="record",
            ),
        ),
    )


def _cells(rows: Iterable[Sequence[Any]]) -> list[tuple[str, Markup]]:
    return [(name, element("code", shown(value))) for name, value in rows]


def shown(value: object) -> str:
    """Return a value of the record as text."""
    if isinstance(value, float):
        return f"{value:.6g}"  # of 32-bit numbers, the digits that were written
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _repetition(record: dict[str, Any], arguments: dict[str, Any]) -> list[Markup]:
    """Return the command and the seed that repeat the run."""
    seed, command = arguments.get("seed"), record.get("command")
    lines: list[str] = [f"$ {command}"] if command else []
    if seed is not None:
        lines.append(f"model.fit(..., seed={seed})")
    if not lines:
        return []
    text = "To repeat this run, pass its seed:" if seed is not None else "The command:"
    return [element("p", text), element("pre", "\n".join(lines), class_="command")]


def _data_rows(title: str, data: dict[str, Any] | None) -> list[tuple[str, Any]]:
    if not data:
        return []
    rows: list[tuple[str, Any]] = []
    arrays = data.get("arrays") or {}
    if arrays:
        rows.append((title, ", ".join(f"{k} {v}" for k, v in arrays.items())))
    elif data.get("source"):
        rows.append((title, f"batches of {data['source']}"))
    if data.get("sha256"):
        rows.append((f"{title}, SHA-256", data["sha256"]))
    return rows
