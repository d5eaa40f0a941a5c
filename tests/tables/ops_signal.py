"""Cases of signal and image ops, with formulas in NumPy and SciPy."""

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
    """Compute the transforms by SciPy, which scales them by the sum of the window."""
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
    OpCase("polar", (WAVE[:, :4], WAVE[:, 4:8]), lambda r, a: r * np.exp(1j * a)),
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


IMAGES = floats(2, 8, 4, 6, seed=12)


def shuffled(x, size, data_format="channels_last"):
    """Copy element by element: the channel is the position within the block."""
    first = data_format == "channels_first"
    x = x if not first else x.transpose(0, 2, 3, 1)
    n, rows, columns, channels = x.shape
    y = np.zeros((n, rows * size, columns * size, channels // size**2))
    for r, c, k in np.ndindex(*y.shape[1:]):
        block = r % size * size + c % size
        channel = k * size**2 + block if first else block * y.shape[-1] + k
        y[:, r, c, k] = x[:, r // size, c // size, channel]
    return y if not first else y.transpose(0, 3, 1, 2)


def columns_of(x, kernel, dilation=1, padding=0, stride=1):
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    spans = [dilation * (n - 1) + 1 for n in kernel]
    windows = np.lib.stride_tricks.sliding_window_view(x, spans, (2, 3))
    windows = windows[:, :, ::stride, ::stride, ::dilation, ::dilation]
    n, channels, down, right, *_ = windows.shape
    return windows.transpose(0, 1, 4, 5, 2, 3).reshape(n, -1, down * right)


def pooled(reduce):
    def oracle(x, counts, data_format="channels_last"):
        first = 2 if data_format == "channels_first" else 1
        for axis, n in enumerate(counts, first):
            edges = [
                (i * x.shape[axis] // n, -(-(i + 1) * x.shape[axis] // n))
                for i in range(n)
            ]
            parts = [reduce(x.take(range(a, b), axis), axis) for a, b in edges]
            x = np.stack(parts, axis)
        return x

    return oracle


FIRST = "channels_first"
LAST = IMAGES.transpose(0, 2, 3, 1)
SIGNALS += [
    OpCase("adaptive_average_pool", (IMAGES, (3, 4)), pooled(np.mean)),
    OpCase("adaptive_average_pool", (IMAGES, (4, 2)), pooled(np.mean)),
    OpCase("adaptive_average_pool", (IMAGES, (3, 4), FIRST), pooled(np.mean)),
    OpCase("adaptive_max_pool", (IMAGES, (5, 2)), pooled(np.max)),
    OpCase("depth_to_space", (LAST, 2), shuffled),
    OpCase("depth_to_space", (IMAGES, 2, FIRST), shuffled),
    OpCase("psnr", (IMAGES, IMAGES + 0.1, 2.0), lambda x, y, top: 10 * np.log10(
        top**2 / np.mean((x - y) ** 2)
    )),
    OpCase("unfold", (IMAGES, (2, 3)), columns_of),
    OpCase("unfold", (IMAGES, (2, 2), 2, 1, 2), columns_of),
]  # fmt: skip
