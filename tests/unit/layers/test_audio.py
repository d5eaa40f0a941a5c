"""Spectrograms: arguments that the recorded cases do not have."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from lamina import layers, ops
from lamina.errors import ArgumentError, ArgumentTypeError
from tests.tables.arrays import floats


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"frame_step": 300}, "frame_step"),
        ({"fft_length": 128}, "fft_length"),
        ({"window": "unknowable"}, "unknown window"),
    ],
)
def test_lengths_and_windows_are_checked(options, words):
    with pytest.raises(ArgumentError, match=words):
        layers.STFTSpectrogram(**options)


def test_integers_are_not_a_signal():
    with pytest.raises(ArgumentTypeError, match="int32"):
        layers.STFTSpectrogram()(np.zeros((1, 256, 1), int))


def test_other_lengths_than_powers_of_two_warn():
    with pytest.warns(UserWarning, match="715 is not a power of two"):
        layers.STFTSpectrogram(fft_length=715)


def test_a_sine_is_a_line_in_both_spectrograms():
    signal = np.sin(2 * np.pi * 1000 * np.arange(8000) / 8000).astype("float32")
    lines = layers.STFTSpectrogram("magnitude")(signal[None, :, None])
    assert set(np.asarray(lines[0]).argmax(-1)) == {1000 * 256 // 8000}
    mel = layers.MelSpectrogram(512, num_mel_bins=40, sampling_rate=8000)
    centers = np.linspace(*mel_of([20, 4000]), 42)[1:-1]
    nearest = np.argmin(np.abs(centers - mel_of(1000)))
    assert set(np.asarray(mel(signal)).argmax(0)[1:-1]) == {nearest}
    with pytest.raises(ArgumentError, match="greater than or equal to"):
        layers.MelSpectrogram(fft_length=256, sequence_length=512)


@pytest.mark.parametrize(
    ("length", "bands", "range_of_bands"),
    [
        (512, 40, {}),
        (2048, 128, {"max_freq": 3000.0}),
        (64, 1, {}),
        (64, 5, {"min_freq": 7000.0}),  # fewer frequencies than bands
    ],
)
def test_mel_bands_are_the_product_of_power_and_weights(length, bands, range_of_bands):
    signal = floats(2, 4000)
    layer = layers.MelSpectrogram(
        length, num_mel_bins=bands, power_to_db=False, **range_of_bands
    )
    stft = jax.jit(ops.stft, static_argnums=(1, 2, 3))
    real, imag = stft(signal, length, layer.sequence_stride, length)
    power = np.square(real) + np.square(imag)
    edges = layer.min_freq, layer.max_freq
    weights = layer.linear_to_mel_weight_matrix(bands, power.shape[-1], 16000, *edges)
    expected = (power @ np.asarray(weights)).swapaxes(1, 2)
    scale = max(expected.max(), 1e-3)
    found = jax.jit(layer)(signal)
    np.testing.assert_allclose(found / scale, expected / scale, atol=1e-5)


def mel_of(hertz):
    return 1127 * np.log(1 + np.asarray(hertz) / 700)
