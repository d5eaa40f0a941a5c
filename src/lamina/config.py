"""Settings of the whole process: default float type, fuzz factor, image layout.

Importing this module also turns on JAX's persistent compile cache, in the user's
cache folder, unless one is configured already or `LAMINA_COMPILE_CACHE=off` is set.
Programs that call oneDNN, as convolutions do on x86 processors, can't be kept there.
On Linux, `import lamina` also has glibc keep freed memory for what comes next, up to
an eighth of all there is, unless glibc is configured already or
`LAMINA_ALLOCATOR=off` is set.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import jax

from lamina.errors import invalid

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
    "epsilon",
    "floatx",
    "image_data_format",
    "is_deterministic",
    "is_flash_attention_enabled",
    "is_interactive_logging_enabled",
    "is_traceback_filtering_enabled",
    "kernel",
    "matmul_precision",
    "memory_limit",
    "set_autotune",
    "set_dtype_policy",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "set_kernel",
    "set_matmul_precision",
    "set_memory_limit",
]


def __dir__() -> list[str]:
    return __all__


# By JAX's names, of which "bfloat16" leaves the choice to the device.
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
    "memory_limit": None,
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


# Makes a policy of a name. Policies are defined in `core`, which this file is before.
policy_of: list[Callable[[Any], Any]] = []


def dtype_policy() -> Any:
    """The policy of layers that are not given one: `floatx()` at first."""
    policy = _settings["dtype_policy"]
    return policy_of[0](floatx()) if policy is None else policy


def set_dtype_policy(policy: Any) -> None:
    """Set the policy of layers made from now on; `None` goes back to `floatx()`.

    Args:
        policy: a `DTypePolicy`, or a name such as `"mixed_bfloat16"`.
    """
    _settings["dtype_policy"] = None if policy is None else policy_of[0](policy)


def enable_interactive_logging() -> None:
    """Show progress on standard output, as at the start."""
    _settings["interactive_logging"] = True


def disable_interactive_logging() -> None:
    """Send the lines about progress to the logger `"lamina"`; no bar moves."""
    _settings["interactive_logging"] = False


def is_interactive_logging_enabled() -> bool:
    """Whether progress is shown on standard output."""
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


def matmul_precision() -> str | None:
    """What matrix products of float32 are computed in; `None` leaves it to JAX."""
    return _settings["matmul_precision"]


def set_matmul_precision(precision: str | None) -> None:
    """Set how exact matrix products and convolutions of float32 arrays are.

    "tensorfloat32" rounds what is multiplied to 10 bits after the point, "bfloat16" to
    7, and sums up in float32: GPUs and TPUs are several times faster at that. "float32"
    rounds nothing. On a GPU of 2020 or later JAX's own choice is "tensorfloat32"; on a
    CPU all are the same. Holds for what is traced from then on.

    Args:
        precision: "float32", "tensorfloat32", "bfloat16", or `None` for JAX's choice.

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
    """The form that an op is made to take, `None` for the one that suits it."""
    return _settings["kernels"].get(op)


def set_kernel(op: str, form: str | None) -> None:
    """Make an op take one form wherever that can run; `None` to end it.

    Holds for what is traced from then on, not for programs that are compiled already.

    Args:
        op: a name of `lamina.kernels.forms()`, such as `"conv"`.
        form: one of its forms there; `"reference"` is plain JAX.

    Example:
        >>> set_kernel("conv", "reference")
        >>> kernel("conv")
        'reference'
        >>> set_kernel("conv", None)
    """
    others = {k: v for k, v in _settings["kernels"].items() if k != op}
    _settings["kernels"] = others if form is None else {**others, op: form}


def enable_flash_attention() -> None:
    """Let attention choose a fused kernel, as at the start.

    A fused kernel never holds all scores at once. Which one runs follows from device,
    types and shapes; where none applies, attention takes its reference form.
    """
    _settings["flash_attention"] = True


def disable_flash_attention() -> None:
    """Make attention take its reference form, which holds all scores at once.

    A layer or call that is given `flash_attention=True` is not affected. Holds for
    what is traced from then on, not for programs that are compiled already.

    Example:
        >>> disable_flash_attention()
        >>> is_flash_attention_enabled()
        False
        >>> enable_flash_attention()
    """
    _settings["flash_attention"] = False


def is_flash_attention_enabled() -> bool:
    """Return whether attention may choose a fused kernel."""
    return _settings["flash_attention"]


def autotune() -> bool:
    """Whether close forms of an op may be timed, at first `True`."""
    return _settings["autotune"] and not _settings["deterministic"]


def set_autotune(enabled: bool) -> None:
    """Let close forms of an op be timed once on this machine, or choose by rules only.

    Timing takes at most a few hundredths of the first epoch, and its answers are kept
    beside the compile cache. Two machines, or one before and after, may then differ
    in the last bits of their results; a run that is kept with `fit(resume=...)` keeps
    its choices. The environment variable `LAMINA_AUTOTUNE=off` turns it off as well.
    """
    _settings["autotune"] = bool(enabled)


def enable_determinism(enabled: bool = True) -> None:
    """Let training on a GPU give the same bits each time it is run.

    A GPU adds up in whatever order its threads come to it, unless it is told not to,
    and its libraries are chosen by measuring. On a CPU the bits are the same anyway.
    Holds for what is compiled from then on, so call it at the beginning. Sums over
    many rows with equal indices, as in the gradient of an embedding, become slower.

    Args:
        enabled: false ends it.

    Example:
        >>> enable_determinism()
        >>> is_deterministic()
        True
        >>> enable_determinism(False)
    """
    _settings["deterministic"] = bool(enabled)


def is_deterministic() -> bool:
    """Whether `enable_determinism` was called."""
    return _settings["deterministic"]


def memory_limit() -> int:
    """How many bytes a variable, or all of a config's, may take: the machine's memory.

    What asks for more is refused in words, instead of ending the process.
    """
    return _settings["memory_limit"] or _memory_of_machine()


def set_memory_limit(size: int) -> None:
    """Set the value of `memory_limit()`, in bytes.

    A server that makes models of strangers' configs wants a low one.
    """
    if isinstance(size, bool) or not isinstance(size, int) or size <= 0:
        raise invalid("set_memory_limit", "size", size, "a positive number of bytes")
    _settings["memory_limit"] = size


@functools.cache
def _memory_of_machine() -> int:
    sizes = [2**40]
    if "SC_PHYS_PAGES" in getattr(os, "sysconf_names", ()):
        sizes.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    # In a container the machine has more memory than the process may use.
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        with suppress(OSError, ValueError):
            sizes.append(int((Path("/sys/fs/cgroup") / name).read_text()))
    return min(sizes)


def cache_folder() -> Path | None:
    """Where compiled programs are kept, `None` if they are not."""
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
    # JAX's defaults skip programs that compile in under a second: most of ours.
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


_enable_compile_cache()
