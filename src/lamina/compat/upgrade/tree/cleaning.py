# pyright: reportMissingImports=false, reportUntypedBaseClass=false
# pyright: reportUnknownParameterType=false
"""Imports that a rewritten program needs, and no others."""

from __future__ import annotations

from typing import Any

import libcst as cst
from libcst.helpers import get_full_name_for_node

from lamina.compat.upgrade.context import MARK, Context

# Start of the comment before each cell of a notebook.
CELL = "# lamina cell "

Statement = cst.SimpleStatementLine | cst.BaseCompoundStatement


def with_clean_imports(context: Context, module: cst.Module) -> cst.Module:
    """Return a program without imports that it had for old names only.

    Args:
        context: what the rewriting found.
        module: the program.
    """
    early = {n for n in context.imports.values() if _first_use(module, n) is not None}
    used = _UsedNames()
    module.visit(used)
    for text in context.definitions.values():
        cst.parse_module(text).visit(used)
    module = _without_empty_imports(context, module, used.found, early)
    bound = _BoundNames()
    module.visit(bound)
    added = [
        cst.parse_statement(_import(name, path))
        for path, name in context.imports.items()
        if name in used.found and (name not in bound.found or name in early)
    ]
    definitions = [
        _spaced(line)
        for text in context.definitions.values()
        for line in cst.parse_module(text).body
    ]
    return _inserted(module, added, definitions, context.root)


def _first_use(module: cst.Module, name: str) -> int | None:
    """Return the statement that uses a name above its import, None if there is none."""
    for index, line in enumerate(module.body):
        bound, used = _BoundNames(), _UsedNames()
        line.visit(bound)
        line.visit(used)
        if name in bound.found or name in used.found:
            return None if name in bound.found else index
    return None


def _without_empty_imports(
    context: Context, module: cst.Module, used: set[str], early: set[str]
) -> cst.Module:
    """Remove imports; the comments above them move to the next statement."""
    cleaner = _ImportCleaner(context, used, early)
    body: list[Any] = []
    carried: list[Any] = []
    for line in module.body:
        new = line.visit(cleaner)
        if not isinstance(new, cst.CSTNode) or getattr(new, "body", None) == ():
            carried += line.leading_lines
            continue
        if any(e.comment for e in carried) or not new.leading_lines:
            new = new.with_changes(leading_lines=[*carried, *new.leading_lines])
        carried = []
        body.append(new)
    return module.with_changes(body=body)


def _import(name: str, path: str) -> str:
    package, _, last = path.rpartition(".")
    if package:
        return f"from {package} import {last}"
    return f"import {path}" if name == path else f"import {path} as {name}"


def _inserted(
    module: cst.Module, added: list[Any], definitions: list[Any], root: str
) -> cst.Module:
    """Insert imports before the first of the library, and definitions after it."""
    body = list(module.body)
    modules = [_imported(line) for line in body]
    imports = [i for i, name in enumerate(modules) if name not in ("", "__future__")]
    of_library = [i for i in imports if modules[i].partition(".")[0] == root]
    use = _first_use(module, root)
    if use is not None:
        imports = [i for i in imports if i < use] or [use]
        of_library = []
    first = (of_library or imports or [_start(module, modules)])[0]
    if added and first < len(body):
        # The comments above belong to all, as does the mark of a notebook's cell.
        lines = body[first].leading_lines
        marks = [e for e in lines if e.comment and e.comment.value.startswith(MARK)]
        others = [e for e in lines if e not in marks]
        added[0] = added[0].with_changes(leading_lines=others)
        body[first] = body[first].with_changes(leading_lines=marks)
    last = first
    while (
        last < len(body)
        and _imported(body[last])
        and not (last > first and _starts_cell(body[last]))
    ):
        last += 1
    if definitions and last < len(body):
        body[last] = _spaced(body[last])
    body[last:last] = definitions
    body[first:first] = added
    return module.with_changes(body=body)


def _spaced(line: Statement) -> Any:
    """Return a statement with two empty lines before it and its comments."""
    lines = list(line.leading_lines)
    while lines and lines[0].comment is None:
        del lines[0]
    empty = cst.EmptyLine(indent=False)
    return line.with_changes(leading_lines=[empty, empty, *lines])


