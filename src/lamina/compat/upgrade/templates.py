"""Functions for old programs as expressions and definitions that a program can have.

`lamina run` calls these functions; `lamina upgrade` writes them into the program.
"""

from __future__ import annotations

import ast
import builtins
import functools
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterable, Mapping
from types import FunctionType, ModuleType
from typing import Any, NamedTuple

from lamina.compat.upgrade.resolve import public_name
from lamina.errors import LaminaError

# Lines of a definition and of those that it needs, above which none is written.
_MOST_LINES = 120
# Decorators that have no effect in a program.
_OF_RULES = ("assigned_later", "made_once")


class Template(NamedTuple):
    """A function whose body is one expression.

    Args:
        parameters: their names and the source of defaults, None if required.
        body: the expression.
        imports: modules that it needs, by the name that it uses.
    """

    parameters: dict[str, str | None]
    body: ast.expr
    imports: dict[str, str]


class Helper(NamedTuple):
    """Definitions to write into a program.

    Args:
        name: name of the function or class.
        definitions: sources by name, in their order.
        imports: modules that they need, by the name that they use.
    """

    name: str
    definitions: dict[str, str]
    imports: dict[str, str]


@functools.cache
def template_of(function: FunctionType, root: str) -> Template | None:
    """Return the expression that a function returns, or None if it does more.

    Args:
        function: a function of `lamina.compat`.
        root: name of the library in the program.
    """
    found = _definition(function)
    if not isinstance(found, ast.FunctionDef) or len(found.body) != 1:
        return None
    line = found.body[0]
    if not isinstance(line, (ast.Return, ast.Expr)) or line.value is None:
        return None
    arguments = found.args
    if arguments.vararg or arguments.posonlyargs:
        return None
    parameters = _parameters(arguments)
    names = _Names(inspect.unwrap(function).__globals__, root, parameters)
    body = names.visit(line.value)
    if names.needed or names.unknown:
        return None
    return Template(parameters, body, names.imports)


def _parameters(arguments: ast.arguments) -> dict[str, str | None]:
    defaults = [ast.unparse(d) for d in arguments.defaults]
    required = len(arguments.args) - len(defaults)
    values = [None] * required + defaults
    return {a.arg: v for a, v in zip(arguments.args, values, strict=True)}


@functools.cache
def helper_of(value: Callable[..., Any], root: str) -> Helper | None:
    """Return the definitions of a function or class, None if it needs internals."""
    definitions: dict[str, str] = {}
    imports: dict[str, str] = {}
    waiting = [value.__name__]
    scope = vars(sys.modules[value.__module__])
    while waiting:
        name = waiting.pop()
        if name in definitions:
            continue
        found = _definition(scope.get(name))
        if found is None:
            return None
        names = _Names(scope, root)
        text = ast.unparse(ast.fix_missing_locations(names.visit(found)))
        if names.unknown:
            return None
        # What is needed comes before what needs it.
        definitions = {name: text, **definitions}
        imports |= names.imports
        waiting += names.needed
    if sum(text.count("\n") for text in definitions.values()) > _MOST_LINES:
        return None
    needed_last = sorted(definitions, key=lambda n: n == value.__name__)
    ordered = {_private(n): definitions[n] for n in needed_last}
    return Helper(_private(value.__name__), ordered, imports)


def _builtin_base(error: type[LaminaError]) -> str:
    """Return the name of the first of Python's exceptions that an error is."""
    return next(c.__name__ for c in error.__mro__ if c.__module__ == "builtins")


def _private(name: str) -> str:
    """Return the name of a definition, which a program is unlikely to have."""
    return f"_{name.lstrip('_')}"


def _definition(value: object) -> ast.stmt | None:
    """Return the definition of a function or class, None if it has none of its own."""
    if not isinstance(value, (FunctionType, type)):
        return None
    if "<" in value.__qualname__ or not value.__module__.startswith("lamina.compat"):
        return None
    tree = ast.parse(textwrap.dedent(inspect.getsource(value))).body[0]
    return _Plain().visit(tree)


