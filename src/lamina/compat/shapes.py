"""Shapes of tensors with the methods that they have in TensorFlow."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, SupportsIndex

import jax
import numpy as np

from lamina.errors import ShapeError


class TensorShape(tuple[int | None, ...]):
    """Shape, a tuple with the methods of TensorFlow's shapes.

    Args:
        dims: the sizes, `None` for those that are not known.
    """

    def __new__(cls, dims: Sequence[int | None] | int | None = ()) -> TensorShape:
        sizes = (dims,) if dims is None or isinstance(dims, int) else tuple(dims)
        return super().__new__(cls, sizes)

    @property
    def rank(self) -> int:
        """Number of axes."""
        return len(self)

    ndims = rank
    dims = property(list[int | None])

    def as_list(self) -> list[int | None]:
        """Return the sizes as a list."""
        return list(self)

    def numpy(self) -> np.ndarray:
        """Return the sizes as an array."""
        return np.array(self, "int32")

    def num_elements(self) -> int | None:
        """Return the product of the sizes, `None` if one is not known."""
        return math.prod(self) if self.is_fully_defined() else None  # type: ignore[arg-type]

    def concatenate(self, other: Sequence[int | None]) -> TensorShape:
        """Return the sizes followed by others."""
        return TensorShape((*self, *other))

    def merge_with(self, other: Sequence[int | None]) -> TensorShape:
        """Return the sizes that are known here or in another shape.

        Raises:
            ShapeError: a size differs.
        """
        pairs = list(zip(self, other, strict=False))
        if len(self) != len(other) or any(
            m != n and None not in (m, n) for m, n in pairs
        ):
            raise ShapeError(f"The shapes {self} and {tuple(other)} differ.")
        return TensorShape([n if m is None else m for m, n in pairs])

    def is_compatible_with(self, other: Sequence[int | None]) -> bool:
        """Return whether no size that both shapes know differs."""
        try:
            self.merge_with(other)
        except ShapeError:
            return False
        return True

    assert_is_compatible_with = merge_with

    def is_fully_defined(self) -> bool:
        """Return whether all sizes are known."""
        return None not in self

    def __getitem__(self, key: SupportsIndex | slice) -> Any:
        found = super().__getitem__(key)
        return TensorShape(found) if isinstance(key, slice) else found


# Functions of trees see its sizes, as in a plain tuple.
jax.tree_util.register_pytree_node(
    TensorShape, lambda shape: (tuple(shape), None), lambda _, sizes: TensorShape(sizes)
)
