# pyright: reportMissingImports=false, reportUntypedBaseClass=false
# pyright: reportUnknownParameterType=false
"""Attributes that the layers and models of a program need."""

from __future__ import annotations

from typing import Any

import libcst as cst

from lamina.compat.upgrade.context import code_of
from lamina.compat.upgrade.tree.statements import StatementRewriter
from lamina.core.module import Module
from lamina.layers import Layer

_SCOPES = (cst.ClassDef, cst.FunctionDef, cst.Lambda)
_CONSTRUCTOR = "def __init__(self, {0}):\n    super().__init__({0})\n"


class ConstructorRewriter(StatementRewriter):
    """Knows what is around a node, and adds lines to constructors."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        # Classes, functions and lambda expressions around a node.
        self._around: list[cst.CSTNode] = []
        # Classes of the program that are layers or models.
        self._modules: set[str] = set()
        # Lines for the constructors of classes.
        self._lines: dict[cst.CSTNode, list[str]] = {}

    def on_visit(self, node: cst.CSTNode) -> bool:
        """Note what is around a node."""
        if isinstance(node, _SCOPES):
            self._around.append(node)
        if isinstance(node, cst.ClassDef) and self._is_module(node):
            self._modules.add(node.name.value)
        return super().on_visit(node)

    def on_leave(self, original_node: cst.CSTNode, updated_node: cst.CSTNode) -> Any:
        """Forget what is around a node."""
        if isinstance(original_node, _SCOPES):
            self._around.pop()
        return super().on_leave(original_node, updated_node)

    def leave_ClassDef(self, original_node: cst.ClassDef, updated_node: Any) -> Any:
        """Add lines to the constructor of a class, which may need one."""
        wanted = self._lines.get(original_node, [])
        lines = [line for line in wanted if line not in code_of(original_node)]
        if not lines:
            return updated_node
        body = list(updated_node.body.body)
        for index, line in enumerate(body):
            if isinstance(line, cst.FunctionDef) and line.name.value == "__init__":
                body[index] = _with_lines(line, lines)
                break
        else:
            first = 1 if updated_node.get_docstring() is not None else 0
            body[first : first + 1] = self._constructed(original_node, body, lines)
        new = updated_node.body.with_changes(body=body)
        return updated_node.with_changes(body=new)

    def _constructed(
        self, node: cst.ClassDef, body: list[Any], lines: list[str]
    ) -> list[Any]:
        """Return a constructor and the statement of a class that comes after it."""
        first = 1 if node.get_docstring() is not None else 0
        bases = [self.names.resolve(base.value) for base in node.bases]
        is_layer = any(base and base.value is Layer for base in bases)
        text = _CONSTRUCTOR.format("**kwargs" if is_layer else "*args, **kwargs")
        added: Any = _with_lines(cst.parse_statement(text), [*lines, ""])
        empty = [cst.EmptyLine(indent=False)]
        leading = body[first].leading_lines
        if first:
            added = added.with_changes(leading_lines=empty)
        if not leading or leading[0].comment is not None:
            leading = [*empty, *leading]
        return [added, body[first].with_changes(leading_lines=leading)]

    def _construct(self, cls: cst.ClassDef, line: str) -> None:
        """Add a line to the constructor of a class."""
        lines = self._lines.setdefault(cls, [])
        if line not in lines:
            lines.append(line)

    def _module_around(self) -> cst.ClassDef | None:
        """Return the layer or model whose method is around, None without one."""
        for cls, method in zip(self._around, self._around[1:], strict=False):
            is_method = isinstance(method, cst.FunctionDef) and _has_self(method)
            name = cls.name.value if isinstance(cls, cst.ClassDef) else None
            if is_method and name in self._modules:
                return cst.ensure_type(cls, cst.ClassDef)
        return None

    def _is_module(self, node: cst.ClassDef) -> bool:
        """Return whether a class of the program is a layer, model or metric."""
        for base in node.bases:
            found = self.names.resolve(base.value)
            value = found.value if found is not None else None
            if isinstance(value, type) and issubclass(value, Module):
                return True
            if code_of(base.value) in self._modules:
                return True
        return False


def _has_self(method: cst.FunctionDef) -> bool:
    names = [parameter.name.value for parameter in method.params.params]
    return names[:1] == ["self"]


def _with_lines(function: Any, lines: list[str]) -> Any:
    """Return a function with lines at its end."""
    body = function.body
    if not isinstance(body, cst.IndentedBlock):
        return function
    added = [cst.parse_statement(f"{line}\n") for line in lines if line]
    return function.with_changes(body=body.with_changes(body=[*body.body, *added]))
