"""Functions of `tensorflow.data` in TensorFlow 1."""

from __future__ import annotations

from lamina.compat.tensorflow.data.base import DataIterator, Items
from lamina.typing import PyTree


def get_output_shapes(dataset: Items) -> PyTree:
    """Return the shapes of the parts of an item."""
    return dataset.output_shapes


def get_output_types(dataset: Items) -> PyTree:
    """Return the element types of the parts of an item."""
    return dataset.output_types


def make_one_shot_iterator(dataset: Items) -> DataIterator:
    """Return an iterator over the items."""
    return dataset.make_one_shot_iterator()


make_initializable_iterator = make_one_shot_iterator
