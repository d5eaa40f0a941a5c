"""Every public name with its arguments, one a line.

    python -m tools.api_snapshot      rewrites tests/public_api.txt

What is public starts at `lamina.__all__` and goes on into the modules named there.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import lamina

SNAPSHOT = Path(__file__).parents[1] / "tests" / "public_api.txt"


def public_names(
    module: ModuleType = lamina, name: str = "lamina"
) -> Iterator[tuple[str, Any]]:
    """Pairs of a full name and what it stands for, modules included."""
    for child in module.__all__:
        full_name, value = f"{name}.{child}", getattr(module, child)
        yield full_name, value
        if inspect.ismodule(value):
            yield from public_names(value, full_name)


def signature(value: Any) -> str:
    """The arguments and their defaults; annotations may change freely."""
    if not callable(value):
        return ""
    try:
        found = inspect.signature(value)
    except ValueError:  # some classes of Python itself show none
        return "(...)"
    parameters = [
        parameter.replace(annotation=parameter.empty, default=_default(parameter))
        for parameter in found.parameters.values()
    ]
    bare = found.replace(parameters=parameters, return_annotation=found.empty)
    return str(bare)


class _Named:
    """A default shown by name: its own repr would hold an address in memory."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


def _default(parameter: inspect.Parameter) -> Any:
    if " at 0x" not in repr(parameter.default):
        return parameter.default
    named = getattr(parameter.default, "__name__", type(parameter.default).__name__)
    return _Named(named)


def snapshot() -> str:
    lines = {f"{name}{signature(value)}" for name, value in public_names()}
    return "\n".join(sorted(lines)) + "\n"


if __name__ == "__main__":
    SNAPSHOT.write_text(snapshot(), encoding="utf-8")
