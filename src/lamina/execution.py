"""Settings of compiled programs: kernels, precision, determinism, the compile cache.

`lamina.config` publishes them.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import jax

from lamina.errors import invalid
from lamina.tracebacks import filter_traceback

# JAX's names. Its "bfloat16" would leave the choice to the device.
_PRECISIONS = {
    "float32": "float32",
    "tensorfloat32": "tensorfloat32",
    "bfloat16": "BF16_BF16_F32",
}
_settings: dict[str, Any] = {
    "deterministic": False,
    "flash_attention": True,
    "kernels": {},
    "matmul_precision": None,
    "autotune": os.environ.get("LAMINA_AUTOTUNE", "").lower() not in ("off", "0"),
}


def matmul_precision() -> str | None:
    """Return the precision of float32 matrix products; `None` for JAX's default.

    Example:
        >>> print(matmul_precision())
        None
    """
    return _settings["matmul_precision"]


@filter_traceback
def set_matmul_precision(precision: str | None) -> None:
    """Set the precision of matrix products and convolutions of float32 arrays.

    "tensorfloat32" rounds factors to 10 fraction bits and "bfloat16" to 7; both
    accumulate in float32. GPUs and TPUs are then several times faster. "float32" does
    not round factors. On a GPU of 2020 or later JAX's default is "tensorfloat32"; on a
    CPU all are equal. Applies to functions that are traced afterwards.

    Args:
        precision: "float32", "tensorfloat32", "bfloat16", or `None` for JAX's default.

    Example:
        >>> set_matmul_precision("tensorfloat32")
        >>> matmul_precision()
        'tensorfloat32'
        >>> set_matmul_precision(None)
    """
    if precision is not None and precision not in _PRECISIONS:
        expected = f"one of {(*_PRECISIONS,)}, or None"
        raise invalid("set_matmul_precision", "precision", precision, expected)
    _settings["matmul_precision"] = precision
    name = None if precision is None else _PRECISIONS[precision]
    jax.config.update("jax_default_matmul_precision", name)


def kernel(op: str) -> str | None:
    """Return the kernel selected for an op, or `None` for automatic selection.

    Example:
        >>> print(kernel("conv"))
        None
    """
    return _settings["kernels"].get(op)


@filter_traceback
def set_kernel(op: str, kernel: str | None) -> None:
    """Select a kernel for an op wherever the kernel applies.

    Applies to functions that are traced afterwards, not to compiled programs.

    Args:
        op: a name of `lamina.kernels.available()`, such as `"conv"`.
        kernel: one of the op's kernels; `"reference"` is plain JAX, `None` restores
            automatic selection.

    Example:
        >>> set_kernel("conv", "reference")
        >>> kernel("conv")
        'reference'
        >>> set_kernel("conv", None)
    """
    others = {k: v for k, v in _settings["kernels"].items() if k != op}
    _settings["kernels"] = others if kernel is None else {**others, op: kernel}


def enable_flash_attention() -> None:
    """Let attention use fused kernels, the default.

    A fused kernel never stores all scores at once. Device, types and shapes determine
    the kernel; where none applies, attention uses its reference kernel.

    Example:
        >>> enable_flash_attention()
        >>> is_flash_attention_enabled()
        True
    """
    _settings["flash_attention"] = True


def disable_flash_attention() -> None:
    """Make attention use its reference kernel, which stores all scores at once.

    Does not affect layers and calls with `flash_attention=True`. Applies to functions
    that are traced afterwards, not to compiled programs.

    Example:
        >>> disable_flash_attention()
        >>> is_flash_attention_enabled()
        False
        >>> enable_flash_attention()
    """
    _settings["flash_attention"] = False


def is_flash_attention_enabled() -> bool:
    """Return whether attention may use fused kernels.

    Example:
        >>> is_flash_attention_enabled()
        True
    """
    return _settings["flash_attention"]


def autotune() -> bool:
    """Return whether the autotuner may time kernels, initially `True`.

    Example:
        >>> set_autotune(False)
        >>> autotune()
        False
        >>> set_autotune(True)
    """
    return _settings["autotune"] and not _settings["deterministic"]


def set_autotune(enabled: bool) -> None:
    """Turn the autotuner on or off.

    The autotuner times kernels of an op that are about equally fast. It takes a few
    percent of the first epoch and stores its results beside the compile cache. Results
    of two machines, or before and after timing, may then differ in the last bits; a
    run that `fit(resume=...)` resumes reuses its kernels. The environment variable
    `LAMINA_AUTOTUNE=off` also turns the autotuner off.

    Example:
        >>> set_autotune(False)
        >>> autotune()
        False
        >>> set_autotune(True)
    """
    _settings["autotune"] = bool(enabled)


def enable_determinism(enabled: bool = True) -> None:
    """Make training on a GPU reproducible bit by bit.

    By default a GPU sums in an order that depends on its threads, and XLA chooses
    libraries by timing them. On a CPU results are always reproducible. Applies to
    programs that are compiled afterwards, so call it first. Sums over many rows with
    equal indices, as in the gradient of an embedding, become slower.

    Args:
        enabled: whether to turn determinism on or off.

    Example:
        >>> enable_determinism()
        >>> is_deterministic()
        True
        >>> enable_determinism(False)
    """
    _settings["deterministic"] = bool(enabled)


def is_deterministic() -> bool:
    """Return whether `enable_determinism` was called.

    Example:
        >>> is_deterministic()
        False
    """
    return _settings["deterministic"]


def cache_folder() -> Path | None:
    """Return the folder of the compile cache, `None` if it is turned off.

    A folder that cannot be made or written is not used.

    Example:
        >>> cache_folder()
        PosixPath('.../xla')
    """
    choice = os.environ.get("LAMINA_COMPILE_CACHE", "")
    if choice.lower() in ("off", "0", "none"):
        return None
    if choice:
        return Path(choice)
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "lamina" / "xla"


def _enable_compile_cache() -> None:
    folder = cache_folder()
    settings: Any = jax.config
    if folder is None or settings.jax_compilation_cache_dir:
        return
    if not _is_writable(folder):  # JAX would warn at each program
        return
    jax.config.update("jax_compilation_cache_dir", str(folder))
    # JAX's defaults skip programs that compile in under a second, as most here do.
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def _is_writable(folder: Path) -> bool:
    """Return whether a folder can be written, or be made."""
    whole = folder.absolute()
    existing = next(p for p in (whole, *whole.parents) if os.path.exists(p))
    return existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)


_enable_compile_cache()
