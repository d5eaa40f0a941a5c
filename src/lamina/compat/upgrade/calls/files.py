# pyright: reportMissingImports=false, reportUntypedBaseClass=false
# pyright: reportUnknownParameterType=false
"""Names of files in calls: Keras 3 writes those with known endings only."""

from __future__ import annotations

import libcst as cst
from libcst.helpers import get_full_name_for_node

from lamina.compat.upgrade.calls.arguments import Arguments
from lamina.compat.upgrade.context import Context, code_of

_WEIGHTS = ".weights.h5"
_MODELS = (".keras", ".h5", ".hdf5")
# Options of `save` and `save_weights` that no file format has today.
_UNUSED = ("save_format", "save_traces", "signatures", "options")
_READERS = ("load_model", "load_weights")


class FileNames(cst.CSTVisitor):
    """Collects the names of files that a program writes, and the variables for them.

    Args:
        context: gets the new names.
    """

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context = context
        self._written: dict[str, str] = {}
        self._assigned: dict[str, list[cst.BaseExpression]] = {}

    def visit_Assign(self, node: cst.Assign) -> None:
        """Collect the value of a variable."""
        target = node.targets[0].target
        if len(node.targets) == 1 and isinstance(target, cst.Name):
            self._assigned.setdefault(target.value, []).append(node.value)

    def visit_Call(self, node: cst.Call) -> None:
        """Collect the file that a call writes or reads."""
        kind, path = _kind(node), _path(node)
        if path is None:
            return
        if isinstance(path, cst.Name):
            self._context.file_variables.add(path.value)
            self._written.setdefault(path.value, kind)
        elif kind:
            self._add(path, kind)

    def leave_Module(self, original_node: cst.Module) -> None:
        """Collect the values of the variables that are files."""
        for name, kind in self._written.items():
            for value in self._assigned.get(name, ()) if kind else ():
                self._add(value, kind)

    def _add(self, path: cst.BaseExpression, kind: str) -> None:
        new = code_of(_ended(path, kind, self._context.is_for_keras))
        if new != code_of(path):
            self._context.files.setdefault(code_of(path), new)


def upgrade_file_call(context: Context, call: cst.Call) -> cst.Call:
    """Return a call that writes or reads a model, with today's name of the file."""
    path = _path(call)
    if path is None:
        return call
    nodes = [
        node.with_changes(value=upgrade_path(context, path))
        if node.value is path
        else node
        for node in call.args
    ]
    found = Arguments(nodes)
    if _kind(call) in ("model", "weights"):
        for name in _UNUSED:
            context.count += name in found.names
            found.remove(name)
    return call.with_changes(args=found.finished())


def upgrade_checkpoint(context: Context, call: cst.Call) -> cst.Call:
    """Return a call of `ModelCheckpoint` with today's arguments."""
    found = Arguments(upgrade_file_call(context, call).args)
    period = found.source("period")
    if period == "1":
        found.remove("period")
        context.count += 1
    elif period is not None:
        context.note(f"period={period} is now save_freq={period} * batches per epoch")
    return call.with_changes(args=found.finished())


def upgrade_path(context: Context, node: cst.BaseExpression) -> cst.BaseExpression:
    """Return the name of a file that Keras 3 writes, for one that it does not."""
    new = context.files.get(code_of(node))
    if new is None:
        return node
    context.count += 1
    return cst.parse_expression(new)


def _name(call: cst.Call) -> str:
    return (get_full_name_for_node(call.func) or "").rpartition(".")[2]


def _path(call: cst.Call) -> cst.BaseExpression | None:
    """Return the argument that is the name of a model's file, None if there is none."""
    name, found = _name(call), Arguments(call.args)
    if not (_kind(call) or name in _READERS):
        return None
    for node in call.args:
        if node.keyword is not None and node.keyword.value == "filepath":
            return node.value
    index = 1 if name == "save_model" else 0
    positional = found.positional
    return positional[index].value if len(positional) > index else None


def _kind(call: cst.Call) -> str:
    """Return what a call writes: "model", "checkpoint", "weights", "" if nothing."""
    name, found = _name(call), Arguments(call.args)
    if name == "ModelCheckpoint":
        is_weights = found.source("save_weights_only") == "True"
        return "weights" if is_weights else "checkpoint"
    if name == "save_weights":
        return "weights"
    # `numpy.save` and `torch.save` have two arguments.
    is_save = isinstance(call.func, cst.Attribute) and len(found.positional) < 2
    return "model" if name == "save_model" or (name == "save" and is_save) else ""


def _ended(
    node: cst.BaseExpression, kind: str, is_for_keras: bool
) -> cst.BaseExpression:
    """Return the name of a file with an ending that Keras 3 writes."""
    if isinstance(node, cst.SimpleString) and not node.prefix:
        new = _text_ended(str(node.raw_value), kind, is_for_keras)
        return cst.SimpleString(f"{node.quote}{new}{node.quote}")
    if isinstance(node, cst.FormattedString) and node.parts:
        last = node.parts[-1]
        text = last.value if isinstance(last, cst.FormattedStringText) else ""
        new = cst.FormattedStringText(_text_ended(text, kind, is_for_keras))
        before = node.parts[:-1] if text else node.parts
        return node.with_changes(parts=[*before, new])
    if isinstance(node, cst.BinaryOperation) and isinstance(node.operator, cst.Add):
        new = _ended(node.right, kind, is_for_keras)
        return node.with_changes(right=new)
    if isinstance(node, cst.Call) and _name(node) == "join" and node.args:
        last = node.args[-1]
        new = _ended(last.value, kind, is_for_keras)
        return node.with_changes(args=[*node.args[:-1], last.with_changes(value=new)])
    return node


def _text_ended(path: str, kind: str, is_for_keras: bool) -> str:
    stem, dot, ending = path.rpartition(".")
    if kind == "weights":
        if path.endswith((_WEIGHTS, ".npz", ".safetensors")):
            return path
        if dot and f".{ending}" in _MODELS:
            return stem + _WEIGHTS if is_for_keras else path
        return path + _WEIGHTS
    if kind == "checkpoint" and is_for_keras:
        if path.endswith(".hdf5"):
            return f"{stem}.h5"
        return path if path.endswith(_MODELS) else f"{path}.keras"
    is_ended = path.endswith(_MODELS) or "." in path.rpartition("/")[2]
    return path if is_ended else path.rstrip("/") + ".keras"
