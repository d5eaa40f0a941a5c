"""Global settings: default float type, epsilon, image layout, kernels, memory.

Importing this module also turns on JAX's persistent compile cache, in the user's
cache folder, unless one is configured already or `LAMINA_COMPILE_CACHE=off` is set.
Programs that call oneDNN, as convolutions do on x86 processors, cannot be stored there.
On Linux, `import lamina` also makes glibc retain freed memory, up to an eighth of the
machine's memory, unless glibc is configured already or `LAMINA_ALLOCATOR=off` is set.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import jax

from lamina.errors import ArgumentError, invalid
from lamina.limits import (
    max_epochs,
    max_steps_per_epoch,
    memory_limit,
    set_max_epochs,
    set_max_steps_per_epoch,
    set_memory_limit,
)

__all__ = [
    "autotune",
    "backend",
    "cache_folder",
    "disable_flash_attention",
    "disable_interactive_logging",
    "disable_traceback_filtering",
    "dtype_policy",
    "enable_determinism",
    "enable_flash_attention",
    "enable_interactive_logging",
    "enable_traceback_filtering",
    "enable_unsafe_deserialization",
    "epsilon",
    "floatx",
    "image_data_format",
    "is_deterministic",
    "is_flash_attention_enabled",
    "is_interactive_logging_enabled",
    "is_nnx_enabled",
    "is_traceback_filtering_enabled",
    "kernel",
    "matmul_precision",
    "max_epochs",
    "max_steps_per_epoch",
    "memory_limit",
    "set_autotune",
    "set_backend",
    "set_dtype_policy",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "set_kernel",
    "set_matmul_precision",
    "set_max_epochs",
    "set_max_steps_per_epoch",
    "set_memory_limit",
]


def __dir__() -> list[str]:
    return __all__


# JAX's names. Its "bfloat16" would leave the choice to the device.
_PRECISIONS = {
    "float32": "float32",
    "tensorfloat32": "tensorfloat32",
    "bfloat16": "BF16_BF16_F32",
}
_FLOAT_TYPES = ("bfloat16", "float16", "float32", "float64")
_settings: dict[str, Any] = {
    "floatx": "float32",
    "epsilon": 1e-7,
    "image_data_format": "channels_last",
    "deterministic": False,
    "dtype_policy": None,
    "interactive_logging": True,
    "flash_attention": True,
    "traceback_filtering": True,
    "kernels": {},
    "matmul_precision": None,
    "autotune": os.environ.get("LAMINA_AUTOTUNE", "").lower() not in ("off", "0"),
}


def backend() -> str:
    """Return the name of the backend, always `"jax"`."""
    return "jax"


def floatx() -> str:
    """Return the default float type of weights and inputs, initially `"float32"`."""
    return _settings["floatx"]


def set_floatx(value: str) -> None:
    """Set the default float type: bfloat16, float16, float32 or float64."""
    if value not in _FLOAT_TYPES:
        raise invalid("set_floatx", "value", value, f"one of {_FLOAT_TYPES}")
    _settings["floatx"] = value


def register_policies(make_policy: Callable[[Any], Any]) -> None:
    """Set the function that makes a dtype policy from its name; `core.dtypes` calls it.

    Args:
        make_policy: takes a policy or its name.
    """
    _settings["make_policy"] = make_policy


def dtype_policy() -> Any:
    """Return the default policy of layers, initially that of `floatx()`."""
    policy = _settings["dtype_policy"]
    return _settings["make_policy"](floatx()) if policy is None else policy


def set_dtype_policy(policy: Any) -> None:
    """Set the default policy of new layers; `None` restores that of `floatx()`.

    Args:
        policy: a `DTypePolicy`, or a name such as `"mixed_bfloat16"`.
    """
    make_policy = _settings["make_policy"]
    _settings["dtype_policy"] = None if policy is None else make_policy(policy)


def enable_interactive_logging() -> None:
    """Show progress on standard output, the default."""
    _settings["interactive_logging"] = True


def disable_interactive_logging() -> None:
    """Send progress to the logger `"lamina"`, without progress bars."""
    _settings["interactive_logging"] = False


def is_interactive_logging_enabled() -> bool:
    """Return whether progress is shown on standard output."""
    return _settings["interactive_logging"]


def enable_traceback_filtering() -> None:
    """Show only your own frames in the traceback of an error, the default."""
    _settings["traceback_filtering"] = True


def disable_traceback_filtering() -> None:
    """Show the frames of lamina and JAX in the traceback of an error as well.

    Do so to debug lamina itself, or to inspect its frames with `pdb.post_mortem`.
    """
    _settings["traceback_filtering"] = False


def is_traceback_filtering_enabled() -> bool:
    """Return whether tracebacks show only your own frames."""
    return _settings["traceback_filtering"]


def epsilon() -> float:
    """Return the constant that keeps divisions finite, initially 1e-7."""
    return _settings["epsilon"]


def set_epsilon(value: float) -> None:
    """Set the value of `epsilon()`."""
    _settings["epsilon"] = float(value)


def image_data_format() -> str:
    """Return `"channels_last"` (the default) or `"channels_first"`."""
    return _settings["image_data_format"]


def set_image_data_format(data_format: str) -> None:
    """Set the default data format of image layers."""
    if data_format not in ("channels_last", "channels_first"):
        expected = "'channels_last' or 'channels_first'"
        raise invalid("set_image_data_format", "data_format", data_format, expected)
    _settings["image_data_format"] = data_format


def matmul_precision() -> str | None:
    """Return the precision of float32 matrix products; `None` for JAX's default."""
    return _settings["matmul_precision"]


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
    """Return the kernel selected for an op, or `None` for automatic selection."""
    return _settings["kernels"].get(op)


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
    """Return whether attention may use fused kernels."""
    return _settings["flash_attention"]


def autotune() -> bool:
    """Return whether the autotuner may time kernels, initially `True`."""
    return _settings["autotune"] and not _settings["deterministic"]


def set_autotune(enabled: bool) -> None:
    """Turn the autotuner on or off.

    The autotuner times kernels of an op that are about equally fast. It takes a few
    percent of the first epoch and stores its results beside the compile cache. Results
    of two machines, or before and after timing, may then differ in the last bits; a
    run that `fit(resume=...)` resumes reuses its kernels. The environment variable
    `LAMINA_AUTOTUNE=off` also turns the autotuner off.
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
    """Return whether `enable_determinism` was called."""
    return _settings["deterministic"]


def is_nnx_enabled() -> bool:
    """Return whether layers are modules of Flax NNX, always `False`."""
    return False


def set_backend(backend: str) -> None:
    """Accept `"jax"`, the only backend; Keras's function for other programs.

    Raises:
        ArgumentError: another backend.
    """
    if backend != "jax":
        hint = "lamina computes with JAX only: remove the call."
        raise invalid("set_backend", "backend", backend, "'jax'", hint)


def enable_unsafe_deserialization() -> NoReturn:
    """Raise an error: lamina never runs code from a file.

    Raises:
        ArgumentError: always; the message has an alternative.
    """
    raise ArgumentError(
        "There is no unsafe mode: lamina never runs code from a file. Pass the "
        "functions that the model needs: `load_model(path, custom_objects={...})`."
    )


def cache_folder() -> Path | None:
    """Return the folder of the compile cache, `None` if it is turned off."""
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
    jax.config.update("jax_compilation_cache_dir", str(folder))
    # JAX's defaults skip programs that compile in under a second, as most here do.
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


_enable_compile_cache()
