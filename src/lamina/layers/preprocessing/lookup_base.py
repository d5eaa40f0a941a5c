"""Base class of layers that map values to indices of a vocabulary."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import count, repeat
from pathlib import Path
from typing import Any, ClassVar, TypeAlias, Unpack

import jax.numpy as jnp
import numpy as np

from lamina import config
from lamina.core.budget import untrusted_config
from lamina.core.check import boolean, integer, is_int, one_of, optional
from lamina.core.module import Untracked, overridable
from lamina.errors import ArgumentError, DataError, FileFormatError, StateError
from lamina.io.bounded_json import MAX_BYTES
from lamina.io.files import StrPath, open_file
from lamina.layers.base import Options
from lamina.layers.base.attributes import Converted
from lamina.layers.preprocessing.batches import (
    batches_of,
    is_batched,
    pieces_of,
    with_progress,
)
from lamina.layers.preprocessing.categorical import (
    dense,
    encode,
    encoded_shape,
    mode_check,
    mode_name,
)
from lamina.layers.preprocessing.counts import ValueCounts
from lamina.layers.preprocessing.hashing import farm_hash, salt_pair, sip_hash
from lamina.layers.preprocessing.host import HostLayer
from lamina.typing import ArrayLike, PartialShape, PyTree

# File of a saved model that has a vocabulary, one value per line.
_ASSET = "vocabulary.txt"

Token: TypeAlias = str | int
Vocabulary: TypeAlias = str | Path | Sequence[Token] | np.ndarray | None
Weights: TypeAlias = Sequence[float] | np.ndarray | None


def _lines(text: str) -> list[str]:
    """Return lines without empty ones at the end; other separators do not count."""
    return text.replace("\r\n", "\n").rstrip("\n").split("\n")


class Lookup(HostLayer):
    """Base class of layers that map values to indices of a vocabulary.

    With output mode `"int"`, index 0 is the mask token, if there is one. The indices
    of out-of-vocabulary (OOV) values follow, then those of the vocabulary. The lookup
    runs on the host, so it cannot be part of a compiled training step.

    Args:
        vocabulary_size: size of the vocabulary that a file's assets have, from a
            config that Keras has written.
        oov_method: `"floormod"` or `"farmhash"`, for integers.
    """

    kind: ClassVar[str]
    max_tokens: int | None
    num_oov_indices: int
    mask_token: Token | None
    oov_token: Any
    invert: bool
    pad_to_max_tokens: bool
    # Whether the constructor got the vocabulary, so that `adapt` is not needed.
    has_input_vocabulary: bool
    output_mode: Converted[str] = Converted(mode_name)
    oov_method: Converted[str] = Converted(str.lower)
    salt: Converted[Sequence[int] | None] = Converted(salt_pair)
    arguments = {
        "max_tokens": optional(integer(2, 10**7)),
        "num_oov_indices": integer(0, 10**6),
        "invert": boolean,
        "output_mode": mode_check("int", "one_hot", "multi_hot", "count", "tf_idf"),
        "pad_to_max_tokens": boolean,
        "sparse": dense,
        "oov_method": one_of("floormod", "farmhash"),
        "vocabulary_size": optional(integer(0, 10**7)),
    }

    def __init__(
        self,
        vocabulary_size: int | None = None,
        oov_method: str = "floormod",
        **kwargs: Unpack[Options],
    ) -> None:
        super().__init__(**kwargs)
        self.oov_method = oov_method
        self._expected_size = vocabulary_size
        # In the order of the vocabulary, which these indices follow.
        self._indices: dict[Token, int] = Untracked()
        self._idf: np.ndarray | None = None
        self.reset_state()

    def set_options(
        self,
        arguments: Mapping[str, object],
        vocabulary: Vocabulary,
        idf_weights: Weights,
    ) -> None:
        """Store the constructor's arguments, and set the vocabulary if there is one."""
        self._store_arguments(arguments, ["name", "vocabulary", "idf_weights"])
        owner = type(self).__name__
        if self.invert and self.output_mode != "int":
            raise ArgumentError(f"{owner}: `invert` needs output_mode='int'.")
        if self.pad_to_max_tokens and self.max_tokens is None:
            raise ArgumentError(f"{owner}: `pad_to_max_tokens` needs `max_tokens`.")
        self.has_input_vocabulary = vocabulary is not None
        if vocabulary is not None:
            self.set_vocabulary(vocabulary, idf_weights)

    # Vocabulary

    @property
    def _has_mask_index(self) -> bool:
        return self.mask_token is not None and self.output_mode == "int"

    def _special_tokens(self) -> list[Token | None]:
        oov_tokens = [self.oov_token] * self.num_oov_indices
        return [self.mask_token, *oov_tokens] if self._has_mask_index else oov_tokens

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[Token | None]:
        """Return the vocabulary in the order of its indices.

        Args:
            include_special_tokens: whether to include the mask and OOV tokens, so that
                the position of a value is its index.
        """
        specials = self._special_tokens() if include_special_tokens else []
        return [*specials, *self._indices]

    def vocabulary_size(self) -> int:
        """Return the number of indices, with those of special tokens."""
        if self._expected_size and not self._indices:
            return self._expected_size
        return len(self._special_tokens()) + len(self._indices)

    def set_vocabulary(
        self, vocabulary: Vocabulary, idf_weights: Weights = None
    ) -> None:
        """Set the vocabulary.

        Args:
            vocabulary: the values, with or without the special tokens at the start, or
                the path of a text file with one value per line.
            idf_weights: weight of each value, with output mode `"tf_idf"`.

        Raises:
            ArgumentError: the vocabulary is empty, repeats a value or is too large, or
                the weights do not match it.
        """
        if isinstance(vocabulary, (str, Path)):
            with open_file(vocabulary) as file:
                vocabulary = _lines(file.read().decode())
        values = self._values(np.array(vocabulary, object))
        specials = self._special_tokens()
        complete = bool(specials) and values[: len(specials)] == specials
        known = values[len(specials) :] if complete else values
        self._check_vocabulary(known, values)
        self._indices = Untracked(zip(known, count(len(specials))))
        if self.output_mode == "tf_idf":
            self._set_idf(values, idf_weights, complete)

    def _check_vocabulary(self, known: list[Token], given: list[Token]) -> None:
        repeated = [value for value, n in Counter(known).items() if n > 1]
        reserved = {self.mask_token} | ({self.oov_token} if self.invert else set())
        misplaced = [value for value in known if value in reserved]
        specials = self._special_tokens()
        size = len(specials) + len(known)
        problems = {
            "it is empty": not known,
            f"it has {repeated[:5]} more than once": repeated,
            f"it has {misplaced} after the start. Omit special tokens, or start with "
            f"{specials}": misplaced,
            f"with special tokens it has {size} values, more than max_tokens="
            f"{self.max_tokens}": self.max_tokens and size > self.max_tokens,
        }
        for problem, is_present in problems.items():
            if is_present:
                raise ArgumentError(
                    f"{self._label} cannot use a vocabulary of {len(given)} values: "
                    f"{problem}."
                )

    def _set_idf(self, values: list[Token], weights: Weights, complete: bool) -> None:
        if weights is None or np.shape(weights) != (len(values),):
            raise ArgumentError(
                f"{self._label} needs `idf_weights`, one for each of the vocabulary's "
                f"{len(values)} values. It got "
                f"{'none' if weights is None else np.shape(weights)}."
            )
        weights = np.asarray(weights, np.float32)
        # The weight of OOV values is unknown, so it is the average weight.
        oov_weights = [] if complete else [weights.mean()] * self.num_oov_indices
        weights = np.concatenate([oov_weights, weights])
        pad = (self.max_tokens or 0) - len(weights) if self.pad_to_max_tokens else 0
        self._idf = np.pad(weights, (0, pad)).astype(np.float32)

    @overridable
    def adapt(self, data: PyTree, steps: int | None = None) -> None:
        """Compute the vocabulary of data, most frequent values first.

        Values of equal frequency are in descending order. With output mode `"tf_idf"`,
        each row is a document, and the weight of a value is
        `log(1 + documents / (1 + documents with the value))`.

        Args:
            data: an array, or batches: a list of arrays, a generator, a data set; or
                the `Path` of a text file with one row per line.
            steps: maximum number of batches.
        """
        batched = is_batched(data)
        self.reset_state()
        batches = batches_of(data, steps, self.list_dtype)
        if not batched:
            batches = pieces_of(batches)
        for batch in with_progress(batches, f"Adapting {self.name}"):
            self.update_state(batch)
        self.finalize_state()

    def update_state(self, data: ArrayLike | Sequence[Any]) -> None:
        """Count the values of a batch, for `finalize_state`.

        Args:
            data: rows of values; a single axis is one row.
        """
        rows = self._rows(self._host_array(data))
        self._counts.update(rows, self.output_mode == "tf_idf")

    def finalize_state(self) -> None:
        """Make the vocabulary of the values that `update_state` has counted."""
        counts = self._counts
        self.reset_state()
        limit = self.max_tokens and self.max_tokens - len(self._special_tokens())
        known = counts.most_frequent((self.mask_token, self.oov_token), limit)
        weights = counts.weights(known) if self.output_mode == "tf_idf" else None
        self.set_vocabulary(known, weights)

    def reset_state(self) -> None:
        """Reset the counts of `update_state`."""
        self._counts = ValueCounts()

    def _rows(self, values: np.ndarray) -> Sequence[Sequence[Any]]:
        """Return the values of each row of a batch, as `_values` does."""
        width = math.prod(values.shape[1:]) if values.ndim > 1 else values.size
        flat = self._values(values)
        return [flat[i : i + width] for i in range(0, len(flat), width)]

    # Lookup

    def _values(self, values: np.ndarray) -> list[Any]:
        """Return all values as elements of the vocabulary."""
        raise NotImplementedError

    @property
    def output_dtype(self) -> str:
        """Element type of the output."""
        if self.invert:
            return self.kind
        return "int32" if self.output_mode == "int" else config.floatx()

    def compute_output_shape(self, input_shape: PartialShape) -> PartialShape:
        """Return the shape of the output for inputs of a shape."""
        return encoded_shape(input_shape, self.output_mode, self._depth())

    def _depth(self) -> int:
        if self.pad_to_max_tokens and self.max_tokens:
            return self.max_tokens
        return self.vocabulary_size()

    def _require_vocabulary(self) -> None:
        if not self._indices:
            raise StateError(
                f"{self._label} has no vocabulary yet: call `layer.adapt(data)`, or "
                "give one as `vocabulary`."
            )

    def call(self, inputs: Any) -> Any:
        self._require_vocabulary()
        if self.invert:
            return self._invert(inputs)
        found = self._lookup(self._values(inputs))
        indices = jnp.asarray(found.reshape(inputs.shape))
        mode = "count" if self.output_mode == "tf_idf" else self.output_mode
        encoded = encode(indices, mode, self._depth(), config.floatx())
        return encoded if self._idf is None else encoded * self._idf

    def _invert(self, indices: np.ndarray) -> np.ndarray:
        indices = indices.astype(np.int64)
        table = np.array(self.get_vocabulary(), object)
        valid = (indices >= 0) & (indices < len(table))
        return np.where(valid, table[np.where(valid, indices, 0)], self.oov_token)

    def _lookup(self, values: list[Token]) -> np.ndarray:
        """Return the index of each value; -1 for those that vectors omit."""
        found = np.fromiter(map(self._indices.get, values, repeat(-2)), np.int32)
        unknown = np.flatnonzero(found == -2)
        if unknown.size:
            others = [values[i] for i in unknown]
            found[unknown] = self._special_indices(others)
        return found

    def _special_indices(self, values: list[Token]) -> np.ndarray:
        """Return the indices of values that are masked or out of the vocabulary."""
        masked = np.array([value == self.mask_token for value in values])
        found = np.full(len(values), 0 if self._has_mask_index else -1, np.int32)
        unknown = np.flatnonzero(~masked)
        if unknown.size:
            found[unknown] = self._oov_indices([values[i] for i in unknown])
        return found

    def _oov_indices(self, values: list[Token]) -> np.ndarray:
        count = self.num_oov_indices
        if count == 0:
            raise DataError(
                f"{self._label}: {values[0]!r} is not in the vocabulary. Use "
                "`num_oov_indices=1` to give such values an index."
            )
        if count == 1:
            buckets = np.zeros(len(values), np.int64)
        elif is_int(values[0]) and self.oov_method == "floormod":
            buckets = np.asarray(values) % count
        else:
            text = [str(value).encode() for value in values]
            salt = self.salt
            hashes = farm_hash(text) if salt is None else sip_hash(text, salt)
            buckets = hashes % count
        return buckets.astype(np.int32) + self._has_mask_index

    # Configuration

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, with the current vocabulary."""
        # The weights include those of OOV values, so the vocabulary must as well.
        vocabulary = self.get_vocabulary(include_special_tokens=self._idf is not None)
        weights = None if self._idf is None else self._idf[: len(vocabulary)].tolist()
        found = {"vocabulary": vocabulary or None, "idf_weights": weights}
        return {**super().get_config(), **found}

    def save_assets(self, dir_path: StrPath) -> None:
        """Write the vocabulary to `vocabulary.txt` in a folder, as Keras does."""
        if self._indices:
            lines = map(str, self.get_vocabulary())
            Path(dir_path, _ASSET).write_text("\n".join(lines), "utf-8", newline="\n")

    def load_assets(self, dir_path: StrPath) -> None:
        """Read `vocabulary.txt` in a folder, unless there is a vocabulary.

        Raises:
            FileFormatError: the file is too large.
        """
        path = Path(dir_path, _ASSET)
        if self._indices or not path.exists():
            return
        if path.stat().st_size > MAX_BYTES:
            raise FileFormatError(
                f"{self._label}: its vocabulary of {path.stat().st_size:,} bytes is "
                f"larger than the limit of {MAX_BYTES:,} bytes."
            )
        lines = _lines(path.read_text("utf-8"))
        weights = None if self._idf is None else self._idf[: len(lines)]
        self.set_vocabulary(lines, weights)

    def save_own_variables(self, store: dict[str, Any]) -> None:
        """Store the weights of output mode `"tf_idf"` in a file's group."""
        if self._idf is not None:
            store["idf_weights"] = self._idf
        elif self.output_mode == "tf_idf" and self._expected_size:
            store["idf_weights"] = np.zeros(self._depth(), np.float32)

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """Load the weights of output mode `"tf_idf"` from a file's group."""
        self._idf = np.asarray(store["idf_weights"], np.float32)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Create the layer that `get_config` describes."""
        with untrusted_config(config, f"The config of {cls.__name__}"):
            if isinstance(config.get("vocabulary"), str):
                raise FileFormatError(
                    f"The config of a {cls.__name__} has the path of a vocabulary, "
                    f"{config['vocabulary']!r}. For security, lamina does not open "
                    "paths in configs. Call `layer.set_vocabulary(path)` instead."
                )
            return super().from_config(config)
