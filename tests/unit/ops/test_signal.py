"""Transforms of signals beyond their formulas: inverses, shapes, refusals."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lamina import ops
from lamina.core.graph import SymbolicTensor
from lamina.errors import ArgumentError, ArgumentTypeError, ShapeError
from tests.tables.arrays import floats

WAVE = floats(2, 3, 64)


@pytest.mark.parametrize("window", ["hann", "hamming", np.ones(8, "float32")])
@pytest.mark.parametrize("center", [True, False])
def test_istft_inverts_stft(window, center):
    options = {"window": window, "center": center}

    @jax.jit
    def there_and_back(x):
        return ops.istft(ops.stft(x, 8, 4, 10, **options), 8, 4, 10, **options)

    back = there_and_back(WAVE)
    size = back.shape[-1]
    # The first and last samples without padding lie under no window.
    inner = slice(0, size) if center else slice(10, size - 10)
    np.testing.assert_allclose(back[..., inner], WAVE[..., inner], atol=1e-5)


def test_istft_without_a_window_adds_overlapping_frames():
    back = ops.istft(ops.stft(WAVE, 8, 4, 8, None), 8, 4, 8, window=None)
    np.testing.assert_allclose(back, 2 * WAVE, atol=1e-5)


def test_istft_result_has_the_given_length():
    spectrum = ops.stft(WAVE, 8, 4, 10)
    assert ops.istft(spectrum, 8, 4, 10, length=50).shape == (2, 3, 50)
    back = ops.irfft(ops.rfft(WAVE, 21), 21)
    np.testing.assert_allclose(back, WAVE[..., :21], atol=1e-5)


@pytest.mark.parametrize(("length", "stride"), [(6, 4), (5, 7), (64, 1), (65, 1)])
def test_sequences_and_their_gradient_are_those_of_indexing(length, stride):
    starts = jnp.arange(0, max(64 - length + 1, 0), stride)
    indices = starts[:, None] + jnp.arange(length)

    def gradient(function):
        total = lambda x: jnp.sum(jnp.sin(function(x)))  # noqa: E731
        return jax.jit(jax.grad(total))(WAVE)

    found = ops.extract_sequences(WAVE, length, stride)
    np.testing.assert_array_equal(found, WAVE[..., indices])
    found = gradient(lambda x: ops.extract_sequences(x, length, stride))
    expected = gradient(lambda x: x[..., indices])
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_signal_ops_infer_shapes_of_unknown_lengths():
    x = SymbolicTensor((None, None))
    assert [t.shape for t in ops.stft(x, 3, 2, 5)] == [(None, None, 3)] * 2
    assert ops.extract_sequences(x, 3, 2).shape == (None, None, 3)
    assert [t.shape for t in ops.rfft(x)] == [(None, None)] * 2
    assert ops.istft((x, x), 3, 2, 5, length=7).shape == (7,)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: ops.stft(WAVE.astype(int), 4, 2, 4), ArgumentTypeError, "`float32`"),
        (lambda: ops.stft(WAVE, 4, 2, 3), ArgumentError, "at least 4"),
        (lambda: ops.stft(WAVE, 4, 0, 4), ArgumentError, "`sequence_stride`"),
        (lambda: ops.stft(WAVE, 4, 2, 4, "hanning"), ArgumentError, "`window`"),
        (lambda: ops.stft(WAVE, 4, 2, 4, np.ones(3)), ArgumentError, "`window`"),
        (lambda: ops.istft((WAVE, WAVE), 4, 1.5, 4), ArgumentError, "stride"),
        (lambda: ops.fft(WAVE), ArgumentError, "a pair"),
        (lambda: ops.fft((WAVE, WAVE[0])), ShapeError, "same shape"),
        (lambda: ops.fft2((WAVE[0, 0], WAVE[0, 0])), ShapeError, "at least 2"),
        (lambda: ops.irfft((WAVE.astype(int), WAVE)), ArgumentError, "floats"),
        (lambda: ops.rfft(1.0), ShapeError, "at least 1"),
        (lambda: ops.view_as_complex(WAVE), ShapeError, "size 2"),
        (lambda: ops.cdist(WAVE, WAVE[..., :3]), ShapeError, "width"),
    ],
)
def test_invalid_arguments_are_errors(call, error, words):
    with pytest.raises(error, match=words):
        call()
