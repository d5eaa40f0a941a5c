# pyright: reportMissingImports=false, reportUntypedBaseClass=false
# pyright: reportUnknownParameterType=false
"""Seeds of random numbers: Keras 3 computes those without one only once in JAX."""

from __future__ import annotations

import inspect
from types import FunctionType
from typing import Any

import libcst as cst

from lamina.compat.upgrade.calls.arguments import Arguments
from lamina.compat.upgrade.context import code_of
from lamina.compat.upgrade.resolve import Found
from lamina.compat.upgrade.tree.statements import StatementRewriter
from lamina.core.module import Module
from lamina.layers import Lambda, Layer

_GLOBAL = "_seed"
_ADDED = "_with_seed"
_DEFINITIONS = {
    _GLOBAL: f"{_GLOBAL} = keras.random.SeedGenerator()\n",
    _ADDED: f"def {_ADDED}(layer):\n    layer.seed_generator = {_GLOBAL}\n"
    "    return layer\n",
}
_ATTRIBUTE = "self.seed_generator"
_ASSIGNED = f"{_ATTRIBUTE} = keras.random.SeedGenerator()\n"
_CONSTRUCTOR = (
    "def __init__(self, {0}):\n    super().__init__({0})\n    " + _ASSIGNED + "\n"
)


class SeedRewriter(StatementRewriter):
    """Passes generators of seeds to the random numbers of layers and functions."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        # Classes, functions and lambda expressions around a node.
        self._around: list[cst.CSTNode] = []
        # Classes of the program that are layers or models, and those with a generator.
        self._modules: set[str] = set()
        self._seeded: list[cst.CSTNode] = []
        # Functions of the program that draw random numbers.
        self._random: set[str] = set()

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
        """Create a generator in the constructor of a class that draws numbers."""
        if original_node not in self._seeded or _ATTRIBUTE + " =" in code_of(
            original_node
        ):
            return updated_node
        self.context.imports["keras"] = "keras"
        body = list(updated_node.body.body)
        for index, line in enumerate(body):
            if isinstance(line, cst.FunctionDef) and line.name.value == "__init__":
                body[index] = _with_line(line, _ASSIGNED)
                break
        else:
            first = 1 if updated_node.get_docstring() is not None else 0
            bases = [self.names.resolve(base.value) for base in original_node.bases]
            is_layer = any(base and base.value is Layer for base in bases)
            text = _CONSTRUCTOR.format("**kwargs" if is_layer else "*args, **kwargs")
            added: Any = cst.parse_statement(text)
            empty = [cst.EmptyLine(indent=False)]
            lines = body[first].leading_lines
            if first:
                added = added.with_changes(leading_lines=empty)
            if not lines or lines[0].comment is not None:
                lines = [*empty, *lines]
            body[first : first + 1] = [
                added,
                body[first].with_changes(leading_lines=lines),
            ]
        new = updated_node.body.with_changes(body=body)
        return updated_node.with_changes(body=new)

    def _with_seed(self, found: Found, call: cst.Call) -> cst.Call:
        """Return a call with a generator of seeds, if it draws random numbers."""
        arguments = Arguments(call.args)
        if found.name is not None or not isinstance(found.value, FunctionType):
            return call
        if not self.context.is_for_keras or arguments.has_stars:
            return call
        names = inspect.signature(found.value).parameters
        is_given = arguments.source("seed") not in (None, "None")
        is_given = is_given or len(arguments.positional) == len(names)
        if "seed" not in names or names["seed"].default is not None or is_given:
            return call
        seed = self._seed()
        if seed is None:
            return call
        arguments.remove("seed")
        arguments.add("seed", seed)
        return call.with_changes(args=arguments.finished())

    def _seed(self) -> str | None:
        """Return the generator for numbers drawn here, None outside of functions."""
        for cls, method in zip(self._around, self._around[1:], strict=False):
            is_method = isinstance(method, cst.FunctionDef) and _has_self(method)
            name = cls.name.value if isinstance(cls, cst.ClassDef) else None
            if is_method and name in self._modules:
                self._seeded.append(cls)
                return _ATTRIBUTE
        functions = [n for n in self._around if not isinstance(n, cst.ClassDef)]
        if not functions:
            return None
        if isinstance(functions[0], cst.FunctionDef):
            self._random.add(functions[0].name.value)
        self.context.definitions[_GLOBAL] = _DEFINITIONS[_GLOBAL]
        self.context.imports["keras"] = "keras"
        return _GLOBAL

    def _with_generator(self, found: Found, call: Any) -> Any:
        """Return a layer with the generator of the function that it calls."""
        if found.value is not Lambda or not call.args:
            return call
        function = code_of(call.args[0].value)
        is_random = function in self._random or f"={_GLOBAL}" in function
        if not is_random:
            return call
        self.context.definitions[_ADDED] = _DEFINITIONS[_ADDED]
        return cst.Call(cst.Name(_ADDED), [cst.Arg(call)])

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


_SCOPES = (cst.ClassDef, cst.FunctionDef, cst.Lambda)


def _has_self(method: cst.FunctionDef) -> bool:
    names = [parameter.name.value for parameter in method.params.params]
    return names[:1] == ["self"]


def _with_line(function: cst.FunctionDef, line: str) -> cst.FunctionDef:
    """Return a function with a line at its end."""
    body = function.body
    if not isinstance(body, cst.IndentedBlock):
        return function
    lines = [*body.body, cst.parse_statement(line)]
    return function.with_changes(body=body.with_changes(body=lines))
