"""`TextVectorization`: indices or vectors of the tokens in texts."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, repeat
from typing import Any

import jax.numpy as jnp
import numpy as np

from lamina import config
from lamina.core.check import Check, one_of, optional, positive_int
from lamina.core.module import Module, Untracked
from lamina.errors import ArgumentError, ShapeError
from lamina.layers.preprocessing.categorical import dense, encode
from lamina.layers.preprocessing.tokens import (
    STANDARDIZATIONS,
    TextFunction,
    Tokenizer,
    decoded,
)
from lamina.layers.preprocessing.vocabulary import (
    Vocabulary,
    VocabularyLayer,
    Weights,
)
from lamina.tracebacks import filter_traceback
from lamina.typing import Array, PartialShape, PyTree

# Texts that are split at once: tokens take much more memory than their indices.
_BLOCK = 10_000


def _or_function(check: Check) -> Check:
    return optional(
        check._replace(
            expected=f"{check.expected}, a function",
            accepts=lambda v: callable(v) or check.accepts(v),
        )
    )


def _are_widths(value: object) -> bool:
    values = value if isinstance(value, (tuple, list)) else [value]
    return all(map(positive_int.accepts, values))


_widths = Check(
    "a positive integer, or a tuple of them", _are_widths, ("two", 0, (1, 0), 1.5)
)
_never_ragged = Check(
    "False: rows are padded with 0, or cut with `output_sequence_length`",
    lambda v: not v,
    (True,),
)


class TextVectorization(VocabularyLayer):
    """Mapping of texts to indices or vectors of their tokens.

    Each text is standardized and split into tokens, these are joined to n-grams, and
    each n-gram is mapped to its index in a vocabulary. Index 0 is padding, index 1 is
    for tokens that are not in the vocabulary. The layer runs on the host: as the first
    layer of a functional or sequential model, or on the data, as `x = layer(x)`.

    Args:
        max_tokens: largest size of the vocabulary, with the special tokens.
        standardize: `"lower_and_strip_punctuation"`, `"lower"`, `"strip_punctuation"`,
            each for ASCII characters, a function of an array of strings that returns
            such an array, or `None`.
        split: `"whitespace"`, `"character"`, a function of an array of strings that
            returns a list of tokens for each, or `None` if each string is a token.
        ngrams: longest n-gram, or a tuple of lengths; `None` for single tokens.
        output_mode: `"int"` for the indices, padded with 0 to the longest row,
            `"multi_hot"`, `"count"` or `"tf_idf"` for a vector per text, `"one_hot"`
            for a vector per token.
        output_sequence_length: number of indices per text, with `"int"`.
        pad_to_max_tokens: whether to pad vectors to length `max_tokens`.
        vocabulary: the tokens, or the path of a text file with one per line; `adapt`
            computes them if `None`.
        idf_weights: weight of each token, with output mode `"tf_idf"`.
        sparse: must be false; sparse arrays are not supported.
        ragged: must be false; ragged arrays are not supported.
        encoding: encoding of byte strings.

    Shape:
        (batch,) or (batch, 1) of strings to (batch, tokens) with `"int"`, to
        (batch, vocabulary) with vectors.

    Raises:
        ArgumentError: `output_sequence_length` is given with vectors.

    Example:
        >>> layer = TextVectorization(output_sequence_length=4)
        >>> layer.adapt(["foo bar", "bar baz", "baz bada boom"])
        >>> layer.get_vocabulary()
        ['', '[UNK]', 'baz', 'bar', 'foo', 'boom', 'bada']
        >>> layer(["Foo, qux bar!", "qux baz"])
        Array([[4, 1, 3, 0],
               [1, 2, 0, 0]], dtype=int32)
    """

    kind = "string"
    # Strings of different lengths are not padded to the longest.
    list_dtype = object
    num_oov_indices, invert, mask_token, oov_token = 1, False, "", "[UNK]"
    arguments = {
        **VocabularyLayer.arguments,
        "standardize": _or_function(one_of(*STANDARDIZATIONS)),
        "split": _or_function(one_of("whitespace", "character")),
        "ngrams": optional(_widths),
        "output_sequence_length": optional(positive_int),
        "sparse": dense,
        "ragged": _never_ragged,
    }
    standardize: str | TextFunction | None
    split: str | TextFunction | None
    ngrams: int | Sequence[int] | None
    output_sequence_length: int | None
    encoding: str

    def __init__(
        self,
        max_tokens: int | None = None,
        standardize: str | TextFunction | None = "lower_and_strip_punctuation",
        split: str | TextFunction | None = "whitespace",
        ngrams: int | Sequence[int] | None = None,
        output_mode: str = "int",
        output_sequence_length: int | None = None,
        pad_to_max_tokens: bool = False,
        vocabulary: Vocabulary = None,
        idf_weights: Weights = None,
        sparse: bool = False,
        ragged: bool = False,
        encoding: str = "utf-8",
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        if output_mode.lower() != "int" and output_sequence_length is not None:
            raise ArgumentError(
                "TextVectorization: `output_sequence_length` must not be set if "
                f"`output_mode` is not 'int'. Received: output_mode={output_mode!r}."
            )
        self._index_of: dict[bytes, int] = Untracked()
        if output_mode.lower() == "tf_idf":
            self._lookup_layer = _LookupLayer(self)
        self.set_options(locals(), vocabulary, idf_weights)

    # Vocabulary

    def set_vocabulary(
        self, vocabulary: Vocabulary, idf_weights: Weights = None
    ) -> None:
        """Set the vocabulary.

        Args:
            vocabulary: the tokens, with or without the special tokens at the start, or
                the path of a text file with one token per line.
            idf_weights: weight of each token, with output mode `"tf_idf"`.

        Raises:
            ArgumentError: the vocabulary is empty, repeats a token or is too large, or
                the weights do not match it.
        """
        super().set_vocabulary(vocabulary, idf_weights)
        padding = 0 if self._table.has_mask_index else -1
        self._index_of = Untracked({b"": padding})
        for token, index in self._table.indices.items():
            self._index_of[str(token).encode()] = index

    @filter_traceback
    def adapt(
        self,
        data: PyTree,
        batch_size: int | None = None,
        steps: int | None = None,
    ) -> None:
        """Compute the vocabulary of texts, most frequent tokens first.

        Tokens of equal frequency are in descending order. With output mode `"tf_idf"`,
        the weight of a token is `log(1 + texts / (1 + texts with the token))`.

        Args:
            data: an array of texts, or batches: a generator, a data set; or the `Path`
                of a text file with one text per line.
            batch_size: accepted for Keras's signature.
            steps: maximum number of batches.
        """
        super().adapt(data, steps)

    def _values(self, values: np.ndarray) -> list[Any]:
        return [decoded(v, self.encoding) for v in values.ravel().tolist()]

    def _rows(
        self, values: np.ndarray, limit: int | None = None
    ) -> Sequence[Sequence[bytes]]:
        """Return the tokens of each text, at most `limit` of each."""
        if self.split is not None and values.ndim > 1 and values.shape[-1] != 1:
            raise ShapeError(
                f"{self._label} splits texts, so the last axis must have size 1. "
                f"Received: shape {values.shape}. Use `split=None` for tokens."
            )
        fields = self.standardize, self.split, self.ngrams, self.encoding
        return Tokenizer(*fields)(values, limit)

    def finalize_state(self) -> None:
        """Make the vocabulary of the tokens that `update_state` has counted."""
        # Bytes sort like the texts they encode, and are faster to count.
        self._counts.convert(lambda token: token.decode("utf-8", "replace"))
        super().finalize_state()

    # Lookup

    @property
    def output_dtype(self) -> str:
        """Element type of the output."""
        return "int32" if self.output_mode == "int" else config.floatx()

    def compute_output_shape(self, input_shape: PartialShape) -> PartialShape:
        """Return the shape of the output for inputs of a shape."""
        leading, depth = self._leading(input_shape), self._depth()
        length = self.output_sequence_length
        if self.split is None and self.ngrams is None and input_shape:
            length = length or input_shape[-1]
        if self.output_mode == "int":
            return (*leading, length)
        vector = (length, depth) if self.output_mode == "one_hot" else (depth,)
        return (*leading, *vector)

    def _leading(self, shape: PartialShape) -> PartialShape:
        """Return the shape of a batch of texts, without the axis of tokens."""
        has_tokens = len(shape) > 1 or self.split is None
        return tuple(shape[:-1] if has_tokens else shape)

    def call(self, inputs: np.ndarray) -> Array:
        self._require_vocabulary()
        leading = self._leading(inputs.shape)
        starts = range(0, len(inputs), _BLOCK) if leading else ()
        blocks = [inputs[i : i + _BLOCK] for i in starts] or [inputs]
        found = zip(*map(self._indexed, blocks), strict=True)
        indices, lengths = map(np.concatenate, found)
        rows = self._encoded(indices, lengths)
        shape = *inputs.shape[: len(leading)], *rows.shape[1:]
        return jnp.asarray(rows.reshape(shape))

    def _indexed(self, texts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the indices of all tokens, and the number of tokens of each text."""
        rows = self._rows(texts, self.output_sequence_length)
        lengths = np.fromiter(map(len, rows), np.int64, len(rows))
        unknown = repeat(int(self._table.has_mask_index))
        found = map(self._index_of.get, chain.from_iterable(rows), unknown)
        return np.fromiter(found, np.int32, lengths.sum()), lengths

    def _encoded(self, indices: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """Return rows of indices, or vectors, of texts of some lengths."""
        mode, depth = self.output_mode, self._depth()
        if mode in ("int", "one_hot"):
            width = self.output_sequence_length or int(lengths.max(initial=0))
            rows = _padded(indices, lengths, width, 0 if mode == "int" else -1)
            if mode == "int":
                return rows
            columns = jnp.asarray(rows[..., None])
            return np.asarray(encode(columns, "one_hot", depth, config.floatx()))
        vectors = _vectors(indices, lengths, depth, mode == "multi_hot")
        if self._idf is not None:
            vectors *= self._idf
        return vectors


def _padded(
    indices: np.ndarray, lengths: np.ndarray, width: int, fill: int
) -> np.ndarray:
    rows = np.full((len(lengths), width), fill, np.int32)
    rows[np.arange(width) < lengths[:, None]] = indices
    return rows


def _vectors(
    indices: np.ndarray, lengths: np.ndarray, depth: int, is_binary: bool
) -> np.ndarray:
    """Count the indices of each text, or mark those that it has."""
    vectors = np.zeros((len(lengths), depth), config.floatx())
    starts = np.repeat(np.arange(len(lengths)) * depth, lengths)
    known = indices >= 0
    at = starts[known] + indices[known]
    if is_binary:
        vectors.reshape(-1)[at] = 1
    else:
        np.add.at(vectors.reshape(-1), at, np.ones((), vectors.dtype))
    return vectors


class _LookupLayer(Module):
    """Alias of the layer in files, in which Keras's layer has a `StringLookup`."""

    def __init__(self, owner: TextVectorization) -> None:
        self.name = "lookup"
        self.save_own_variables = owner.save_own_variables
        self.load_own_variables = owner.load_own_variables
