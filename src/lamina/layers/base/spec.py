"""`InputSpec`: requirements on a layer's input."""

from __future__ import annotations

from collections.abc import Mapping

import jax

from lamina.core.dtypes import standardize_dtype
from lamina.typing import Config, DTypeLike, PartialShape, PyTree


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
        shape: PartialShape | None = None,
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

    def get_config(self) -> Config:
        """Return the constructor's arguments."""
        return dict(vars(self))

    @classmethod
    def from_config(cls, config: Config) -> InputSpec:
        """Create the spec that `get_config` describes."""
        return cls(**config)

    def problem(self, shape: PartialShape) -> tuple[str, str] | None:
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


def describe_shapes(tree: PyTree) -> str:
    """Return the shapes and types in nested arguments, for messages."""
    leaves = jax.tree.leaves(tree, is_leaf=lambda t: hasattr(t, "node"))
    shown = [f"{tuple(t.shape)} {t.dtype}" for t in leaves if hasattr(t, "shape")]
    return ", ".join(shown[:4]) + (", ..." if len(shown) > 4 else "") or "no arrays"
