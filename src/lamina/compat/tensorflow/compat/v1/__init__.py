"""Names of TensorFlow 1, also `tensorflow.compat.v1`, for programs that run eagerly.

Programs of TensorFlow 1 find them in `tensorflow` itself.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

from lamina import ops
from lamina.compat.keras.backend.variables import Session as _Session
from lamina.compat.tensorflow.base import control, tables
from lamina.compat.tensorflow.base.declare import declared
from lamina.compat.tensorflow.base.tensors import as_dtype
from lamina.compat.tensorflow.base.variables import Variable
from lamina.core.variable import Variable as _Variable
from lamina.initializers import GlorotUniform, Zeros
from lamina.ops.types import Tensor
from lamina.typing import ArrayLike, DTypeLike, Shape

__getattr__ = declared(__name__, tables.VERSION_1)
AUTO_REUSE = True


def _nothing(*_: object, **__: object) -> None:
    """Do nothing: operations always run at once, and variables have their values."""


enable_eager_execution = disable_eager_execution = enable_resource_variables = _nothing
enable_v2_behavior = disable_v2_behavior = reset_default_graph = _nothing
global_variables_initializer = local_variables_initializer = _nothing
initialize_all_variables = tables_initializer = _nothing


class ConfigProto:
    """Settings of a session, which have no effect.

    Args:
        **settings: attributes.
    """

    def __init__(self, **settings: object) -> None:
        vars(self).update(settings)

    def __getattr__(self, name: str) -> ConfigProto:
        if name.startswith("__"):
            raise AttributeError(name)
        return vars(self).setdefault(name, ConfigProto())


GPUOptions = ConfigProto


def Print(
    input_: Tensor, data: Sequence[Any], message: str = "", *_: object, **__: object
) -> Any:
    """Print values after a message, and return the first argument."""
    control.print(message, *data)
    return input_


class Graph:
    """Graph of TensorFlow 1, in whose block operations run as they do elsewhere."""

    def as_default(self) -> contextlib.AbstractContextManager[Graph]:
        """Return a block in which nothing changes."""
        return contextlib.nullcontext(self)

    def finalize(self) -> None:
        """Do nothing."""


def get_default_graph() -> Graph:
    """Return a graph, which has no effect."""
    return Graph()


class Session(_Session):
    """Session that computes symbolic tensors of models; others have their values.

    Args:
        target: has no effect.
        graph: has no effect.
        config: has no effect.
    """

    def __init__(
        self, target: object = "", graph: object = None, config: object = None
    ) -> None:
        self.graph = Graph()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        """Do nothing."""

    as_default, close = __enter__, __exit__

    def run(self, fetches: Any, feed_dict: Any = None, **_: object) -> Any:
        """Return the values of tensors; `None` for an operation that has run."""
        return None if fetches is None else super().run(fetches, feed_dict)


def variable_scope(
    *names: object, **_: object
) -> contextlib.AbstractContextManager[Any]:
    """Return a block in which nothing changes: there is no graph of operations."""
    return contextlib.nullcontext(next(iter(names), None))


def get_variable(
    name: str,
    shape: Shape | None = None,
    dtype: DTypeLike = None,
    initializer: Any = None,
    regularizer: object = None,
    trainable: bool = True,
    **_: object,
) -> Variable:
    """Return a new variable; its initializer is `glorot_uniform` by default."""
    if initializer is None:
        is_float = dtype is None or as_dtype(dtype).is_floating
        initializer = GlorotUniform() if is_float else Zeros()
    value: Any = initializer() if isinstance(initializer, type) else initializer
    if callable(value):
        dtype = "float32" if dtype is None else dtype
        value = value(shape, str(as_dtype(dtype)))
    return Variable(value, trainable, name=name, dtype=dtype)


def assign(ref: _Variable, value: ArrayLike, *_: object, **__: object) -> Any:
    """Replace the value of a variable."""
    return ref.assign(value)


def assign_add(ref: _Variable, value: ArrayLike, *_: object, **__: object) -> Any:
    """Add to the value of a variable."""
    return ref.assign_add(value)


def assign_sub(ref: _Variable, value: ArrayLike, *_: object, **__: object) -> Any:
    """Subtract from the value of a variable."""
    return ref.assign_sub(value)


def div(x: Tensor, y: Tensor, name: str | None = None) -> Any:
    """Divide; the quotient of integers is rounded down."""
    dtypes = [ops.convert_to_tensor(v).dtype for v in (x, y)]
    is_integer = all("int" in str(dtype) for dtype in dtypes)
    return ops.floor_divide(x, y) if is_integer else ops.divide(x, y)


def to_float(x: Tensor, name: str | None = None) -> Any:
    """Return numbers as float32."""
    return ops.cast(x, "float32")


def to_int32(x: Tensor, name: str | None = None) -> Any:
    """Return numbers as int32."""
    return ops.cast(x, "int32")


to_double, to_int64 = to_float, to_int32


class _Logging:
    """Names of `tensorflow.compat.v1.logging`."""

    DEBUG, INFO, WARN, ERROR, FATAL = 10, 20, 30, 40, 50

    @staticmethod
    def set_verbosity(level: object) -> None:
        """Do nothing: TensorFlow writes no messages here."""

    debug = info = warn = warning = error = fatal = log = staticmethod(_nothing)


logging = _Logging()
