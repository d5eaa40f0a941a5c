"""Run of one old program, as by `lamina run`, and the reason if it fails."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from lamina.compat import install, notices
from lamina.compat.defaults import Release, defaults_of
from lamina.compat.names import VERSIONS
from lamina.errors import LaminaError, MissingFileError, MissingPackageError
from lamina.tracebacks import package_raising
from lamina.training.checks.program import print_error, run_script

_PAGE = 'docs/old-code.md, "What does not run yet"'
# Packages whose names differ from those of their modules.
_PACKAGES = {
    "cv2": "opencv-python",
    "PIL": "pillow",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}


def run_program(
    script: Path,
    arguments: Sequence[str] = (),
    quiet: bool = False,
    is_module: bool = False,
    release: Release | None = None,
) -> int:
    """Run a program as Python would, with lamina as its Keras and TensorFlow.

    They stay so afterwards, for functions that the program registers with `atexit`.

    Args:
        script: path of a script or a notebook, or the name of a module.
        arguments: its command line arguments.
        quiet: whether not to tell about old spellings.
        is_module: whether `script` is the name of a module.
        release: the release of Keras whose defaults apply; by default that of the
            program's spellings.

    Returns:
        The exit status: 1 if the program raised an error, which is printed.

    Raises:
        MissingFileError: there is no such file or module.
        FileFormatError: the notebook cannot be read.
        SystemExit: the program ended so.
    """
    install()
    before, notices.is_quiet = notices.is_quiet, quiet
    try:
        with defaults_of(script, release):
            return run_script(script, arguments, _print_with_reason, is_module)
    finally:
        text = notices.summary("" if is_module else str(script))
        if text and not quiet:
            print(text, file=sys.stderr)
        notices.forget()
        notices.is_quiet = before


def _print_with_reason(error: BaseException) -> int:
    """Print an error and what it is due to, and return the exit status."""
    text = reason(error)
    status = print_error(error)
    if text:
        print(text, file=sys.stderr)
    return status


def reason(error: BaseException) -> str:
    """Return one line that says what an error is due to, "" if nobody failed.

    Args:
        error: an error with its whole traceback.
    """
    if isinstance(error, (KeyboardInterrupt, BrokenPipeError)):
        return ""
    source, text = _reason(error)
    return f"The reason is {source}: {text}"


def _reason(error: BaseException) -> tuple[str, str]:
    name = _missing_name(error)
    if name:
        is_keras = not name.startswith("tensorflow") or ".keras" in name
        source = "lamina" if is_keras else "TensorFlow"
        return source, f"lamina does not have {name} ({_PAGE})."
    if isinstance(error, SyntaxError):
        return _syntax(error)
    if isinstance(error, MissingPackageError):
        return "the program", "it needs a package that is not installed."
    if isinstance(error, ModuleNotFoundError):
        return _package(error)
    if isinstance(error, (FileNotFoundError, MissingFileError)):
        return "the program", "it reads a file or folder that does not exist."
    if isinstance(error, LaminaError):
        return _refused(error)
    if isinstance(error, AttributeError):
        return _attribute(error)
    return _raised(error)


def _missing_name(error: BaseException) -> str:
    """Return the name of Keras or TensorFlow that lamina lacks, "" for other errors."""
    if not isinstance(error, (ImportError, AttributeError)):
        return ""
    found = re.search(r"lamina does not have (?P<name>[\w.]*\w)", str(error))
    if found:
        return found["name"]
    found = re.match(r"cannot import name '(\w+)' from '([\w.]+)'", str(error))
    is_old = found is not None and found[2].partition(".")[0] in VERSIONS
    return f"{found[2]}.{found[1]}" if found and is_old else ""


def _syntax(error: SyntaxError) -> tuple[str, str]:
    is_python_2 = "Missing parentheses in call to 'print'" in str(error)
    text = "it is a program in Python 2." if is_python_2 else "it is not valid Python."
    return "the program", text


def _package(error: ModuleNotFoundError) -> tuple[str, str]:
    module = (error.name or "").partition(".")[0]
    package = _PACKAGES.get(module, module)
    text = f"it needs a package that is not installed: pip install {package}"
    return "the program", text


def _refused(error: LaminaError) -> tuple[str, str]:
    text = str(error)
    if "not supported" in text or "does not support" in text:
        return "lamina", f"it does not support this ({_PAGE})."
    if "has no argument" in text:
        return (
            "the program or lamina",
            "Keras 3 has no such argument, and lamina knows no older Keras that did.",
        )
    return "the program", "lamina refuses its arguments or data, as Keras 3 does."


def _attribute(error: AttributeError) -> tuple[str, str]:
    found = re.match(r"module '([\w.]+)' has no attribute '(\w+)'", str(error))
    if found:
        module = found[1].partition(".")[0]
        text = f"{_release(module)} has no {found[1]}.{found[2]}."
        return ("lamina" if module == "lamina" else "the program"), text
    packages = {cls.__module__.partition(".")[0] for cls in type(error.obj).__mro__}
    if packages & {"lamina", "jax", "jaxlib"}:
        kind = type(error.obj).__name__
        return (
            "the program or lamina",
            f"{kind} has no attribute {error.name!r} in lamina; if it had one in the "
            f"Keras of the program, lamina lacks it ({_PAGE}).",
        )
    return _raised(error)


def _release(module: str) -> str:
    try:
        return f"{module} {version(module)}"
    except PackageNotFoundError:
        return module


def _raised(error: BaseException) -> tuple[str, str]:
    package = package_raising(error)
    if package in ("lamina", "jax", "jaxlib"):
        return (
            "the program or lamina",
            f"{type(error).__name__} comes from within lamina. If the program runs "
            "with the Keras that it was written for, it is a fault of lamina.",
        )
    is_other = package not in ("__main__", "") and package in _installed()
    where = f"the package {package}" if is_other else "its own code"
    return "the program", f"{type(error).__name__} comes from {where}."


def _installed() -> set[str]:
    """Return the packages that are loaded from where packages are installed."""
    return {
        name
        for name, module in list(sys.modules.items())
        if "site-packages" in (getattr(module, "__file__", None) or "")
    }
