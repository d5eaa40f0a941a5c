"""`CallSpec`: the arguments of a layer's first call, as shapes and types."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax

from lamina.core.check import is_int
from lamina.core.dtypes import KNOWN_DTYPES
from lamina.core.graph import SymbolicTensor, infer, symbolic_leaves
from lamina.core.untrusted import check_output
from lamina.errors import FileFormatError
from lamina.layers.base.shapes import is_leaf
from lamina.typing import Config

# Bounds the cost of a file's call spec: each argument is traced separately.
_MAX_ARGUMENTS = 1000
_PLAIN = (bool, int, float, str, type(None))


class CallSpec:
    """The arguments of a call, with a symbolic tensor for each array.

    Unlike the shapes of `build`, it includes types, argument names and non-array
    arguments. Repeating the call recreates the variables and sublayers that a layer
    creates in `call`.

    Args:
        args: positional arguments, with symbolic tensors for arrays and `...` for
            values that are neither arrays nor plain.
        kwargs: keyword arguments, likewise.
    """

    def __init__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.args, self.kwargs = args, kwargs

    @classmethod
    def of(cls, args: tuple[Any, ...], kwargs: dict[str, Any]) -> CallSpec:
        """Create the spec of a call's arguments."""
        return cls(*jax.tree.map(_outline, (args, kwargs), is_leaf=is_leaf))

    def repeat(self, layer: Callable[..., Any]) -> None:
        """Call a layer with these arguments in shape inference."""
        infer(layer, self.args, self.kwargs)

    def get_config(self) -> Config | None:
        """Return the arguments for JSON, or None if they cannot be encoded."""
        try:
            config = {
                "args": [_encode(v) for v in self.args],
                "kwargs": {k: _encode(v) for k, v in self.kwargs.items()},
            }
        except TypeError:
            return None
        leaves = jax.tree.leaves((self.args, self.kwargs), is_leaf=is_leaf)
        return config if len(leaves) <= _MAX_ARGUMENTS else None

    @classmethod
    def from_config(cls, config: Config) -> CallSpec:
        """Create the spec that `get_config` describes.

        Raises:
            FileFormatError: the config is not valid, or an array is too large.
        """
        try:
            args = tuple(_decode(v) for v in config["args"])
            kwargs = {k: _decode(v) for k, v in config["kwargs"].items()}
            call: CallSpec | None = cls(args, kwargs)
        except (AttributeError, KeyError, TypeError, ValueError):
            call = None
        if call is None or call.get_config() is None:
            raise FileFormatError(
                "The file has a call spec of a layer that is not valid: it needs "
                "'args', a list, and 'kwargs', a dictionary. Save the model again."
            )
        for tensor in symbolic_leaves((call.args, call.kwargs)):
            check_output("An argument of a layer", tensor.shape, tensor.dtype)
        return call


def _outline(value: Any) -> Any:
    if isinstance(value, _PLAIN):
        return value
    dtype = str(getattr(value, "dtype", ""))
    is_array = hasattr(value, "shape") and dtype in KNOWN_DTYPES
    return SymbolicTensor(value.shape, dtype) if is_array else ...


def _encode(value: Any) -> dict[str, Any]:
    if isinstance(value, SymbolicTensor):
        return {"array": [list(value.shape), value.dtype]}
    if type(value) in (list, tuple):
        return {type(value).__name__: [_encode(v) for v in value]}
    if type(value) is dict and all(isinstance(k, str) for k in value):
        return {"dict": {k: _encode(v) for k, v in value.items()}}
    if isinstance(value, _PLAIN):
        return {"value": value}
    raise TypeError


def _decode(config: dict[str, Any]) -> Any:
    ((kind, content),) = config.items()
    if kind == "array":
        shape, dtype = content
        sizes = [n for n in shape if n is not None]
        if dtype in KNOWN_DTYPES and all(is_int(n) and n >= 0 for n in sizes):
            return SymbolicTensor(shape, dtype)
    if kind in ("list", "tuple"):
        values = [_decode(v) for v in content]
        return values if kind == "list" else tuple(values)
    if kind == "dict":
        return {k: _decode(v) for k, v in content.items()}
    if kind == "value" and isinstance(content, _PLAIN):
        return content
    raise ValueError
