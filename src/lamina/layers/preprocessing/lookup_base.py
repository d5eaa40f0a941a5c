"""Base class of layers that map values to indices of a vocabulary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from lamina import config
from lamina.core.budget import untrusted_config
from lamina.core.check import boolean, integer, is_int, one_of, optional
from lamina.core.graph import Node, SymbolicTensor, is_symbolic
from lamina.errors import ArgumentError, DataError, FileFormatError, StateError
from lamina.layers.base.attributes import Converted
from lamina.layers.base.layer import Layer
from lamina.layers.preprocessing.batches import batches_of, is_batched
from lamina.layers.preprocessing.categorical import dense, encode, mode_check, mode_name
from lamina.layers.preprocessing.hashing import farm_hash, sip_hash
from lamina.typing import PyTree

_MAX_CHARACTERS = 2**27


Token: TypeAlias = str | int
Vocabulary: TypeAlias = str | Path | Sequence[Token] | np.ndarray | None
Weights: TypeAlias = Sequence[float] | np.ndarray | None


def _pair(salt: int | Sequence[int] | None) -> Sequence[int] | None:
    return [salt, salt] if isinstance(salt, int) else salt


class Lookup(Layer):
    """Base class of layers that map values to indices of a vocabulary.

    With output mode `"int"`, index 0 is the mask token, if there is one. The indices
    of out-of-vocabulary (OOV) values follow, then those of the vocabulary. The lookup
    runs on the host, so it cannot be part of a compiled training step.

    Args:
        vocabulary_size: accepted for Keras files, and ignored.
        oov_method: `"floormod"` or `"farmhash"`, for integers.
    """

    kind: ClassVar[str]
    max_tokens: int | None
    num_oov_indices: int
    mask_token: Token | None
    oov_token: Any
    invert: bool
    pad_to_max_tokens: bool
    output_mode: Converted[str] = Converted(mode_name)
    oov_method: Converted[str] = Converted(str.lower)
    salt: Converted[Sequence[int] | None] = Converted(_pair)
    arguments = {
        "max_tokens": optional(integer(2, 10**7)),
        "num_oov_indices": integer(0, 10**6),
        "invert": boolean,
        "output_mode": mode_check("int", "one_hot", "multi_hot", "count", "tf_idf"),
        "pad_to_max_tokens": boolean,
        "sparse": dense,
        "oov_method": one_of("floormod", "farmhash"),
    }

    def __init__(
        self,
        vocabulary_size: int | None = None,
        oov_method: str = "floormod",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.oov_method = oov_method
        # In the order of the vocabulary, which these indices follow.
        self._indices: dict[Token, int] = {}
        self._idf: np.ndarray | None = None

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
        if vocabulary is not None:
            self.set_vocabulary(vocabulary, idf_weights)

    @property
    def _label(self) -> str:
        return f"Layer {self.name!r} ({type(self).__name__})"

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
            vocabulary = Path(vocabulary).read_text("utf-8").splitlines()
        self._check_length(vocabulary)
        values = self._standardize(np.asarray(vocabulary)).tolist()
        specials = self._special_tokens()
        complete = bool(specials) and values[: len(specials)] == specials
        known = values[len(specials) :] if complete else values
        self._check_vocabulary(known, values)
        self._indices = {v: i for i, v in enumerate(known, len(specials))}
        if self.output_mode == "tf_idf":
            self._set_idf(values, idf_weights, complete)

    def _check_length(self, vocabulary: Vocabulary) -> None:
        """Check the memory of the vocabulary: NumPy pads strings to the longest one."""
        values = vocabulary if isinstance(vocabulary, (list, tuple)) else ()
        lengths = (len(v) for v in values if isinstance(v, (str, bytes)))
        longest = max(lengths, default=0)
        if longest * len(values) > _MAX_CHARACTERS:
            raise ArgumentError(
                f"{self._label} cannot use a vocabulary of {len(values):,} values of "
                f"up to {longest:,} characters: the product must be at most "
                f"{_MAX_CHARACTERS:,}. Omit long values."
            )

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

    def adapt(self, data: PyTree, steps: int | None = None) -> None:
        """Compute the vocabulary of data, most frequent values first.

        Values of equal frequency are in descending order. With output mode `"tf_idf"`,
        each row is a document, and the weight of a value is
        `log(1 + documents / (1 + documents with the value))`.

        Args:
            data: an array, or batches: a list of arrays, a generator, a data set.
            steps: maximum number of batches.
        """
        batched, needs_weights = is_batched(data), self.output_mode == "tf_idf"
        counts: Counter[Any] = Counter()
        documents: Counter[Any] = Counter()
        rows = 0
        for batch in batches_of(data, steps):
            table = self._standardize(batch)
            if table.ndim < 2:
                table = table.reshape((1, -1) if batched else (-1, 1))
            counts.update(table.ravel().tolist())
            if needs_weights:
                for row in table:
                    documents.update(set(row.ravel().tolist()))
            rows += len(table)
        for special in (self.mask_token, self.oov_token):
            counts.pop(special, None)
        end = self.max_tokens and self.max_tokens - len(self._special_tokens())
        known = sorted(counts, key=lambda v: (counts[v], v), reverse=True)[:end]
        weights = [np.log(1 + rows / (1 + documents[v])) for v in known]
        self.set_vocabulary(known, weights if needs_weights else None)

    # Lookup

    def _standardize(self, values: np.ndarray) -> np.ndarray:
        """Convert values to the type of the vocabulary."""
        raise NotImplementedError

    def _convert(self, value: object) -> object:
        # JAX has no string arrays, and would truncate 64-bit integers.
        if isinstance(value, SymbolicTensor) or value is None:
            return value
        return np.asarray(value) if hasattr(value, "__array__") else value

    def __call__(self, inputs: Any, **kwargs: Any) -> Any:
        if isinstance(inputs, (list, tuple)) and not is_symbolic(inputs):
            inputs = np.asarray(inputs)
        if isinstance(inputs, Tracer):
            raise StateError(
                f"{self._label} runs on the host, so it cannot be part of a compiled "
                "program. Call it on the data before `fit` and `predict`: "
                "`x = layer(x)`."
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
        """Return the shape of the output for inputs of a shape."""
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
        if not self._indices:
            raise StateError(
                f"{self._label} has no vocabulary yet: call `layer.adapt(data)`, or "
                "give one as `vocabulary`."
            )
        if self.invert:
            return self._invert(inputs)
        values, inverse = np.unique(self._standardize(inputs), return_inverse=True)
        found = np.array([self._index(v) for v in values.tolist()], np.int32)
        indices = jnp.asarray(found[inverse].reshape(np.shape(inputs)))
        mode = "count" if self.output_mode == "tf_idf" else self.output_mode
        encoded = encode(indices, mode, self._depth(), config.floatx())
        return encoded if self._idf is None else encoded * self._idf

    def _invert(self, indices: np.ndarray) -> np.ndarray:
        table = np.asarray(self.get_vocabulary())
        valid = (indices >= 0) & (indices < len(table))
        return np.where(valid, table[np.where(valid, indices, 0)], self.oov_token)

    def _index(self, value: Token) -> int:
        if self.mask_token is not None and value == self.mask_token:
            return 0 if self._has_mask_index else -1
        if value in self._indices:
            return self._indices[value]
        if self.num_oov_indices == 0:
            raise DataError(
                f"{self._label}: {value!r} is not in the vocabulary. Use "
                "`num_oov_indices=1` to give such values an index."
            )
        return self._has_mask_index + self._oov_bucket(value)

    def _oov_bucket(self, value: Token) -> int:
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
        """Return the constructor's arguments, with the current vocabulary."""
        # The weights include those of OOV values, so the vocabulary must as well.
        vocabulary = self.get_vocabulary(include_special_tokens=self._idf is not None)
        weights = None if self._idf is None else self._idf[: len(vocabulary)].tolist()
        found = {"vocabulary": vocabulary or None, "idf_weights": weights}
        return {**super().get_config(), **found}

    def read_vocabulary(self, text: str, idf_weights: Weights) -> None:
        """Set the vocabulary from a file's text, unless the config had one.

        Args:
            text: the values, one per line, special tokens first.
            idf_weights: weight of each value, with output mode `"tf_idf"`.
        """
        if not self._indices:
            lines = text.rstrip("\n").splitlines()
            weights = None if idf_weights is None else idf_weights[: len(lines)]
            self.set_vocabulary(lines, weights)

    def save_own_variables(self, store: dict[str, Any]) -> None:
        """Store the weights of output mode `"tf_idf"` in a file's group."""
        if self._idf is not None:
            store["idf_weights"] = self._idf

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
