# pyright: reportMissingImports=false, reportUntypedBaseClass=false
# pyright: reportUnknownParameterType=false
"""Sizes that NumPy computes: layers of Keras 3 refuse its integers."""

from __future__ import annotations

import re

import libcst as cst
from libcst.helpers import get_full_name_for_node

from lamina.compat.upgrade.context import Context, code_of

_NAMES = ("units", "output_dim", "filters", "nb_filter", "input_dim")
_COMPUTED = re.compile(r"\b(?:np|numpy)\.(?:a?max|prod|sum)\(|\.(?:max|prod|sum)\(\)")


class SizeNames(cst.CSTVisitor):
    """Collects the variables that are sizes of layers.

    Args:
        context: gets the names.
    """

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context = context

    def visit_Call(self, node: cst.Call) -> None:
        """Collect the first argument of a class, and those with a known name."""
        name = (get_full_name_for_node(node.func) or "").rpartition(".")[2]
        if not name[:1].isupper():
            return
        for index, argument in enumerate(node.args):
            keyword = argument.keyword.value if argument.keyword is not None else ""
            is_size = keyword in _NAMES or (not keyword and index == 0)
            if is_size and isinstance(argument.value, cst.Name):
                self._context.sizes.add(argument.value.value)


def upgrade_size(context: Context, node: cst.Assign) -> cst.Assign:
    """Return `units = int(np.max(y) + 1)` for `units = np.max(y) + 1`."""
    target = node.targets[0].target
    if not context.is_for_keras or len(node.targets) != 1:
        return node
    if not isinstance(target, cst.Name) or target.value not in context.sizes:
        return node
    source = code_of(node.value)
    if source.startswith("int(") or not _COMPUTED.search(source):
        return node
    context.count += 1
    return node.with_changes(value=cst.Call(cst.Name("int"), [cst.Arg(node.value)]))
