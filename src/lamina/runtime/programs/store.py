"""Compiled programs in files of lamina's compile cache.

JAX's own cache finds a program by its lowered module, so that it reads one only after
tracing. Reading takes 0.05 to 0.15 s, mostly in XLA without Python's lock: a file that
can be read without the module is read while Python traces (see `preload`).
"""

from __future__ import annotations

import functools
import hashlib
import io
import os
import pickle
import re
import sys
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias

import jax
from jax.stages import Compiled
from jaxlib import version as jaxlib_version

from lamina import config
from lamina.core.process import process_count
from lamina.errors import LaminaError
from lamina.io.files import atomic_write

# Structures of the arguments and of the results of a program.
Trees: TypeAlias = tuple[Any, Any]
_NAME = re.compile(r"lamina-[0-9a-f]{64}-program")
# Settings of JAX whose names contain one of these do not change a program.
_UNRELATED = ("cache", "log", "traceback")


def folder() -> Path | None:
    """Return the folder of the files, or `None` if programs are not stored in files.

    They are if this process has one device, the processor of a known kind, and JAX's
    cache is in lamina's folder, not in one that the user has configured.
    """
    path = config.cache_folder()
    settings: Any = jax.config
    if path is None or settings.jax_compilation_cache_dir != str(path):
        return None
    # JAX then passes constants as arguments, which it cannot serialize.
    has_constants = getattr(settings, "jax_use_simplified_jaxpr_constants", False)
    if has_constants or not settings.jax_enable_compilation_cache:
        return None
    if process_count() > 1 or not _processor():
        return None
    devices = jax.devices()
    is_processor = len(devices) == 1 and devices[0].platform == "cpu"
    return path if is_processor else None


def entry_name(text: str, *described: object) -> str | None:
    """Return the name of a program's file, a hash of all that the program depends on.

    Args:
        text: the lowered module.
        described: what else distinguishes programs, such as options of the compiler.

    Returns:
        The name, or `None` if programs are not stored in files.
    """
    if folder() is None:
        return None
    digest = hashlib.sha256(text.encode())
    digest.update(repr((described, _environment())).encode())
    return f"lamina-{digest.hexdigest()}-program"


def is_entry_name(name: object) -> bool:
    """Return whether a value is a result of `entry_name`."""
    return isinstance(name, str) and _NAME.fullmatch(name) is not None


def load(name: str, trees: Trees | None = None) -> Compiled | None:
    """Read a program, or return `None` if that is not possible.

    Args:
        name: the result of `entry_name`.
        trees: structures of its arguments and results, which contain names that
            programs of the same text do not share. By default those that it was
            written with; no module is imported for their classes.
    """
    path = folder()
    if path is None:
        return None
    try:
        program, known = pickle.loads(zlib.decompress((path / name).read_bytes()))
        if trees is not None and _dumped(trees) != known:
            _write(name, program, trees)
        # On first use: the module takes 1 ms of `import lamina`.
        from jax.experimental.serialize_executable import deserialize_and_load

        return deserialize_and_load(program, *(trees or _loaded(known)))
    except Exception:  # a damaged file, or a class that does not exist yet
        return None


def save(name: str, compiled: Compiled) -> None:
    """Write a program that was compiled in this process, if that is possible.

    XLA omits the functions of a program that it has read itself: such a program must
    not be written again.
    """
    # On first use: a process that finds all of its programs does not need it.
    from jax.experimental.serialize_executable import serialize

    with suppress(Exception):  # each kind that cannot be serialized has its own
        program, *trees = serialize(compiled)
        _write(name, program, (trees[0], trees[1]))


def _write(name: str, program: bytes, trees: Trees) -> None:
    path = folder()
    if path is None:
        return
    data = zlib.compress(pickle.dumps((program, _dumped(trees))), 1)
    with (
        suppress(LaminaError, OSError),
        atomic_write(path / name, len(data), False) as f,
    ):
        f.write(data)


def replace_file(path: Path, data: bytes) -> None:
    """Write a file, if that is possible; other processes never see a part of it."""
    with (
        suppress(LaminaError, OSError),
        atomic_write(path, len(data), durable=False) as file,
    ):
        file.write(data)


def _dumped(trees: Trees) -> bytes:
    """Return trees as bytes, empty if they have classes defined in functions."""
    try:
        return pickle.dumps(trees)
    except Exception:  # of the user's classes
        return b""


def _loaded(trees: bytes) -> Trees:
    return _Unpickler(io.BytesIO(trees)).load()


class _Unpickler(pickle.Unpickler):
    """Unpickler that imports nothing, for a thread beside one that imports."""

    def find_class(self, module_name: str, global_name: str) -> Any:
        if module_name not in sys.modules:
            raise pickle.UnpicklingError(module_name)
        return super().find_class(module_name, global_name)


def _environment() -> tuple[object, ...]:
    """Return what programs depend on besides their text and options."""
    settings = [
        (name, str(value))
        for name, value in sorted(jax.config.values.items())
        if not any(part in name for part in _UNRELATED)
    ]
    versions = jax.__version__, jaxlib_version.__version__
    return versions, os.environ.get("XLA_FLAGS"), settings, _processor()


@functools.cache
def _processor() -> str:
    """Return the name and the features of the processor, if the system tells them."""
    with suppress(OSError):
        first, _, _ = Path("/proc/cpuinfo").read_text().partition("\n\n")
        names = ("model name", "flags", "Features", "CPU ")
        return "\n".join(x for x in first.splitlines() if x.startswith(names))
    return ""
