"""Tables of `tensorflow.lookup`, on the host."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from lamina.compat.tensorflow.base.ragged import RaggedTensor
from lamina.compat.tensorflow.base.tensors import DType, as_dtype, on_host
from lamina.layers.preprocessing.hashing import farm_hash
from lamina.ops.types import Tensor
from lamina.typing import DTypeLike

Keys = Tensor | RaggedTensor | Sequence[Any]


class TextFileIndex:
    """Part of a line that is a key or a value; numbers are those of columns."""

    WHOLE_LINE, LINE_NUMBER = -2, -1


class KeyValueTensorInitializer:
    """Keys and values of a table.

    Args:
        keys: numbers or texts.
        values: one for each key.
        key_dtype: element type of the keys, by default their own.
        value_dtype: element type of the values, by default their own.
        name: without effect.
    """

    def __init__(
        self,
        keys: Keys,
        values: Keys,
        key_dtype: DTypeLike = None,
        value_dtype: DTypeLike = None,
        name: str | None = None,
    ) -> None:
        given = on_host(values)
        self.key_dtype = as_dtype(key_dtype or on_host(keys).dtype)
        self.value_dtype = as_dtype(value_dtype or given.dtype)
        self.items = dict(zip(on_host(keys).tolist(), given.tolist(), strict=True))


class TextFileInitializer(KeyValueTensorInitializer):
    """Keys and values of a table that the lines of a file hold.

    Args:
        filename: path of the file.
        key_dtype: element type of the keys.
        key_index: a column, or a constant of `TextFileIndex`.
        value_dtype: element type of the values.
        value_index: a column, or a constant of `TextFileIndex`.
        vocab_size: number of lines to read, all by default.
        delimiter: text between columns.
        name: without effect.
    """

    def __init__(
        self,
        filename: str,
        key_dtype: DTypeLike,
        key_index: int,
        value_dtype: DTypeLike,
        value_index: int,
        vocab_size: int | None = None,
        delimiter: str = "\t",
        name: str | None = None,
    ) -> None:
        lines = Path(filename).read_text("utf-8").splitlines()[:vocab_size]
        keys = _column(lines, key_index, as_dtype(key_dtype), delimiter)
        values = _column(lines, value_index, as_dtype(value_dtype), delimiter)
        super().__init__(keys, values, key_dtype, value_dtype)


def _column(lines: list[str], index: int, kind: DType, delimiter: str) -> list[Any]:
    if index == TextFileIndex.LINE_NUMBER:
        return list(range(len(lines)))
    texts = lines
    if index != TextFileIndex.WHOLE_LINE:
        texts = [line.split(delimiter)[index] for line in lines]
    return texts if kind == "string" else [kind.as_numpy_dtype(s) for s in texts]


class StaticHashTable:
    """Table of values by key.

    Args:
        initializer: its keys and values.
        default_value: the value of other keys.
        name: its name.
        experimental_is_anonymous: without effect.
    """

    def __init__(
        self,
        initializer: KeyValueTensorInitializer,
        default_value: Any = None,
        name: str | None = None,
        experimental_is_anonymous: bool = False,
    ) -> None:
        self.name, self._items = name or "table", initializer.items
        self.key_dtype = initializer.key_dtype
        self.value_dtype = initializer.value_dtype
        self._default = default_value
        if isinstance(default_value, str):
            self._default = default_value.encode()

    def lookup(self, keys: Keys, name: str | None = None) -> Any:
        """Return the value of each key."""
        if isinstance(keys, RaggedTensor):
            return keys.map(self.lookup)
        array = on_host(keys)
        found = [self._value(key) for key in array.reshape(-1).tolist()]
        if self.value_dtype == "string":
            texts = np.empty(len(found), object)
            texts[:] = found
            return on_host(texts.reshape(array.shape))
        kind = self.value_dtype.as_numpy_dtype
        return jnp.asarray(np.array(found, kind).reshape(array.shape))

    __getitem__ = lookup

    def _value(self, key: Any) -> Any:
        return self._items.get(key, self._default)

    def size(self, name: str | None = None) -> Any:
        """Return the number of keys."""
        return jnp.asarray(len(self._items))


class StaticVocabularyTable(StaticHashTable):
    """Table of the numbers of words; other words get one of further numbers.

    Args:
        initializer: words and their numbers; without one all words are others.
        num_oov_buckets: number of the further numbers.
        lookup_key_dtype: element type of the words.
        name: its name.
        experimental_is_anonymous: without effect.
    """

    def __init__(
        self,
        initializer: KeyValueTensorInitializer | None,
        num_oov_buckets: int,
        lookup_key_dtype: DTypeLike = None,
        name: str | None = None,
        experimental_is_anonymous: bool = False,
    ) -> None:
        kind = lookup_key_dtype or "string"
        empty = KeyValueTensorInitializer([], [], kind, "int64")
        super().__init__(initializer or empty, None, name)
        self._buckets = num_oov_buckets

    def _value(self, key: Any) -> Any:
        if key in self._items:
            return self._items[key]
        text = key if isinstance(key, bytes) else str(key).encode()
        return len(self._items) + int(farm_hash([text])[0]) % self._buckets

    def size(self, name: str | None = None) -> Any:
        """Return the number of words, with the further numbers."""
        return jnp.asarray(len(self._items) + self._buckets)
