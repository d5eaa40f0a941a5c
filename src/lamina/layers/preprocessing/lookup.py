"""Words and other values as numbers, by a vocabulary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from lamina import config
from lamina.core.budget import untrusted_config
from lamina.core.check import boolean, integer, is_int, one_of, optional
from lamina.core.graph import Node, SymbolicTensor, is_symbolic
from lamina.errors import ArgumentError, DataError, FileFormatError, StateError
from lamina.layers.base.layer import Layer
from lamina.layers.preprocessing.batches import batches_of, is_batched
from lamina.layers.preprocessing.encoding import encode, mode_check, mode_name
from lamina.layers.preprocessing.hashing import farm_hash, sip_hash

__all__ = ["IntegerLookup", "StringLookup"]

_MOST_CHARACTERS = 2**27


class Lookup(Layer):
    """A table from values to numbers; base of the layers that look values up.

    Number 0 is the mask token's, if there is one and numbers are the output; then
    come those of unknown values, then the vocabulary's. Looking up happens on the
    host, so it can't be part of a compiled training step.

    Args:
        vocabulary_size: found by itself; kept for Keras's files.
    """

    kind: ClassVar[str]
    arguments = {
        "max_tokens": optional(integer(2, 10**7)),
        "num_oov_indices": integer(0, 10**6),
        "invert": boolean,
        "output_mode": mode_check("int", "one_hot", "multi_hot", "count", "tf_idf"),
        "pad_to_max_tokens": boolean,
        "oov_method": one_of("floormod", "farmhash"),
    }

    def __init__(
        self,
        max_tokens: int | None,
        num_oov_indices: int,
        mask_token: Any,
        oov_token: Any,
        vocabulary: Any,
        idf_weights: Any,
        invert: bool,
        output_mode: str,
        pad_to_max_tokens: bool,
        sparse: bool,
        salt: Any,
        oov_method: str = "floormod",
        vocabulary_size: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.max_tokens, self.num_oov_indices = max_tokens, num_oov_indices
        self.mask_token, self.oov_token = mask_token, oov_token
        self.invert, self.output_mode = invert, mode_name(output_mode)
        self.pad_to_max_tokens, self.sparse = pad_to_max_tokens, sparse
        self.oov_method = oov_method.lower()
        self.salt = [salt, salt] if isinstance(salt, int) else salt
        self._check_options()
        self._known: list[Any] = []
        self._places: dict[Any, int] = {}
        self._idf: np.ndarray | None = None
        if vocabulary is not None:
            self.set_vocabulary(vocabulary, idf_weights)

    def _check_options(self) -> None:
        wrong = {
            "`sparse` must be False: arrays here are dense": self.sparse,
            "`invert` needs output_mode='int'": self.invert
            and self.output_mode != "int",
            "`pad_to_max_tokens` needs `max_tokens`": self.pad_to_max_tokens
            and self.max_tokens is None,
        }
        for rule, broken in wrong.items():
            if broken:
                raise ArgumentError(f"{type(self).__name__}: {rule}.")

    # Vocabulary

    def _specials(self) -> list[Any]:
        masked = self.mask_token is not None and self.output_mode == "int"
        return [self.mask_token] * masked + [self.oov_token] * self.num_oov_indices

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[Any]:
        """The known values in the order of their numbers.

        Args:
            include_special_tokens: whether the mask token and the unknown values'
                token are included, so that a value's place is its number.
        """
        return [*(self._specials() if include_special_tokens else ()), *self._known]

    def vocabulary_size(self) -> int:
        """How many numbers there are, special ones included."""
        return len(self._specials()) + len(self._known)

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Set the known values.

        Args:
            vocabulary: the values, with or without the special ones in front, or the
                path of a text file with one on each line.
            idf_weights: weight of each value, with output mode `"tf_idf"`.

        Raises:
            ArgumentError: the vocabulary is empty, repeats a value or is too large, or
                the weights do not fit it.
        """
        if isinstance(vocabulary, (str, Path)):
            vocabulary = Path(vocabulary).read_text("utf-8").splitlines()
        self._check_length(vocabulary)
        values = self._cleaned(np.asarray(vocabulary)).tolist()
        specials = self._specials()
        complete = bool(specials) and values[: len(specials)] == specials
        known = values[len(specials) :] if complete else values
        self._check_vocabulary(known, values)
        self._known = known
        places = range(len(specials), len(specials) + len(known))
        self._places = dict(zip(known, places, strict=True))
        if self.output_mode == "tf_idf":
            self._set_idf(values, idf_weights, complete)

    def _check_length(self, vocabulary: Any) -> None:
        """NumPy gives every text the place that the longest one needs."""
        texts = vocabulary if isinstance(vocabulary, (list, tuple)) else ()
        longest = max((len(v) for v in texts if isinstance(v, (str, bytes))), default=0)
        if longest * len(texts) > _MOST_CHARACTERS:
            raise ArgumentError(
                f"Layer {self.name!r} ({type(self).__name__}) can't use a vocabulary "
                f"of {len(texts):,} values of which one has {longest:,} characters."
            )

    def _check_vocabulary(self, known: list[Any], given: list[Any]) -> None:
        repeated = [value for value, n in Counter(known).items() if n > 1]
        reserved = {self.mask_token} | ({self.oov_token} if self.invert else set())
        problem = ""
        if not known:
            problem = "it is empty"
        elif repeated:
            problem = f"it has {repeated[:5]} more than once"
        elif reserved & set(known):
            problem = (
                f"it has {sorted(reserved & set(known))} in a place other than the "
                f"beginning. Leave special tokens out, or begin with {self._specials()}"
            )
        elif self.max_tokens and len(self._specials()) + len(known) > self.max_tokens:
            problem = (
                f"with special tokens it has {len(self._specials()) + len(known)} "
                f"values, more than max_tokens={self.max_tokens}"
            )
        if problem:
            raise ArgumentError(
                f"Layer {self.name!r} ({type(self).__name__}) can't use a vocabulary "
                f"of {len(given)} values: {problem}."
            )

    def _set_idf(self, values: list[Any], weights: Any, complete: bool) -> None:
        if weights is None or np.shape(weights) != (len(values),):
            raise ArgumentError(
                f"Layer {self.name!r} ({type(self).__name__}) needs `idf_weights`, one "
                f"for each of the vocabulary's {len(values)} values. It got "
                f"{'none' if weights is None else np.shape(weights)}."
            )
        weights = np.asarray(weights, np.float32)
        # How rare unknown values are is not known: as rare as the others on average.
        front = [] if complete else [weights.mean()] * self.num_oov_indices
        weights = np.concatenate([front, weights])
        back = (self.max_tokens or 0) - len(weights) if self.pad_to_max_tokens else 0
        self._idf = np.pad(weights, (0, back)).astype(np.float32)

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Learn the vocabulary: the most frequent values first.

        Values of equal frequency are in descending order. With output mode `"tf_idf"`
        each row is a document, and a value's weight is
        `log(1 + documents / (1 + documents that contain it))`.

        Args:
            data: an array, or batches: a list of arrays, a generator, a data set.
            steps: how many batches to take at most.
        """
        batched = is_batched(data)
        counts: Counter[Any] = Counter()
        documents: Counter[Any] = Counter()
        rows = 0
        for batch in batches_of(data, steps):
            table = self._cleaned(batch)
            if table.ndim < 2:
                table = table.reshape((1, -1) if batched else (-1, 1))
            counts.update(table.ravel().tolist())
            if self.output_mode == "tf_idf":
                for row in table:
                    documents.update(set(row.ravel().tolist()))
            rows += len(table)
        for special in (self.mask_token, self.oov_token):
            counts.pop(special, None)
        ordered = sorted(counts, key=lambda v: (counts[v], v), reverse=True)
        room = (
            None if self.max_tokens is None else self.max_tokens - len(self._specials())
        )
        weights = [np.log(1 + rows / (1 + documents[v])) for v in ordered[:room]]
        tfidf = self.output_mode == "tf_idf"
        self.set_vocabulary(ordered[:room], weights if tfidf else None)

    # Lookup

    def _cleaned(self, values: np.ndarray) -> np.ndarray:
        """The values in the form the table knows them in."""
        raise NotImplementedError

    def _convert(self, value: Any) -> Any:
        # Words can't become JAX arrays, and 64-bit integers would lose bits.
        if isinstance(value, SymbolicTensor) or value is None:
            return value
        return np.asarray(value) if hasattr(value, "__array__") else value

    def __call__(self, inputs: Any, **kwargs: Any) -> Any:
        if isinstance(inputs, (list, tuple)) and not is_symbolic(inputs):
            inputs = np.asarray(inputs)
        if isinstance(inputs, Tracer):
            raise StateError(
                f"Layer {self.name!r} ({type(self).__name__}) looks values up on the "
                "host, so it can't be part of a compiled program. Call it on the data "
                "before `fit` and `predict`: `x = layer(x)`."
            )
        return super().__call__(inputs, **kwargs)

    def _call_symbolic(self, args: Any, kwargs: Any) -> Any:
        (inputs,) = args
        node = Node(self, args, kwargs)
        dtype = "int32" if self.output_mode == "int" else config.floatx()
        if self.invert:
            dtype = self.kind
        node.outputs = SymbolicTensor(
            self.compute_output_shape(inputs.shape), dtype, name=self.name, node=node
        )
        self.built = True
        self._nodes.append(node)
        return node.outputs

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> Any:
        """The shape of the output for inputs of a shape."""
        shape = tuple(input_shape)
        if self.output_mode == "int":
            return shape
        if self.output_mode == "one_hot" and not (len(shape) > 1 and shape[-1] == 1):
            return (*shape, self._depth())
        return (*shape[:-1], self._depth())

    def _depth(self) -> int:
        padded = self.max_tokens if self.pad_to_max_tokens else None
        return padded or self.vocabulary_size()

    def call(self, inputs: Any) -> Any:
        if not self._known:
            raise StateError(
                f"Layer {self.name!r} ({type(self).__name__}) has no vocabulary yet: "
                "call `layer.adapt(data)`, or give one as `vocabulary`."
            )
        if self.invert:
            return self._values(inputs)
        values, places = np.unique(self._cleaned(inputs), return_inverse=True)
        numbers = np.array([self._number(v) for v in values.tolist()], np.int32)
        indices = jnp.asarray(numbers[places].reshape(np.shape(inputs)))
        mode = "count" if self.output_mode == "tf_idf" else self.output_mode
        encoded = encode(indices, mode, self._depth(), config.floatx())
        return encoded if self._idf is None else encoded * self._idf

    def _values(self, numbers: np.ndarray) -> np.ndarray:
        table = np.asarray(self.get_vocabulary())
        inside = (numbers >= 0) & (numbers < len(table))
        return np.where(inside, table[np.where(inside, numbers, 0)], self.oov_token)

    def _number(self, value: Any) -> int:
        masked = self.mask_token is not None and self.output_mode == "int"
        if self.mask_token is not None and value == self.mask_token:
            return 0 if masked else -1
        place = self._places.get(value)
        if place is not None:
            return place
        if self.num_oov_indices == 0:
            raise DataError(
                f"Layer {self.name!r} ({type(self).__name__}) does not know {value!r}. "
                "With num_oov_indices=1 unknown values get a number of their own."
            )
        return masked + self._bucket(value)

    def _bucket(self, value: Any) -> int:
        count = self.num_oov_indices
        if count == 1:
            return 0
        if is_int(value) and self.oov_method == "floormod":
            return value % count
        text = str(value).encode()
        if self.salt is not None:
            low, high = self.salt
            return sip_hash(text, (low, high)) % count
        return farm_hash(text) % count

    # Configuration

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, with the vocabulary as it is now."""
        idf = None if self._idf is None else self._idf.tolist()
        found = {"vocabulary": self._known or None, "idf_weights": None}
        if idf is not None:
            # Weights of unknown values go with a vocabulary that begins with them.
            found["vocabulary"] = self.get_vocabulary()
            found["idf_weights"] = idf[: self.vocabulary_size()]
        return {**super().get_config(), **found}

    def read_vocabulary(self, text: str, idf_weights: Any) -> None:
        """Take what `adapt` found from a file, unless the config has it already.

        Args:
            text: the values, one on each line, special ones first.
            idf_weights: weight of each, with output mode `"tf_idf"`.
        """
        if self._known:
            return
        lines = text.rstrip("\n").splitlines()
        weights = None if idf_weights is None else idf_weights[: len(lines)]
        self.set_vocabulary(lines, weights)

    def save_own_variables(self, store: dict[str, Any]) -> None:
        """Put the weights of output mode `"tf_idf"` into a file's group."""
        if self._idf is not None:
            store["idf_weights"] = self._idf

    def load_own_variables(self, store: Any) -> None:
        """Take the weights of output mode `"tf_idf"` from a file's group."""
        self._idf = np.asarray(store["idf_weights"], np.float32)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """The layer that `get_config` describes."""
        with untrusted_config(config, f"The config of {cls.__name__}"):
            if isinstance(config.get("vocabulary"), str):
                raise FileFormatError(
                    f"The config of a {cls.__name__} names a file, "
                    f"{config['vocabulary']!r}, as its vocabulary. lamina opens no "
                    "path that a file names: read it and call `layer.set_vocabulary`."
                )
            return super().from_config(config)


