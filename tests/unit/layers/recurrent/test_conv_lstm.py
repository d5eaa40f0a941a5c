"""Convolutional LSTM layers: masks, dropout and invalid arguments."""

from __future__ import annotations

import numpy as np
import pytest

from lamina import layers
from lamina.errors import ArgumentError, ShapeError
from tests.tables.arrays import floats, lengths_mask

SIGNALS = floats(3, 4, 5, 2)


def test_masked_steps_leave_the_states_unchanged():
    # Keras masks positions of the state instead of rows of the batch.
    layer = layers.ConvLSTM1D(2, 3, padding="same", return_sequences=True)
    masked = np.asarray(layer(SIGNALS, mask=lengths_mask((2, 4, 0), 4)))
    full = np.asarray(layer(SIGNALS))
    np.testing.assert_allclose(masked[0, :2], full[0, :2], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(masked[0, 2:], full[[0, 0], 1], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(masked[1], full[1], rtol=1e-5, atol=1e-6)
    assert not masked[2].any()


@pytest.mark.parametrize("rate", ["dropout", "recurrent_dropout"])
def test_dropout_draws_in_training_only(rate):
    layer = layers.ConvLSTM1D(2, 3, **{rate: 0.5})
    quiet, first, second = (
        np.asarray(layer(SIGNALS, training=training))
        for training in (False, True, True)
    )
    np.testing.assert_array_equal(quiet, layer(SIGNALS))
    assert (first != second).any()


def test_cell_takes_one_step():
    layer = layers.ConvLSTM1D(2, 3, padding="same")
    expected = layer(SIGNALS[:, :1])
    step, states = SIGNALS[:, 0], layer.get_initial_state(3)
    output, new = layer.cell(step, states)
    np.testing.assert_allclose(output, expected, rtol=1e-5, atol=1e-6)
    assert [s.shape for s in new] == [(3, 5, 2), (3, 5, 2)]


def test_invalid_arguments_are_refused():
    with pytest.raises(ArgumentError, match="dilation_rate"):
        layers.ConvLSTM2D(2, 3, strides=2, dilation_rate=2)
    with pytest.raises(ShapeError, match="known spatial sizes"):
        layers.ConvLSTM1D(2, 3)(layers.Input((4, None, 2)))
