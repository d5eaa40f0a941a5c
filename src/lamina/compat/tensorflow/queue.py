"""Queues of `tensorflow.queue`, which do not wait."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lamina.compat.tensorflow.base.tensors import constant, convert_to_tensor
from lamina.errors import StateError
from lamina.typing import PyTree


class FIFOQueue:
    """Queue of which the first item leaves first.

    Args:
        capacity: largest number of items.
        dtypes: element types of the parts of an item.
        **unused: further arguments without effect.
    """

    def __init__(self, capacity: int, dtypes: PyTree = None, **unused: object) -> None:
        self._capacity, self._items = int(capacity), deque[Any]()

    def enqueue(self, vals: PyTree, name: str = "") -> None:
        """Add an item.

        Raises:
            StateError: the queue is full.
        """
        if len(self._items) >= self._capacity:
            raise StateError(f"The queue is full: it has {self._capacity} items.")
        self._items.append(jax.tree.map(convert_to_tensor, vals))

    def enqueue_many(self, vals: Sequence[Any], name: str = "") -> None:
        """Add the rows of tensors, one for each part of an item."""
        for row in zip(*map(convert_to_tensor, vals), strict=True):
            self.enqueue(list(row))

    def dequeue(self, name: str = "") -> Any:
        """Remove the first item and return it.

        Raises:
            StateError: the queue is empty.
        """
        if not self._items:
            raise StateError("The queue is empty. Call `enqueue` first.")
        return self._items.popleft()

    def dequeue_many(self, n: int, name: str = "") -> Any:
        """Remove the first items and return them as rows of tensors."""
        found = [self.dequeue() for _ in range(int(n))]
        return jax.tree.map(lambda *parts: constant(np.stack(parts)), *found)

    def size(self, name: str = "") -> Any:
        """Return the number of items."""
        return jnp.asarray(len(self._items))
