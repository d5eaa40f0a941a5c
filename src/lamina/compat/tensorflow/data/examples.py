"""Messages `tf.train.Example`: features by name, which are lists of values."""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lamina.compat.tensorflow.base.tensors import on_host
from lamina.compat.tensorflow.data.messages import field, fields, read_varint, varint


class _Values:
    """List of the values of a feature.

    Args:
        value: the values.
    """

    def __init__(self, value: Sequence[Any] = ()) -> None:
        self.value: list[Any] = list(value)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(value={self.value})"


class BytesList(_Values):
    """Values of bytes."""

    def encoded(self) -> bytes:
        """Return the message as bytes."""
        return b"".join(field(1, on_host(value).item()) for value in self.value)


class FloatList(_Values):
    """Values of 32-bit floats."""

    def encoded(self) -> bytes:
        """Return the message as bytes."""
        return field(1, np.asarray(self.value, "<f4").tobytes())


class Int64List(_Values):
    """Values of 64-bit integers."""

    def encoded(self) -> bytes:
        """Return the message as bytes."""
        return field(1, b"".join(varint(int(value)) for value in self.value))


_LISTS = ("bytes_list", "float_list", "int64_list")


class Feature:
    """One list of values.

    Args:
        bytes_list: values of bytes.
        float_list: values of floats.
        int64_list: values of integers.
    """

    def __init__(
        self,
        bytes_list: BytesList | None = None,
        float_list: FloatList | None = None,
        int64_list: Int64List | None = None,
    ) -> None:
        self.bytes_list = bytes_list or BytesList()
        self.float_list = float_list or FloatList()
        self.int64_list = int64_list or Int64List()
        lists = (bytes_list, float_list, int64_list)
        given = zip(_LISTS, lists, strict=True)
        self._given = next((n for n, v in given if v is not None), None)

    def WhichOneof(self, oneof_group: str) -> str | None:
        """Return the name of the list that the feature has."""
        filled = [name for name in _LISTS if getattr(self, name).value]
        return next(iter(filled), self._given)

    def values(self) -> list[Any]:
        """Return the values of the list that the feature has."""
        name = self.WhichOneof("kind")
        return [] if name is None else getattr(self, name).value

    def SerializeToString(self) -> bytes:
        """Return the message as bytes."""
        name = self.WhichOneof("kind")
        if name is None:
            return b""
        return field(1 + _LISTS.index(name), getattr(self, name).encoded())

    @classmethod
    def FromString(cls, serialized: bytes) -> Feature:
        """Return the message that bytes hold."""
        for number, content in fields(serialized):
            if isinstance(content, bytes) and number in (1, 2, 3):
                return cls(**{_LISTS[number - 1]: _decoded(number, content)})
        return cls()

    def __repr__(self) -> str:
        name = self.WhichOneof("kind")
        return f"Feature({'' if name is None else getattr(self, name)})"


def _decoded(number: int, content: bytes) -> Any:
    """Return the list of a feature; numbers are packed together or single fields."""
    parts = [part for index, part in fields(content) if index == 1]
    if number == 1:
        return BytesList(parts)
    if number == 2:
        data = b"".join(part for part in parts if isinstance(part, bytes))
        return FloatList(np.frombuffer(data[: len(data) // 4 * 4], "<f4").tolist())
    numbers: list[int] = []
    for part in parts:
        packed, position = (part, 0) if isinstance(part, bytes) else (varint(part), 0)
        while position < len(packed):
            value, position = read_varint(packed, position)
            numbers.append(struct.unpack("<q", struct.pack("<Q", value % 2**64))[0])
    return Int64List(numbers)


class Features:
    """Features by name.

    Args:
        feature: the features; one that is read by a new name is empty.
    """

    def __init__(self, feature: Mapping[str, Feature] | None = None) -> None:
        self.feature: dict[str, Feature] = defaultdict(Feature, feature or {})

    def __repr__(self) -> str:
        return f"Features({dict(self.feature)})"


class Example:
    """Message of features.

    Args:
        features: the features by name.
    """

    def __init__(self, features: Features | None = None) -> None:
        self.features = features or Features()

    def SerializeToString(self) -> bytes:
        """Return the message as bytes."""
        entries = [
            field(1, field(1, name.encode()) + field(2, feature.SerializeToString()))
            for name, feature in sorted(self.features.feature.items())
        ]
        return field(1, b"".join(entries))

    def ParseFromString(self, serialized: bytes) -> int:
        """Read the message that bytes hold, and return their number."""
        data = on_host(serialized).item()
        found = self.features.feature
        found.clear()
        for _, features in fields(data):
            for _, entry in fields(_bytes(features)):
                parts = dict(fields(_bytes(entry)))
                name = _bytes(parts.get(1, b"")).decode()
                found[name] = Feature.FromString(_bytes(parts.get(2, b"")))
        return len(data)

    @classmethod
    def FromString(cls, serialized: bytes) -> Example:
        """Return the message that bytes hold."""
        found = cls()
        found.ParseFromString(serialized)
        return found

    def __repr__(self) -> str:
        return f"Example({self.features})"


class _Features(list[Feature]):
    """List of features, with the method of a list of messages."""

    def add(self) -> Feature:
        """Append an empty feature, and return it."""
        self.append(Feature())
        return self[-1]


class FeatureList:
    """Sequence of features.

    Args:
        feature: the features.
    """

    def __init__(self, feature: Sequence[Feature] = ()) -> None:
        self.feature = _Features(feature)


class FeatureLists:
    """Sequences of features by name.

    Args:
        feature_list: the sequences; one that is read by a new name is empty.
    """

    def __init__(self, feature_list: Mapping[str, FeatureList] | None = None) -> None:
        self.feature_list = defaultdict(FeatureList, feature_list or {})


class SequenceExample:
    """Message of features and of sequences of features.

    Args:
        context: the features by name.
        feature_lists: the sequences by name.
    """

    def __init__(
        self,
        context: Features | None = None,
        feature_lists: FeatureLists | None = None,
    ) -> None:
        self.context = context or Features()
        self.feature_lists = feature_lists or FeatureLists()

    def SerializeToString(self) -> bytes:
        """Return the message as bytes."""
        entries = [
            field(
                1,
                field(1, name.encode())
                + field(
                    2, b"".join(field(1, f.SerializeToString()) for f in part.feature)
                ),
            )
            for name, part in sorted(self.feature_lists.feature_list.items())
        ]
        context = Example(self.context).SerializeToString()
        return context + field(2, b"".join(entries))

    @classmethod
    def FromString(cls, serialized: bytes) -> SequenceExample:
        """Return the message that bytes hold."""
        found = cls()
        for number, content in fields(serialized):
            if number == 1:
                example = Example.FromString(field(1, _bytes(content)))
                found.context = example.features
                continue
            for _, entry in fields(_bytes(content)):
                parts = dict(fields(_bytes(entry)))
                features = [
                    Feature.FromString(_bytes(feature))
                    for _, feature in fields(_bytes(parts.get(2, b"")))
                ]
                name = _bytes(parts.get(1, b"")).decode()
                found.feature_lists.feature_list[name] = FeatureList(features)
        return found


def _bytes(content: int | bytes) -> bytes:
    return content if isinstance(content, bytes) else b""
