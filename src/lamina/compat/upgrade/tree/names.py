# pyright: reportMissingImports=false, reportUntypedBaseClass=false
# pyright: reportUnknownParameterType=false
"""Names of a program that are imported from old modules."""

from __future__ import annotations

from typing import Any

import libcst as cst
from libcst.helpers import get_full_name_for_node
from libcst.metadata import QualifiedNameProvider, ScopeProvider

from lamina.compat.upgrade.context import Context
from lamina.compat.upgrade.resolve import Found, kept_in, resolve
from lamina.compat.upgrade.tree import imports
from lamina.compat.upgrade.tree.definitions import defined, note_use
from lamina.compat.upgrade.tree.imported_names import ImportedNames

Name = cst.Name | cst.Attribute


class NameRewriter(cst.CSTTransformer):
    """Finds what imported names stand for, and writes today's names.

    Args:
        context: what the rewriting finds.
    """

    METADATA_DEPENDENCIES = (QualifiedNameProvider, ScopeProvider)

    def __init__(self, context: Context) -> None:
        super().__init__()
        self.context = context
        self.names = ImportedNames(context, self.get_metadata)
        self._called: set[cst.CSTNode] = set()

    def leave_Assign(self, original_node: Any, updated_node: cst.Assign) -> Any:
        """Note variables that are modules, as in `K = keras.backend`."""
        targets = original_node.targets
        found = self.names.resolve(original_node.value)
        is_name = len(targets) == 1 and isinstance(targets[0].target, cst.Name)
        if is_name and found is not None and found.is_module:
            name = targets[0].target.value
            self.names.aliases[name] = self.names.of(original_node.value)[0]
        return updated_node

    def visit_ImportFrom(self, node: cst.ImportFrom) -> bool:
        """Note `from module import *`; names of imports are not expressions."""
        if isinstance(node.names, cst.ImportStar) and not node.relative:
            self.names.stars.append(get_full_name_for_node(node.module or "") or "")
        return False

    def visit_Call(self, node: cst.Call) -> None:
        """Note that the function is called."""
        self._called.add(node.func)

    def _replaced(self, original: Name, updated: cst.BaseExpression) -> Any:
        """Return today's form of a name that is not called, or of a called name."""
        if "tensorflow.__version__" in self.names.of(original):
            self.context.replaced.add("tf")
            return self.context.chain("__version__")
        found = self.names.resolve(original)
        if found is None:
            self._note_missing(original)
            return updated
        kept = kept_in(found.value, self.context.root)
        if found.name is None and kept is not None:
            name = getattr(found.value, "__name__", "")
            return self._kept(original, updated, f"{kept}.{name}")
        if isinstance(found.value, str | None) and found.name is None:
            note_use(self.context, original)
            self.context.count += 1
            return cst.parse_expression(_literal(found.value))
        if found.name is None:
            return (
                updated
                if original in self._called
                else defined(self.context, original, found, updated)
            )
        return self._renamed(original, updated, found)

    def _kept(self, original: Name, updated: cst.BaseExpression, path: str) -> Any:
        """Return the name of a former part of `keras.preprocessing`."""
        module = None if isinstance(original, cst.Name) else original.value
        found = None if module is None else self.names.resolve(module)
        is_old = isinstance(module, cst.Name) and found is not None and not found.name
        if module is None or is_old:
            return updated
        name = path.rpartition(".")[2]
        self.context.imports[path] = name
        self.context.count += 1
        return cst.Name(name)

    def _renamed(
        self, original: Name, updated: cst.BaseExpression, found: Found
    ) -> Any:
        """Return today's name."""
        name = found.name or ""
        if isinstance(original, cst.Name):
            home, _, new = name.rpartition(".")
            if (
                self.names.from_stars(original)
                and home not in self.names.modules_of_stars()
            ):
                return self.context.chain(name)
            is_renamed = not found.is_module and self._imported_as(original)
            return cst.Name(new) if is_renamed and new != original.value else updated
        base = self.names.resolve(original.value)
        module, _, attribute = name.rpartition(".")
        if (
            base is not None
            and base.name == module
            and self._keeps_name(original.value)
        ):
            is_same = attribute == original.attr.value
            return (
                updated if is_same else updated.with_changes(attr=cst.Name(attribute))
            )
        note_use(self.context, original)
        return self.context.chain(name)

    def _keeps_name(self, node: cst.CSTNode) -> bool:
        """Return whether the import of a module keeps the name that it defines."""
        found = self.names.resolve(node)
        if found is None or not found.is_module or not isinstance(node, cst.Name):
            return found is not None and found.is_module
        last = (found.name or "").rpartition(".")[2]
        return last == node.value or not self._imported_as(node)

    def _imported_as(self, node: cst.Name) -> bool:
        """Return whether a name is imported under its own name."""
        return any(q.rpartition(".")[2] == node.value for q in self.names.of(node))

    def _note_missing(self, node: cst.CSTNode) -> None:
        for name in self.names.of(node):
            module, found = resolve(name.rpartition(".")[0]), resolve(name)
            if module is None or not module.is_module or isinstance(node, cst.Name):
                continue
            if found is None:
                self.context.note_once(imports.missing_note(name))
            elif not found.is_module:
                self.context.note_once("the program still needs TensorFlow")


def _literal(value: str | None) -> str:
    return "None" if value is None else repr(str(value))
