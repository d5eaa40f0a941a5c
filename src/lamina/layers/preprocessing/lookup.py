"""`StringLookup` and `IntegerLookup`: indices of values in a vocabulary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from lamina import config
from lamina.core.check import is_int, one_of
from lamina.errors import ArgumentError
from lamina.layers.base.attributes import Converted
from lamina.layers.preprocessing.categorical import encode, encoded_shape
from lamina.layers.preprocessing.hashing import farm_hash, salt_pair, sip_hash
from lamina.layers.preprocessing.index_table import Token
from lamina.layers.preprocessing.tokens import decoded
from lamina.layers.preprocessing.vocabulary import (
    Vocabulary,
    VocabularyLayer,
    Weights,
)
from lamina.typing import PartialShape


class Lookup(VocabularyLayer):
    """Base class of layers that map values to indices of a vocabulary."""

    salt: Converted[Sequence[int] | None] = Converted(salt_pair)

    @property
    def output_dtype(self) -> str:
        """Element type of the output."""
        if self.invert:
            return self.kind
        return "int32" if self.output_mode == "int" else config.floatx()

    def compute_output_shape(self, input_shape: PartialShape) -> PartialShape:
        """Return the shape of the output for inputs of a shape."""
        return encoded_shape(input_shape, self.output_mode, self._depth())

    def call(self, inputs: Any) -> Any:
        self._require_vocabulary()
        if self.invert:
            return self._table.values_of(inputs)
        values = self._values(inputs)
        found = self._table.indices_of(values, self._oov_buckets)
        indices = jnp.asarray(found.reshape(inputs.shape))
        mode = "count" if self.output_mode == "tf_idf" else self.output_mode
        encoded = encode(indices, mode, self._depth(), config.floatx())
        return encoded if self._idf is None else encoded * self._idf

    def _oov_buckets(self, values: list[Token]) -> np.ndarray:
        """Return a number for each value out of the vocabulary, by its hash."""
        if is_int(values[0]) and self.oov_method == "floormod":
            return np.asarray(values)
        text = [str(value).encode() for value in values]
        return farm_hash(text) if self.salt is None else sip_hash(text, self.salt)


class StringLookup(Lookup):
    """Mapping of strings to indices of a vocabulary.

    The lookup runs on the host: as a first layer of a functional or sequential model,
    or on the data, as `x = layer(x)`.

    Args:
        max_tokens: largest size of the vocabulary, with mask and OOV tokens.
        num_oov_indices: number of indices of out-of-vocabulary (OOV) strings; 0 makes
            them an error.
        mask_token: string that is masked: it has index 0, and vectors omit it.
        oov_token: string that OOV indices map to if `invert`.
        vocabulary: the strings, or the path of a text file with one per line; `adapt`
            computes them if `None`.
        idf_weights: weight of each string, with output mode `"tf_idf"`.
        invert: whether to map indices to strings.
        output_mode: `"int"` for indices, `"one_hot"` for a vector per string,
            `"multi_hot"`, `"count"` or `"tf_idf"` for a vector per row.
        pad_to_max_tokens: whether to pad vectors to length `max_tokens`.
        sparse: must be false; sparse arrays are not supported.
        encoding: encoding of byte strings.
        salt: one or two integers that seed the hash of OOV strings.

    Shape:
        (..., n) of strings to the same shape with `"int"`, to (..., n, tokens) with
        `"one_hot"` if n is not 1, and to (..., tokens) with other modes.

    Example:
        >>> layer = StringLookup(vocabulary=["a", "b", "c"])
        >>> layer([["a", "z"], ["c", "b"]])
        Array([[1, 0],
               [3, 2]], dtype=int32)
        >>> back = StringLookup(vocabulary=["a", "b", "c"], invert=True)
        >>> back(np.array([1, 0, 3])).tolist()
        ['a', '[UNK]', 'c']
    """

    kind = "string"
    encoding: str

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: str | None = None,
        oov_token: str | None = "[UNK]",
        vocabulary: Vocabulary = None,
        idf_weights: Weights = None,
        invert: bool = False,
        output_mode: str = "int",
        pad_to_max_tokens: bool = False,
        sparse: bool = False,
        encoding: str = "utf-8",
        name: str | None = None,
        salt: int | Sequence[int] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.set_options(locals(), vocabulary, idf_weights)

    def _values(self, values: np.ndarray) -> list[str]:
        flat = values.ravel().tolist()
        if values.dtype.kind == "U":
            return flat
        return [decoded(value, self.encoding) for value in flat]


class IntegerLookup(Lookup):
    """Mapping of integers to indices of a vocabulary.

    The lookup runs on the host: as a first layer of a functional or sequential model,
    or on the data, as `x = layer(x)`.

    Args:
        max_tokens: largest size of the vocabulary, with mask and OOV tokens.
        num_oov_indices: number of indices of out-of-vocabulary (OOV) values; 0 makes
            them an error.
        mask_token: value that is masked: it has index 0, and vectors omit it.
        oov_token: value that OOV indices map to if `invert`.
        vocabulary: the values, or the path of a text file with one per line; `adapt`
            computes them if `None`.
        idf_weights: weight of each value, with output mode `"tf_idf"`.
        invert: whether to map indices to values.
        output_mode: `"int"` for indices, `"one_hot"` for a vector per value,
            `"multi_hot"`, `"count"` or `"tf_idf"` for a vector per row.
        pad_to_max_tokens: whether to pad vectors to length `max_tokens`.
        sparse: must be false; sparse arrays are not supported.
        vocabulary_dtype: must be `"int64"`.
        oov_method: `"floormod"` or `"farmhash"`: how to choose the index of an OOV
            value.
        salt: one or two integers that seed the hash of `"farmhash"`.

    Shape:
        (..., n) of integers to the same shape with `"int"`, to (..., n, tokens) with
        `"one_hot"` if n is not 1, and to (..., tokens) with other modes.

    Example:
        >>> layer = IntegerLookup()
        >>> layer.adapt(np.array([[12, 1138, 42], [42, 1000, 36]]))
        >>> layer.get_vocabulary()
        [-1, 42, 1138, 1000, 36, 12]
        >>> layer(np.array([[12, 7]]))
        Array([[5, 0]], dtype=int32)
    """

    kind = "int64"
    arguments = {**Lookup.arguments, "vocabulary_dtype": one_of("int64")}

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: int | None = None,
        oov_token: int | None = -1,
        vocabulary: Vocabulary = None,
        vocabulary_dtype: str = "int64",
        idf_weights: Weights = None,
        invert: bool = False,
        output_mode: str = "int",
        sparse: bool = False,
        pad_to_max_tokens: bool = False,
        oov_method: str = "floormod",
        salt: int | Sequence[int] | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.set_options(locals(), vocabulary, idf_weights)

    def _values(self, values: np.ndarray) -> list[int]:
        try:
            return values.astype(np.int64).ravel().tolist()
        except (ValueError, TypeError, OverflowError) as error:
            reason = str(error)[:200]
            raise ArgumentError(
                f"{self._label}: the vocabulary must hold integers: {reason}. For "
                "texts use StringLookup."
            ) from None
