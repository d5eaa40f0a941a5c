"""Functions of `tensorflow.debugging`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from jax.core import Tracer

from lamina.errors import ArgumentError
from lamina.typing import ArrayLike


def _compare(name: str, holds: Callable[[Any, Any], Any]) -> Callable[..., None]:
    def check(x: ArrayLike, y: ArrayLike, message: str = "", **_: object) -> None:
        if isinstance(x, Tracer) or isinstance(y, Tracer):
            return  # values are not known while a function is compiled
        if not np.all(holds(np.asarray(x), np.asarray(y))):
            raise ArgumentError(f"{message or name} {np.asarray(x)}, {np.asarray(y)}")

    check.__name__, check.__doc__ = name, f"Raise an error unless {name[7:]} holds."
    return check


assert_equal = _compare("assert_equal", np.equal)
assert_none_equal = _compare("assert_none_equal", np.not_equal)
assert_less = _compare("assert_less", np.less)
assert_less_equal = _compare("assert_less_equal", np.less_equal)
assert_greater = _compare("assert_greater", np.greater)
assert_greater_equal = _compare("assert_greater_equal", np.greater_equal)
assert_near = _compare("assert_near", lambda x, y: np.isclose(x, y, 1e-5, 1e-5))


def _elements(name: str, holds: Callable[[Any], Any]) -> Callable[..., None]:
    def check(x: ArrayLike, message: str = "", **_: object) -> None:
        if not isinstance(x, Tracer) and not np.all(holds(np.asarray(x))):
            raise ArgumentError(f"{message or name} {np.asarray(x)}")

    check.__name__, check.__doc__ = name, f"Raise an error unless all are {name[7:]}."
    return check


assert_positive = _elements("assert_positive", lambda x: x > 0)
assert_negative = _elements("assert_negative", lambda x: x < 0)
assert_non_negative = _elements("assert_non_negative", lambda x: x >= 0)
assert_non_positive = _elements("assert_non_positive", lambda x: x <= 0)
assert_all_finite = _elements("assert_all_finite", np.isfinite)
assert_integer = _elements("assert_integer", lambda x: x.dtype.kind in "iu")
assert_scalar = _elements("assert_scalar", lambda x: x.ndim == 0)


def assert_type(tensor: Any, tf_type: object, message: str = "", **_: object) -> None:
    """Raise an error if an array has another element type."""
    if str(tensor.dtype) != str(tf_type):
        raise ArgumentError(
            f"{message or 'assert_type'}: {tensor.dtype}, not {tf_type}"
        )


def assert_shapes(shapes: object, **_: object) -> None:
    """Do nothing: a function that takes the arrays raises an error."""


def assert_rank(x: Any, rank: int, message: str = "", **_: object) -> None:
    """Raise an error if an array has another number of axes."""
    if len(x.shape) != rank:
        raise ArgumentError(
            f"{message or 'assert_rank'}: {x.shape} has not {rank} axes"
        )


def check_numerics(tensor: ArrayLike, message: str, name: str = "") -> Any:
    """Return an array, whose values must be finite."""
    if not isinstance(tensor, Tracer) and not np.all(np.isfinite(np.asarray(tensor))):
        raise ArgumentError(f"{message}: the array has values that are not finite.")
    return tensor


def set_log_device_placement(enabled: bool) -> None:
    """Do nothing: JAX places arrays."""


def enable_check_numerics(*_: object, **__: object) -> None:
    """Do nothing: `fit` stops at values that are not finite."""


disable_check_numerics = enable_check_numerics
