"""Functions of `tensorflow.signal`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lamina import ops
from lamina.compat.tensorflow.base.declare import array_op, declared
from lamina.compat.tensorflow.base.tables import SIGNAL
from lamina.compat.tensorflow.base.tensors import dtype_of
from lamina.core.graph import op
from lamina.ops.types import Tensor
from lamina.typing import Array, DTypeLike

__getattr__ = declared(__name__, SIGNAL)
Window = Callable[..., Any]


def _cosine_window(length: int, is_periodic: bool, offset: float) -> np.ndarray:
    """Return `offset - (1 - offset) * cos`; windows of odd length are symmetric."""
    size = int(length) - 1 + (is_periodic and int(length) % 2 == 0)
    angles = 2 * math.pi * np.arange(int(length)) / max(size, 1)
    return offset - (1 - offset) * np.cos(angles)


def hann_window(
    window_length: int,
    periodic: bool = True,
    dtype: DTypeLike = "float32",
    name: str = "",
) -> Array:
    """Return a Hann window."""
    return jnp.asarray(_cosine_window(window_length, periodic, 0.5), dtype_of(dtype))


def hamming_window(
    window_length: int,
    periodic: bool = True,
    dtype: DTypeLike = "float32",
    name: str = "",
) -> Array:
    """Return a Hamming window."""
    return jnp.asarray(_cosine_window(window_length, periodic, 0.54), dtype_of(dtype))


def frame(
    signal: Any,
    frame_length: int,
    frame_step: int,
    pad_end: bool = False,
    pad_value: float = 0,
    axis: int = -1,
    name: str = "",
) -> Any:
    """Return overlapping parts of a signal, by their number and their length."""
    if pad_end:
        extra = -(-signal.shape[axis] // frame_step) * frame_step + frame_length
        widths = [(0, 0)] * len(signal.shape)
        widths[axis] = (0, extra - frame_step - signal.shape[axis])
        signal = ops.pad(signal, widths, constant_values=pad_value)
    count = 1 + (signal.shape[axis] - frame_length) // frame_step
    index = np.arange(count)[:, None] * frame_step + np.arange(frame_length)
    return ops.take(signal, index, axis=axis)


def stft(
    signals: Tensor,
    frame_length: int,
    frame_step: int,
    fft_length: int | None = None,
    window_fn: Window | None = hann_window,
    pad_end: bool = False,
    name: str = "",
) -> Any:
    """Return the Fourier transforms of overlapping parts of signals.

    `fft_length` is the next power of two of `frame_length` by default.
    """
    length = fft_length or 2 ** math.ceil(math.log2(frame_length))
    frames = frame(signals, frame_length, frame_step, pad_end)
    if window_fn is not None:
        frames = ops.multiply(frames, window_fn(frame_length))
    return op(lambda x: jnp.fft.rfft(x, length))(frames)


def overlap_and_add(signal: Any, frame_step: int, name: str = "") -> Any:
    """Return signals from their overlapping parts, which are added."""
    count, length = signal.shape[-2:]
    index = np.arange(count)[:, None] * frame_step + np.arange(length)

    @op
    def added(frames: Array) -> Array:
        total = jnp.zeros((*frames.shape[:-2], int(index.max()) + 1), frames.dtype)
        return total.at[..., index].add(frames)

    return added(signal)


def inverse_stft(
    stfts: Tensor,
    frame_length: int,
    frame_step: int,
    fft_length: int | None = None,
    window_fn: Window | None = hann_window,
    name: str = "",
) -> Any:
    """Return the signals that `stft` has transformed.

    Pass `inverse_stft_window_fn(frame_step)` as the window to restore them.
    """
    length = fft_length or 2 ** math.ceil(math.log2(frame_length))
    frames = op(lambda x: jnp.fft.irfft(x, length)[..., :frame_length])(stfts)
    if window_fn is not None:
        frames = ops.multiply(frames, window_fn(frame_length))
    return overlap_and_add(frames, frame_step)


def inverse_stft_window_fn(
    frame_step: int, forward_window_fn: Window = hann_window, name: str = ""
) -> Window:
    """Return the window of `inverse_stft` for that of `stft`."""

    def window(frame_length: int, dtype: DTypeLike = "float32") -> Array:
        forward = np.asarray(forward_window_fn(frame_length))
        rows = -(-frame_length // frame_step)
        padded = np.pad(forward**2, (0, rows * frame_step - frame_length))
        total = np.tile(padded.reshape(rows, frame_step).sum(0), rows)
        return jnp.asarray(forward / total[:frame_length], dtype_of(dtype))

    return window


def linear_to_mel_weight_matrix(
    num_mel_bins: int = 20,
    num_spectrogram_bins: int = 129,
    sample_rate: float = 8000,
    lower_edge_hertz: float = 125.0,
    upper_edge_hertz: float = 3800.0,
    dtype: DTypeLike = "float32",
    name: str = "",
) -> Array:
    """Return a matrix that maps spectra to the mel scale."""

    def mel(hertz: Any) -> Any:
        return 1127 * np.log1p(np.asarray(hertz) / 700)

    bins = mel(np.linspace(0, sample_rate / 2, num_spectrogram_bins)[1:])[:, None]
    edges = np.linspace(mel(lower_edge_hertz), mel(upper_edge_hertz), num_mel_bins + 2)
    low, center, high = edges[:-2], edges[1:-1], edges[2:]
    rising, falling = (bins - low) / (center - low), (high - bins) / (high - center)
    weights = np.maximum(0, np.minimum(rising, falling))
    return jnp.asarray(np.pad(weights, [(1, 0), (0, 0)]), dtype_of(dtype))


def dct(
    input: Tensor,
    type: int = 2,
    n: int | None = None,
    axis: int = -1,
    norm: str | None = None,
    name: str = "",
) -> Any:
    """Return the discrete cosine transform."""
    return array_op(lambda x: jax.scipy.fft.dct(x, type, n, axis, norm))(input)


def mfccs_from_log_mel_spectrograms(log_mel_spectrograms: Any, name: str = "") -> Any:
    """Return mel frequency cepstral coefficients."""
    return dct(log_mel_spectrograms) / math.sqrt(2 * log_mel_spectrograms.shape[-1])
