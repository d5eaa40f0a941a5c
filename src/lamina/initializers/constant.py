"""Initializers without randomness."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jax
import numpy as np

from lamina.core.check import one_of, optional
from lamina.errors import ArgumentError, ShapeError
from lamina.initializers.base import Initializer, to_array
from lamina.typing import ArrayLike, DTypeLike


class Zeros(Initializer):
    """Initializer of zeros.

    Example:
        >>> Zeros()((2,)).tolist()
        [0.0, 0.0]
    """

    def __call__(self, shape: Sequence[int], dtype: DTypeLike = None) -> jax.Array:
        return to_array(np.zeros(shape), dtype)


class Ones(Initializer):
    """Initializer of ones.

    Example:
        >>> Ones()((2,), dtype="int32").tolist()
        [1, 1]
    """

    def __call__(self, shape: Sequence[int], dtype: DTypeLike = None) -> jax.Array:
        return to_array(np.ones(shape), dtype)


class Constant(Initializer):
    """Initializer of a constant, or of the values of an array.

    Args:
        value: a number, or an array that broadcasts to the requested shape.

    Raises:
        ShapeError: the array does not broadcast to the shape.

    Example:
        >>> Constant([1.0, 2.0])((2, 2)).tolist()
        [[1.0, 2.0], [1.0, 2.0]]
    """

    def __init__(self, value: ArrayLike = 0.0) -> None:
        self.value = value

    def __call__(self, shape: Sequence[int], dtype: DTypeLike = None) -> jax.Array:
        value = np.asarray(self.value)
        try:
            # A copy: the array must not change with the user's.
            return to_array(np.array(np.broadcast_to(value, tuple(shape))), dtype)
        except ValueError:
            raise ShapeError(
                f"Constant: values of shape {value.shape} do not broadcast to the "
                f"shape {tuple(shape)} of the weight."
            ) from None


class Identity(Initializer):
    """Initializer of the identity matrix times `gain`.

    Args:
        gain: the value of the diagonal.

    Raises:
        ShapeError: the shape is not that of a matrix.

    Example:
        >>> lamina.initializers.Identity(gain=3.0)((2, 2)).tolist()
        [[3.0, 0.0], [0.0, 3.0]]
    """

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = gain

    def __call__(self, shape: Sequence[int], dtype: DTypeLike = None) -> jax.Array:
        if len(shape) != 2:
            raise ShapeError(
                f"Identity: a weight of shape {tuple(shape)} is not a matrix. Use "
                "another initializer, such as 'glorot_uniform'."
            )
        return to_array(self.gain * np.eye(shape[0], shape[1]), dtype)


# Coefficients of the windows that are a sum of cosines.
_WINDOWS = {
    "blackman": (0.42, -0.5, 0.08),
    "blackmanharris": (0.35875, -0.48829, 0.14128, -0.01168),
    "boxcar": (1.0,),
    "flattop": (0.21557895, -0.41663158, 0.277263158, -0.083578947, 0.006947368),
    "hamming": (0.54, -0.46),
    "hann": (0.5, -0.5),
    "nuttall": (0.3635819, -0.4891775, 0.1365995, -0.0106411),
}
_TAPERS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "bartlett": lambda phase: 1 - np.abs(2 * phase - 1),
    # The first and the last quarter of the window are cosine lobes.
    "tukey": lambda phase: (
        0.5 - 0.5 * np.cos(4 * np.pi * np.clip(np.minimum(phase, 1 - phase), 0, 0.25))
    ),
}


class STFT(Initializer):
    """Initializer of a Conv1D kernel that computes short-time Fourier transforms.

    The shape is (window length, 1, n // 2 + 1) for transforms of length n.

    Args:
        side: "real" or "imag", the part that the kernel computes.
        window: "hann", "hamming", "blackman", "blackmanharris", "nuttall", "flattop",
            "bartlett", "tukey", "boxcar", an array, or `None` for none.
        scaling: "density" or "spectrum" to divide by the window's L2 or L1 norm.
        periodic: whether the window is periodic instead of symmetric.

    Raises:
        ArgumentError: the name of the window is unknown.
        ShapeError: the lengths of window and kernel differ.

    Example:
        >>> highest = STFT(window=None)((4, 1, 3))[:, 0, -1]
        >>> highest.round().tolist()
        [1.0, -1.0, 1.0, -1.0]
    """

    arguments = {
        "side": one_of("real", "imag"),
        "scaling": optional(one_of("density", "spectrum")),
    }

    def __init__(
        self,
        side: str = "real",
        window: str | ArrayLike | None = "hann",
        scaling: str | None = "density",
        periodic: bool = False,
    ) -> None:
        names = [*_WINDOWS, *_TAPERS]
        if isinstance(window, str) and window not in names:
            raise ArgumentError(
                f"STFT: unknown window {window!r}. Use one of {names}, an array, or "
                "None."
            )
        self.side, self.window = side.lower(), window
        self.scaling = scaling.lower() if scaling else None
        self.periodic = periodic

    def __call__(self, shape: Sequence[int], dtype: DTypeLike = None) -> jax.Array:
        length, _, frequencies = shape
        time = np.arange(length)[:, None, None]
        frequency = np.arange(frequencies) / (2 * (frequencies - 1))
        angle = -2 * np.pi * time * frequency
        kernel = np.cos(angle) if self.side == "real" else np.sin(angle)
        if self.window is not None:
            kernel = kernel * self._window_values(length)[:, None, None]
        return to_array(kernel, dtype)

    def _window_values(self, length: int) -> np.ndarray:
        if isinstance(self.window, str):
            phase = np.arange(length) / (length - (not self.periodic))
            terms = enumerate(_WINDOWS.get(self.window, ()))
            values = sum(a * np.cos(2 * np.pi * k * phase) for k, a in terms)
            if self.window in _TAPERS:
                values = _TAPERS[self.window](phase)
        else:
            values = np.asarray(self.window)
        values = np.asarray(values)
        if values.shape != (length,):
            raise ShapeError(
                f"STFT: a window of shape {values.shape} does not fit a kernel of "
                f"length {length}. Pass a window of shape {(length,)}."
            )
        if self.scaling is None:
            return values
        if self.scaling == "density":
            return values / np.sqrt(np.sum(values**2))
        return values / np.abs(values).sum()
