"""Functions of TensorFlow that programs with tf.keras use, on JAX and NumPy.

Tensors are arrays of JAX; text is in NumPy arrays. Functions are declared in `tables`
or defined in the modules that it names, and are imported on first use.
"""

from __future__ import annotations

import contextlib
import logging
import time
from typing import Any

from lamina.compat.tensorflow.base import tables
from lamina.compat.tensorflow.base.declare import declared
from lamina.compat.tensorflow.base.tensors import DType, on_host

_TYPES = (
    *("bfloat16", "bool", "complex64", "complex128", "float16", "float32", "float64"),
    *("int8", "int16", "int32", "int64", "string", "uint8", "uint16", "uint32"),
    *("uint64", "resource", "variant"),
)
globals().update({name: DType(name) for name in _TYPES})
double, half = DType("float64"), DType("float16")
newaxis = None
__getattr__ = declared(__name__, tables.ROOT)


def device(device_name: object) -> contextlib.AbstractContextManager[None]:
    """Return a block in which nothing changes: JAX places arrays."""
    return contextlib.nullcontext()


def name_scope(name: str) -> contextlib.AbstractContextManager[Any]:
    """Return a block in which nothing changes: there is no graph of operations."""
    return contextlib.nullcontext(name)


def init_scope() -> contextlib.AbstractContextManager[None]:
    """Return a block in which nothing changes."""
    return contextlib.nullcontext()


def control_dependencies(inputs: object) -> contextlib.AbstractContextManager[None]:
    """Return a block in which nothing changes: code runs in its order."""
    return contextlib.nullcontext()


def no_op(name: str = "") -> None:
    """Do nothing."""


def group(*inputs: object, name: str = "") -> None:
    """Do nothing: the operations that are passed have run."""


def executing_eagerly() -> Any:
    """Return true: there are no sessions."""
    return True


def timestamp(name: str = "") -> Any:
    """Return the seconds since 1970, as a float of 64 bits."""
    return on_host(time.time())


def get_logger() -> logging.Logger:
    """Return the logger "tensorflow", to which nothing is written."""
    return logging.getLogger("tensorflow")