class _Plain(ast.NodeTransformer):
    """Removes annotations, docstrings, decorators for rules, and calls of `tell`."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Remove the annotations, the docstring and the decorators for rules."""
        node.returns = None
        node.decorator_list = [
            d for d in node.decorator_list if not ast.unparse(d).startswith(_OF_RULES)
        ]
        arguments = node.args
        every = [*arguments.args, *arguments.kwonlyargs]
        for argument in [*every, arguments.vararg, arguments.kwarg]:
            if argument is not None:
                argument.annotation = None
        if ast.get_docstring(node):
            del node.body[0]
        self.generic_visit(node)
        node.body = node.body or [ast.Return(ast.Constant(None))]
        return node

    def visit_If(self, node: ast.If) -> ast.AST | None:
        """Remove an `if` statement that has become empty."""
        self.generic_visit(node)
        if not node.body and not node.orelse:
            return None
        node.body = node.body or [ast.Pass()]
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        """Assign without an annotation."""
        if node.value is None:
            return None
        new = ast.Assign([node.target], node.value)
        return self.generic_visit(ast.copy_location(new, node))

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        """Remove calls of `tell`."""
        call = node.value
        is_call = isinstance(call, ast.Call) and isinstance(call.func, ast.Name)
        if is_call and call.func.id == "tell":  # pyright: ignore
            return None
        return self.generic_visit(node)


class _Names(ast.NodeTransformer):
    """Replaces global names by what a program has for them.

    Args:
        scope: the global names.
        root: name of the library in the program.
    """

    def __init__(
        self, scope: Mapping[str, Any], root: str, local: Iterable[str] = ()
    ) -> None:
        self.scope, self.root = scope, root
        self.imports: dict[str, str] = {}
        self.needed: list[str] = []
        self.unknown: list[str] = []
        self._local = set(local)

    def visit(self, node: ast.AST) -> Any:
        """Collect the local names of the whole before its parts are replaced."""
        if not self._local:
            self._local = {"self", "cls"} | {
                name.arg if isinstance(name, ast.arg) else name.id
                for name in ast.walk(node)
                if isinstance(name, ast.arg)
                or (isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store))
            }
        return super().visit(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        """Replace a global name."""
        name = node.id
        if name not in self.scope:
            if name not in self._local and not hasattr(builtins, name):
                self.unknown.append(name)
            return node
        if isinstance(node.ctx, ast.Store) or name in self._local:
            return node
        value = self.scope[name]
        public = public_name(value, name)
        if public is not None:
            self.imports[self.root] = self.root
            return ast.parse(f"{self.root}.{public}", mode="eval").body
        if isinstance(value, ModuleType):
            self._import(value.__name__, name)
        elif isinstance(value, (str, int, float, tuple, dict, frozenset)):
            return ast.parse(repr(value), mode="eval").body
        elif isinstance(value, type) and issubclass(value, LaminaError):
            return ast.Name(_builtin_base(value), node.ctx)
        elif isinstance(value, type) and not value.__module__.startswith("lamina"):
            self.imports[f"{value.__module__}.{value.__qualname__}"] = name
        else:
            self.needed.append(name)
            return ast.Name(_private(name), node.ctx)
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        """Refuse to write a global dictionary, which is state of lamina."""
        target = node.value
        is_written = isinstance(node.ctx, ast.Store) and isinstance(target, ast.Name)
        if is_written and target.id not in self._local:  # pyright: ignore
            self.unknown.append(target.id)  # pyright: ignore
        return self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Rename the definition itself, not methods."""
        is_method = node.args.args[:1] and node.args.args[0].arg == "self"
        if node.name in self.scope and not is_method:
            node.name = _private(node.name)
        return self.generic_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        """Rename the definition."""
        node.name = _private(node.name)
        return self.generic_visit(node)

    def _import(self, module: str, name: str) -> None:
        if module.partition(".")[0] == "lamina":
            self.unknown.append(name)
        self.imports[module] = name
