# pyright: reportMissingImports=false, reportUntypedBaseClass=false
# pyright: reportUnknownParameterType=false
"""Statements of a program, with marks and with inputs of models before them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import libcst as cst

from lamina.compat.upgrade.context import MARK, code_of
from lamina.compat.upgrade.tree.names import NameRewriter

_WEIGHTS = "`weights` was removed: call layer.set_weights(...) when the layer is built"
_SHAPE = "batch_input_shape was removed: call the layer on keras.Input(batch_shape={})"


class StatementRewriter(NameRewriter):
    """Writes notes before statements, and inputs before layers that had their shape."""

    _header: Mapping[cst.CSTNode, Sequence[cst.EmptyLine]] = {}

    def visit_Module(self, node: cst.Module) -> None:
        """Note the comments above the first statement."""
        self._header = dict.fromkeys(node.body[:1], node.header)

    def leave_List(self, original_node: cst.List, updated_node: cst.List) -> Any:
        """Insert an input before a layer that had the shape of a batch."""
        elements: list[Any] = []
        for element in updated_node.elements:
            shape = self.context.batch_shapes.pop(id(element.value), None)
            if shape is not None:
                elements.append(cst.Element(self._input(shape)))
            elements.append(element)
        if len(elements) == len(updated_node.elements):
            return updated_node
        return updated_node.with_changes(elements=elements)

    def on_visit(self, node: cst.CSTNode) -> bool:
        """Collect notes by statement."""
        if hasattr(node, "leading_lines"):
            self.context.open_statement()
        return super().on_visit(node)

    def on_leave(self, original_node: cst.CSTNode, updated_node: cst.CSTNode) -> Any:
        """Write the notes of a statement before it, and the inputs that it needs."""
        new: Any = super().on_leave(original_node, updated_node)
        if not hasattr(original_node, "leading_lines"):
            return new
        is_removed = not hasattr(new, "leading_lines") or getattr(new, "body", 0) == ()
        statements = [new] if is_removed else self._with_input(new)
        self._note_unused()
        notes = self.context.close_statement()
        if is_removed:
            has_comment = any(e.comment for e in getattr(new, "leading_lines", ()))
            if not notes or not hasattr(new, "leading_lines"):
                return new.with_changes(body=[cst.Pass()]) if has_comment else new
            statements = [new.with_changes(body=[cst.Pass()])]
        new = statements[0]
        # Comments at the top of a program are in its header.
        above = [*self._header.get(original_node, ()), *new.leading_lines]
        present = {line.comment.value for line in above if line.comment}
        marks = [MARK + " ".join(note.split()) for note in notes]
        lines = [
            cst.EmptyLine(comment=cst.Comment(mark))
            for mark in marks
            if mark not in present
        ]
        if lines:
            new = new.with_changes(leading_lines=[*new.leading_lines, *lines])
        if len(statements) == 1:
            return _on_own_lines(new)
        return cst.FlattenSentinel([new, *statements[1:]])

    def _note_unused(self) -> None:
        """Note arguments that were removed, and for which nothing was written."""
        for table in (self.context.weights, self.context.assigned):
            if table:
                self.context.note(_WEIGHTS)
            table.clear()
        for shape in self.context.batch_shapes.values():
            self.context.note(_SHAPE.format(shape))
        self.context.batch_shapes.clear()

    def _with_input(self, statement: cst.CSTNode) -> list[Any]:
        """Insert an input before `model.add(layer)`, and weights after it."""
        if not isinstance(statement, cst.SimpleStatementLine):
            return [statement]
        part: Any = statement.body[0]
        if not isinstance(part, cst.Expr) or not isinstance(part.value, cst.Call):
            return [statement]
        call: Any = part.value
        if len(call.args) != 1:
            return [statement]
        layer = id(call.args[0].value)
        shape = self.context.batch_shapes.pop(layer, None)
        weights = self.context.assigned.pop(layer, None)
        lines: list[Any] = [statement]
        if shape is not None:
            added = call.with_changes(args=[cst.Arg(self._input(shape))])
            first = cst.SimpleStatementLine(
                [cst.Expr(added)], leading_lines=statement.leading_lines
            )
            lines = [first, statement.with_changes(leading_lines=[])]
        if weights is not None:
            model = code_of(call.func.value)
            last = f"{model}.layers[-1].set_weights({weights})"
            lines.append(cst.parse_statement(last))
        return lines

    def _input(self, shape: str) -> cst.BaseExpression:
        function = code_of(self.context.chain("Input"))
        return cst.parse_expression(f"{function}(batch_shape={shape})")


def _on_own_lines(statement: cst.CSTNode) -> Any:
    """Return the imports that one import has become as lines."""
    is_line = isinstance(statement, cst.SimpleStatementLine)
    if not is_line or not all(
        isinstance(part, cst.Import | cst.ImportFrom) for part in statement.body
    ):
        return statement
    lines = [
        statement.with_changes(
            body=[part.with_changes(semicolon=cst.MaybeSentinel.DEFAULT)],
            **({} if index == 0 else {"leading_lines": []}),
        )
        for index, part in enumerate(statement.body)
    ]
    return lines[0] if len(lines) == 1 else cst.FlattenSentinel(lines)
