"""Settings of the whole process: default float type, fuzz factor, image layout.

Importing this module also turns on JAX's persistent compile cache, in the user's
cache folder, unless one is configured already or `LAMINA_COMPILE_CACHE=off` is set.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import jax

from lamina.errors import invalid

__all__ = [
    "backend",
    "epsilon",
    "floatx",
    "image_data_format",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
]

_FLOAT_TYPES = ("bfloat16", "float16", "float32", "float64")
_settings: dict[str, Any] = {
    "floatx": "float32",
    "epsilon": 1e-7,
    "image_data_format": "channels_last",
}


def backend() -> str:
    """The name of the array engine, always `"jax"`."""
    return "jax"


def floatx() -> str:
    """The default float type of weights and inputs, `"float32"` at the start."""
    return _settings["floatx"]


def set_floatx(value: str) -> None:
    """Set the default float type: bfloat16, float16, float32 or float64."""
    if value not in _FLOAT_TYPES:
        raise invalid("set_floatx", "value", value, f"one of {_FLOAT_TYPES}")
    _settings["floatx"] = value


def epsilon() -> float:
    """The small number that keeps divisions and logarithms finite, 1e-7 at first."""
    return _settings["epsilon"]


def set_epsilon(value: float) -> None:
    """Set the value of `epsilon()`."""
    _settings["epsilon"] = float(value)


def image_data_format() -> str:
    """`"channels_last"` (the default) or `"channels_first"`."""
    return _settings["image_data_format"]


def set_image_data_format(data_format: str) -> None:
    """Set the layout that image layers use when they are not told one."""
    if data_format not in ("channels_last", "channels_first"):
        expected = "'channels_last' or 'channels_first'"
        raise invalid("set_image_data_format", "data_format", data_format, expected)
    _settings["image_data_format"] = data_format


def _cache_folder() -> Path | None:
    choice = os.environ.get("LAMINA_COMPILE_CACHE", "")
    if choice.lower() in ("off", "0", "none"):
        return None
    if choice:
        return Path(choice)
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "lamina" / "xla"


def _enable_compile_cache() -> None:
    folder = _cache_folder()
    settings: Any = jax.config
    if folder is None or settings.jax_compilation_cache_dir:
        return
    jax.config.update("jax_compilation_cache_dir", str(folder))
    # JAX's defaults skip programs that compile in under a second: most of ours.
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


_enable_compile_cache()
