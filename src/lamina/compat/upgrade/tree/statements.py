# pyright: reportMissingImports=false, reportUntypedBaseClass=false
# pyright: reportUnknownParameterType=false
"""Statements of a program, with marks and with inputs of models before them."""

from __future__ import annotations

from typing import Any

import libcst as cst

from lamina.compat.upgrade.context import code_of
from lamina.compat.upgrade.tree.names import NameRewriter

MARK = "# lamina upgrade: "
_WEIGHTS = "`weights` was removed: call layer.set_weights(...) when the layer is built"


class StatementRewriter(NameRewriter):
    """Writes notes before statements, and inputs before layers that had their shape."""

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
        for _ in range(len(self.context.weights)):
            self.context.weights.popitem()
            self.context.note(_WEIGHTS)
        notes = self.context.close_statement()
        if not hasattr(new, "leading_lines"):
            return new
        present = {e.comment.value for e in new.leading_lines if e.comment}
        marks = [MARK + " ".join(note.split()) for note in notes]
        lines = [
            cst.EmptyLine(comment=cst.Comment(mark))
            for mark in marks
            if mark not in present
        ]
        if lines:
            new = new.with_changes(leading_lines=[*new.leading_lines, *lines])
        return self._with_input(_on_own_lines(new))

    def _with_input(self, statement: cst.CSTNode) -> Any:
        """Insert an input before `model.add(layer)`, and weights after it."""
        if not isinstance(statement, cst.SimpleStatementLine):
            return statement
        part: Any = statement.body[0]
        if not isinstance(part, cst.Expr) or not isinstance(part.value, cst.Call):
            return statement
        call: Any = part.value
        if len(call.args) != 1:
            return statement
        layer = id(call.args[0].value)
        shape = self.context.batch_shapes.pop(layer, None)
        weights = self.context.assigned.pop(layer, None)
        lines: list[cst.SimpleStatementLine | cst.BaseCompoundStatement] = [statement]
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
        return statement if len(lines) == 1 else cst.FlattenSentinel(lines)

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
