# pyright: reportMissingImports=false, reportUntypedBaseClass=false
# pyright: reportUnknownParameterType=false
"""Names of metrics in logs: those of Keras 3 are the names that `compile` got."""

from __future__ import annotations

import libcst as cst

from lamina.compat.keras.companions import SCORES
from lamina.compat.logs import other_name
from lamina.compat.upgrade.context import Context, code_of


class MetricNames(cst.CSTVisitor):
    """Collects the strings in the arguments `metrics`, and keys of other dictionaries.

    Args:
        context: gets the names.
    """

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context = context
        self._depth = 0

    def visit_Arg(self, node: cst.Arg) -> None:
        """Begin to collect."""
        self._depth += node.keyword is not None and node.keyword.value == "metrics"

    def leave_Arg(self, original_node: cst.Arg) -> None:
        """End."""
        keyword = original_node.keyword
        self._depth -= keyword is not None and keyword.value == "metrics"

    def visit_SimpleString(self, node: cst.SimpleString) -> None:
        """Collect a string."""
        if self._depth:
            self._context.metrics.add(str(node.raw_value))

    def visit_Assign(self, node: cst.Assign) -> None:
        """Collect the keys of a dictionary of the program itself."""
        for target in (target.target for target in node.targets):
            if isinstance(target, cst.Subscript):
                self._context.assigned_keys.add(_item(target))
            for part in node.value.elements if isinstance(node.value, cst.Dict) else ():
                if isinstance(part, cst.DictElement):
                    key = code_of(part.key).strip("'\"")
                    self._context.assigned_keys.add((code_of(target), key))


def _item(node: cst.Subscript) -> tuple[str, str]:
    """Return the sources of an object and of the key that is looked up in it."""
    key = "".join(code_of(element.slice) for element in node.slice)
    return code_of(node.value), key.strip("'\"")


def note_metrics(context: Context, node: cst.Arg) -> None:
    """Note the names in an argument `metrics`."""
    found = Context(context.root)
    node.visit(MetricNames(found))
    context.last_metrics = found.metrics


def upgrade_name(context: Context, node: cst.BaseExpression) -> cst.BaseExpression:
    """Return a string with today's name of a metric, if it had another."""
    if not isinstance(node, cst.SimpleString):
        return node
    name = str(node.raw_value)
    prefix = "val_" if name.startswith("val_") else ""
    old = name.removeprefix(prefix)
    # Those of the last `compile` above, if there is one.
    metrics = context.last_metrics or context.metrics
    new = other_name(old, metrics)
    if not new or old in metrics:
        return node
    context.count += 1
    return cst.SimpleString(f"{node.quote}{prefix}{new}{node.quote}")


def upgrade_item(context: Context, node: cst.Subscript) -> cst.Subscript:
    """Return `history["accuracy"]` for `history["acc"]`."""
    index = node.slice[0].slice
    if len(node.slice) != 1 or not isinstance(index, cst.Index):
        return node
    if _item(node) in context.assigned_keys:
        return node
    new = upgrade_name(context, index.value)
    return node.with_deep_changes(index, value=new)


def upgrade_score(context: Context, node: cst.BaseExpression) -> cst.BaseExpression:
    """Return a string with the name that a score of scikit-learn has today."""
    if not isinstance(node, cst.SimpleString) or str(node.raw_value) not in SCORES:
        return node
    context.count += 1
    return cst.SimpleString(f"{node.quote}{SCORES[str(node.raw_value)]}{node.quote}")
