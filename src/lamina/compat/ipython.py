"""`%load_ext lamina` in notebooks and IPython."""

from __future__ import annotations

import os
from typing import Any, Protocol

from lamina.compat import install, notices, uninstall


class Shell(Protocol):
    """Part of IPython's `InteractiveShell`: `compile` names the cells."""

    @property
    def compile(self) -> Any:
        """Compiler of cells."""
        ...


def load_ipython_extension(shell: Shell) -> None:
    """Make `import keras` and `import tensorflow` mean lamina in the next cells."""

    def name_of_source(path: str) -> str:
        found = shell.compile.format_code_name(path)
        return " ".join(found) if found else os.path.basename(path)

    notices.name_of_source = name_of_source
    install()


def unload_ipython_extension(shell: Shell) -> None:
    """Undo `load_ipython_extension`."""
    uninstall()
    notices.name_of_source = os.path.basename
