# pyright: reportMissingImports=false, reportUntypedBaseClass=false
# pyright: reportUnknownParameterType=false
"""Rewriting of the syntax tree of a program, by the tables for old programs."""

from __future__ import annotations

from typing import Any

import libcst as cst

from lamina.compat.upgrade.calls import files, logs, sizes
from lamina.compat.upgrade.calls.functions import upgrade_call, upgrade_method
from lamina.compat.upgrade.context import code_of
from lamina.compat.upgrade.substitution import simplified
from lamina.compat.upgrade.tree import imports
from lamina.compat.upgrade.tree.alignment import AlignedRewriter
from lamina.compat.upgrade.tree.definitions import note_use


class Rewriter(AlignedRewriter):
    """Replaces old spellings, and marks statements that need a person.

    Args:
        context: what the rewriting finds.
    """

    def visit_Import(self, node: cst.Import) -> bool:
        """Leave the names of imports to `leave_Import`."""
        return False

    def leave_Import(self, original_node: cst.Import, updated_node: cst.Import) -> Any:
        """Import today's modules."""
        return imports.upgrade_import(self.context, updated_node)

    def leave_ImportFrom(
        self, original_node: cst.ImportFrom, updated_node: cst.ImportFrom
    ) -> Any:
        """Import today's names."""
        return imports.upgrade_import_from(self.context, updated_node)

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> Any:
        """Replace a call."""
        new = self._upgraded_call(original_node, updated_node)
        self._note_move(original_node, new)
        return new

    def _upgraded_call(self, original_node: cst.Call, updated_node: cst.Call) -> Any:
        found = self.names.resolve(original_node.func)
        if found is not None:
            note_use(self.context, original_node.func)
            call = self._with_seed(found, updated_node)
            new = upgrade_call(self.context, found, call)
            new = self._with_generator(found, new)
            return self._of_tensors(found, original_node, new)
        is_method = isinstance(updated_node.func, cst.Attribute)
        if is_method and not self.names.of(original_node.func):
            new = files.upgrade_file_call(self.context, updated_node)
            if new is updated_node:
                new = upgrade_method(self.context, new)
            return self._with_tensors(original_node, new)
        return self._with_tensors(original_node, updated_node)

    def leave_Expr(self, original_node: cst.Expr, updated_node: cst.Expr) -> Any:
        """Remove a call that has no effect today."""
        is_none = code_of(updated_node.value) == "None"
        is_call = isinstance(original_node.value, cst.Call)
        if is_none and is_call:
            return cst.RemoveFromParent()
        return super().leave_Expr(original_node, updated_node)

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> Any:
        """Replace an imported name, or a tensor that a loss uses by its value."""
        value = self._value_in_step(original_node)
        return value or self._replaced(original_node, updated_node)

    def leave_Attribute(
        self, original_node: cst.Attribute, updated_node: cst.Attribute
    ) -> Any:
        """Replace a name in a module, and attributes that have another name today."""
        new = self._replaced(original_node, updated_node)
        if new is updated_node and updated_node.attr.value == "lr":
            owner = code_of(updated_node.value).rpartition(".")[2]
            if owner in ("optimizer", "opt"):
                self.context.count += 1
                return updated_node.with_changes(attr=cst.Name("learning_rate"))
        return new

    def leave_Assign(self, original_node: cst.Assign, updated_node: cst.Assign) -> Any:
        """Replace values of variables that are sizes of layers or names of files."""
        new = super().leave_Assign(original_node, updated_node)
        target = new.targets[0].target
        is_name = len(new.targets) == 1 and isinstance(target, cst.Name)
        if is_name and target.value in self.context.file_variables:
            value = files.upgrade_path(self.context, new.value)
            return new.with_changes(value=value)
        return sizes.upgrade_size(self.context, new)

    def leave_Subscript(
        self, original_node: cst.Subscript, updated_node: cst.Subscript
    ) -> Any:
        """Replace an old name in logs, as in `history["acc"]`."""
        return logs.upgrade_item(self.context, updated_node)

    def leave_Arg(self, original_node: cst.Arg, updated_node: cst.Arg) -> Any:
        """Replace an old name in logs, as in `monitor="val_acc"`, or of a score."""
        keyword = updated_node.keyword.value if updated_node.keyword else ""
        if keyword == "metrics":
            logs.note_metrics(self.context, original_node)
        if keyword == "monitor":
            new = logs.upgrade_name(self.context, updated_node.value)
            return updated_node.with_changes(value=new)
        if keyword == "scoring" and self.context.has_old_scores:
            new = logs.upgrade_score(self.context, updated_node.value)
            return updated_node.with_changes(value=new)
        return updated_node

    def leave_Comparison(
        self, original_node: cst.Comparison, updated_node: cst.Comparison
    ) -> Any:
        """Simplify the comparison of a constant with one of two others."""
        source = code_of(updated_node)
        new = simplified(source) if " if " in source else source
        return updated_node if new == source else cst.parse_expression(new)

    def leave_FunctionDef(
        self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef
    ) -> Any:
        """Rename a method that layers define under another name today."""
        if updated_node.name.value == "get_output_shape_for":
            self.context.count += 1
            name = cst.Name("compute_output_shape")
            updated_node = updated_node.with_changes(name=name)
        return updated_node
