"""Python operators of variables and symbolic tensors.

`core` defines both classes but cannot import the ops, so this module attaches them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lamina.core.graph import SymbolicTensor
from lamina.core.variable import Variable
from lamina.ops.core import cast
from lamina.ops.numpy import elementwise, index, logic, products, shapes

_BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "add": elementwise.add,
    "sub": elementwise.subtract,
    "mul": elementwise.multiply,
    "truediv": elementwise.divide,
    "floordiv": elementwise.floor_divide,
    "mod": elementwise.mod,
    "pow": elementwise.power,
    "matmul": products.matmul,
    "and": logic.logical_and,
    "or": logic.logical_or,
    "xor": logic.logical_xor,
}

_UNARY_AND_COMPARISONS: dict[str, Callable[..., Any]] = {
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


def _reflected(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda self, other: function(other, self)


def attach() -> None:
    """Attach the operators to variables and symbolic tensors."""
    for cls in (Variable, SymbolicTensor):
        for name, function in _BINARY.items():
            setattr(cls, f"__{name}__", function)
            setattr(cls, f"__r{name}__", _reflected(function))
        for name, function in _UNARY_AND_COMPARISONS.items():
            setattr(cls, name, function)
    methods = {"astype": cast, "reshape": shapes.reshape, "squeeze": shapes.squeeze}
    for name, function in methods.items():
        setattr(SymbolicTensor, name, function)
    # Symbolic tensors compare by identity, so that `in` works for lists of them.
    Variable.__eq__ = logic.equal  # type: ignore[method-assign]
