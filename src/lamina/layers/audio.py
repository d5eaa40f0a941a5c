"""Spectrograms of signals."""

from __future__ import annotations

from typing import Unpack

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from lamina import config, ops
from lamina.core.check import boolean, one_of, optional, positive_int, positive_number
from lamina.core.dtypes import is_float
from lamina.errors import ArgumentTypeError, invalid
from lamina.initializers import STFT
from lamina.layers.base.attributes import Converted
from lamina.layers.base.layer import Layer
from lamina.layers.base.options import Options
from lamina.layers.base.spec import InputSpec
from lamina.layers.spatial import DataFormat, data_formats
from lamina.ops.signal import Window
from lamina.tracebacks import warn
from lamina.typing import Array, DTypeLike, PartialShape


class STFTSpectrogram(Layer):
    """Spectrogram of a signal by short-time Fourier transforms (STFT).

    The transform is a convolution with two trainable kernels, which are initialized as
    cosines and sines times the window. With `trainable=False` they stay so.

    Args:
        mode: `"stft"` for real and imaginary parts, one after another, `"real"`,
            `"imag"`, `"angle"`, `"magnitude"`, `"log"` for its logarithm, or `"psd"`
            for the power spectral density.
        frame_length: length of the window.
        frame_step: distance between the starts of two windows; half of `frame_length`
            by default.
        fft_length: length of each transform; by default the smallest power of two that
            is not less than `frame_length`.
        window: name of a window, as of `initializers.STFT`, an array, or `None`.
        periodic: whether the window is periodic instead of symmetric.
        scaling: `"density"` or `"spectrum"` to divide by the window's L2 or L1 norm.
        padding: `"valid"` or `"same"`.
        expand_dims: whether frequencies and channels are separate axes.
        data_format: `"channels_last"` or `"channels_first"`.

    Shape:
        (batch, time, channels) to (batch, frames, channels * frequencies), or with
        `expand_dims` to (batch, frames, frequencies, channels); with
        `"channels_first"`, (batch, channels, time) to
        (batch, channels * frequencies, frames) or (batch, channels, frames,
        frequencies). There are `fft_length // 2 + 1` frequencies, twice as many with
        mode `"stft"`.

    Raises:
        ArgumentError: `frame_step` is larger than `frame_length`, or `fft_length` less.
        ArgumentTypeError: the signal is not of a real type.

    Example:
        >>> import numpy as np
        >>> layer = STFTSpectrogram(frame_length=256, frame_step=128)
        >>> layer(np.ones((2, 16000, 1), "float32")).shape
        (2, 124, 129)
    """

    mode: Converted[str] = Converted(str.lower)
    padding: Converted[str] = Converted(str.lower)
    data_format: DataFormat = DataFormat()
    frame_length: int
    expand_dims: bool
    arguments = {
        "mode": one_of("log", "magnitude", "psd", "real", "imag", "angle", "stft"),
        "frame_length": positive_int,
        "frame_step": optional(positive_int),
        "fft_length": optional(positive_int),
        "periodic": boolean,
        "scaling": optional(one_of("density", "spectrum")),
        "padding": one_of("valid", "same"),
        "expand_dims": boolean,
        "data_format": data_formats,
    }

    def __init__(
        self,
        mode: str = "log",
        frame_length: int = 256,
        frame_step: int | None = None,
        fft_length: int | None = None,
        window: Window = "hann",
        periodic: bool = False,
        scaling: str | None = "density",
        padding: str = "valid",
        expand_dims: bool = False,
        data_format: str | None = None,
        **kwargs: Unpack[Options],
    ) -> None:
        super().__init__(**kwargs)
        self._store_arguments(locals())
        self._step = frame_step or max(frame_length // 2, 1)
        self._fft_length = fft_length or 1 << (frame_length - 1).bit_length()
        self._check_lengths()
        self._initializers = {
            part: STFT(part, window, scaling, periodic) for part in ("real", "imag")
        }
        self.input_spec = InputSpec(ndim=3)

    def _check_lengths(self) -> None:
        length, fft_length = self.frame_length, self._fft_length
        if self._step > length:
            expected = f"at most `frame_length`, {length}"
            raise invalid("STFTSpectrogram", "frame_step", self._step, expected)
        if fft_length < length:
            expected = f"at least `frame_length`, {length}"
            raise invalid("STFTSpectrogram", "fft_length", fft_length, expected)
        if fft_length & (fft_length - 1):
            warn(
                f"STFTSpectrogram: fft_length={fft_length} is not a power of two, "
                "for which Fourier transforms are fastest."
            )

    def build(self, input_shape: PartialShape) -> None:
        """Create the kernels that the mode needs."""
        shape = (self.frame_length, 1, self._fft_length // 2 + 1)
        for part, initializer in self._initializers.items():
            if self.mode not in {"real", "imag"} - {part}:
                kernel = self.add_weight(shape, initializer, name=f"{part}_kernel")
                setattr(self, kernel.name, kernel)

    def call(self, inputs: Array) -> Array:
        if not is_float(inputs.dtype):
            raise ArgumentTypeError(
                f"Layer {self.name!r} (STFTSpectrogram) needs a signal of a real type, "
                f"such as float32. Received: {inputs.dtype}."
            )
        first = self.data_format == "channels_first"
        signal = inputs if first else jnp.swapaxes(inputs, 1, 2)
        values = self._spectrum(signal)  # (batch, channels, frames, frequencies)
        if self.expand_dims:
            return values if first else values.transpose(0, 2, 3, 1)
        batch, channels, frames, frequencies = values.shape
        size = channels * frequencies
        if first:
            return values.swapaxes(2, 3).reshape(batch, size, frames)
        return values.swapaxes(1, 2).reshape(batch, frames, size)

    def _spectrum(self, signal: Array) -> Array:
        batch, channels, time = signal.shape
        parts = [w.value.astype(signal.dtype) for w in self.weights]
        transformed = ops.conv(
            signal.reshape(batch * channels, time, 1),
            jnp.concatenate(parts, -1),
            strides=self._step,
            padding=self.padding,
            data_format="channels_last",
        )
        shape = (batch, channels, *transformed.shape[1:])
        transformed = transformed.reshape(shape)
        if self.mode in ("real", "imag", "stft"):
            return transformed
        real, imaginary = jnp.split(transformed, 2, -1)
        if self.mode == "angle":
            return jnp.arctan2(imaginary, real)
        power = jnp.square(real) + jnp.square(imaginary)
        if self.mode == "psd":
            # A real signal has each frequency but the first and the last twice.
            return power.at[..., 1:-1].multiply(2)
        epsilon = config.epsilon()
        magnitude = jnp.sqrt(jnp.maximum(power, epsilon))
        if self.mode == "magnitude":
            return magnitude
        return jnp.log(jnp.maximum(magnitude, epsilon))


class MelSpectrogram(Layer):
    """Spectrogram of a signal on the mel scale, in decibels by default.

    Magnitudes of short-time Fourier transforms are raised to a power and summed in
    triangular bands, whose centers are equally spaced on the mel scale,
    `1127 * log(1 + frequency / 700)`.

    Args:
        fft_length: length of each transform.
        sequence_stride: distance between the starts of two windows.
        sequence_length: length of the window, at most `fft_length`, its default.
        window: `"hann"`, `"hamming"`, an array, or `None`.
        sampling_rate: samples per second.
        num_mel_bins: number of bands.
        min_freq: lower edge of the lowest band, in Hz.
        max_freq: upper edge of the highest band, in Hz; half the sampling rate by
            default.
        power_to_db: whether to convert to decibels.
        top_db: range of decibels below the largest value of the batch.
        mag_exp: exponent of the magnitudes: 1 for amplitudes, 2 for power.
        min_power: smallest power, before its logarithm is taken.
        ref_power: power of 0 dB.

    Shape:
        (..., time) to (..., num_mel_bins, frames).

    Raises:
        ArgumentError: `fft_length` is less than `sequence_length`.

    Example:
        >>> import numpy as np
        >>> layer = MelSpectrogram(num_mel_bins=80, sequence_stride=128)
        >>> layer(np.ones((2, 16000), "float32")).shape
        (2, 80, 126)

    Reference: Stevens, Volkmann and Newman 1937, https://doi.org/10.1121/1.1915893
    """

    fft_length: int
    sequence_stride: int
    sequence_length: int
    sampling_rate: int
    num_mel_bins: int
    max_freq: float
    arguments = {
        "fft_length": positive_int,
        "sequence_stride": positive_int,
        "sequence_length": optional(positive_int),
        "sampling_rate": positive_int,
        "num_mel_bins": positive_int,
        "max_freq": optional(positive_number),
        "power_to_db": boolean,
        "mag_exp": positive_number,
        "min_power": positive_number,
    }

    def __init__(
        self,
        fft_length: int = 2048,
        sequence_stride: int = 512,
        sequence_length: int | None = None,
        window: Window = "hann",
        sampling_rate: int = 16000,
        num_mel_bins: int = 128,
        min_freq: float = 20.0,
        max_freq: float | None = None,
        power_to_db: bool = True,
        top_db: float = 80.0,
        mag_exp: float = 2.0,
        min_power: float = 1e-10,
        ref_power: float = 1.0,
        **kwargs: Unpack[Options],
    ) -> None:
        super().__init__(**kwargs)
        sequence_length = sequence_length or fft_length
        max_freq = max_freq or sampling_rate // 2
        self._store_arguments(locals())
        if fft_length < sequence_length:
            expected = "greater than or equal to `sequence_length`"
            raise invalid("MelSpectrogram", "fft_length", fft_length, expected)

    def call(self, inputs: Array) -> Array:
        # Fourier transforms of half-precision numbers are not supported.
        signal = inputs.astype(jnp.promote_types(inputs.dtype, jnp.float32))
        real, imaginary = ops.stft(
            signal,
            self.sequence_length,
            self.sequence_stride,
            self.fft_length,
            self.window,
        )
        power = jnp.square(real) + jnp.square(imaginary)
        if self.mag_exp != 2:
            power = power ** (self.mag_exp / 2)
        with jax.ensure_compile_time_eval():
            weights = self.linear_to_mel_weight_matrix(
                self.num_mel_bins,
                power.shape[-1],
                self.sampling_rate,
                self.min_freq,
                self.max_freq,
                signal.dtype,
            )
        bands = _sums_in_bands(power, np.asarray(weights))
        if self.power_to_db:
            bands = self._decibels(bands)
        return jnp.swapaxes(bands, -1, -2).astype(self.compute_dtype)

    def _decibels(self, power: Array) -> Array:
        reference = np.log10(max(abs(self.ref_power), self.min_power))
        levels = 10 * (jnp.log10(jnp.maximum(power, self.min_power)) - reference)
        return jnp.maximum(levels, levels.max() - self.top_db)

    def linear_to_mel_weight_matrix(
        self,
        num_mel_bins: int = 20,
        num_spectrogram_bins: int = 129,
        sampling_rate: float = 8000,
        lower_edge_hertz: float = 125.0,
        upper_edge_hertz: float = 3800.0,
        dtype: DTypeLike = "float32",
    ) -> Array:
        """Return the weights of frequencies in triangular bands of the mel scale.

        Args:
            num_mel_bins: number of bands.
            num_spectrogram_bins: number of frequencies, equally spaced from 0 to half
                the sampling rate; frequency 0 is in no band.
            sampling_rate: samples per second.
            lower_edge_hertz: lower edge of the lowest band.
            upper_edge_hertz: upper edge of the highest band.
            dtype: element type.

        Returns:
            (num_spectrogram_bins, num_mel_bins), 1 at the center of a band.
        """
        hertz = np.linspace(0, sampling_rate / 2, num_spectrogram_bins)
        frequencies = _mel(hertz)[:, None]
        low, high = _mel(np.array([lower_edge_hertz, upper_edge_hertz]))
        edges = np.linspace(low, high, num_mel_bins + 2)
        lower, center, upper = edges[:-2], edges[1:-1], edges[2:]
        rising = (frequencies - lower) / (center - lower)
        falling = (upper - frequencies) / (upper - center)
        weights = np.maximum(np.minimum(rising, falling), 0)
        weights[0] = 0
        return jnp.asarray(weights, dtype)


def _mel(hertz: np.ndarray) -> np.ndarray:
    return 1127 * np.log1p(hertz / 700)


def _sums_in_bands(power: Array, weights: np.ndarray) -> Array:
    """Multiply power by the weights of (frequencies, bands), most of which are zero.

    Groups of frequencies are multiplied by the bands that they have a part in: with
    four groups, `MelSpectrogram` takes 0.75 of the time of a product with all weights.
    """
    groups = _groups(weights, 4)
    parts = lax.split(power, [len(group) for group in groups], power.ndim - 1)
    unpadded = [(0, 0)] * (power.ndim - 1)
    sums = jnp.zeros((), power.dtype)
    for part, group in zip(parts, groups, strict=True):
        bands = np.flatnonzero(group.any(0))
        first, stop = (bands[0], bands[-1] + 1) if bands.size else (0, 1)
        product = part @ jnp.asarray(group[:, first:stop])
        edges = int(first), int(weights.shape[1] - stop)
        sums += jnp.pad(product, [*unpadded, edges])
    return sums


def _groups(weights: np.ndarray, count: int) -> list[np.ndarray]:
    """Split the weights by frequency where their first bands are equally spaced."""
    first = np.maximum.accumulate((weights != 0).argmax(1))
    bounds = np.arange(1, count) * weights.shape[1] / count
    groups = np.split(weights, np.searchsorted(first, bounds))
    return [group for group in groups if len(group)]
