"""`FeatureSpace`: encoding of the columns of a table."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import jax
import numpy as np

from lamina.core.check import one_of, optional, positive_int
from lamina.core.graph import SymbolicTensor, is_symbolic
from lamina.core.registry import serialize
from lamina.core.scope import local
from lamina.data.host import host_arrays
from lamina.errors import ArgumentError, DataError, StateError
from lamina.layers import (
    CategoryEncoding,
    Concatenate,
    Discretization,
    HashedCrossing,
    Hashing,
    Input,
    IntegerLookup,
    Normalization,
    StringLookup,
)
from lamina.layers.base import Layer
from lamina.layers.preprocessing.vocabulary import VocabularyLayer
from lamina.models.feature_kinds import (
    Cross,
    Feature,
    FeatureKinds,
    as_cross,
    as_feature,
)
from lamina.models.model import Model
from lamina.tracebacks import filter_traceback
from lamina.typing import Config

_ROWS = 32  # rows of data that `adapt` reads at once, as in Keras
FeatureLike: TypeAlias = str | Feature


class FeatureSpace(FeatureKinds, Model):
    """Encoding of the columns of a table, as one vector or as a dictionary.

    Each feature has a kind: `"float"`, `"float_normalized"`, `"float_rescaled"`,
    `"float_discretized"`, `"integer_categorical"`, `"string_categorical"`,
    `"integer_hashed"` or `"string_hashed"`. The methods of these names make features
    with arguments, `feature` makes one from any layer.

    Args:
        features: kinds of features, or features, by column name.
        output_mode: `"concat"` for one vector per row, the features by name, then the
            crosses; `"dict"` for a dictionary of encoded features.
        crosses: groups of features that are hashed together: tuples of names, or
            results of `cross`.
        crossing_dim: number of bins of crosses that are tuples.
        hashing_dim: number of bins of hashed features.
        num_discretization_bins: number of bins of discretized features.
        name: a unique name; made from the class's name when `None`.

    Shape:
        A dictionary of columns, (batch,) or (batch, 1) each, to (batch, size); scalars
        to (size,).

    Raises:
        ArgumentError: there are no features, or a name or an argument is unknown.

    Example:
        >>> space = FeatureSpace({"size": "float", "color": "string_categorical"})
        >>> table = {"size": [0.5, 2.0], "color": ["red", "blue"]}
        >>> space.adapt(table)
        >>> space(table).tolist()
        [[0.0, 1.0, 0.0, 0.5], [0.0, 0.0, 1.0, 2.0]]
    """

    arguments = {
        "output_mode": one_of("concat", "dict")._replace(
            expected="'concat' or 'dict' (Invalid value for argument `output_mode`)"
        ),
        "crossing_dim": optional(positive_int),
        "hashing_dim": positive_int,
        "num_discretization_bins": positive_int,
    }

    def __init__(
        self,
        features: Mapping[str, FeatureLike],
        output_mode: str = "concat",
        crosses: Sequence[Sequence[str] | Cross] | None = None,
        crossing_dim: int | None = 32,
        hashing_dim: int = 32,
        num_discretization_bins: int = 32,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        if not features:
            raise ArgumentError(
                "FeatureSpace: `features` cannot be None or empty. Pass columns, as in "
                "features={'age': 'float_normalized'}."
            )
        self.output_mode, self.crossing_dim = output_mode.lower(), crossing_dim
        self.hashing_dim = hashing_dim
        self.num_discretization_bins = num_discretization_bins
        bins = hashing_dim, num_discretization_bins
        self.features = {n: as_feature(n, f, *bins) for n, f in features.items()}
        self.crosses = [as_cross(c, crossing_dim, features) for c in crosses or ()]
        self.preprocessors = {n: f.preprocessor for n, f in self.features.items()}
        self.crossers = {
            c.name: HashedCrossing(c.crossing_dim, name=c.name) for c in self.crosses
        }
        self.one_hot_encoders: dict[str, CategoryEncoding]
        self._is_adapted = False

    # Adapting

    def _adaptable(self) -> dict[str, Any]:
        """Return the preprocessors that need data, by feature."""
        return {n: p for n, p in self.preprocessors.items() if _needs_data(p)}

    @filter_traceback
    def adapt(self, dataset: Mapping[str, Any] | Iterable[Any]) -> None:
        """Compute vocabularies, means, variances and bins of data.

        Args:
            dataset: a dictionary of columns, or a data set of dictionaries of rows or
                of batches, which is iterated once for each feature.

        Raises:
            DataError: the data is neither, or can be iterated only once.
        """
        if isinstance(dataset, Iterator) or not isinstance(dataset, Iterable):
            raise DataError(
                "FeatureSpace: `adapt` needs a dictionary of columns, or a data set "
                f"that can be iterated again. Received: a {type(dataset).__name__}."
            )
        for name, preprocessor in self._adaptable().items():
            preprocessor.adapt(_column(dataset, name))
        self._is_adapted = True
        self._encode()

    def _require_adapted(self) -> None:
        if not self._is_adapted and self._adaptable():
            raise StateError(
                "You need to call `.adapt(dataset)` on the FeatureSpace before you "
                "can start using it."
            )
        if self.call_graph is None:
            self._encode()

    def get_inputs(self) -> dict[str, SymbolicTensor]:
        """Return a symbolic input for each feature, by name."""
        self._require_adapted()
        return self.input

    def get_encoded_features(self) -> Any:
        """Return the symbolic output: a tensor, or a dictionary of tensors."""
        self._require_adapted()
        return self.output

    # Encoding

    def _encode(self) -> None:
        """Wire the layers into a graph."""
        self.one_hot_encoders = {}
        inputs = {
            n: Input((1,), dtype=f.dtype, name=n) for n, f in self.features.items()
        }
        values = {n: self.preprocessors[n](x) for n, x in inputs.items()}
        encoded = {
            n: self._encoded(n, self.features[n], values[n]) for n in sorted(values)
        }
        for cross in sorted(self.crosses, key=lambda c: c.name):
            parts = [values[n] for n in cross.feature_names]
            crossed = self.crossers[cross.name](parts)
            encoded[cross.name] = self._encoded(cross.name, cross, crossed)
        is_dict = self.output_mode == "dict"
        self._set_graph(inputs, encoded if is_dict else _concatenated(encoded))

    def _encoded(self, name: str, spec: Feature | Cross, value: SymbolicTensor) -> Any:
        if spec.output_mode != "one_hot":
            return value
        layer = self.preprocessors.get(name) or self.crossers[name]
        encoder = self.one_hot_encoders[name] = _one_hot_encoder(name, layer, value)
        return encoder(value)

    @filter_traceback
    def __call__(self, data: Any, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(data, Mapping):
            raise ArgumentError(
                "A FeatureSpace can only be called with a dict of columns. Received: "
                f"a {type(data).__name__}."
            )
        self._require_adapted()
        if local.state is not None or is_symbolic(data.values()):
            return super().__call__(data, *args, **kwargs)
        columns = {n: host_arrays(data[n]) for n in self.features if n in data}
        is_row = any(np.ndim(column) == 0 for column in columns.values())
        rows = {n: np.reshape(c, (1, 1)) if is_row else c for n, c in columns.items()}
        outputs = super().__call__(rows, *args, **kwargs)
        return jax.tree.map(lambda a: a[0], outputs) if is_row else outputs

    # Configuration

    def get_config(self) -> Config:
        """Return the constructor's arguments."""
        return {
            "features": serialize(self.features),
            "output_mode": self.output_mode,
            "crosses": serialize(self.crosses),
            "crossing_dim": self.crossing_dim,
            "hashing_dim": self.hashing_dim,
            "num_discretization_bins": self.num_discretization_bins,
        }

    def saved_attributes(self) -> dict[str, Any]:
        """Return the layers that files hold, at Keras's paths."""
        return {"preprocessors": self.preprocessors}

    def get_build_config(self) -> Config | None:
        """Return the shapes of the features, once `adapt` has been called."""
        if not self._is_adapted:
            return None
        return {n: p.get_build_config() for n, p in self.preprocessors.items()}

    def build_from_config(self, config: Config | None) -> None:
        """Create the weights of a model that had been adapted."""
        if config:
            self._is_adapted = True
            self._encode()


