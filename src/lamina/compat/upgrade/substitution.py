"""Expressions of templates with the arguments of a call in place of parameters."""

from __future__ import annotations

import ast
import importlib
import inspect
import operator
from collections.abc import Mapping

from lamina.compat.upgrade.templates import Template


def substituted(template: Template, values: Mapping[str, str], root: str) -> str | None:
    """Return the expression with the sources of arguments in place of parameters.

    None if an argument that may have an effect would be computed twice, or never.

    Args:
        template: the expression.
        values: sources of the arguments.
        root: name of the library in the program.
    """
    trees = {n: ast.parse(f"({v})", mode="eval").body for n, v in values.items()}
    counts = {name: 0 for name in trees}
    for node in ast.walk(template.body):
        if isinstance(node, ast.Name) and node.id in counts:
            counts[node.id] += 1
    for name, tree in trees.items():
        has_effect = any(isinstance(n, ast.Call) for n in ast.walk(tree))
        if counts[name] != 1 and has_effect:
            return None
    copy = ast.parse(ast.unparse(template.body), mode="eval").body
    new = _Substitute(trees, root).visit(copy)
    text = ast.unparse(_Numbers(trees).visit(new))
    # Sources stay as they were written, unless they were needed to compute a part.
    for name, source in values.items():
        is_plain = isinstance(trees[name], (*_PLAIN, ast.Constant))
        text = text.replace(f"__{name}__", source if is_plain else f"({source})")
        text = text.replace(f"__argument_{name}__", source)
    return text


# Expressions that need no parentheses, and those that parts are computed from.
_PLAIN = (ast.Name, ast.Attribute, ast.Call, ast.Subscript)
_KNOWN = (ast.Constant, ast.List, ast.Tuple, ast.Dict)


class _Substitute(ast.NodeTransformer):
    """Replaces parameters by arguments, and computes what is known then."""

    def __init__(self, values: Mapping[str, ast.expr], root: str) -> None:
        self.values, self.root = values, root

    def visit_Name(self, node: ast.Name) -> ast.AST:
        """Replace a parameter by its value if that is known, else by a mark."""
        value = self.values.get(node.id)
        if value is None or isinstance(value, _KNOWN):
            return value or node
        return ast.Name(f"__{node.id}__", node.ctx)

    def _argument(self, node: ast.expr) -> ast.AST:
        """Replace an argument of a call, which needs no parentheses."""
        new = self.visit(node)
        is_mark = isinstance(node, ast.Name) and isinstance(new, ast.Name)
        if is_mark and new.id == f"__{node.id}__":  # pyright: ignore
            new.id = f"__argument_{node.id}__"  # pyright: ignore
        return new

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        """Select a branch if the condition is whether a constant is None."""
        self.generic_visit(node)
        test = node.test
        if isinstance(test, ast.Compare) and isinstance(
            test.ops[0], (ast.Is, ast.IsNot)
        ):
            left = test.left
            is_none = isinstance(left, ast.Constant) and left.value is None
            if isinstance(left, (ast.Constant, ast.List, ast.Tuple, ast.Dict)):
                return (
                    node.body
                    if is_none == isinstance(test.ops[0], ast.Is)
                    else node.orelse
                )
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        """Look up a constant in a dictionary of constants."""
        self.generic_visit(node)
        try:
            return ast.Constant(
                ast.literal_eval(node.value)[ast.literal_eval(node.slice)]
            )
        except (ValueError, KeyError, TypeError, SyntaxError):
            return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Write `list((1, 2))` and `tuple([1, 2])` as displays, `int(1)` as 1."""
        node.func = self.visit(node.func)
        node.args = [self._argument(a) for a in node.args]  # pyright: ignore
        for keyword in node.keywords:
            keyword.value = self._argument(keyword.value)  # pyright: ignore
        function, arguments = node.func, node.args
        if isinstance(function, ast.Name) and len(arguments) == 1:
            items = arguments[0]
            is_integer = isinstance(items, ast.Constant) and type(items.value) is int
            if function.id == "int" and is_integer:
                return items
            if isinstance(items, (ast.List, ast.Tuple)):
                if function.id == "list":
                    return ast.List(items.elts, ast.Load())
                if function.id == "tuple":
                    return ast.Tuple(items.elts, ast.Load())
            if function.id == "tuple" and self._is_shape(items):
                return items
        return self._without_defaults(node)

    def _is_shape(self, node: ast.expr) -> bool:
        """Return whether an expression is the shape of an array, which is a tuple."""
        if isinstance(node, ast.Name):
            name = node.id.removeprefix("__argument_").strip("_")
            node = self.values.get(name, node)
        source = ast.unparse(node)
        is_call = isinstance(node, ast.Call) and source.startswith(f"{self.root}.ops.")
        return source.endswith(".shape") or (is_call and ".shape(" in source)

    def _without_defaults(self, node: ast.Call) -> ast.Call:
        """Remove arguments that are defaults of the function; later ones are named."""
        root, _, path = ast.unparse(node.func).partition(".")
        if root != self.root or any(isinstance(a, ast.Starred) for a in node.args):
            return node
        function = operator.attrgetter(path)(importlib.import_module("lamina"))
        parameters = inspect.signature(function).parameters.values()
        positional: list[ast.expr] = []
        for parameter, value in zip(parameters, node.args, strict=False):
            if _is_default(parameter, value):
                continue
            if len(positional) < node.args.index(value):
                node.keywords.append(ast.keyword(parameter.name, value))
            else:
                positional.append(value)
        node.args = positional
        return node


def _is_default(parameter: inspect.Parameter, value: ast.expr) -> bool:
    """Return whether an argument is a constant that is the parameter's default."""
    if not isinstance(value, ast.Constant):
        return False
    default = parameter.default
    return type(value.value) is type(default) and value.value == default


class _Numbers(ast.NodeTransformer):
    """Replaces numbers that are arguments by marks, so that they stay as written.

    Args:
        values: the arguments.
    """

    def __init__(self, values: Mapping[str, ast.expr]) -> None:
        self._names = {id(value): name for name, value in values.items()}

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        """Replace a number."""
        name = self._names.get(id(node))
        return node if name is None else ast.Name(f"__{name}__", ast.Load())


def simplified(source: str) -> str:
    """Return `condition` for `(a if condition else b) == a`, with constants a and b."""
    node = ast.parse(source, mode="eval").body
    if not isinstance(node, ast.Compare) or len(node.ops) > 1:
        return source
    choice, wanted = node.left, node.comparators[0]
    if not isinstance(choice, ast.IfExp) or not isinstance(node.ops[0], ast.Eq):
        return source
    constants = [choice.body, choice.orelse, wanted]
    if not all(isinstance(part, ast.Constant) for part in constants):
        return source
    first, second, value = (ast.literal_eval(part) for part in constants)
    test = choice.test
    if value == second != first and isinstance(test, ast.Compare):
        test.ops = [ast.NotEq()] if isinstance(test.ops[0], ast.Eq) else [ast.Eq()]
    return ast.unparse(test) if value in (first, second) else source
