# pyright: reportMissingImports=false, reportUnknownParameterType=false
"""Dotted names that the expressions of a program stand for."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import libcst as cst
from libcst.helpers import get_full_name_for_node
from libcst.metadata import (
    BuiltinAssignment,
    QualifiedNameProvider,
    QualifiedNameSource,
    ScopeProvider,
)

from lamina.compat.upgrade.context import Context
from lamina.compat.upgrade.resolve import Found, resolve

_VERSION = re.compile(r"^tensorflow\.compat\.v[12]\b")


class ImportedNames:
    """Names of a program that are imported, and what they stand for.

    Args:
        context: what the rewriting finds.
        metadata: returns what a provider of LibCST knows about a node, or a default.
    """

    def __init__(self, context: Context, metadata: Callable[..., Any]) -> None:
        self._context, self._metadata = context, metadata
        # Variables that are modules, as in `K = keras.backend`.
        self.aliases: dict[str, str] = {}
        # Modules of which all names are imported.
        self.stars: list[str] = []

    def resolve(self, node: cst.CSTNode) -> Found | None:
        """Return what a name stands for, if it is of an old module."""
        for name in self.of(node):
            is_tensorflow = name.startswith("tensorflow.") and ".keras" not in name
            found = resolve(name)
            if found is None or (is_tensorflow and self._context.keeps_tensorflow):
                continue
            return found
        return None

    def of(self, node: cst.CSTNode) -> list[str]:
        """Return the dotted names that an imported name may stand for."""
        names: list[str] = []
        # LibCST gives a call the names of its function.
        if not isinstance(_root(node), cst.Name):
            return names
        for found in self._metadata(QualifiedNameProvider, node, set()):
            first, dot, rest = found.name.partition(".")
            if found.source is QualifiedNameSource.IMPORT:
                names.append(_VERSION.sub("tensorflow", found.name))
            elif first in self.aliases:
                names.append(self.aliases[first] + dot + rest)
        return names or self.from_stars(node)

    def from_stars(self, node: cst.CSTNode) -> list[str]:
        """Return what a name stands for that `from module import *` may define."""
        name, root = get_full_name_for_node(node), _root(node)
        scope = self._metadata(ScopeProvider, root, None) if self.stars else None
        if scope is None or not isinstance(root, cst.Name):
            return []
        if not all(isinstance(a, BuiltinAssignment) for a in scope[root.value]):
            return []
        names = (f"{module}.{name}" for module in reversed(self.stars))
        return [name for name in names if resolve(name) is not None][:1]

    def modules_of_stars(self) -> set[str | None]:
        """Return today's names of the modules of which all names are imported."""
        return {found.name for found in map(resolve, self.stars) if found is not None}


def _root(node: cst.CSTNode) -> cst.CSTNode:
    """Return what the attributes in a node are attributes of."""
    while isinstance(node, cst.Attribute):
        node = node.value
    return node
