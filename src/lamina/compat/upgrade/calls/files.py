# pyright: reportMissingImports=false, reportUnknownParameterType=false
"""Names of files in calls: Keras 3 writes those with known endings only."""

from __future__ import annotations

import libcst as cst

from lamina.compat.upgrade.calls.arguments import Arguments
from lamina.compat.upgrade.context import Context, code_of

_WEIGHTS = ".weights.h5"
_MODELS = (".keras", ".h5", ".hdf5")


def upgrade_file_call(context: Context, call: cst.Call) -> cst.Call:
    """Return a call of `save`, `save_weights` or `load_weights` with a known ending."""
    name = cst.ensure_type(call.func, cst.Attribute).attr.value
    if name not in ("save", "save_weights", "load_weights") or not call.args:
        return call
    weights_only = name != "save"
    node = call.args[0].value
    new = upgrade_path(context, node, weights_only)
    return call if new is node else _with_first(call, new)


def upgrade_checkpoint(context: Context, call: cst.Call) -> cst.Call:
    """Return a call of `ModelCheckpoint` with a known ending."""
    options = {a.keyword.value: code_of(a.value) for a in call.args if a.keyword}
    weights_only = options.get("save_weights_only") == "True"
    nodes = list(call.args)
    for index, node in enumerate(nodes):
        is_path = node.keyword.value == "filepath" if node.keyword else index == 0
        if is_path:
            new = upgrade_path(context, node.value, weights_only)
            nodes[index] = node.with_changes(value=new)
    found = Arguments(nodes)
    period = found.source("period")
    if period == "1":
        found.remove("period")
        context.count += 1
    elif period is not None:
        context.note(f"period={period} is now save_freq={period} * batches per epoch")
    return call.with_changes(args=found.finished())


def upgrade_path(
    context: Context, node: cst.BaseExpression, weights_only: bool
) -> cst.BaseExpression:
    """Return a string with the name of a file that Keras 3 writes."""
    if not isinstance(node, cst.SimpleString) or node.prefix:
        return node
    text = str(node.raw_value)
    new = _ended(text, weights_only, context.is_for_keras)
    if new == text:
        return node
    context.count += 1
    return cst.SimpleString(f"{node.quote}{new}{node.quote}")


def _ended(path: str, weights_only: bool, is_for_keras: bool) -> str:
    stem, dot, ending = path.rpartition(".")
    if weights_only:
        if path.endswith((_WEIGHTS, ".npz", ".safetensors")):
            return path
        if dot and f".{ending}" in _MODELS:
            return stem + _WEIGHTS if is_for_keras else path
        return path + _WEIGHTS
    is_ended = path.endswith(_MODELS) or "." in path.rpartition("/")[2]
    return path if is_ended else path.rstrip("/") + ".keras"


def _with_first(call: cst.Call, value: cst.BaseExpression) -> cst.Call:
    first = call.args[0].with_changes(value=value)
    return call.with_changes(args=[first, *call.args[1:]])
