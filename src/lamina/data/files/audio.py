"""Sounds in .wav files."""

from __future__ import annotations

import io
import wave

import numpy as np

from lamina import config
from lamina.errors import DataError
from lamina.io.files import read_file


def load_audio(path: str, rate: int | None, length: int | None) -> np.ndarray:
    """Read a .wav file.

    Args:
        path: the file.
        rate: samples per second of the result, by default that of the file.
        length: number of samples of the result, which is truncated or padded with
            zeros; by default that of the file.

    Returns:
        Samples from -1 to 1, float32 (samples, channels).

    Raises:
        DataError: the file does not hold PCM samples.
    """
    try:
        with wave.open(io.BytesIO(read_file(path)), "rb") as file:
            width, channels = file.getsampwidth(), file.getnchannels()
            old_rate, data = file.getframerate(), file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise DataError(
            f"{path!r} is not a .wav file of PCM samples: {error}"
        ) from None
    if width not in (1, 2, 3, 4) or not channels or not old_rate:
        raise DataError(
            f"{path!r} has {channels} channels of {8 * width} bits, {old_rate} per "
            "second. Samples of 8, 16, 24 or 32 bits are needed."
        )
    values = _samples(data, width)
    samples = values[: len(values) // channels * channels].reshape(-1, channels)
    if rate is not None and rate != old_rate and len(samples):
        count = max(round(len(samples) * rate / old_rate), 1)
        if 16 * count * channels > config.memory_limit():  # its transform is complex
            raise DataError(
                f"{path!r} has {old_rate} samples per second: at {rate} it would not "
                "fit in memory. Choose a lower `sampling_rate`."
            )
        samples = _resampled(samples, count)
    if length is not None:
        samples = samples[:length]
        samples = np.pad(samples, ((0, length - len(samples)), (0, 0)))
    return samples


def _samples(data: bytes, width: int) -> np.ndarray:
    """Convert little-endian PCM samples of `width` bytes to floats from -1 to 1."""
    data = data[: len(data) // width * width]
    if width == 1:  # the only width without a sign
        return (np.frombuffer(data, np.uint8).astype(np.float32) - 128) / 128
    if width == 3:  # as the upper bytes of four
        padded = np.zeros((len(data) // 3, 4), np.uint8)
        padded[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        data, width = padded.tobytes(), 4
    values = np.frombuffer(data, f"<i{width}")
    return values.astype(np.float32) / np.float32(2 ** (8 * width - 1))


def _resampled(samples: np.ndarray, count: int) -> np.ndarray:
    """Resample without aliasing, by the discrete Fourier transform."""
    spectrum = np.fft.rfft(samples, axis=0)
    result = np.fft.irfft(spectrum[: count // 2 + 1], count, axis=0)
    return (result * (count / len(samples))).astype(np.float32)
