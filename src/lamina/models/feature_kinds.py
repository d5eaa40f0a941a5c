"""Kinds of features of a `FeatureSpace`."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Any, ClassVar, TypeAlias

from lamina.core.registry import deserialize, serialize
from lamina.errors import ArgumentError, invalid
from lamina.layers import (
    Discretization,
    Hashing,
    Identity,
    IntegerLookup,
    Layer,
    Normalization,
    Rescaling,
    StringLookup,
)
from lamina.typing import Config

# Inside the class, `float` is a kind of feature.
_Real: TypeAlias = float


class Cross:
    """Features that are hashed together.

    Args:
        feature_names: names of two or more features.
        crossing_dim: number of hash bins.
        output_mode: `"one_hot"` or `"int"`.

    Raises:
        ArgumentError: the output mode is unknown.
    """

    def __init__(
        self,
        feature_names: Sequence[str],
        crossing_dim: int,
        output_mode: str = "one_hot",
    ) -> None:
        _check_mode("Cross", output_mode, "int", "one_hot")
        self.feature_names = tuple(feature_names)
        self.crossing_dim, self.output_mode = crossing_dim, output_mode

    @property
    def name(self) -> str:
        """The names of the features, joined by `_X_`."""
        return "_X_".join(self.feature_names)

    def get_config(self) -> Config:
        """Return the constructor's arguments."""
        return dict(vars(self))


class Feature:
    """A column's type, and the layer that encodes it.

    Args:
        dtype: element type of the column, such as `"string"`.
        preprocessor: the layer.
        output_mode: `"one_hot"` to encode the layer's integers as vectors; `"int"` or
            `"float"` for the layer's output itself.

    Raises:
        ArgumentError: the output mode is unknown.
    """

    def __init__(self, dtype: str, preprocessor: Layer, output_mode: str) -> None:
        _check_mode("Feature", output_mode, "int", "one_hot", "float")
        self.dtype, self.output_mode = dtype, output_mode
        self.preprocessor: Any = deserialize(preprocessor)

    def get_config(self) -> Config:
        """Return the constructor's arguments."""
        return {**vars(self), "preprocessor": serialize(self.preprocessor)}


class FeatureKinds:
    """Class methods that create features, one for each kind."""

    kinds: ClassVar[tuple[str, ...]] = (
        "float",
        "float_normalized",
        "float_rescaled",
        "float_discretized",
        "integer_categorical",
        "string_categorical",
        "integer_hashed",
        "string_hashed",
    )

    @classmethod
    def cross(
        cls,
        feature_names: Sequence[str],
        crossing_dim: int,
        output_mode: str = "one_hot",
    ) -> Cross:
        """Return features that are hashed together into `crossing_dim` bins."""
        return Cross(feature_names, crossing_dim, output_mode)

    @classmethod
    def feature(cls, dtype: str, preprocessor: Layer, output_mode: str) -> Feature:
        """Return a feature of an element type, which a layer encodes."""
        return Feature(dtype, preprocessor, output_mode)

    @classmethod
    def float(cls, name: str | None = None) -> Feature:
        """Return a feature of real numbers, which are not changed."""
        return Feature("float32", Identity(name=_layer_name(name)), "float")

    @classmethod
    def float_rescaled(
        cls, scale: _Real = 1.0, offset: _Real = 0.0, name: str | None = None
    ) -> Feature:
        """Return a feature of real numbers, `x * scale + offset`."""
        layer = Rescaling(scale, offset, name=_layer_name(name))
        return Feature("float32", layer, "float")

    @classmethod
    def float_normalized(cls, name: str | None = None) -> Feature:
        """Return a feature of real numbers, normalized to mean 0 and variance 1."""
        return Feature("float32", Normalization(name=_layer_name(name)), "float")

    @classmethod
    def float_discretized(
        cls,
        num_bins: int | None,
        bin_boundaries: Sequence[_Real] | None = None,
        output_mode: str = "one_hot",
        name: str | None = None,
    ) -> Feature:
        """Return a feature of real numbers, mapped to bins; see `Discretization`."""
        layer = Discretization(bin_boundaries, num_bins, name=_layer_name(name))
        return Feature("float32", layer, output_mode)

    @classmethod
    def integer_categorical(
        cls,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        output_mode: str = "one_hot",
        name: str | None = None,
    ) -> Feature:
        """Return a feature of integers from a vocabulary; see `IntegerLookup`."""
        layer = IntegerLookup(max_tokens, num_oov_indices, name=_layer_name(name))
        return Feature("int32", layer, output_mode)

    @classmethod
    def string_categorical(
        cls,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        output_mode: str = "one_hot",
        name: str | None = None,
    ) -> Feature:
        """Return a feature of strings from a vocabulary; see `StringLookup`."""
        layer = StringLookup(max_tokens, num_oov_indices, name=_layer_name(name))
        return Feature("string", layer, output_mode)

    @classmethod
    def string_hashed(
        cls, num_bins: int, output_mode: str = "one_hot", name: str | None = None
    ) -> Feature:
        """Return a feature of strings, hashed into bins."""
        return Feature("string", Hashing(num_bins, name=_layer_name(name)), output_mode)

    @classmethod
    def integer_hashed(
        cls, num_bins: int, output_mode: str = "one_hot", name: str | None = None
    ) -> Feature:
        """Return a feature of integers, hashed into bins."""
        return Feature("int32", Hashing(num_bins, name=_layer_name(name)), output_mode)


def as_feature(
    name: str, feature: Any, hashing_dim: int, num_discretization_bins: int
) -> Feature:
    """Return a feature, made with default arguments if only its kind is given.

    Args:
        name: the column's name.
        feature: a feature, its config, or a kind.
        hashing_dim: number of bins of hashed features.
        num_discretization_bins: number of bins of discretized features.

    Raises:
        ArgumentError: the kind is unknown.
    """
    feature = deserialize(feature)
    if isinstance(feature, Feature):
        return feature
    if feature not in FeatureKinds.kinds:
        expected = f"a feature or one of {', '.join(FeatureKinds.kinds)}"
        raise invalid("FeatureSpace", f"features[{name!r}]", feature, expected)
    options: dict[str, Any] = {"name": name}
    if feature == "float_discretized":
        options["num_bins"] = num_discretization_bins
    elif feature in ("integer_hashed", "string_hashed"):
        options["num_bins"] = hashing_dim
    return getattr(FeatureKinds, feature)(**options)


def as_cross(cross: Any, crossing_dim: int | None, features: Container[str]) -> Cross:
    """Return a cross of known features, made if only their names are given.

    Args:
        cross: a cross, its config, or names of features.
        crossing_dim: number of bins, for names.
        features: names of all features.

    Raises:
        ArgumentError: a name is unknown, or `crossing_dim` is needed.
    """
    cross = deserialize(cross)
    if not isinstance(cross, Cross):
        if not crossing_dim:
            raise ArgumentError(
                "FeatureSpace: crosses need a `crossing_dim`, such as 32."
            )
        cross = Cross(cross, crossing_dim)
    unknown = [n for n in cross.feature_names if n not in features]
    if unknown:
        raise ArgumentError(
            "FeatureSpace: all features in `crosses` should be present in "
            f"`features`. Unknown: {unknown}."
        )
    return cross


def _check_mode(owner: str, mode: str, *known: str) -> None:
    if mode not in known:
        raise invalid(owner, "output_mode", mode, f"one of {', '.join(known)}")


def _layer_name(feature: str | None) -> str | None:
    return None if feature is None else f"{feature}_preprocessor"
