"""A notebook that stores what its cells show."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest


def open_notebook(patch: pytest.MonkeyPatch) -> list[list[dict[str, str]]]:
    """Put a notebook in the place of IPython; return all that each output showed."""
    outputs: list[list[dict[str, str]]] = []

    def display(data: dict[str, str], raw: bool, display_id: bool) -> Any:
        assert raw and display_id
        shown = [data]
        outputs.append(shown)
        return SimpleNamespace(update=lambda data, raw: shown.append(data))

    ipython, submodule = ModuleType("IPython"), ModuleType("IPython.display")
    names = {"get_ipython": lambda: SimpleNamespace(kernel=object())}
    vars(ipython).update(names)
    vars(submodule).update(display=display)
    patch.setitem(sys.modules, "IPython", ipython)
    patch.setitem(sys.modules, "IPython.display", submodule)
    return outputs
