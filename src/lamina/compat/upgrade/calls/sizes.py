# pyright: reportMissingImports=false, reportUntypedBaseClass=false
# pyright: reportUnknownParameterType=false
"""Sizes that NumPy computes: layers of Keras 3 refuse its integers."""

from __future__ import annotations

import re

import libcst as cst
from libcst.helpers import get_full_name_for_node

from lamina import layers
from lamina.compat.keras.layers import FORMER
from lamina.compat.upgrade.calls.arguments import Arguments
from lamina.compat.upgrade.context import Context, code_of

_NAMES = ("units", "output_dim", "filters", "nb_filter", "input_dim")
_COMPUTED = re.compile(
    r"(?:np|numpy|keras\.ops)\.(?:a?max|prod|sum)\(|[\w.]+\.(?:max|prod|sum)\(\)$"
)


class SizeNames(cst.CSTVisitor):
    """Collects the variables that are sizes of layers.

    Args:
        context: gets the names.
    """

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context = context

    def visit_Call(self, node: cst.Call) -> None:
        """Collect the first argument of a layer, and those with a known name."""
        name = (get_full_name_for_node(node.func) or "").rpartition(".")[2]
        if name not in (*layers.__all__, *FORMER):
            return
        for index, argument in enumerate(node.args):
            keyword = argument.keyword.value if argument.keyword is not None else ""
            is_size = keyword in _NAMES or (not keyword and index == 0)
            if is_size and isinstance(argument.value, cst.Name):
                self._context.sizes.add(argument.value.value)


def upgrade_size(context: Context, node: cst.Assign) -> cst.Assign:
    """Return `units = int(np.max(y) + 1)` for `units = np.max(y) + 1`."""
    target = node.targets[0].target
    if not isinstance(target, cst.Name) or len(node.targets) != 1:
        return node
    if target.value not in context.sizes:
        return node
    return node.with_changes(value=as_integer(context, node.value))


def upgrade_sizes(context: Context, arguments: Arguments) -> None:
    """Make sizes that are computed in the call of a layer integers of Python."""
    for index, node in enumerate(arguments.nodes):
        keyword = node.keyword.value if node.keyword is not None else ""
        if keyword in _NAMES or (not keyword and index == 0 and not node.star):
            new = as_integer(context, node.value)
            arguments.nodes[index] = node.with_changes(value=new)


def as_integer(context: Context, node: cst.BaseExpression) -> cst.BaseExpression:
    """Return `int(node)` if NumPy computes a number for a program of Keras 3."""
    if not context.is_for_keras or not _is_computed(node):
        return node
    context.count += 1
    return cst.Call(cst.Name("int"), [cst.Arg(node)])


def _is_computed(node: cst.BaseExpression) -> bool:
    if isinstance(node, cst.BinaryOperation):
        return _is_computed(node.left) or _is_computed(node.right)
    if not isinstance(node, cst.Call) or "axis" in Arguments(node.args).names:
        return False
    return bool(_COMPUTED.match(code_of(node)))
