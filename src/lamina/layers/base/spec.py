"""`InputSpec`, and checks of a layer's inputs and losses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax

from lamina.core.dtypes import standardize_dtype
from lamina.core.graph import is_symbolic
from lamina.errors import ArgumentError, ArgumentTypeError, ShapeError
from lamina.layers.base.rank_hint import rank_hint
from lamina.typing import Array, DTypeLike


class InputSpec:
    """Requirements on rank, shape and type of a layer's input; `None` for any.

    Args:
        dtype: element type.
        shape: full shape with the batch axis, `None` for sizes that vary.
        ndim: exact rank.
        max_ndim: highest rank.
        min_ndim: lowest rank.
        axes: sizes of some axes, such as `{-1: 784}`.
        allow_last_axis_squeeze: whether a last axis of size 1 may be added or removed.
        name: name of the input in a dictionary of inputs.
        optional: whether the input may be omitted.

    Example:
        >>> InputSpec(min_ndim=2, axes={-1: 784})
        InputSpec(min_ndim=2, axes={-1: 784})
    """

    def __init__(
        self,
        dtype: DTypeLike = None,
        shape: Sequence[int | None] | None = None,
        ndim: int | None = None,
        max_ndim: int | None = None,
        min_ndim: int | None = None,
        axes: Mapping[int, int | None] | None = None,
        allow_last_axis_squeeze: bool = False,
        name: str | None = None,
        optional: bool = False,
    ) -> None:
        self.dtype = None if dtype is None else standardize_dtype(dtype)
        self.shape = None if shape is None else tuple(shape)
        self.ndim = len(self.shape) if self.shape is not None else ndim
        self.max_ndim, self.min_ndim = max_ndim, min_ndim
        self.axes = {int(k): v for k, v in (axes or {}).items()}
        self.allow_last_axis_squeeze = allow_last_axis_squeeze
        self.name, self.optional = name, optional

    def __repr__(self) -> str:
        parts = {k: v for k, v in vars(self).items() if v}
        return f"InputSpec({', '.join(f'{k}={v}' for k, v in parts.items())})"

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return dict(vars(self))

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> InputSpec:
        """Create the spec that `get_config` describes."""
        return cls(**config)

    def problem(self, shape: tuple[int | None, ...]) -> tuple[str, str] | None:
        """Return what a shape violates and a hint; None if it is valid."""
        rank = len(shape)
        if self.ndim is not None and rank != self.ndim:
            return f"an input of rank {self.ndim}", ""
        if self.max_ndim is not None and rank > self.max_ndim:
            return f"an input of rank {self.max_ndim} at most", ""
        if self.min_ndim is not None and rank < self.min_ndim:
            return f"an input of rank {self.min_ndim} at least", ""
        for axis, size in self.axes.items():
            if size is not None and shape[axis] not in (size, None):
                name = "last axis" if axis in (-1, rank - 1) else f"axis {axis}"
                return f"an input whose {name} has size {size}", (
                    f"It was built for that size; this input has size {shape[axis]}."
                )
        for wanted, got in zip(self.shape or (), shape, strict=False):
            if wanted is not None and got not in (wanted, None):
                return f"an input of shape {self.shape}", ""
        return None


def check_inputs(layer: Any, spec: Any, inputs: Array) -> None:
    """Raise `ShapeError` if an input does not fit the layer's spec."""
    specs = list(spec) if isinstance(spec, (list, tuple)) else [spec]
    leaves = jax.tree.leaves(inputs, is_leaf=lambda t: hasattr(t, "node"))
    subject = f"Layer {layer.name!r} ({type(layer).__name__})"
    invalid = [leaf for leaf in leaves if not hasattr(leaf, "shape")]
    if invalid:
        raise ArgumentTypeError(
            f"{subject} takes arrays or symbolic tensors. Received: {invalid[0]!r}. "
            + _type_hint(invalid[0])
        )
    if len(specs) != len(leaves):
        raise ArgumentError(
            f"{subject} takes {len(specs)} inputs, but got {len(leaves)}: "
            f"{describe_shapes(inputs)}."
        )
    for one, leaf in zip(specs, leaves, strict=True):
        if one is None:
            continue
        shape = tuple(leaf.shape)
        problem = one.problem(shape)
        if problem is not None:
            needed, hint = problem
            hint = hint or rank_hint(one, leaf)
            message = f"{subject} needs {needed}. It got one of shape {shape}. {hint}"
            raise ShapeError(message.rstrip())


def check_loss(layer: Any, loss: Any) -> None:
    """Check that a loss is not a symbolic tensor, which training cannot add.

    Raises:
        ArgumentTypeError: the loss is a symbolic tensor.
    """
    if is_symbolic([loss]):
        raise ArgumentTypeError(
            f"{type(layer).__name__} {layer.name!r}: `add_loss` takes arrays, not "
            "symbolic tensors. Add the loss in the `call` of a layer, and call that "
            "layer on the tensor: `def call(self, x): "
            "self.add_loss(ops.mean(x)); return x`."
        )


def _type_hint(value: Any) -> str:
    if callable(value):
        return "Call that layer on an input first, and pass its output."
    return "Convert lists of numbers with `np.array(...)`."


def describe_shapes(tree: Any) -> str:
    """Return the shapes and types in nested arguments, for messages."""
    leaves = jax.tree.leaves(tree, is_leaf=lambda t: hasattr(t, "node"))
    shown = [f"{tuple(t.shape)} {t.dtype}" for t in leaves if hasattr(t, "shape")]
    return ", ".join(shown[:4]) + (", ..." if len(shown) > 4 else "") or "no arrays"
