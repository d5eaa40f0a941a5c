"""Messages for code that needs what tensors lack: values before they exist, methods.

JAX's own messages name its classes, a place in this library, or functions of
`jax.numpy`.
"""

from __future__ import annotations

import jax
from jax.core import Tracer
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

# Methods of the tensors of PyTorch and TensorFlow, and what does the same here.
_METHODS = {
    "backward": "`lamina.value_and_grad(function, variables)` computes gradients.",
    "detach": "Write `ops.stop_gradient(x)`.",
    "numpy": "Code that is compiled computes with tensors, as by `ops.exp(x)`; outside "
    "of it write `np.asarray(x)`.",
    "cpu": "Remove the call: lamina chooses the device.",
    "to": "Write `ops.cast(x, dtype)`; lamina chooses the device.",
    "float": "Write `ops.cast(x, 'float32')`.",
    "view": "Write `ops.reshape(x, shape)`.",
    "permute": "Write `ops.transpose(x, axes)`.",
    "unsqueeze": "Write `ops.expand_dims(x, axis)`.",
    "assign": "Create what changes as a weight: `self.add_weight(...)`.",
    "get_shape": "Write `x.shape`.",
}


def explain(error: BaseException) -> None:
    """Replace JAX's message about what a tensor lacks; the error's class stays."""
    if isinstance(error, AttributeError):
        _explain_attribute(error)
        return
    for kind, message in _MESSAGES:
        if isinstance(error, kind):
            error.args = (message,)
            return


def _explain_attribute(error: AttributeError) -> None:
    name = error.name
    if name is None or not isinstance(error.obj, (Tracer, jax.Array)):
        return
    advice = _METHODS.get(name, "")
    error.args = (f"A tensor has no attribute {name!r}. {advice}".rstrip(),)
