"""Cases of spectrograms."""

from __future__ import annotations

from tests.tables.arrays import floats
from tests.tables.cases import LayerCase

SIGNALS = floats(2, 48, 2)
SAMPLES = floats(2, 80)
STFT = {"frame_length": 12, "frame_step": 5, "fft_length": 16}


def stft(name, x=SIGNALS, **options):
    options = STFT | options

    def make(k):
        return k.layers.STFTSpectrogram(**options)

    return LayerCase(f"stft_spectrogram{name}", make, (x,))


def mel(name, x=SAMPLES, **options):
    options = {"fft_length": 32, "sequence_stride": 12, "num_mel_bins": 3} | options

    def make(k):
        return k.layers.MelSpectrogram(**options)

    return LayerCase(f"mel_spectrogram{name}", make, (x,), traits=COUPLED)


# Decibels are limited relative to the largest value of the batch.
COUPLED = frozenset({"couples rows"})
JUMPS = frozenset({"jumps"})  # between -pi and pi

PREPROCESSING = [
    stft(""),
    stft("_magnitude", mode="magnitude", window="hamming", periodic=True),
    stft("_psd", mode="psd", scaling="spectrum", padding="same", expand_dims=True),
    stft("_real", mode="real", window=None, scaling=None),
    stft("_imag", mode="imag", frame_step=None, fft_length=None),
    stft("_angle", mode="angle", trainable=False)._replace(traits=JUMPS),
    stft("_stft", mode="stft", window="blackman"),
    stft(
        "_channels_first",
        floats(2, 2, 48),
        mode="stft",
        data_format="channels_first",
    ),
    stft(
        "_channels_first_expanded",
        floats(2, 2, 48),
        data_format="channels_first",
        expand_dims=True,
        padding="same",
    ),
    mel(""),
    mel("_amplitude", mag_exp=1.0, power_to_db=False, window="hamming"),
    mel(
        "_range",
        sequence_length=20,
        sampling_rate=8000,
        min_freq=300.0,
        max_freq=3000.0,
        top_db=5.0,
        ref_power=4.0,
        min_power=1e-3,
        window=None,
    ),
]
