# pyright: reportMissingImports=false, reportUntypedBaseClass=false
# pyright: reportUnknownParameterType=false
"""Variables of a program that are symbolic tensors, and losses that use them."""

from __future__ import annotations

from typing import Any

import libcst as cst
from libcst.helpers import get_full_name_for_node

# Calls and attributes whose results are not tensors.
_PLAIN = ("Model", "Function", "int_shape", "get_shape", "shape", "ndim", "function")


class SymbolicNames(cst.CSTVisitor):
    """Collects the variables that are symbolic tensors, and what uses them.

    A value is taken for a symbolic tensor if `Input(...)`, an `output` of a model or
    another symbolic tensor is a part of its expression.
    """

    def __init__(self) -> None:
        super().__init__()
        self.tensors: set[str] = set()
        # Parameters of functions that get one.
        self._given: set[str] = set()
        # Whether tensors are added to the losses of a model.
        self.adds_losses = False
        # Functions that losses are, or are made by, and classes.
        self._losses: set[str] = set()
        self._classes: set[str] = set()
        # Free variables of functions and classes, parameters and inner functions.
        self._free: dict[str, set[str]] = {}
        self._parameters: dict[str, list[str]] = {}
        self._inner: dict[str, set[str]] = {}

    def visit_Assign(self, node: cst.Assign) -> None:
        """Note the targets of a symbolic tensor."""
        if self.is_symbolic(node.value):
            for target in node.targets:
                self.tensors |= _names(target.target)

    def visit_FunctionDef(self, node: cst.FunctionDef) -> bool:
        """Note the free variables of a function; its own variables are others."""
        name, inside = node.name.value, SymbolicNames()
        node.body.visit(inside)
        self.tensors |= inside.tensors
        self.adds_losses |= inside.adds_losses
        self._losses |= inside._losses
        self._given |= inside._given
        self._classes |= inside._classes
        self._free |= inside._free
        self._inner[name] = set(inside._free)
        self._free[name] = _free_names(node)
        self._parameters[name] = [p.name.value for p in node.params.params]
        return False

    def visit_ClassDef(self, node: cst.ClassDef) -> bool:
        """Note the free variables of a class."""
        self._free[node.name.value] = _free_names(node)
        self._classes.add(node.name.value)
        return False

    def visit_Call(self, node: cst.Call) -> None:
        """Note the losses that a model is compiled with."""
        self.adds_losses |= _is_method(node, "add_loss")
        for value in _losses_of(node):
            self._losses |= _names(value)
            if isinstance(value, cst.Call):
                parameters = self._parameters.get(_name(value.func), [])
                pairs = zip(parameters, value.args, strict=False)
                self._given |= {n for n, a in pairs if self.is_symbolic(a.value)}

    def is_symbolic(self, node: cst.CSTNode) -> bool:
        """Return whether an expression is a symbolic tensor."""
        if isinstance(node, cst.Call):
            name = _name(node.func).rpartition(".")[2]
            if name == "Input":
                return True
            if name in _PLAIN:
                return False
        if isinstance(node, cst.Lambda):
            return False
        if isinstance(node, cst.Attribute):
            if node.attr.value in _PLAIN:
                return False
            if node.attr.value in ("output", "outputs"):
                return True
            return self.is_symbolic(node.value)
        if isinstance(node, cst.Name):
            return node.value in self.tensors
        return any(map(self.is_symbolic, node.children))

    def of_loss(self, call: cst.Call) -> list[str]:
        """Return the symbolic tensors that the loss of `compile` uses."""
        names = [_names(value) for value in _losses_of(call)]
        return self._used_in(set[str]().union(*names))

    def of_layer(self, call: cst.Call) -> list[str]:
        """Return the symbolic tensors that the `call` of a new layer uses."""
        name = _name(call.func.func) if isinstance(call.func, cst.Call) else ""
        return self._used_in({name}) if name in self._classes else []

    def has_values(self, name: str, around: list[str]) -> bool:
        """Return whether a name is a tensor that has a value in a step there.

        Args:
            name: the name.
            around: the functions and classes around it.
        """
        if name not in self.tensors | self._given:
            return False
        users = self._reached({*self._losses, *self._classes})
        return any(name in self._free[n] for n in around if n in users)

    def _used_in(self, names: set[str]) -> list[str]:
        """Return the symbolic tensors that functions and classes use."""
        free = [self._free[n] for n in self._reached(names)]
        return sorted(names.union(*free) & self.tensors)

    def _reached(self, names: set[str]) -> set[str]:
        """Return the functions and classes of names, and those that they use."""
        found, waiting = set[str](), list(names)
        while waiting:
            name = waiting.pop()
            if name in self._free and name not in found:
                found.add(name)
                waiting += self._free[name] | self._inner.get(name, set())
        return found


def _losses_of(call: cst.Call) -> list[cst.BaseExpression]:
    """Return the losses that a model is compiled with."""
    if not _is_method(call, "compile"):
        return []
    second = [a.value for a in call.args if a.keyword is None and not a.star][1:2]
    return second + [
        a.value for a in call.args if a.keyword and a.keyword.value == "loss"
    ]


def _name(node: cst.CSTNode) -> str:
    return get_full_name_for_node(node) or ""


def _names(node: cst.CSTNode) -> set[str]:
    """Return the names in an expression, without attributes and keywords."""
    found = _Names()
    node.visit(found)
    return found.loaded | found.bound


def _free_names(node: cst.FunctionDef | cst.ClassDef) -> set[str]:
    """Return the names that a function or the methods of a class do not define."""
    free = set[str]()
    if isinstance(node, cst.ClassDef):
        parts: Any = node.body.body
        for part in parts:
            if isinstance(part, cst.FunctionDef):
                free |= _free_names(part)
        return free
    found = _Names()
    node.params.visit(found)
    node.body.visit(found)
    return found.loaded - found.bound


def _is_method(call: cst.Call, name: str) -> bool:
    return isinstance(call.func, cst.Attribute) and call.func.attr.value == name


class _Names(cst.CSTVisitor):
    """Collects the names that a part of a program loads and those that it binds."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: set[str] = set()
        self.bound: set[str] = set()

    def visit_Attribute(self, node: cst.Attribute) -> bool:
        """Visit only what the attribute is of."""
        node.value.visit(self)
        return False

    def visit_Arg(self, node: cst.Arg) -> bool:
        """Visit only the value."""
        node.value.visit(self)
        return False

    def visit_AssignTarget(self, node: cst.AssignTarget) -> bool:
        """Note what is bound."""
        self.bound |= _names(node.target)
        return False

    def visit_For(self, node: cst.For) -> None:
        """Note what is bound."""
        self.bound |= _names(node.target)

    def visit_Param(self, node: cst.Param) -> bool:
        """Note a parameter."""
        self.bound.add(node.name.value)
        return False

    def visit_FunctionDef(self, node: cst.FunctionDef) -> bool:
        """Note what an inner function defines and uses."""
        self.bound.add(node.name.value)
        self.loaded |= _free_names(node)
        return False

    def visit_Name(self, node: cst.Name) -> None:
        """Note a name."""
        self.loaded.add(node.value)
