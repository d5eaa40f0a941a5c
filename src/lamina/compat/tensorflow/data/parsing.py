"""Functions that return the features of messages as tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from lamina.compat.tensorflow.base.ragged import ragged
from lamina.compat.tensorflow.base.sparse import SparseTensor
from lamina.compat.tensorflow.base.tensors import dtype_of, on_host
from lamina.compat.tensorflow.data.examples import Example, Feature, SequenceExample
from lamina.errors import DataError
from lamina.typing import DTypeLike, Shape


class FixedLenFeature(NamedTuple):
    """Feature with a known number of values: shape, element type, and default."""

    shape: Shape
    dtype: DTypeLike
    default_value: Any = None


class FixedLenSequenceFeature(NamedTuple):
    """Feature with a number of rows of a shape."""

    shape: Shape
    dtype: DTypeLike
    allow_missing: bool = False
    default_value: Any = None


class VarLenFeature(NamedTuple):
    """Feature with any number of values, which becomes a sparse tensor."""

    dtype: DTypeLike


class RaggedFeature(NamedTuple):
    """Feature with any number of values, which becomes rows of different lengths."""

    dtype: DTypeLike
    value_key: str | None = None


Kind = FixedLenFeature | FixedLenSequenceFeature | VarLenFeature | RaggedFeature


def parse_single_example(
    serialized: Any,
    features: Mapping[str, Kind],
    example_names: object = None,
    name: str = "",
) -> dict[str, Any]:
    """Return the features of a message as tensors.

    Raises:
        DataError: a feature without a default is missing, or has another size.
    """
    found = Example.FromString(on_host(serialized).item()).features.feature
    return {key: _tensor(key, kind, found) for key, kind in features.items()}


def parse_single_sequence_example(
    serialized: Any,
    context_features: Mapping[str, Kind] | None = None,
    sequence_features: Mapping[str, Kind] | None = None,
    example_name: object = None,
    name: str = "",
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the features of a message, and its sequences, as tensors."""
    found = SequenceExample.FromString(on_host(serialized).item())
    context = found.context.feature
    sequences = found.feature_lists.feature_list
    # Each feature of a sequence is one row.
    kinds = {
        key: FixedLenFeature(kind.shape, kind.dtype)
        if isinstance(kind, FixedLenSequenceFeature)
        else kind
        for key, kind in (sequence_features or {}).items()
    }
    rows = {
        key: [_tensor(key, kind, {key: f}) for f in sequences[key].feature]
        for key, kind in kinds.items()
    }
    return (
        {k: _tensor(k, kind, context) for k, kind in (context_features or {}).items()},
        {k: _joined(kind, rows[k]) for k, kind in kinds.items()},
    )


def parse_example(
    serialized: Any,
    features: Mapping[str, Kind],
    example_names: object = None,
    name: str = "",
) -> dict[str, Any]:
    """Return the features of several messages, joined to batches."""
    messages = on_host(serialized).reshape(-1).tolist()
    rows = [parse_single_example(message, features) for message in messages]
    return {
        key: _joined(kind, [row[key] for row in rows]) for key, kind in features.items()
    }


def _joined(kind: Kind, rows: list[Any]) -> Any:
    if isinstance(kind, VarLenFeature):
        return SparseTensor.of_rows([row.values for row in rows])
    if isinstance(kind, RaggedFeature):
        return ragged(rows)
    if isinstance(kind, FixedLenSequenceFeature):
        is_even = len({len(row) for row in rows}) == 1
        fill = kind.default_value or (b"" if str(kind.dtype) == "string" else 0)
        found = np.stack(rows) if is_even else ragged(rows).to_tensor(fill)
        return on_host(found)
    if not rows:
        return on_host(np.empty((0, *kind.shape), _numpy_type(kind)))
    return on_host(np.stack([np.asarray(row) for row in rows]))


def _numpy_type(kind: Kind) -> Any:
    """Return the element type of the array for a feature; text is in objects."""
    is_text = str(kind.dtype) == "string"
    return object if is_text else np.dtype(dtype_of(kind.dtype))


def _tensor(key: str, kind: Kind, found: Mapping[str, Feature]) -> Any:
    source = (isinstance(kind, RaggedFeature) and kind.value_key) or key
    values: list[Any] = found[source].values() if source in found else []
    dtype = _numpy_type(kind)
    array = np.asarray(values, dtype)
    if isinstance(kind, VarLenFeature):
        return SparseTensor.of_row(on_host(array))
    if isinstance(kind, RaggedFeature):
        return on_host(array)
    shape = tuple(kind.shape)
    if isinstance(kind, FixedLenSequenceFeature):
        return on_host(array.reshape(-1, *shape))
    if source not in found and kind.default_value is not None:
        default = np.asarray(kind.default_value, None if dtype is object else dtype)
        return on_host(np.broadcast_to(default, shape))
    if array.size != int(np.prod(shape)):
        raise DataError(
            f"The feature {key!r} has {array.size} values, but its shape is {shape}. "
            "Give it a `default_value`, or use `tf.io.VarLenFeature`."
        )
    return on_host(array.reshape(shape))