def _concatenated(encoded: dict[str, Any]) -> Any:
    for name, tensor in encoded.items():
        if tensor.dtype.startswith("int") or tensor.dtype == "string":
            raise ArgumentError(
                f"Cannot concatenate features: {name!r} has not been encoded, its "
                f"type is {tensor.dtype}. Use `output_mode='dict'`."
            )
    tensors = list(encoded.values())
    return Concatenate()(tensors) if len(tensors) > 1 else tensors[0]


def _needs_data(layer: Layer) -> bool:
    if isinstance(layer, Normalization):
        return layer.input_mean is None
    if isinstance(layer, Discretization):
        return layer.num_bins is not None
    if isinstance(layer, VocabularyLayer):
        return not layer.has_input_vocabulary
    return hasattr(layer, "adapt")


def _one_hot_encoder(
    name: str, layer: Layer, value: SymbolicTensor
) -> CategoryEncoding:
    """Return the encoding of the integers that a feature's layer returns."""
    size = _num_categories(layer)
    if size is None or not value.dtype.startswith("int"):
        raise ArgumentError(
            f"Feature {name!r} has output_mode='one_hot', so its layer must return "
            "integers of a known range. Use `output_mode='int'` or 'float'."
        )
    return CategoryEncoding(size)


def _num_categories(layer: Layer) -> int | None:
    if isinstance(layer, (IntegerLookup, StringLookup)):
        return layer.vocabulary_size()
    if isinstance(layer, Discretization):
        return layer.num_bins or len(layer.bin_boundaries or ()) + 1
    if isinstance(layer, CategoryEncoding):
        return layer.num_tokens
    return layer.num_bins if isinstance(layer, (Hashing, HashedCrossing)) else None


def _column(dataset: Mapping[str, Any] | Iterable[Any], name: str) -> Iterator[Any]:
    """Yield batches of one feature, (rows, 1)."""
    if isinstance(dataset, Mapping):
        if name not in dataset:
            raise DataError(
                f"FeatureSpace: the data has no column {name!r}. Its columns are "
                f"{list(dataset)}."
            )
        values = np.atleast_1d(host_arrays(dataset[name]))
        parts: Iterable[Any] = np.split(values, range(_ROWS, len(values), _ROWS))
    else:
        rows = (row[0] if isinstance(row, tuple) else row for row in dataset)
        parts = _batches(host_arrays(row[name]) for row in rows)
    for part in parts:
        yield part.reshape(-1, 1) if part.ndim < 2 else part


def _batches(values: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield batches as they are, and scalars in batches."""
    for value in values:
        if value.ndim:
            yield value
            continue
        others = itertools.islice(values, _ROWS - 1)
        yield np.stack([value, *others])