def _start(module: cst.Module, modules: list[str]) -> int:
    """Return the index after the docstring and the imports from `__future__`."""
    start = 1 if module.get_docstring() is not None else 0
    while modules[start : start + 1] == ["__future__"]:
        start += 1
    return start


def _imported(line: cst.CSTNode) -> str:
    """Return the module that a statement imports, "" if it is not an import."""
    if not isinstance(line, cst.SimpleStatementLine):
        return ""
    part = line.body[0]
    if isinstance(part, cst.Import):
        return get_full_name_for_node(part.names[0].name) or ""
    if isinstance(part, cst.ImportFrom) and part.module is not None:
        return get_full_name_for_node(part.module) or ""
    return ""


def _starts_cell(line: Statement) -> bool:
    comments = [e.comment.value for e in line.leading_lines if e.comment is not None]
    return any(comment.startswith(CELL) for comment in comments)


class _UsedNames(cst.CSTVisitor):
    """Names that a program uses outside of its imports."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def visit_Import(self, node: cst.Import) -> bool:
        return False

    def visit_ImportFrom(self, node: cst.ImportFrom) -> bool:
        return False

    def visit_Attribute(self, node: cst.Attribute) -> bool:
        node.value.visit(self)
        return False

    def visit_Name(self, node: cst.Name) -> None:
        self.found.add(node.value)


class _BoundNames(cst.CSTVisitor):
    """Names that the imports at the top level of a program define."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def visit_FunctionDef(self, node: cst.FunctionDef) -> bool:
        return False

    def visit_ImportAlias(self, node: cst.ImportAlias) -> None:
        self.found.add(bound_name(node))


class _ImportCleaner(cst.CSTTransformer):
    """Removes imported names that are not used any more, and duplicates.

    Args:
        context: what the rewriting found.
        used: names that the program uses.
        early: modules whose import is written above all uses.
    """

    def __init__(self, context: Context, used: set[str], early: set[str]) -> None:
        super().__init__()
        self._context, self._used = context, used
        self._seen = {f".{name} as {name}" for name in early}
        self._depth = 0

    def visit_FunctionDef(self, node: cst.FunctionDef) -> None:
        self._depth += 1

    def leave_FunctionDef(
        self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef
    ) -> Any:
        self._depth -= 1
        return updated_node

    def leave_Import(self, original_node: cst.Import, updated_node: cst.Import) -> Any:
        return self._cleaned(updated_node, "")

    def leave_ImportFrom(self, original_node: cst.ImportFrom, updated_node: Any) -> Any:
        if isinstance(updated_node.names, cst.ImportStar) or updated_node.relative:
            return updated_node
        module = get_full_name_for_node(updated_node.module) or ""
        return self._cleaned(updated_node, module)

    def _cleaned(self, node: Any, module: str) -> Any:
        kept = [alias for alias in node.names if self._is_needed(alias, module)]
        if len(kept) == len(node.names):
            return node
        if not kept:
            return cst.RemoveFromParent()
        kept[-1] = kept[-1].with_changes(comma=node.names[-1].comma)
        return node.with_changes(names=kept)

    def _is_needed(self, alias: cst.ImportAlias, module: str) -> bool:
        bound = bound_name(alias)
        if bound in self._context.replaced and bound not in self._used:
            return False
        key = import_key(module, alias)
        is_repeated = key in self._seen and key in self._context.written
        if self._depth == 0:
            self._seen.add(key)
        return not is_repeated


def import_key(module: str, alias: cst.ImportAlias) -> str:
    """Return a string that is the same for imports of the same name."""
    name = get_full_name_for_node(alias.name) or ""
    return f"{module}.{name} as {bound_name(alias)}"


def bound_name(alias: cst.ImportAlias) -> str:
    """Return the name that an import defines."""
    if alias.asname is not None:
        return cst.ensure_type(alias.asname.name, cst.Name).value
    return (get_full_name_for_node(alias.name) or "").partition(".")[0]
