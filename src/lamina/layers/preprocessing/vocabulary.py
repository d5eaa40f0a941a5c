"""Base class of layers with a vocabulary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, TypeAlias, Unpack

import numpy as np

from lamina.core.check import boolean, integer, one_of, optional
from lamina.core.untrusted import untrusted_config
from lamina.errors import ArgumentError, FileFormatError, StateError
from lamina.io.bounded_json import MAX_BYTES
from lamina.io.files import StrPath, read_file
from lamina.layers.base import Options
from lamina.layers.base.attributes import Converted
from lamina.layers.preprocessing.categorical import (
    dense,
    mode_check,
    mode_name,
)
from lamina.layers.preprocessing.counts import CountingLayer
from lamina.layers.preprocessing.index_table import IndexTable, Token

# File of a saved model that has a vocabulary, one value per line.
_ASSET = "vocabulary.txt"

Vocabulary: TypeAlias = str | Path | Sequence[Token] | np.ndarray | None
Weights: TypeAlias = Sequence[float] | np.ndarray | None


def _text_in(path: StrPath) -> str:
    """Return the text of a file.

    Raises:
        FileFormatError: the file is not a text in UTF-8, or is too large.
    """
    try:
        return read_file(path).decode()
    except UnicodeDecodeError as error:
        raise FileFormatError(
            f"{str(path)!r} is not a text file in UTF-8: {error}."
        ) from None


def _lines(text: str) -> list[str]:
    """Return lines without empty ones at the end; other separators do not count."""
    return text.replace("\r\n", "\n").rstrip("\n").split("\n")


def _read_lines(path: Path, owner: str) -> list[str]:
    """Return the lines of a vocabulary in the file of a model."""
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise FileFormatError(
            f"{owner}: its vocabulary of {size:,} bytes is larger than the limit of "
            f"{MAX_BYTES:,} bytes."
        )
    return _lines(path.read_text("utf-8"))


def _refuse_path(name: str, config: dict[str, Any]) -> None:
    if isinstance(config.get("vocabulary"), str):
        raise FileFormatError(
            f"The config of a {name} has the path of a vocabulary, "
            f"{config['vocabulary']!r}. For security, lamina does not open paths in "
            "configs. Call `layer.set_vocabulary(path)` instead."
        )


def _checked_weights(owner: str, values: list[Token], weights: Weights) -> np.ndarray:
    """Return the weights of a vocabulary as an array, one for each value."""
    if weights is None or np.shape(weights) != (len(values),):
        raise ArgumentError(
            f"{owner} needs `idf_weights`, one for each of the vocabulary's "
            f"{len(values)} values. It got "
            f"{'none' if weights is None else np.shape(weights)}."
        )
    return np.asarray(weights, np.float32)


def _padded_weights(weights: np.ndarray, first: int, size: int) -> np.ndarray:
    """Return weights after those of OOV values, and padded to a size."""
    # The weight of OOV values is unknown, so it is the average weight.
    weights = np.concatenate([[weights.mean()] * first, weights])
    return np.pad(weights, (0, max(size - len(weights), 0))).astype(np.float32)


class VocabularyLayer(CountingLayer):
    """Base class of layers with a vocabulary, whose values have indices.

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
        self._table = IndexTable(
            self._label,
            self.mask_token,
            self.oov_token,
            self.num_oov_indices,
            has_mask_index=self.mask_token is not None and self.output_mode == "int",
        )
        self.has_input_vocabulary = vocabulary is not None
        if vocabulary is not None:
            self.set_vocabulary(vocabulary, idf_weights)

    # Vocabulary

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[Token | None]:
        """Return the vocabulary in the order of its indices.

        Args:
            include_special_tokens: whether to include the mask and OOV tokens, so that
                the position of a value is its index.
        """
        specials = self._table.special_tokens if include_special_tokens else []
        return [*specials, *self._table.indices]

    def vocabulary_size(self) -> int:
        """Return the number of indices, with those of special tokens."""
        if self._expected_size and not self._table.indices:
            return self._expected_size
        return len(self._table)

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
            vocabulary = _lines(_text_in(vocabulary))
        values = self._values(np.array(vocabulary, object))
        complete = self._table.set(values, self.max_tokens, self.invert)
        if self.output_mode == "tf_idf":
            first = 0 if complete else self.num_oov_indices
            size = (self.max_tokens or 0) if self.pad_to_max_tokens else 0
            given = _checked_weights(self._label, values, idf_weights)
            self._idf = _padded_weights(given, first, size)

    def finalize_state(self) -> None:
        """Make the vocabulary of the values that `update_state` has counted."""
        counts = self._counts
        self.reset_state()
        limit = self.max_tokens and self.max_tokens - len(self._table.special_tokens)
        known = counts.most_frequent((self.mask_token, self.oov_token), limit)
        weights = counts.weights(known) if self.output_mode == "tf_idf" else None
        self.set_vocabulary(known, weights)

    def _depth(self) -> int:
        """Return the length of a vector with an element for each index."""
        if self.pad_to_max_tokens and self.max_tokens:
            return self.max_tokens
        return self.vocabulary_size()

    def _require_vocabulary(self) -> None:
        if not self._table.indices:
            raise StateError(
                f"{self._label} has no vocabulary yet: call `layer.adapt(data)`, or "
                "give one as `vocabulary`."
            )

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
        if self._table.indices:
            lines = map(str, self.get_vocabulary())
            Path(dir_path, _ASSET).write_text("\n".join(lines), "utf-8", newline="\n")

    def load_assets(self, dir_path: StrPath) -> None:
        """Read `vocabulary.txt` in a folder, unless there is a vocabulary.

        Raises:
            FileFormatError: the file is too large.
        """
        path = Path(dir_path, _ASSET)
        if self._table.indices or not path.exists():
            return
        lines = _read_lines(path, self._label)
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
            _refuse_path(cls.__name__, config)
            return super().from_config(config)
