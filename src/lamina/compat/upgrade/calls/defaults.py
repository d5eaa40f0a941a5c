# pyright: reportMissingImports=false, reportUnknownParameterType=false
"""Defaults of the program's time, written where Keras 3 has others."""

from __future__ import annotations

import libcst as cst

from lamina import optimizers
from lamina.compat.defaults import DEFAULTS, METHOD_DEFAULTS, Default, release
from lamina.compat.upgrade.calls.arguments import Arguments
from lamina.compat.upgrade.calls.values import source_of
from lamina.compat.upgrade.context import Context
from lamina.core.module import accepted_names
from lamina.optimizers import Optimizer

# Arguments by which a call of `fit` is known to be that of a model.
_OF_MODELS = ("batch_size", "validation_data", "validation_split", "callbacks")


def add_defaults(context: Context, cls: type, found: Arguments) -> None:
    """Add the arguments of a constructor whose defaults have changed."""
    if found.has_stars:
        return
    given = [*accepted_names(cls)[: len(found.positional)], *found.names]
    for row in DEFAULTS:
        is_missing = row.owner == cls.__name__ and row.argument not in given
        if row.until < release() or not is_missing or _is_negligible(row):
            continue
        found.add(row.argument, source_of(context, row.value))
        given.append(row.argument)
        context.count += 1


def _is_negligible(row: Default) -> bool:
    """Return whether training with today's default is the same to rounding.

    That is so for an `epsilon` of 1e-8 or 1e-7, except that the first steps of Adadelta
    are as long as its root.
    """
    return row.argument == "epsilon" and row.owner != "Adadelta"


def add_method_defaults(context: Context, name: str, found: Arguments) -> None:
    """Add the arguments of `fit` whose defaults have changed."""
    is_model = any(option in found.names for option in _OF_MODELS)
    for row in METHOD_DEFAULTS:
        is_missing = row.owner == name and row.argument not in found.names
        if name != "fit" or row.until < release() or not is_missing or not is_model:
            continue
        if len(found.positional) < 4 and not found.has_stars:
            found.add(row.argument, repr(row.value))
            context.count += 1


def upgrade_optimizer(context: Context, call: cst.Call) -> cst.Call:
    """Return a call of `compile` whose optimizer has its old learning rate."""
    nodes = list(call.args)
    for index, node in enumerate(nodes):
        is_first = index == 0 and node.keyword is None
        is_named = node.keyword is not None and node.keyword.value == "optimizer"
        if not (is_first or is_named) or not isinstance(node.value, cst.SimpleString):
            continue
        cls = _optimizer(str(node.value.raw_value))
        options = Arguments(())
        if cls is not None:
            add_defaults(context, cls, options)
        if cls is not None and options.nodes:
            function = context.chain(f"optimizers.{cls.__name__}")
            value = cst.Call(function, options.finished())
            nodes[index] = node.with_changes(value=value)
    return call.with_changes(args=nodes)


def _optimizer(name: str) -> type[Optimizer] | None:
    for value in vars(optimizers).values():
        is_class = isinstance(value, type) and issubclass(value, Optimizer)
        if is_class and value.__name__.lower() == name.lower():
            return value
    return None
