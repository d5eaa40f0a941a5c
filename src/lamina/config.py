"""Global settings: default float type, epsilon, image layout, kernels, memory.

Importing this module also turns on JAX's persistent compile cache, in the user's
cache folder, unless one is configured already or `LAMINA_COMPILE_CACHE=off` is set.
Programs that call oneDNN, as convolutions do on x86 processors, cannot be stored there.
On Linux, `import lamina` also makes glibc retain freed memory, up to an eighth of the
machine's memory, unless glibc is configured already or `LAMINA_ALLOCATOR=off` is set.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NoReturn

from lamina.errors import ArgumentError, invalid
from lamina.execution import (
    autotune,
    cache_folder,
    disable_flash_attention,
    enable_determinism,
    enable_flash_attention,
    is_deterministic,
    is_flash_attention_enabled,
    kernel,
    matmul_precision,
    set_autotune,
    set_kernel,
    set_matmul_precision,
)
from lamina.limits import (
    max_epochs,
    max_steps_per_epoch,
    memory_limit,
    set_max_epochs,
    set_max_steps_per_epoch,
    set_memory_limit,
)
from lamina.tracebacks import (
    disable_traceback_filtering,
    enable_traceback_filtering,
    filter_traceback,
    is_traceback_filtering_enabled,
)

__all__ = [
    "autotune",
    "backend",
    "cache_folder",
    "checks",
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
    "set_checks",
    "set_dtype_policy",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "set_kernel",
    "set_matmul_precision",
    "set_max_epochs",
    "set_max_steps_per_epoch",
    "set_memory_limit",
    "silenced_checks",
]


def __dir__() -> list[str]:
    return __all__


_FLOAT_TYPES = ("bfloat16", "float16", "float32", "float64")
_settings: dict[str, Any] = {
    "floatx": "float32",
    "epsilon": 1e-7,
    "image_data_format": "channels_last",
    "dtype_policy": None,
    "interactive_logging": True,
    "checks": "all",
    "silenced_checks": frozenset(),
}


def backend() -> str:
    """Return the name of the backend, always `"jax"`.

    Example:
        >>> backend()
        'jax'
    """
    return "jax"


def floatx() -> str:
    """Return the default float type of weights and inputs, initially `"float32"`.

    Example:
        >>> floatx()
        'float32'
    """
    return _settings["floatx"]


@filter_traceback
def set_floatx(value: str) -> None:
    """Set the default float type: bfloat16, float16, float32 or float64.

    Example:
        >>> set_floatx("bfloat16")
        >>> lamina.ops.zeros(2).dtype.name
        'bfloat16'
        >>> set_floatx("float32")
    """
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
    """Return the default policy of layers, initially that of `floatx()`.

    Example:
        >>> dtype_policy().name
        'float32'
    """
    policy = _settings["dtype_policy"]
    return _settings["make_policy"](floatx()) if policy is None else policy


@filter_traceback
def set_dtype_policy(policy: object) -> None:
    """Set the default policy of new layers; `None` restores that of `floatx()`.

    Args:
        policy: a `DTypePolicy`, or a name such as `"mixed_bfloat16"`.

    Example:
        >>> set_dtype_policy("mixed_bfloat16")
        >>> layer = lamina.layers.Dense(1)
        >>> layer.compute_dtype, layer.variable_dtype
        ('bfloat16', 'float32')
        >>> set_dtype_policy(None)
    """
    make_policy = _settings["make_policy"]
    _settings["dtype_policy"] = None if policy is None else make_policy(policy)


def enable_interactive_logging() -> None:
    """Show progress on standard output, the default.

    Example:
        >>> enable_interactive_logging()
        >>> is_interactive_logging_enabled()
        True
    """
    _settings["interactive_logging"] = True


def disable_interactive_logging() -> None:
    """Send progress to the logger `"lamina"`, without progress bars.

    Example:
        >>> disable_interactive_logging()
        >>> is_interactive_logging_enabled()
        False
        >>> enable_interactive_logging()
    """
    _settings["interactive_logging"] = False


def is_interactive_logging_enabled() -> bool:
    """Return whether progress is shown on standard output.

    Example:
        >>> is_interactive_logging_enabled()
        True
    """
    return _settings["interactive_logging"]


def checks() -> str:
    """Return which mistakes `fit` looks for, as set by `set_checks`.

    Example:
        >>> checks()
        'all'
    """
    return _settings["checks"]


@filter_traceback
def set_checks(level: str = "all", silence: Iterable[str] = ()) -> None:
    """Set which mistakes `fit` looks for in the model, the data and the arguments.

    Args:
        level: `"all"`, the default, warns of likely mistakes; `"errors"` only raises
            errors; `"off"` does not look for any, nor at the values of the data.
        silence: one or more codes of findings to leave out, such as `"unscaled-input"`.

    Raises:
        ArgumentError: the level is unknown.

    Example:
        >>> set_checks("all", silence=["unscaled-input"])
        >>> silenced_checks()
        frozenset({'unscaled-input'})
        >>> set_checks("all")
    """
    if level not in ("all", "errors", "off"):
        raise invalid("set_checks", "level", level, "'all', 'errors' or 'off'")
    codes = [silence] if isinstance(silence, str) else silence
    _settings["checks"], _settings["silenced_checks"] = level, frozenset(codes)


def silenced_checks() -> frozenset[str]:
    """Return the codes that `set_checks` silences.

    Example:
        >>> sorted(silenced_checks())
        []
    """
    return _settings["silenced_checks"]


def epsilon() -> float:
    """Return the constant that keeps divisions finite, initially 1e-7.

    Example:
        >>> epsilon()
        1e-07
    """
    return _settings["epsilon"]


@filter_traceback
def set_epsilon(value: float) -> None:
    """Set the value of `epsilon()`.

    Example:
        >>> set_epsilon(1e-5)
        >>> epsilon()
        1e-05
        >>> set_epsilon(1e-7)
    """
    _settings["epsilon"] = float(value)


def image_data_format() -> str:
    """Return `"channels_last"` (the default) or `"channels_first"`.

    Example:
        >>> image_data_format()
        'channels_last'
    """
    return _settings["image_data_format"]


@filter_traceback
def set_image_data_format(data_format: str) -> None:
    """Set the default data format of image layers.

    Example:
        >>> set_image_data_format("channels_first")
        >>> lamina.layers.Conv2D(8, 3).compute_output_shape((None, 3, 32, 32))
        (None, 8, 30, 30)
        >>> set_image_data_format("channels_last")
    """
    if data_format not in ("channels_last", "channels_first"):
        expected = "'channels_last' or 'channels_first'"
        raise invalid("set_image_data_format", "data_format", data_format, expected)
    _settings["image_data_format"] = data_format


def is_nnx_enabled() -> bool:
    """Return whether layers are modules of Flax NNX, always `False`.

    Example:
        >>> is_nnx_enabled()
        False
    """
    return False


@filter_traceback
def set_backend(backend: str) -> None:
    """Accept `"jax"`, the only backend; Keras's function for other programs.

    Raises:
        ArgumentError: another backend.

    Example:
        >>> set_backend("jax")
    """
    if backend != "jax":
        hint = "lamina computes with JAX only: remove the call."
        raise invalid("set_backend", "backend", backend, "'jax'", hint)


def enable_unsafe_deserialization() -> NoReturn:
    """Raise an error: lamina never runs code from a file.

    Raises:
        ArgumentError: always; the message has an alternative.

    Example:
        >>> enable_unsafe_deserialization()
        Traceback (most recent call last):
            ...
        lamina.errors.ArgumentError: There is no unsafe mode: lamina never runs code ...
    """
    raise ArgumentError(
        "There is no unsafe mode: lamina never runs code from a file. Pass the "
        "functions that the model needs: `load_model(path, custom_objects={...})`."
    )
