"""Transforms of signals beside formulas of NumPy and SciPy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from scipy import signal

from tests.tables.arrays import floats


class OpCase(NamedTuple):
    name: str
    args: tuple[Any, ...]
    oracle: Callable[..., Any]
    kwargs: Mapping[str, Any] = {}

    @property
    def label(self) -> str:
        shapes = "-".join(str(np.shape(a)) for a in self.args if not callable(a))
        return f"{self.name}{shapes}"


WAVE = floats(2, 40, low=-2.0, high=2.0, seed=9)
SPECTRUM = (floats(2, 4, 5, seed=10), floats(2, 4, 5, seed=11))
RAMP = np.linspace(0.5, 1.0, 6, dtype="float32")


def parts(x):
    return np.real(x), np.imag(x)


def short_time(x, length, stride, size, window="hann", center=True):
    """The transforms by SciPy, which scales them by the sum of the window."""
    window = window if window is not None else np.ones(size)
    values = signal.get_window(window, length) if isinstance(window, str) else window
    before = (size - len(values)) // 2
    values = np.pad(values, (before, size - len(values) - before))
    edge = size // 2 if center else 0
    x = np.pad(x, ((0, 0), (edge, edge)), mode="reflect")
    _, _, result = signal.stft(
        x, window=values, nperseg=size, noverlap=size - stride, boundary=None,
        padded=False,
    )  # fmt: skip
    return parts(result.swapaxes(-2, -1) * values.sum())


SIGNALS = [
    OpCase(
        "extract_sequences",
        (WAVE, 6, 3),
        lambda x, n, step: np.lib.stride_tricks.sliding_window_view(x, n, 1)[:, ::step],
    ),
    OpCase("fft", (SPECTRUM,), lambda x: parts(np.fft.fft(x[0] + 1j * x[1]))),
    OpCase("fft2", (SPECTRUM,), lambda x: parts(np.fft.fft2(x[0] + 1j * x[1]))),
    OpCase("ifft2", (SPECTRUM,), lambda x: parts(np.fft.ifft2(x[0] + 1j * x[1]))),
    OpCase("irfft", (SPECTRUM,), lambda x: np.fft.irfft(x[0] + 1j * x[1])),
    OpCase("irfft", (SPECTRUM, 7), lambda x, n: np.fft.irfft(x[0] + 1j * x[1], n)),
    OpCase("rfft", (WAVE,), lambda x: parts(np.fft.rfft(x))),
    OpCase("rfft", (WAVE, 16), lambda x, n: parts(np.fft.rfft(x, n))),
    OpCase("stft", (WAVE, 6, 3, 8), short_time),
    OpCase("stft", (WAVE, 6, 2, 9, "hamming", False), short_time),
    OpCase("stft", (WAVE, 6, 3, 6, RAMP), short_time),
    OpCase("stft", (WAVE, 6, 3, 8, None), short_time),
    OpCase("view_as_complex", (WAVE[:, :2],), lambda x: x[:, 0] + 1j * x[:, 1]),
    OpCase(
        "view_as_real",
        (WAVE[:, :20] + 1j * WAVE[:, 20:],),
        lambda x: np.stack(parts(x), -1),
    ),
]