class StringLookup(Lookup):
    """Words as numbers, by a vocabulary.

    Strings are NumPy arrays on the host, so this can't be part of a compiled training
    step: call the layer on the data before `fit`, or put it first in a model that is
    only called.

    Args:
        max_tokens: largest size of the vocabulary, mask and unknown words included.
        num_oov_indices: how many numbers unknown words share; with 0 they are errors.
        mask_token: the word that stands for nothing: number 0, and left out of
            vectors.
        oov_token: what unknown words become when looking up the other way.
        vocabulary: the known words, or the path of a text file with one on each line;
            without it, `adapt` learns them.
        idf_weights: weight of each known word, with output mode `"tf_idf"`.
        invert: from numbers to words.
        output_mode: `"int"` for numbers, `"one_hot"` for a vector a word,
            `"multi_hot"`, `"count"` or `"tf_idf"` for a vector a row.
        pad_to_max_tokens: whether vectors have length `max_tokens` in any case.
        sparse: must be false; arrays here are dense.
        encoding: how bytes are read as text.
        salt: one or two integers that change how unknown words are spread over their
            numbers.

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

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: str | None = None,
        oov_token: str | None = "[UNK]",
        vocabulary: Any = None,
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        pad_to_max_tokens: bool = False,
        sparse: bool = False,
        encoding: str = "utf-8",
        name: str | None = None,
        salt: int | Sequence[int] | None = None,
        **kwargs: Any,
    ) -> None:
        self.encoding = encoding
        super().__init__(
            max_tokens, num_oov_indices, mask_token, oov_token, vocabulary,
            idf_weights, invert, output_mode, pad_to_max_tokens, sparse, salt,
            name=name, **kwargs,
        )  # fmt: skip

    def _cleaned(self, values: np.ndarray) -> np.ndarray:
        if values.dtype.kind == "S":
            return np.char.decode(values, self.encoding)
        if values.dtype.kind == "O":
            text = [
                v.decode(self.encoding) if isinstance(v, bytes) else str(v)
                for v in values.ravel()
            ]
            return np.array(text, str).reshape(values.shape)
        return values.astype(str)


class IntegerLookup(Lookup):
    """Integers of any size as numbers from 0 on, by a vocabulary.

    Looking up happens on the host, so it can't be part of a compiled training step:
    call the layer on the data before `fit`, or put it first in a model that is only
    called.

    Args:
        max_tokens: largest size of the vocabulary, mask and unknown values included.
        num_oov_indices: how many numbers unknown values share; with 0 they are errors.
        mask_token: the value that stands for nothing: number 0, and left out of
            vectors.
        oov_token: what unknown values become when looking up the other way.
        vocabulary: the known values, or the path of a text file with one on each line;
            without it, `adapt` learns them.
        idf_weights: weight of each known value, with output mode `"tf_idf"`.
        invert: from numbers to values.
        output_mode: `"int"` for numbers, `"one_hot"` for a vector a value,
            `"multi_hot"`, `"count"` or `"tf_idf"` for a vector a row.
        pad_to_max_tokens: whether vectors have length `max_tokens` in any case.
        sparse: must be false; arrays here are dense.
        vocabulary_dtype: must be `"int64"`.
        oov_method: `"floormod"` or `"farmhash"`: how an unknown value gets its number
            where there are several.
        salt: one or two integers that change how `"farmhash"` spreads them.

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
        vocabulary: Any = None,
        vocabulary_dtype: str = "int64",
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        sparse: bool = False,
        pad_to_max_tokens: bool = False,
        oov_method: str = "floormod",
        salt: int | Sequence[int] | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        self.vocabulary_dtype = vocabulary_dtype
        super().__init__(
            max_tokens, num_oov_indices, mask_token, oov_token, vocabulary,
            idf_weights, invert, output_mode, pad_to_max_tokens, sparse, salt,
            oov_method, name=name, **kwargs,
        )  # fmt: skip

    def _cleaned(self, values: np.ndarray) -> np.ndarray:
        return values.astype(np.int64)
