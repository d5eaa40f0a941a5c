"""Run of a user's program in this process: a script, a notebook or a module."""

from __future__ import annotations

import builtins
import contextlib
import importlib.util
import io
import linecache
import os
import runpy
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

from lamina.errors import MissingFileError
from lamina.io.notebook import code_cells, read_notebook, skip_magics, source_of
from lamina.tracebacks import location_of, shorten


def print_error(error: BaseException) -> int:
    """Print an error with the frames of the program only, as Python would.

    Returns:
        The exit status of the program.
    """
    shorten(error)
    # A file that cannot be compiled has no frames.
    entries = error.__traceback__ if location_of(error) else None
    # Python's own hook shows no lines of notebooks' cells, which are not in files.
    is_default = sys.excepthook is sys.__excepthook__
    show = traceback.print_exception if is_default else sys.excepthook
    show(type(error), error.with_traceback(entries), entries)
    return 130 if isinstance(error, KeyboardInterrupt) else 1


def run_script(
    script: Path,
    arguments: Sequence[str] = (),
    on_error: Callable[[BaseException], int] = print_error,
    is_module: bool = False,
) -> int:
    """Run a program as `python SCRIPT` or `python -m MODULE` would, in this process.

    Args:
        script: path of a script or a notebook, or the name of a module.
        arguments: its command line arguments.
        on_error: called with an error that the program raises; returns the status.
        is_module: whether `script` is the name of a module.

    Returns:
        The exit status.

    Raises:
        MissingFileError: there is no such file or module.
        FileFormatError: the notebook cannot be read.
        SystemExit: the program called `sys.exit`.
    """
    if not is_module and not script.is_file():
        raise MissingFileError(f"No such file: {str(script)!r}.")
    folder = os.getcwd() if is_module else str(script.resolve().parent)
    status = 0
    try:
        with _interpreter([str(script), *arguments], folder):
            run = _loaded(script, is_module)
            try:
                run()
            except (Exception, KeyboardInterrupt) as error:
                status = on_error(error)
    except KeyboardInterrupt as error:
        # Ctrl-C while the program's threads end.
        return on_error(error)
    return status


def _loaded(script: Path, is_module: bool) -> Callable[[], object]:
    """Return a function that runs a program, after reading what is not Python."""
    if is_module:
        if not _has_module(str(script)):
            raise MissingFileError(f"No module named {str(script)!r}.")
        return lambda: runpy.run_module(
            str(script), run_name="__main__", alter_sys=True
        )
    if script.suffix == ".ipynb":
        cells = [source_of(cell) for cell in code_cells(read_notebook(script))]
        return lambda: _run_cells(script.name, cells)
    return lambda: _run_file(os.path.abspath(script))


def _has_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def _run_file(path: str) -> None:
    module = _new_main()
    vars(module).update(
        __file__=path, __cached__=None, __loader__=SourceFileLoader("__main__", path)
    )
    with io.open_code(path) as file:
        code = compile(file.read(), path, "exec", dont_inherit=True)
    exec(code, vars(module))


def _run_cells(notebook: str, cells: Sequence[str]) -> None:
    """Run cells in their order; `display` prints, as there is no page."""
    module = _new_main()
    vars(module).update(display=print, get_ipython=_NoShell)
    for number, source in enumerate(cells, 1):
        name = f"{notebook}, cell {number}"
        source, skipped = skip_magics(source)
        for line, text in skipped:
            print(f"{name}:{line}: skipped {text}", file=sys.stderr)
        # Tracebacks show lines from this cache; without a time they are not reread.
        lines = source.splitlines(keepends=True)
        linecache.cache[name] = (len(source), None, lines, name)
        exec(compile(source, name, "exec", dont_inherit=True), vars(module))


class _NoShell:
    """Result of `get_ipython()`: false, and its methods, such as `magic`, do nothing.

    IPython calls it to register the magics that a notebook defines.
    """

    def __bool__(self) -> bool:
        return False

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_, **__: None


def _new_main() -> ModuleType:
    module = ModuleType("__main__")
    vars(module).update(__builtins__=builtins, __annotations__={})
    sys.modules["__main__"] = module
    return module


@contextlib.contextmanager
def _interpreter(argv: list[str], folder: str) -> Iterator[None]:
    """Set the state of a Python that starts a program, and restore it.

    As in Python, a program ends when the threads that it started have ended.
    """
    before = sys.argv, list(sys.path), sys.modules["__main__"]
    threads = set(threading.enumerate())
    sys.argv = argv
    if not sys.flags.safe_path:
        sys.path[0] = folder
    try:
        yield
    finally:
        for thread in set(threading.enumerate()) - threads:
            if not thread.daemon:
                thread.join()
        sys.argv, sys.path[:], sys.modules["__main__"] = before
