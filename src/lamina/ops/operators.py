"""Python's operators for variables and symbolic tensors.

`core` defines both classes but may not know the ops, so their operators come from here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lamina.core.graph import SymbolicTensor
from lamina.core.variable import Variable
from lamina.ops import linalg
from lamina.ops.numpy import elementwise, index, logic, shapes

__all__ = ["attach"]

_BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "add": elementwise.add,
    "sub": elementwise.subtract,
    "mul": elementwise.multiply,
    "truediv": elementwise.divide,
    "floordiv": elementwise.floor_divide,
    "mod": elementwise.mod,
    "pow": elementwise.power,
    "matmul": linalg.matmul,
    "and": logic.logical_and,
    "or": logic.logical_or,
    "xor": logic.logical_xor,
}

_OTHERS: dict[str, Callable[..., Any]] = {
    "__lt__": logic.less,
    "__le__": logic.less_equal,
    "__gt__": logic.greater,
    "__ge__": logic.greater_equal,
    "__ne__": logic.not_equal,
    "__neg__": elementwise.negative,
    "__abs__": elementwise.absolute,
    "__invert__": logic.logical_not,
    "__round__": elementwise.round,
    "__getitem__": index.get_item,
}


def _method(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda self, *args: function(self, *args)


def _reflected(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda self, other: function(other, self)


def attach() -> None:
    """Give variables and symbolic tensors their operators."""
    for cls in (Variable, SymbolicTensor):
        for name, function in _BINARY.items():
            setattr(cls, f"__{name}__", _method(function))
            setattr(cls, f"__r{name}__", _reflected(function))
        for name, function in _OTHERS.items():
            setattr(cls, name, _method(function))
    for function in (shapes.reshape, shapes.squeeze):
        setattr(SymbolicTensor, function.__name__, function)
    # A symbolic tensor stays equal to itself alone, so that it can be found in lists.
    Variable.__eq__ = _method(logic.equal)  # type: ignore[method-assign]
