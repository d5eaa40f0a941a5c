"""Fourier transforms and sequences of signals.

Complex arrays are pairs of real and imaginary parts, as in `keras.ops`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.typing import ArrayLike

from lamina.core.check import at_least, check_arguments, positive_int
from lamina.core.graph import op
from lamina.errors import ArgumentError, ArgumentTypeError, ShapeError, invalid
from lamina.ops.types import Tensor, array_of, check_same_shape, float_array
from lamina.typing import Array

__all__ = [
    "extract_sequences",
    "fft",
    "fft2",
    "ifft2",
    "irfft",
    "istft",
    "rfft",
    "stft",
    "view_as_complex",
    "view_as_real",
]

Pair: TypeAlias = Sequence[Tensor]
Window: TypeAlias = str | ArrayLike | None

_WINDOWS = {"hann": (0.5, 0.5), "hamming": (0.54, 0.46)}
_SIZES = dict.fromkeys(
    ["sequence_length", "sequence_stride", "fft_length"], positive_int
)


@op
def extract_sequences(x: Tensor, sequence_length: int, sequence_stride: int) -> Array:
    """Extract overlapping sequences along the last axis.

    Args:
        x: (..., length).
        sequence_length: length of a sequence.
        sequence_stride: distance between the starts of two sequences.

    Returns:
        (..., 1 + (length - sequence_length) // sequence_stride, sequence_length).

    Example:
        >>> extract_sequences([1, 2, 3, 4, 5, 6], 3, 2).tolist()
        [[1, 2, 3], [3, 4, 5]]
    """
    x = array_of(x)
    _check_sizes("extract_sequences", sequence_length, sequence_stride)
    _require_rank("extract_sequences", x.shape, 1)
    last = x.shape[-1] - sequence_length
    if last < 0:
        return jnp.zeros((*x.shape[:-1], 0, sequence_length), x.dtype)
    # Slices instead of single elements, whose gradient takes three times as long.
    slice_at = partial(lax.dynamic_slice_in_dim, x, slice_size=sequence_length, axis=-1)
    return jax.vmap(slice_at, out_axes=-2)(jnp.arange(0, last + 1, sequence_stride))


@op
def fft(x: Pair) -> tuple[Array, Array]:
    """Compute the discrete Fourier transform along the last axis.

    Args:
        x: the real and the imaginary part.

    Returns:
        The real and the imaginary part.

    Example:
        >>> real, imag = fft(([1.0, 2.0], [0.0, 1.0]))
        >>> real.tolist(), imag.tolist()
        ([3.0, -1.0], [1.0, -1.0])
    """
    return _parts(jnp.fft.fft(_complex("fft", x, 1)))


@op
def fft2(x: Pair) -> tuple[Array, Array]:
    """Compute the discrete Fourier transform along the last two axes.

    Args:
        x: the real and the imaginary part.

    Returns:
        The real and the imaginary part.

    Example:
        >>> real, imag = fft2((jnp.eye(2), jnp.zeros((2, 2))))
        >>> real.tolist()
        [[2.0, 0.0], [0.0, 2.0]]
    """
    return _parts(jnp.fft.fft2(_complex("fft2", x, 2)))


@op
def ifft2(x: Pair) -> tuple[Array, Array]:
    """Compute the inverse of `fft2`.

    Args:
        x: the real and the imaginary part.

    Returns:
        The real and the imaginary part.

    Example:
        >>> real, imag = ifft2((2 * jnp.eye(2), jnp.zeros((2, 2))))
        >>> real.tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """
    return _parts(jnp.fft.ifft2(_complex("ifft2", x, 2)))


@op
def rfft(x: Tensor, fft_length: int | None = None) -> tuple[Array, Array]:
    """Compute the Fourier transform of a real signal along the last axis.

    Args:
        x: (..., length).
        fft_length: length that the signal is cropped or zero-padded to.

    Returns:
        The real and the imaginary part, (..., fft_length // 2 + 1) each.

    Example:
        >>> real, imag = rfft([1.0, 2.0, 3.0, 4.0])
        >>> real.tolist(), imag.tolist()
        ([10.0, -2.0, -2.0], [0.0, 2.0, 0.0])
    """
    x = float_array(x)
    _require_rank("rfft", x.shape, 1)
    return _parts(jnp.fft.rfft(x, fft_length))


@op
def irfft(x: Pair, fft_length: int | None = None) -> Array:
    """Compute the inverse of `rfft`.

    Args:
        x: the real and the imaginary part.
        fft_length: length of the signal; `None` for twice the number of frequencies
            minus 2.

    Example:
        >>> irfft(([10.0, -2.0, -2.0], [0.0, 2.0, 0.0])).tolist()
        [1.0, 2.0, 3.0, 4.0]
    """
    return jnp.fft.irfft(_complex("irfft", x, 1), fft_length)


@op
def stft(
    x: Tensor,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    window: Window = "hann",
    center: bool = True,
) -> tuple[Array, Array]:
    """Compute the Fourier transforms of overlapping windows of a signal.

    Args:
        x: (..., length), of type float32 or float64.
        sequence_length: length of the window.
        sequence_stride: distance between the starts of two windows.
        fft_length: length of each transform, at least `sequence_length`; the window
            is centered in it.
        window: "hann", "hamming", an array of length `sequence_length`, or `None` for
            `fft_length` ones.
        center: whether the signal is padded by reflection, so that window t is centered
            at `t * sequence_stride`.

    Returns:
        The real and the imaginary part, (..., windows, fft_length // 2 + 1) each.

    Example:
        >>> real, imag = stft(jnp.ones(64), 16, 8, fft_length=16)
        >>> real.shape
        (9, 9)

    Reference: Allen 1977, https://doi.org/10.1109/TASSP.1977.1162950
    """
    x = array_of(x)
    _check_sizes("stft", sequence_length, sequence_stride, fft_length)
    weights = _window("stft", window, sequence_length, fft_length, x.dtype)
    if center:
        edge = (fft_length // 2, fft_length // 2)
        x = jnp.pad(x, [(0, 0)] * (x.ndim - 1) + [edge], mode="reflect")
    frames = extract_sequences(x, fft_length, sequence_stride)
    return rfft(frames * weights)


@op
def istft(
    x: Pair,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    length: int | None = None,
    window: Window = "hann",
    center: bool = True,
) -> Array:
    """Compute the inverse of `stft` for the same arguments.

    Overlapping inverse transforms, multiplied by the window, are added and divided by
    the sum of the squared windows.

    Args:
        x: the real and the imaginary part, (..., windows, fft_length // 2 + 1) each.
        sequence_length: length of the window.
        sequence_stride: distance between the starts of two windows.
        fft_length: length of each transform.
        length: length of the result; `None` for all that the windows cover.
        window: "hann", "hamming", an array of length `sequence_length`, or `None`,
            which adds overlapping transforms without dividing them, as in Keras.
        center: whether `stft` padded the signal.

    Example:
        >>> spectrum = stft(jnp.ones(64), 16, 8, fft_length=16)
        >>> istft(spectrum, 16, 8, fft_length=16).shape
        (64,)

    Reference: Griffin and Lim 1984, https://doi.org/10.1109/TASSP.1984.1164317
    """
    spectrum = _complex("istft", x, 2)
    _check_sizes("istft", sequence_length, sequence_stride, fft_length)
    dtype = spectrum.real.dtype
    weights = _window("istft", window, sequence_length, fft_length, dtype)
    frames = jnp.fft.irfft(spectrum, fft_length) * weights
    signal = _overlap_add(frames, sequence_stride)
    if window is not None:
        squares = jnp.broadcast_to(jnp.square(weights), frames.shape[-2:])
        norm = _overlap_add(squares, sequence_stride)
        signal = signal / jnp.where(norm > 1e-10, norm, 1)
    start = fft_length // 2 if center else 0
    stop = signal.shape[-1] - start if length is None else start + length
    return signal[..., start:stop]


def _overlap_add(frames: Array, stride: int) -> Array:
    """Add frames, (..., frames, length), at multiples of the stride."""
    count, length = frames.shape[-2:]
    size = stride * (count - 1) + length
    indices = jnp.arange(count)[:, None] * stride + jnp.arange(length)
    signal = jnp.zeros((*frames.shape[:-2], size), frames.dtype)
    return signal.at[..., indices].add(frames)


def _check_sizes(function: str, *values: int) -> None:
    """Check sizes in the order of `_SIZES`."""
    sizes = dict(zip(_SIZES, values, strict=False))
    check_arguments(function, _SIZES, sizes)
    check_arguments(function, {"fft_length": at_least(values[0])}, sizes)


def _window(
    function: str,
    window: Window,
    sequence_length: int,
    fft_length: int,
    dtype: np.dtype[Any],
) -> Array:
    """Return the window, centered in `fft_length` elements.

    Raises:
        ArgumentError: the window is unknown or has the wrong length.
        ArgumentTypeError: the signal is not of type float32 or float64.
    """
    if dtype not in ("float32", "float64"):
        raise ArgumentTypeError(
            f"{function}: the signal must be of type `float32` or `float64`. Received: "
            f"{dtype}. Cast it first: `ops.cast(x, 'float32')`."
        )
    if window is None:
        return jnp.ones(fft_length, dtype)
    if isinstance(window, str):
        if window not in _WINDOWS:
            raise invalid(function, "window", window, f"one of {', '.join(_WINDOWS)}")
        constant, factor = _WINDOWS[window]
        phase = 2 * np.pi * np.arange(sequence_length) / sequence_length
        weights = jnp.asarray(constant - factor * np.cos(phase), dtype)
    else:
        weights = array_of(window).astype(dtype)
        if weights.shape != (sequence_length,):
            expected = f"an array of shape ({sequence_length},)"
            raise invalid(function, "window", window, expected)
    before = (fft_length - sequence_length) // 2
    return jnp.pad(weights, (before, fft_length - sequence_length - before))


@op
def view_as_complex(x: Tensor) -> Array:
    """Combine real and imaginary parts, (..., 2), into complex numbers, (...).

    Example:
        >>> view_as_complex([[1.0, 2.0], [3.0, 4.0]]).tolist()
        [(1+2j), (3+4j)]
    """
    x = float_array(x)
    if x.ndim == 0 or x.shape[-1] != 2:
        raise ShapeError(
            "view_as_complex: the last axis must have size 2, for real and imaginary "
            f"part. Received: shape {x.shape}."
        )
    x = x.astype(jnp.promote_types(x.dtype, "float32"))
    return lax.complex(x[..., 0], x[..., 1])


@op
def view_as_real(x: Tensor) -> Array:
    """Split complex numbers, (...), into real and imaginary parts, (..., 2).

    Example:
        >>> view_as_real([1 + 2j, 3 + 4j]).tolist()
        [[1.0, 2.0], [3.0, 4.0]]
    """
    return jnp.stack(_parts(array_of(x)), -1)


def _parts(x: Array) -> tuple[Array, Array]:
    return jnp.real(x), jnp.imag(x)


def _complex(function: str, x: Pair, rank: int) -> Array:
    """Combine a pair of real and imaginary parts."""
    if not isinstance(x, (tuple, list)) or len(x) != 2:
        raise ArgumentError(
            f"{function}: `x` must be a pair of real and imaginary parts, such as "
            f"`(x, ops.zeros_like(x))`. Received: {type(x).__name__}."
        )
    real, imag = (array_of(part) for part in x)
    check_same_shape(function, real.shape, imag.shape)
    if not all(jnp.issubdtype(part.dtype, jnp.floating) for part in (real, imag)):
        raise ArgumentError(
            f"{function}: real and imaginary part must be floats. Received: "
            f"{real.dtype} and {imag.dtype}. Cast first: `ops.cast(x, 'float32')`."
        )
    _require_rank(function, real.shape, rank)
    return lax.complex(real, imag)


def _require_rank(function: str, shape: Sequence[int], rank: int) -> None:
    if len(shape) < rank:
        raise ShapeError(
            f"{function}: the input must have a rank of at least {rank}. Received: "
            f"shape {tuple(shape)}."
        )
