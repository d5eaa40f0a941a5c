# pyright: reportMissingImports=false, reportUnknownParameterType=false
"""Functions that are used without a call, and their names in the new program."""

from __future__ import annotations

from types import FunctionType
from typing import Any

import libcst as cst

from lamina import activations
from lamina.compat.upgrade.calls.arrays import declaration_of
from lamina.compat.upgrade.context import Context, code_of
from lamina.compat.upgrade.resolve import Found

Name = cst.Name | cst.Attribute


def defined(
    context: Context, original: Name, found: Found, updated: cst.BaseExpression
) -> cst.BaseExpression:
    """Return the name of a function that has no public name today.

    Args:
        context: the program, which may get the definition.
        original: the name in the old program.
        found: what it stands for.
        updated: the name if nothing replaces it.
    """
    if not isinstance(found.value, FunctionType | type):
        return updated
    if found.value.__module__.startswith("lamina.compat.tensorflow"):
        return _function_of_arrays(context, original, found.value, updated)
    name = context.helper(found.value)
    if name is None:
        context.note(f"{code_of(original)} has no translation here")
        return updated
    note_use(context, original)
    return cst.Name(name)


def _function_of_arrays(
    context: Context, original: Name, function: Any, updated: cst.BaseExpression
) -> cst.BaseExpression:
    """Return the name of a function of TensorFlow that takes one array."""
    target, positional, _ = declaration_of(function)
    if not target or len(positional) != 1:
        return updated
    note_use(context, original)
    context.count += 1
    module = "activations" if target in activations.__all__ else "ops"
    return context.chain(f"{module}.{target}")


def note_use(context: Context, node: cst.CSTNode) -> None:
    """Note that an imported name is not used at one place any more."""
    while isinstance(node, cst.Attribute):
        node = node.value
    if isinstance(node, cst.Name):
        context.replaced.add(node.value)
