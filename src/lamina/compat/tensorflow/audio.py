"""Functions of `tensorflow.audio`: WAV files of 16 bits, on the host."""

from __future__ import annotations

import io
import wave
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from lamina.compat.tensorflow.base.tensors import on_host
from lamina.errors import FileFormatError
from lamina.typing import ArrayLike


class DecodedWav(NamedTuple):
    """Sound from -1 to 1, (samples, channels), and the number of samples a second."""

    audio: Any
    sample_rate: Any


def decode_wav(
    contents: Any,
    desired_channels: int = -1,
    desired_samples: int = -1,
    name: str = "",
) -> DecodedWav:
    """Return the sound in a WAV file.

    Raises:
        FileFormatError: its samples have not 16 bits.
    """
    with wave.open(io.BytesIO(on_host(contents).item())) as file:
        if file.getsampwidth() != 2:
            raise FileFormatError(
                f"decode_wav: the samples have {8 * file.getsampwidth()} bits. Convert "
                "the file to 16 bits."
            )
        channels, rate = file.getnchannels(), file.getframerate()
        data = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    sound = data.reshape(-1, channels).astype(np.float32) / 32768
    if desired_channels > 0:
        order = np.minimum(np.arange(desired_channels), channels - 1)
        sound = sound[:, order]
    if desired_samples > 0:
        sound = sound[:desired_samples]
        sound = np.pad(sound, [(0, desired_samples - len(sound)), (0, 0)])
    return DecodedWav(on_host(sound), on_host(np.int32(rate)))


def encode_wav(audio: ArrayLike, sample_rate: int, name: str = "") -> Any:
    """Return a WAV file with a sound from -1 to 1, (samples, channels)."""
    sound = np.asarray(jnp.clip(jnp.asarray(audio), -1, 1))
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(sound.shape[1])
        file.setsampwidth(2)
        file.setframerate(int(sample_rate))
        file.writeframes(np.round(sound * 32767).astype("<i2").tobytes())
    return on_host(buffer.getvalue())
