# pyright: reportMissingImports=false, reportUnknownParameterType=false
"""State of the rewriting of one program."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import libcst as cst

from lamina.compat.upgrade.calls.symbols import SymbolicNames
from lamina.compat.upgrade.templates import helper_of

# Start of the comment above a statement that needs a person.
MARK = "# lamina upgrade: "


class Context:
    """Findings and needs of the rewriting of one program.

    Args:
        root: name of the library in the new program, `keras` or `lamina`.
    """

    def __init__(self, root: str) -> None:
        self.root = root
        self.count = 0
        # Modules that the new program needs, by the name that it uses.
        self.imports: dict[str, str] = {}
        self.definitions: dict[str, str] = {}
        # Imported names whose uses were replaced.
        self.replaced: set[str] = set()
        # Imports that the rewriting wrote, as "module.name as bound".
        self.written: set[str] = set()
        # Strings in the arguments `metrics` of the program, and in the last one so far.
        self.metrics: set[str] = set()
        self.last_metrics: set[str] = set()
        # Keys that the program assigns itself, with what they are assigned in.
        self.assigned_keys: set[tuple[str, str]] = set()
        # Whether scores of scikit-learn have the names that they had then.
        self.has_old_scores = False
        # Variables that are sizes of layers.
        self.sizes: set[str] = set()
        # New names of files by the old ones, as source, and variables that are names.
        self.files: dict[str, str] = {}
        self.file_variables: set[str] = set()
        # Variables that are symbolic tensors.
        self.symbols = SymbolicNames()
        # Shapes of layers that need an input before them, by the call's node.
        self.batch_shapes: dict[int, str] = {}
        # Weights of layers, in their constructors and to assign, by the call's node.
        self.weights: dict[int, str] = {}
        self.assigned: dict[int, str] = {}
        # Whether TensorFlow itself computes, as in the functions of `tf.data`.
        self.keeps_tensorflow = False
        self._noted: set[str] = set()
        self._notes: list[list[str]] = [[]]

    @property
    def is_for_keras(self) -> bool:
        """Whether the new program runs with Keras 3."""
        return self.root == "keras"

    def note(self, text: str) -> None:
        """Mark the statement with what has no translation."""
        if text not in self._notes[-1]:
            self._notes[-1].append(text)

    def note_once(self, text: str) -> None:
        """Mark the first statement of a program that this is true of."""
        if text not in self._noted:
            self._noted.add(text)
            self.note(text)

    def open_statement(self) -> None:
        """Collect the notes of one statement."""
        self._notes.append([])

    def close_statement(self) -> list[str]:
        """Return the notes of a statement."""
        return self._notes.pop()

    def helper(self, value: Callable[..., Any]) -> str | None:
        """Write the definition of a function or class into the program.

        Returns:
            Its name, None if it needs what the program cannot have.
        """
        found = helper_of(value, self.root)
        if found is None:
            return None
        self.definitions |= found.definitions
        self.imports |= found.imports
        return found.name

    def chain(self, name: str) -> cst.BaseExpression:
        """Return a public name as an expression."""
        self.imports[self.root] = self.root
        return expression(f"{self.root}.{name}" if name else self.root)


def code_of(node: cst.CSTNode) -> str:
    """Return the source of a part of a program."""
    return cst.Module([]).code_for_node(node)


def expression(source: str) -> cst.BaseExpression:
    """Return an expression that can stand anywhere."""
    node = cst.parse_expression(source)
    is_closed = isinstance(
        node,
        cst.Name
        | cst.Attribute
        | cst.Call
        | cst.Subscript
        | cst.Tuple
        | cst.List
        | cst.SimpleString
        | cst.Integer
        | cst.Float
        | cst.Dict
        | cst.ListComp,
    )
    if is_closed or node.lpar:
        return node
    return node.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
