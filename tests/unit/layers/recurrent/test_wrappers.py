"""Behavior of Bidirectional and TimeDistributed beyond the table of layers."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from lamina import layers
from lamina.core import registry
from lamina.core.masks import get_mask
from lamina.errors import ArgumentError, ShapeError
from tests.tables.arrays import floats

X = floats(4, 5, 3)
GAPS = np.array(
    [[1, 0, 1, 1, 0], [0, 0, 1, 1, 1], [1, 1, 1, 1, 1], [0, 1, 0, 1, 0]], bool
)
MASKED = np.where(GAPS[..., None], X, 0).astype("float32")


def test_both_directions_start_afresh_and_apart():
    inner = layers.LSTM(2, name="inner")
    inner.build(X.shape)
    both = layers.Bidirectional(inner)
    both.build(X.shape)
    kernels = [layer.cell.kernel.numpy() for layer in both.sublayers()]
    assert [layer.name for layer in both.sublayers()] == [
        "forward_inner",
        "backward_inner",
    ]
    assert not np.allclose(kernels[0], kernels[1])
    assert not np.allclose(kernels[0], inner.cell.kernel.numpy())


def test_initial_weights_are_split_between_directions():
    donor = layers.Bidirectional(layers.GRU(2))
    donor.build(X.shape)
    both = layers.Bidirectional(layers.GRU(2), weights=donor.get_weights())
    np.testing.assert_array_equal(both(X), donor(X))
    assert both.get_config()["weights"] is None


def test_a_copy_made_from_the_config_computes_the_same():
    both = layers.Bidirectional(
        layers.LSTM(2, return_sequences=True),
        backward_layer=layers.GRU(3, return_sequences=True, go_backwards=True),
        merge_mode=None,
    )
    twin = layers.Bidirectional.from_config(both.get_config())
    both.build(X.shape)
    twin.build(X.shape)
    twin.set_weights(both.get_weights())
    for left, right in zip(both(X), twin(X), strict=True):
        np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize(
    ("backward", "message"),
    [
        (layers.GRU(2), "opposite directions"),
        (layers.GRU(2, go_backwards=True, return_sequences=True), "return_sequences"),
        (layers.GRU(2, go_backwards=True, stateful=True), "stateful"),
    ],
)
def test_layers_that_do_not_match_are_refused(backward, message):
    with pytest.raises(ArgumentError, match=message):
        layers.Bidirectional(layers.LSTM(2), backward_layer=backward)


def test_a_layer_that_is_not_recurrent_is_refused():
    with pytest.raises(ArgumentError, match="a recurrent layer"):
        layers.Bidirectional(layers.Dense(2))


@pytest.mark.parametrize("merge_mode", ["concat", None])
@pytest.mark.parametrize("state", [False, True])
def test_masks_go_on_with_sequences_only(merge_mode, state):
    x = layers.Masking()(MASKED)
    options = {"return_state": state}
    for sequences in (False, True):
        inner = layers.LSTM(2, return_sequences=sequences, **options)
        outputs = layers.Bidirectional(inner, merge_mode)(x)
        leaves = jax.tree.leaves(outputs)
        merged = 1 if merge_mode else 2
        for leaf in leaves[:merged]:
            mask = get_mask(leaf)
            assert (mask is not None) == sequences
            if sequences:
                np.testing.assert_array_equal(mask, GAPS)
        assert all(get_mask(leaf) is None for leaf in leaves[merged:])


def test_stateful_directions_are_reset_together():
    both = layers.Bidirectional(layers.GRU(2, stateful=True))
    first = both(X)
    assert np.abs(both(X) - first).max() > 1e-4
    both.reset_state()
    np.testing.assert_allclose(both(X), first, atol=1e-6)


def test_each_step_is_normalized_by_its_own_batch():
    layer = layers.TimeDistributed(layers.BatchNormalization(momentum=0.5))
    outputs = layer(X, training=True)
    np.testing.assert_allclose(outputs.mean(0), np.zeros((5, 3)), atol=1e-5)
    mean = np.zeros(3)
    for step in range(5):
        mean = 0.5 * mean + 0.5 * X[:, step].mean(0)
    np.testing.assert_allclose(layer.layer.moving_mean.value, mean, atol=1e-6)


def test_a_stateful_layer_sees_step_after_step():
    frames = floats(4, 5, 6, 3)
    layer = layers.TimeDistributed(layers.GRU(2, stateful=True))
    outputs = layer(frames)
    twin = layers.GRU(2, stateful=True)
    twin.build((4, 6, 3))
    twin.set_weights(layer.get_weights())
    for step in range(5):
        np.testing.assert_allclose(outputs[:, step], twin(frames[:, step]), atol=1e-6)


def test_a_layer_of_many_outputs_has_them_at_each_step():
    layer = layers.TimeDistributed(layers.GRU(2, return_state=True))
    output, state = layer(floats(4, 5, 6, 3))
    assert output.shape == state.shape == (4, 5, 2)


def test_a_mask_of_each_step_reaches_the_layer():
    frames = floats(4, 5, 6, 3)
    mask = np.array(floats(4, 5, 6) > 0)
    layer = layers.TimeDistributed(layers.GRU(2))
    outputs = layer(frames, mask=mask)
    one = layer.layer(frames[:, 2], mask=mask[:, 2])
    np.testing.assert_allclose(outputs[:, 2], one, atol=1e-6)


def test_masks_pass_through_every_step():
    outputs = layers.TimeDistributed(layers.Dense(2))(layers.Masking()(MASKED))
    np.testing.assert_array_equal(get_mask(outputs), GAPS)


def test_time_may_be_unknown_at_every_step():
    x = layers.Input((None, 8, 8, 3))
    assert layers.TimeDistributed(layers.Conv2D(4, 3))(x).shape == (None, None, 6, 6, 4)


def test_a_mask_that_does_not_fit_is_refused():
    layer = layers.TimeDistributed(layers.Dense(2))
    with pytest.raises(ShapeError, match="one truth value for each row and step"):
        layer(X, mask=GAPS[:, :4])


@pytest.mark.parametrize(
    "make",
    [
        lambda: layers.TimeDistributed(layers.Dense(2)),
        lambda: layers.Bidirectional(layers.LSTM(2)),
        lambda: layers.RNN([layers.LSTMCell(2), layers.GRUCell(2)]),
    ],
    ids=["TimeDistributed", "Bidirectional", "RNN"],
)
def test_paths_of_weights_are_the_same_after_a_config(make):
    layer = make()
    layer(X)
    config = registry.serialize(layer)
    again = registry.deserialize(config)
    paths = [weight.path for weight in layer.weights]
    assert [weight.path for weight in again.weights] == paths
    assert all(path.startswith(f"{layer.name}/") for path in paths)
