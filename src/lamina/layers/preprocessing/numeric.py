"""Rescaling, normalization and discretization of numeric features."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias, Unpack

import jax.numpy as jnp
import numpy as np

from lamina import config
from lamina.core.check import at_least, boolean, one_of, optional, positive_int
from lamina.core.untrusted import untrusted_config
from lamina.errors import ArgumentError, LikelyMistakeWarning, ShapeError, StateError
from lamina.layers.base.layer import Layer
from lamina.layers.base.options import Options
from lamina.layers.base.spec import InputSpec
from lamina.layers.preprocessing.batches import as_numbers, batches_of, with_progress
from lamina.layers.preprocessing.categorical import dense, encode
from lamina.tracebacks import filter_traceback, warn
from lamina.typing import Array, ArrayLike, DTypeLike, PartialShape, PyTree

Values: TypeAlias = ArrayLike | Sequence[float]


class Rescaling(Layer):
    """Rescaling of the input, `x * scale + offset`.

    `Rescaling(1 / 255)` maps pixels from [0, 255] to [0, 1], for example.

    Args:
        scale: a number, or one for each channel.
        offset: a number, or one for each channel.

    Shape:
        Any shape to the same shape.

    Example:
        >>> Rescaling(1 / 127.5, offset=-1)(jnp.array([0, 255]))
        Array([-1.,  1.], dtype=float32)
    """

    supports_masking = True

    def __init__(
        self, scale: Values, offset: Values = 0.0, **kwargs: Unpack[Options]
    ) -> None:
        super().__init__(**kwargs)
        self.scale, self.offset = scale, offset

    def call(self, inputs: Array) -> Array:
        scale, offset = self._per_channel(self.scale), self._per_channel(self.offset)
        return jnp.asarray(inputs, self.compute_dtype) * scale + offset

    def _per_channel(self, value: Values) -> Array:
        """Return one or several values in a shape that broadcasts against an image."""
        value = jnp.asarray(value, self.compute_dtype)
        if value.ndim and config.image_data_format() == "channels_first":
            return value.reshape(*value.shape, *[1] * (3 - value.ndim))
        return value


class _Moments:
    """Number, mean and sum of squared deviations of values in batches."""

    def __init__(self) -> None:
        self.count, self.mean, self.squares = 0, np.zeros(()), np.zeros(())

    def add(self, batch: np.ndarray, kept_axes: Sequence[int]) -> None:
        """Add a batch, reduced over all axes but some."""
        rest = tuple(i for i in range(batch.ndim) if i not in kept_axes)
        size = math.prod(batch.shape[i] for i in rest)
        total = self.count + size
        delta = batch.mean(rest) - self.mean
        # Merge the sums of squared deviations of two samples (Chan et al. 1979).
        between = np.square(delta) * (self.count * size / total)
        self.squares = self.squares + batch.var(rest) * size + between
        self.mean = self.mean + delta * (size / total)
        self.count = total


class Normalization(Layer):
    """Normalization of each feature, `(x - mean) / sqrt(variance)`.

    Mean and variance are computed by `adapt`, or given.

    Args:
        axis: the axis or axes that keep separate means and variances, usually the
            features; `None` for a single mean and variance.
        mean: the mean, instead of calling `adapt`.
        variance: the variance, instead of calling `adapt`.
        invert: whether to invert the normalization, `x * sqrt(variance) + mean`.

    Shape:
        Any shape to the same shape.

    Raises:
        ArgumentError: only one of `mean` and `variance` is given, or their shapes
            differ.

    Example:
        >>> layer = Normalization()
        >>> layer.adapt(np.array([[0.0, 10.0], [2.0, 30.0]]))
        >>> layer(np.array([[2.0, 20.0]]))
        Array([[1., 0.]], dtype=float32)
    """

    supports_masking = True
    arguments = {"invert": boolean}

    def __init__(
        self,
        axis: int | Sequence[int] | None = -1,
        mean: Values | None = None,
        variance: Values | None = None,
        invert: bool = False,
        **kwargs: Unpack[Options],
    ) -> None:
        super().__init__(**kwargs)
        self.axis = (axis,) if isinstance(axis, int) else tuple(axis or ())
        self.invert = invert
        self._moments = _Moments()
        self.input_mean, self.input_variance = mean, variance
        shapes = [None if v is None else np.shape(v) for v in (mean, variance)]
        if shapes[0] != shapes[1]:
            raise ArgumentError(
                "Normalization: `mean` and `variance` must be given together and have "
                f"the same shape. Received: mean={mean}, variance={variance}."
            )
        if len(shapes[0] or ()) > len(self.axis):
            raise ArgumentError(
                f"Normalization: `mean` has shape {shapes[0]}, but `axis` names only "
                f"{len(self.axis)} axes: {self.axis}."
            )

    def build(self, input_shape: PartialShape) -> None:
        """Create the weights of mean and variance, unless these are given."""
        rank = len(input_shape)
        if any(not -rank <= axis < rank for axis in self.axis):
            raise ShapeError(
                f"Layer {self.name!r} (Normalization) has axis={self.axis}, but its "
                f"input {tuple(input_shape)} has only {rank} axes."
            )
        self._kept_axes = sorted(axis % rank for axis in self.axis)
        self._sizes = tuple(input_shape[axis] for axis in self._kept_axes)
        self._rank = rank
        if self.input_mean is not None:
            return
        if None in self._sizes:
            raise ShapeError(
                f"Layer {self.name!r} (Normalization) has one mean for each element "
                f"along axes {self.axis}, but their sizes in {tuple(input_shape)} are "
                "not fixed. Choose the axis of the features, or `axis=None` for a "
                "single mean and variance."
            )
        sizes = zip(self._kept_axes, self._sizes, strict=True)
        self.input_spec = InputSpec(axes={axis - rank: size for axis, size in sizes})
        self.adapt_mean = self.add_weight(
            self._sizes, "zeros", trainable=False, name="mean"
        )
        self.adapt_variance = self.add_weight(
            self._sizes, "ones", trainable=False, name="variance"
        )
        # Unused, but part of Keras's weight files.
        self.count = self.add_weight(
            (), "zeros", "int32", trainable=False, name="count"
        )

    @filter_traceback
    def adapt(self, data: PyTree) -> None:
        """Compute mean and variance of data.

        Args:
            data: an array, or batches: a list of arrays, a generator, a data set.

        Raises:
            StateError: the layer was created with a `mean` and a `variance`.
            ShapeError: a batch has the wrong number of features.
            DataError: there are no batches.
        """
        if self.input_mean is not None:
            raise StateError(
                f"Layer {self.name!r} (Normalization) has `mean` and `variance`, so "
                "`adapt` has nothing to compute. Omit both to use `adapt`."
            )
        self._moments = _Moments()
        for batch in with_progress(batches_of(data), f"Adapting {self.name}"):
            self._check_batch(batch)
            self._moments.add(as_numbers(self, batch), self._kept_axes)
        self.finalize_state()

    def finalize_state(self) -> None:
        """Store the mean and the variance of the batches that `adapt` has read."""
        moments, self._moments = self._moments, _Moments()
        if moments.count:
            if not np.isfinite(moments.mean).all():
                warn(
                    f"Layer {self.name!r} (Normalization) was adapted to data with "
                    "values that are not finite, so it makes all values NaN. Remove or "
                    "fill them, as with np.nan_to_num(x), and call `adapt` again.",
                    LikelyMistakeWarning,
                )
            self.adapt_mean.assign(moments.mean)
            self.adapt_variance.assign(moments.squares / moments.count)

    def _check_batch(self, batch: np.ndarray) -> None:
        if not self.built:
            self.build((None, *batch.shape[1:]))
        axes = self._kept_axes if batch.ndim == self._rank else ()
        if tuple(batch.shape[axis] for axis in axes) != self._sizes:
            raise ShapeError(
                f"Layer {self.name!r} (Normalization) was built for sizes "
                f"{self._sizes} along axes {self.axis}; `adapt` got data of shape "
                f"{batch.shape}."
            )

    @property
    def mean(self) -> Array:
        """The mean, in a shape that broadcasts against the input."""
        given = self.input_mean
        return self._broadcastable(self.adapt_mean.value if given is None else given)

    @property
    def variance(self) -> Array:
        """The variance, in a shape that broadcasts against the input."""
        given = self.input_variance
        value = self.adapt_variance.value if given is None else given
        return self._broadcastable(value)

    def _broadcastable(self, value: Values) -> Array:
        value = jnp.asarray(value, self.compute_dtype)
        shape = [1] * self._rank
        for i in range(1, value.ndim + 1):
            shape[self._kept_axes[-i]] = value.shape[-i]
        return value.reshape(shape)

    def call(self, inputs: Array) -> Array:
        inputs = jnp.asarray(inputs, self.compute_dtype)
        deviation = jnp.maximum(jnp.sqrt(self.variance), config.epsilon())
        if self.invert:
            return self.mean + inputs * deviation
        return (inputs - self.mean) / deviation

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        config = super().get_config()
        if self.input_mean is not None:
            config["mean"] = np.asarray(self.input_mean).tolist()
            config["variance"] = np.asarray(self.input_variance).tolist()
        return config


class Discretization(Layer):
    """Discretization: the index of the bin that contains each value.

    Args:
        bin_boundaries: boundaries between bins, usually ascending; n boundaries define
            n + 1 bins.
        num_bins: number of bins; `adapt` chooses boundaries so that each bin has about
            the same fraction of the data.
        epsilon: error tolerance of these fractions.
        output_mode: `"int"` for the index, `"one_hot"` for a vector per value,
            `"multi_hot"` or `"count"` for a vector per row.
        sparse: must be false; sparse arrays are not supported.

    Shape:
        (..., n) to the same shape with `"int"`, to (..., num_bins) with `"multi_hot"`
        and `"count"`, and to (..., n, num_bins) with `"one_hot"` if n is not 1.

    Raises:
        ArgumentError: not exactly one of `bin_boundaries` and `num_bins` is given.

    Example:
        >>> Discretization([0.0, 1.0, 2.0])(np.array([[-1.5, 1.0, 3.4, 0.5]]))
        Array([[0, 2, 3, 1]], dtype=int32)
    """

    arguments = {
        "num_bins": optional(positive_int),
        "epsilon": at_least(0),
        "output_mode": one_of("int", "one_hot", "multi_hot", "count"),
        "sparse": dense,
    }

    def __init__(
        self,
        bin_boundaries: Sequence[float] | None = None,
        num_bins: int | None = None,
        epsilon: float = 0.01,
        output_mode: str = "int",
        sparse: bool = False,
        dtype: DTypeLike = None,
        name: str | None = None,
    ) -> None:
        super().__init__(dtype=dtype, name=name)
        if (bin_boundaries is None) == (num_bins is None):
            raise ArgumentError(
                "Discretization: give either `bin_boundaries`, or `num_bins` and call "
                f"`adapt`. Received: bin_boundaries={bin_boundaries}, "
                f"num_bins={num_bins}."
            )
        self.bin_boundaries = None if bin_boundaries is None else list(bin_boundaries)
        self.num_bins, self.epsilon = num_bins, epsilon
        self.output_mode, self.sparse = output_mode.lower(), sparse
        # Values and their weights, in ascending order.
        self.summary: np.ndarray
        self.reset_state()

    @filter_traceback
    def adapt(self, data: PyTree, steps: int | None = None) -> None:
        """Choose boundaries so that the bins have equal fractions of the data.

        Args:
            data: an array, or batches: a list of arrays, a generator, a data set.
            steps: maximum number of batches.

        Raises:
            StateError: the layer was created with boundaries.
        """
        if self.num_bins is None:
            raise StateError(
                f"Layer {self.name!r} (Discretization) has `bin_boundaries`. To "
                "compute them from data, create it with `num_bins`."
            )
        self.reset_state()
        for batch in with_progress(batches_of(data, steps), f"Adapting {self.name}"):
            self.update_state(batch)
        self.finalize_state()

    def update_state(self, data: ArrayLike) -> None:
        """Add the values of a batch to the summary for `finalize_state`."""
        new = _summarize(np.asarray(data), self.epsilon)
        both = np.concatenate([new, self.summary], 1)
        self.summary = _compress(both[:, np.argsort(both[0])], self.epsilon)

    def finalize_state(self) -> None:
        """Choose boundaries by the summary, unless they were given."""
        if self.num_bins is not None:
            boundaries = _compress(self.summary, 1.0 / self.num_bins)[0, :-1]
            self.bin_boundaries = boundaries.tolist()

    def reset_state(self) -> None:
        """Empty the summary."""
        self.summary = np.zeros((2, 0), np.float32)

    @property
    def input_dtype(self) -> str:
        """Element type of the input."""
        return config.floatx()

    @property
    def output_dtype(self) -> str:
        """Element type of the output."""
        return "int32" if self.output_mode == "int" else self.compute_dtype

    def call(self, inputs: Array) -> Array:
        if self.bin_boundaries is None:
            raise StateError(
                f"Layer {self.name!r} (Discretization) has no boundaries yet: call "
                "`layer.adapt(data)` first."
            )
        boundaries = jnp.asarray(self.bin_boundaries, jnp.float32)
        bins = jnp.digitize(jnp.asarray(inputs), boundaries)
        depth = len(self.bin_boundaries) + 1
        return encode(bins, self.output_mode, depth, self.compute_dtype)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Discretization:
        """Create the layer that `get_config` describes, with its boundaries."""
        with untrusted_config(config, f"The config of {cls.__name__}"):
            if config.get("num_bins") is None:
                return super().from_config(config)
            layer = super().from_config({**config, "bin_boundaries": None})
            layer.bin_boundaries = config.get("bin_boundaries")
            return layer


def _summarize(values: np.ndarray, epsilon: float) -> np.ndarray:
    """Return quantiles `epsilon` apart, each with the number of its values."""
    values = np.sort(values.astype(np.float32), axis=None)
    step = max(values.size * epsilon, 1.0)
    quantiles = values[int(step - 1) :: int(step)]
    return np.stack([quantiles, np.full_like(quantiles, step)])


def _compress(summary: np.ndarray, epsilon: float) -> np.ndarray:
    """Interpolate a summary by cumulative count, to quantiles `epsilon` apart."""
    if summary.shape[1] * epsilon < 1:
        return summary
    targets = epsilon + np.arange(0.0, 1.0, epsilon)
    total = summary[1].cumsum()
    fractions = total / total[-1]
    quantiles = np.interp(targets, fractions, summary[0])
    counts = np.diff(np.interp(targets, fractions, total), prepend=0.0)
    return np.stack([quantiles, counts]).astype(np.float32)
