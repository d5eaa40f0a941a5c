"""Messages for code that needs the values of tensors before they exist.

JAX's own messages name a place in this library and functions of `jax.numpy`.
"""

from __future__ import annotations

from jax.errors import (
    ConcretizationTypeError,
    NonConcreteBooleanIndexError,
    TracerArrayConversionError,
    TracerBoolConversionError,
    TracerIntegerConversionError,
)

_REASON = "which does not exist yet: the code is compiled before it runs"

# A class comes before its base class.
_MESSAGES: tuple[tuple[type[Exception], str], ...] = (
    (
        TracerBoolConversionError,
        f"`if`, `while`, `and`, `or` and `not` need the value of a tensor, {_REASON}. "
        "Choose elements with `ops.where(condition, a, b)`, one of two functions with "
        "`ops.cond(condition, f, g)`, and repeat with `ops.while_loop`.",
    ),
    (
        TracerIntegerConversionError,
        f"An index or a size in Python needs the value of a tensor, {_REASON}. Index "
        "tensors with `ops.take(x, i, axis=0)`, and repeat with `ops.fori_loop`.",
    ),
    (
        TracerArrayConversionError,
        f"NumPy needs the value of a tensor, {_REASON}. Use the function of "
        "`lamina.ops` with the same name, such as `ops.exp` for `np.exp`.",
    ),
    (
        NonConcreteBooleanIndexError,
        f"The size of `x[mask]` depends on the value of a tensor, {_REASON}. Keep the "
        "size and replace elements: `ops.where(mask, x, 0)`.",
    ),
    (
        ConcretizationTypeError,
        f"`float()`, `int()`, `range()`, `.item()` and sizes need the value of a "
        f"tensor, {_REASON}. Compute with the tensor itself; `ops.cast(x, 'int32')` "
        "changes its type.",
    ),
)

VALUE_ERRORS = tuple(kind for kind, _ in _MESSAGES)


def explain(error: BaseException) -> None:
    """Replace JAX's message about the value of a tracer; its class stays."""
    for kind, message in _MESSAGES:
        if isinstance(error, kind):
            error.args = (message,)
            return
