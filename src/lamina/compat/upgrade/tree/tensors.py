# pyright: reportMissingImports=false, reportUntypedBaseClass=false
# pyright: reportUnknownParameterType=false
"""Losses and metrics of symbolic tensors, which Keras 3 takes in layers only."""

from __future__ import annotations

import re
from types import FunctionType
from typing import Any

import libcst as cst
from libcst.metadata import ParentNodeProvider

from lamina.compat.upgrade import symbolic
from lamina.compat.upgrade.calls.arguments import Arguments
from lamina.compat.upgrade.context import code_of
from lamina.compat.upgrade.resolve import Found
from lamina.compat.upgrade.tree.seeds import SeedRewriter

_NO_METRIC = "add_metric was removed: compile(metrics=) logs metrics of outputs"


class TensorRewriter(SeedRewriter):
    """Passes symbolic tensors to layers, and adds losses and metrics in layers."""

    METADATA_DEPENDENCIES = (ParentNodeProvider,)

    def _value_in_step(self, name: cst.Name) -> cst.Call | None:
        """Return the value of a tensor that a loss uses, None for another name."""
        scopes = (cst.ClassDef, cst.FunctionDef)
        around = [n.name.value for n in self._around if isinstance(n, scopes)]
        if not self.context.symbols.has_values(name.value, around):
            return None
        parent: Any = self.get_metadata(ParentNodeProvider, name)
        if name in (getattr(parent, n, None) for n in ("attr", "keyword", "name")):
            return None
        return self._call_of(symbolic.value_of, [cst.Arg(name)])

    def _with_tensors(self, original: cst.Call, call: Any) -> Any:
        """Return the call of a layer, or of `compile`, with the tensors it uses."""
        symbols = self.context.symbols
        if _added(original):
            return self._upgraded_addition(call)
        tensors = symbols.of_loss(original)
        if tensors and isinstance(call, cst.Call):
            model = cst.Arg(cst.ensure_type(call.func, cst.Attribute).value)
            arguments = [model, _list_of(tensors), *call.args]
            return self._call_of(symbolic.compile_with, arguments)
        tensors = symbols.of_layer(original)
        if tensors and len(call.args) == 1:
            arguments = [cst.Arg(call.func), _list_of(tensors), *call.args]
            return self._call_of(symbolic.call_with, arguments)
        return call

    def _of_tensors(self, found: Found, original: cst.Call, call: Any) -> Any:
        """Return a loss of symbolic tensors as a layer."""
        symbols, home = self.context.symbols, (found.name or "").partition(".")[0]
        is_loss = home in ("losses", "metrics") and isinstance(
            found.value, FunctionType
        )
        if not is_loss or not symbols.adds_losses or self._module_around():
            return call
        if not any(symbols.is_symbolic(argument.value) for argument in original.args):
            return call
        arguments = [cst.Arg(call.func), *call.args]
        return self._call_of(symbolic.on_tensors, arguments)

    def _upgraded_addition(self, call: cst.Call) -> cst.BaseExpression:
        """Return a call of `add_loss` or `add_metric` in a layer."""
        function = cst.ensure_type(call.func, cst.Attribute)
        cls, arguments = self._module_around(), Arguments(call.args)
        is_metric = function.attr.value == "add_metric"
        if is_metric and self.context.is_for_keras:
            self.context.note(_NO_METRIC)
            return cst.Name("None")
        if cls is None or code_of(function.value) != "self":
            return call
        first = [cst.Arg(call.args[0].value)]
        if not is_metric:
            return call.with_changes(args=first)
        arguments.name_positional(["", "aggregation", "name"])
        name = arguments.source("name") or "'value'"
        attribute = "self." + re.sub(r"\W", "", name) + "_metric"
        mean = code_of(self.context.chain("metrics.Mean"))
        self._construct(cls, f"{attribute} = {mean}(name={name})")
        self.context.count += 1
        update = cst.parse_expression(f"{attribute}.update_state")
        return call.with_changes(func=update, args=first)

    def leave_Expr(self, original_node: cst.Expr, updated_node: cst.Expr) -> Any:
        """Replace a model by one with a loss or metric of a symbolic tensor."""
        call: Any = updated_node.value
        name = _added(call)
        model = cst.ensure_type(call.func, cst.Attribute).value if name else None
        is_variable = isinstance(model, cst.Name | cst.Attribute)
        if not is_variable or code_of(model) == "self":
            return updated_node
        if isinstance(call.args[0].value, cst.Lambda):
            self.context.note(f"{name}(function) has no translation here")
            return updated_node
        function = symbolic.with_loss if name == "add_loss" else symbolic.with_metric
        args = call.args[:1] if name == "add_loss" else call.args
        new = self._call_of(function, [cst.Arg(model), *args])
        return cst.Assign([cst.AssignTarget(model)], new)

    def _call_of(self, function: Any, arguments: list[cst.Arg]) -> cst.Call:
        """Return a call of a function that is written into the program."""
        self.context.count += 1
        name = self.context.helper(function) or ""
        return cst.Call(cst.Name(name), arguments)


def _added(node: cst.CSTNode) -> str:
    """Return `add_loss` or `add_metric` if a node is a call of it, else ""."""
    if not isinstance(node, cst.Call) or not isinstance(node.func, cst.Attribute):
        return ""
    name = node.func.attr.value
    return name if name in ("add_loss", "add_metric") and node.args else ""


def _list_of(names: list[str]) -> cst.Arg:
    return cst.Arg(cst.parse_expression(f"[{', '.join(names)}]"))
