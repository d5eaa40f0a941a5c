# pyright: reportMissingImports=false
"""Sources of values that Keras 3 has under no name, or under another one."""

from __future__ import annotations

from lamina.compat.defaults import old_meaning
from lamina.compat.keras.backend.arrays import hard_sigmoid
from lamina.compat.upgrade.context import Context, code_of
from lamina.initializers import Initializer, VarianceScaling


def meaning_of(context: Context, suffix: str, name: str) -> str | None:
    """Return the source of what a name meant in the program's time.

    Args:
        context: the program.
        suffix: the end of the argument's name, such as "initializer".
        name: the value.

    Returns:
        None if the name means the same today. A normal distribution whose tails are
        cut off has the same variance, so that it counts as the same.
    """
    value = old_meaning(suffix, name)
    is_same = isinstance(value, str | VarianceScaling)
    return None if is_same else source_of(context, value)


def source_of(context: Context, value: object) -> str:
    """Return the source of a value of the program's time.

    Args:
        context: the program.
        value: the hard sigmoid, an initializer, or a Python literal.
    """
    if callable(value) and getattr(value, "__name__", "") == "hard_sigmoid":
        name = context.helper(hard_sigmoid) or "'hard_sigmoid'"
        # Layers that copy others, such as Bidirectional, find it by its name.
        decorator = f"@{context.root}.saving.register_keras_serializable()\n"
        text = context.definitions[name]
        if not text.startswith("@"):
            context.definitions[name] = decorator + text
        return name
    if isinstance(value, Initializer):
        name = f"initializers.{type(value).__name__}"
        options = {n: v for n, v in value.get_config().items() if n != "seed"}
        arguments = ", ".join(f"{n}={v!r}" for n, v in options.items())
        return f"{code_of(context.chain(name))}({arguments})"
    return repr(value)
