"""List every public name with its arguments, one per line.

    python -m tools.api_snapshot      rewrites tests/public_api.txt

Public names are those in `lamina.__all__` and in the `__all__` of its modules.
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
    """Yield the full name and the value of each public name, including modules."""
    for child in module.__all__:
        full_name, value = f"{name}.{child}", getattr(module, child)
        yield full_name, value
        if inspect.ismodule(value):
            yield from public_names(value, full_name)


def signature(value: Any) -> str:
    """Return the arguments and defaults without annotations, which may change."""
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
    """Default that is shown by name, because its repr contains a memory address."""

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
