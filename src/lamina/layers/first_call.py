"""How a layer was first called, so that it can be called in the same way again."""

from __future__ import annotations

from typing import Any

import jax

from lamina.core.dtypes import KNOWN_DTYPES
from lamina.core.graph import SymbolicTensor, infer
from lamina.core.limits import check_output
from lamina.core.variable import Variable
from lamina.errors import FileFormatError

__all__ = ["FirstCall"]

_PLAIN = (bool, int, float, str, type(None))


class FirstCall:
    """The arguments of a call, with a shape and a type for each array.

    The call tells what the shapes given to `build` don't: types, which argument an
    array was, what stood beside the arrays. So a layer whose variables or sublayers
    are made in its `call` is made again by another call.

    Args:
        args: positional arguments, with symbolic tensors for arrays and `...` for what
            is neither an array nor a plain value.
        kwargs: keyword arguments, likewise.
    """

    def __init__(self, args: Any, kwargs: Any) -> None:
        self.args, self.kwargs = args, kwargs

    @classmethod
    def of(cls, args: Any, kwargs: Any) -> FirstCall:
        """What is worth keeping of a call's arguments."""
        return cls(*jax.tree.map(_outline, (args, kwargs), is_leaf=_is_leaf))

    def repeat(self, layer: Any) -> None:
        """Call a layer so, without computing anything."""
        infer(layer, self.args, self.kwargs)

    def get_config(self) -> dict[str, Any] | None:
        """The arguments as JSON can hold them, or `None` if it can't."""
        try:
            return {
                "args": [_encoded(v) for v in self.args],
                "kwargs": {k: _encoded(v) for k, v in self.kwargs.items()},
            }
        except TypeError:
            return None

    @classmethod
    def from_config(cls, config: Any) -> FirstCall:
        """The call that `get_config` describes.

        Raises:
            FileFormatError: it describes none, or arrays of absurd size.
        """
        try:
            args = tuple(_decoded(v) for v in config["args"])
            return cls(args, {k: _decoded(v) for k, v in config["kwargs"].items()})
        except (AttributeError, KeyError, TypeError, ValueError):
            raise FileFormatError(
                "The file does not say in a known way how a layer was called."
            ) from None


def _is_leaf(value: Any) -> bool:
    return value is None or isinstance(value, (SymbolicTensor, Variable))


def _outline(value: Any) -> Any:
    if isinstance(value, _PLAIN):
        return value
    dtype = str(getattr(value, "dtype", ""))
    return SymbolicTensor(value.shape, dtype) if dtype in KNOWN_DTYPES else ...


def _encoded(value: Any) -> dict[str, Any]:
    if isinstance(value, SymbolicTensor):
        return {"array": [list(value.shape), value.dtype]}
    if type(value) in (list, tuple):
        return {type(value).__name__: [_encoded(v) for v in value]}
    if type(value) is dict and all(isinstance(k, str) for k in value):
        return {"dict": {k: _encoded(v) for k, v in value.items()}}
    if isinstance(value, _PLAIN):
        return {"value": value}
    raise TypeError


def _decoded(config: dict[str, Any]) -> Any:
    ((kind, content),) = config.items()
    if kind == "array":
        shape, dtype = content
        sizes = tuple(None if n is None else int(n) for n in shape)
        if dtype not in KNOWN_DTYPES or any(n is not None and n < 0 for n in sizes):
            raise ValueError
        check_output("An argument of a layer", sizes, dtype)
        return SymbolicTensor(sizes, dtype)
    if kind in ("list", "tuple"):
        values = [_decoded(v) for v in content]
        return values if kind == "list" else tuple(values)
    if kind == "dict":
        return {k: _decoded(v) for k, v in content.items()}
    if kind == "value" and isinstance(content, _PLAIN):
        return content
    raise ValueError
