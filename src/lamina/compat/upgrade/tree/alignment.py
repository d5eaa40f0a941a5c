# pyright: reportMissingImports=false, reportUntypedBaseClass=false
# pyright: reportUnknownParameterType=false
"""Alignment of arguments in calls whose function has a new name."""

from __future__ import annotations

from typing import Any, NamedTuple

import libcst as cst
from libcst.metadata import PositionProvider

from lamina.compat.upgrade.context import code_of
from lamina.compat.upgrade.tree.tensors import TensorRewriter


class Move(NamedTuple):
    """Number of columns by which the arguments of a call move.

    Args:
        call: the new call.
        start: column of its first argument before, counted from that of the statement.
        columns: the number.
    """

    call: cst.Call
    start: int
    columns: int


class AlignedRewriter(TensorRewriter):
    """Notes the calls whose arguments move."""

    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.moves: dict[int, Move] = {}
        self._columns = [0]

    def on_visit(self, node: cst.CSTNode) -> bool:
        """Note the column of a statement."""
        if hasattr(node, "leading_lines"):
            self._columns.append(self._position(node).start.column)
        return super().on_visit(node)

    def on_leave(self, original_node: cst.CSTNode, updated_node: cst.CSTNode) -> Any:
        """Forget the column of a statement."""
        if hasattr(original_node, "leading_lines"):
            self._columns.pop()
        return super().on_leave(original_node, updated_node)

    def _note_move(self, original: cst.Call, new: cst.CSTNode) -> None:
        if not isinstance(new, cst.Call) or new.whitespace_before_args.empty is False:
            return
        columns = _width(new.func) - _width(original.func)
        if columns:
            start = self._position(original.func).end.column + 1 - self._columns[-1]
            self.moves[id(new)] = Move(new, start, columns)

    def _position(self, node: cst.CSTNode) -> Any:
        return self.get_metadata(PositionProvider, node)


def aligned(module: cst.Module, moves: dict[int, Move]) -> cst.Module:
    """Return a program whose arguments have moved.

    Args:
        module: the program.
        moves: the calls, by identity.
    """
    return module.visit(_Aligner(moves))


class _Aligner(cst.CSTTransformer):
    def __init__(self, moves: dict[int, Move]) -> None:
        super().__init__()
        self._moves = moves

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> Any:
        move = self._moves.get(id(original_node))
        if move is None:
            return updated_node
        mover = _Mover(move)
        args: list[Any] = [argument.visit(mover) for argument in updated_node.args]
        return updated_node.with_changes(args=args)


class _Mover(cst.CSTTransformer):
    """Moves lines that are not left of the first argument.

    Args:
        move: the number of columns.
    """

    def __init__(self, move: Move) -> None:
        super().__init__()
        self._move = move

    def leave_ParenthesizedWhitespace(
        self,
        original_node: cst.ParenthesizedWhitespace,
        updated_node: cst.ParenthesizedWhitespace,
    ) -> Any:
        if not updated_node.indent:
            return updated_node
        return updated_node.with_changes(
            last_line=self._moved(updated_node.last_line),
            empty_lines=[
                line.with_changes(whitespace=self._moved(line.whitespace))
                if line.comment is not None
                else line
                for line in updated_node.empty_lines
            ],
        )

    def _moved(self, space: cst.SimpleWhitespace) -> cst.SimpleWhitespace:
        is_plain = set(space.value) <= {" "} and len(space.value) >= self._move.start
        width = len(space.value) + self._move.columns
        return cst.SimpleWhitespace(" " * width) if is_plain else space


def _width(node: cst.CSTNode) -> int:
    return len(code_of(node).rpartition("\n")[2])
