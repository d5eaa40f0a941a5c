"""Iteration over data sets, and what is known of their items."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any, Self

import jax
import numpy as np

from lamina.compat.tensorflow.base.tensors import TensorSpec, on_host, tensor
from lamina.compat.tensorflow.data.sources import INFINITE, UNKNOWN
from lamina.core.scope import override
from lamina.core.tracing.trace_state import is_tracing
from lamina.errors import ArgumentTypeError, StateError
from lamina.typing import PyTree

# Returns an iterator over the items of an epoch.
Iterate = Callable[[], Iterator[Any]]


class Options:
    """Settings of data sets, which have no effect."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        found = vars(self)[name] = Options()
        return found


class DataIterator:
    """Iterator over the items of a data set.

    Args:
        dataset: the data set.
    """

    def __init__(self, dataset: Items) -> None:
        self._dataset, self._items = dataset, dataset.items()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        return jax.tree.map(_public, next(self._items))

    def get_next(self) -> Any:
        """Return the next item."""
        return next(self)

    next = get_next

    @property
    def element_spec(self) -> PyTree:
        """Shapes and types of the parts of an item."""
        return self._dataset.element_spec


class Items:
    """Lazy sequence of items, computed in NumPy as they are needed.

    Args:
        iterate: returns an iterator over the items of an epoch.
        length: number of items; -1 if it is infinite, -2 if it is unknown.
        has_batches: whether the items are batches of different sizes.
    """

    def __init__(
        self, iterate: Iterate, length: int = UNKNOWN, has_batches: bool = False
    ) -> None:
        self._iterate, self._length = iterate, int(length)
        self._has_batches = has_batches

    def items(self) -> Iterator[Any]:
        """Return the items of an epoch, with arrays of NumPy.

        Raises:
            StateError: a function is being compiled, which could not iterate.
        """
        if is_tracing():
            raise StateError(
                "A compiled function cannot iterate over a data set. Iterate outside "
                "of it, and pass each batch."
            )
        return self._iterate()

    def __iter__(self) -> Iterator[Any]:
        return DataIterator(self)

    def make_one_shot_iterator(self) -> DataIterator:
        """Return an iterator over the items."""
        return DataIterator(self)

    @property
    def output_shapes(self) -> PyTree:
        """Shapes of the parts of an item, as TensorFlow 1 names them."""
        return jax.tree.map(lambda spec: spec.shape, self.element_spec)

    @property
    def output_types(self) -> PyTree:
        """Element types of the parts of an item, as TensorFlow 1 names them."""
        return jax.tree.map(lambda spec: spec.dtype, self.element_spec)

    def as_numpy_iterator(self) -> Iterator[Any]:
        """Return an iterator over the items as NumPy arrays."""
        for item in self.items():
            yield jax.tree.map(_numpy, item)

    def __len__(self) -> int:
        """Number of items.

        Raises:
            ArgumentTypeError: it is infinite or unknown.
        """
        if self._length < 0:
            kind = "infinite" if self._length == INFINITE else "unknown"
            raise ArgumentTypeError(
                f"The length of the data set is {kind}. Pass `steps_per_epoch`, or "
                "use `dataset.take(count)`."
            )
        return self._length

    def __bool__(self) -> bool:
        return True

    def cardinality(self) -> Any:
        """Return the number of items, -1 if it is infinite, -2 if unknown."""
        return on_host(np.int64(self._length))

    @functools.cached_property
    def element_spec(self) -> PyTree:
        """Shapes and types of the parts of an item; the first item is computed."""
        with override(infers_shapes=True):  # takes no order of an epoch
            first = next(self.items(), ())

        def spec(value: object) -> TensorSpec:
            array = np.asarray(value)
            shape = (None, *array.shape[1:]) if self._has_batches else array.shape
            is_text = array.dtype.kind in "OSU"
            return TensorSpec(shape, "string" if is_text else array.dtype)

        return jax.tree.map(spec, first)

    def get_single_element(self, name: str = "") -> Any:
        """Return the only item."""
        return next(iter(self))

    def options(self) -> Options:
        """Return settings, which have no effect."""
        return Options()

    def with_options(self, options: object, name: str = "") -> Self:
        """Return the data set itself: settings have no effect."""
        return self

    def __repr__(self) -> str:
        return f"<Dataset element_spec={self.element_spec}>"


def _public(value: object) -> Any:
    return value if isinstance(value, Items) else tensor(value)


def _numpy(value: object) -> Any:
    if isinstance(value, Items):
        return value
    array = np.asarray(value)
    return array if array.ndim else array.item() if array.dtype == object else array[()]
