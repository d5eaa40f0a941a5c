"""Behavior of recurrent layers beyond the table of layers."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from lamina import config, layers
from lamina.core.scope import RunKey
from lamina.core.tracing import stateless
from lamina.errors import ArgumentError, ShapeError
from tests.events import COMPILATION, recorded_events
from tests.tables.arrays import floats

X = floats(4, 6, 3)
GAPS = np.array(
    [
        [1, 0, 1, 1, 0, 1],
        [0, 0, 1, 1, 1, 1],
        [1, 1, 1, 1, 1, 1],
        [0, 0, 0, 0, 0, 0],
    ],
    bool,
)
KINDS = [layers.SimpleRNN, layers.LSTM, layers.GRU]


class Delta(layers.Layer):
    """A cell whose output is not among its states, and of another size."""

    state_size = 3
    output_size = 1

    def call(self, inputs, states):
        change = jnp.sum(inputs - states[0], -1, keepdims=True)
        return change, [inputs]


class Plain:
    """A cell that is no layer."""

    state_size = (3, 3)

    def call(self, inputs, states):
        return inputs + states[0], [inputs + states[0], states[1] + 1.0]


def stepwise(kind, units=2, **options):
    """A layer whose cell is called at each step, instead of projecting all inputs."""
    cells = {
        layers.SimpleRNN: layers.SimpleRNNCell,
        layers.LSTM: layers.LSTMCell,
        layers.GRU: layers.GRUCell,
    }
    made = type("Stepwise", (cells[kind],), {"call": lambda s, x, h: call(s, x, h)})

    def call(cell, x, states):
        return cells[kind].call(cell, x, states)

    return layers.RNN(made(units), **options)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mask", [None, GAPS], ids=["whole", "gaps"])
@pytest.mark.parametrize("backwards", [False, True], ids=["forwards", "backwards"])
def test_projecting_all_inputs_at_once_changes_nothing(kind, mask, backwards):
    options = {"return_sequences": True, "go_backwards": backwards}
    fast, slow = kind(2, **options), stepwise(kind, **options)
    fast.build(X.shape)
    slow.build(X.shape)
    slow.set_weights(fast.get_weights())
    np.testing.assert_allclose(fast(X, mask=mask), slow(X, mask=mask), atol=1e-6)


@pytest.mark.parametrize("mask", [None, GAPS], ids=["whole", "gaps"])
def test_stacked_cells_are_stacked_layers(mask):
    stack = layers.RNN([layers.LSTMCell(3), layers.GRUCell(2)], return_sequences=True)
    stack.build(X.shape)
    first = layers.LSTM(3, return_sequences=True)
    second = layers.GRU(2, return_sequences=True)
    first.build(X.shape)
    second.build((4, 6, 3))
    first.set_weights(stack.get_weights()[:3])
    second.set_weights(stack.get_weights()[3:])
    desired = second(first(X, mask=mask), mask=mask)
    np.testing.assert_allclose(stack(X, mask=mask), desired, atol=1e-6)


def test_stacked_cells_can_be_called_step_by_step():
    stack = layers.StackedRNNCells([layers.LSTMCell(3), layers.GRUCell(2)])
    layer = layers.RNN(stack, return_state=True)
    desired, *states = layer(X[:, :1])
    output, after = stack(X[:, 0], stack.get_initial_state(4))
    np.testing.assert_allclose(output, desired, atol=1e-6)
    assert jax.tree.structure(after) == jax.tree.structure(states)


class Last(layers.Layer):
    """A cell with one state, which it returns in a container or alone."""

    state_size = 3

    def __init__(self, arrange):
        super().__init__()
        self.arrange = arrange

    def call(self, inputs, states):
        return inputs + states[0], self.arrange(inputs)


@pytest.mark.parametrize(
    "arrange",
    [lambda s: [s], lambda s: (s,), lambda s: s],
    ids=["list", "tuple", "one"],
)
def test_states_of_cells_may_be_in_any_container(arrange):
    one = layers.RNN(Last(arrange), return_state=True)
    output, state = one(X)
    np.testing.assert_allclose(output, X[:, -1] + X[:, -2], atol=1e-6)
    np.testing.assert_array_equal(state, X[:, -1])
    # As in Keras, a stack returns the only state of such a cell as an array.
    cells = [Last(arrange), layers.GRUCell(2), Last(arrange)]
    cells[-1].state_size = 2
    stack = layers.RNN(cells, return_state=True)
    shapes = jax.tree.map(lambda array: array.shape, stack(X))
    assert shapes == ((4, 2), (4, 3), [(4, 2)], (4, 2))
    shapes = jax.tree.map(lambda array: array.shape, stack.get_initial_state(4))
    assert shapes == [(4, 3), [(4, 2)], (4, 2)]


def test_a_subclass_of_stacked_cells_is_called_as_it_is():
    class Doubled(layers.StackedRNNCells):
        def call(self, inputs, states):
            output, states = super().call(inputs, states)
            return 2 * output, states

    plain, doubled = (
        layers.RNN([layers.GRUCell(2)]),
        layers.RNN(Doubled([layers.GRUCell(2)])),
    )
    plain.build(X.shape)
    doubled.build(X.shape)
    doubled.set_weights(plain.get_weights())
    np.testing.assert_allclose(doubled(X), 2 * plain(X), atol=1e-6)


def test_the_output_need_not_be_a_state():
    outputs, state = layers.RNN(Delta(), return_sequences=True, return_state=True)(X)
    desired = np.diff(X, axis=1, prepend=0).sum(-1, keepdims=True)
    np.testing.assert_allclose(outputs, desired, atol=1e-6)
    np.testing.assert_array_equal(state, X[:, -1])


def test_a_masked_step_repeats_the_output_before_it():
    outputs = layers.RNN(Delta(), return_sequences=True)(X, mask=GAPS)
    np.testing.assert_array_equal(outputs[0, 1], outputs[0, 0])
    np.testing.assert_array_equal(outputs[3], np.zeros((6, 1)))
    change = (X[0, 2] - X[0, 0]).sum()
    np.testing.assert_allclose(outputs[0, 2, 0], change, atol=1e-6)


def test_a_cell_need_not_be_a_layer():
    output, first, second = layers.RNN(Plain(), return_state=True)(X)
    np.testing.assert_allclose(output, X.sum(1), atol=1e-5)
    np.testing.assert_array_equal(output, first)
    np.testing.assert_array_equal(second, np.full((4, 3), 6.0))


def test_a_mask_of_rank_three_counts_a_step_if_any_part_does():
    fine = np.repeat(GAPS[..., None], 2, -1)
    fine[..., 1] = False
    layer = layers.GRU(2)
    np.testing.assert_array_equal(layer(X, mask=fine), layer(X, mask=GAPS))


def test_time_may_be_unknown():
    x = layers.Input((None, 3))
    sequences, h, c = layers.LSTM(4, return_sequences=True, return_state=True)(x)
    assert sequences.shape == (None, None, 4)
    assert h.shape == c.shape == (None, 4)
    assert layers.LSTM(2)(sequences, initial_state=None).shape == (None, 2)
    assert layers.LSTM(4)(x, initial_state=[h, c]).shape == (None, 4)


def test_unrolling_gives_the_same():
    rolled = layers.LSTM(2, return_sequences=True)
    rolled.build(X.shape)
    unrolled = layers.LSTM(2, return_sequences=True, unroll=True)
    unrolled.build(X.shape)
    unrolled.set_weights(rolled.get_weights())
    start = [floats(4, 2, seed=1), floats(4, 2, seed=2)]
    left = rolled(X, initial_state=start, mask=GAPS)
    right = unrolled(X, initial_state=start, mask=GAPS)
    np.testing.assert_allclose(left, right, atol=1e-6)


def test_unrolling_needs_a_known_length():
    with pytest.raises(ShapeError, match="unroll=True"):
        layers.GRU(2, unroll=True)(layers.Input((None, 3)))


@pytest.mark.parametrize("kind", KINDS)
def test_stateful_layers_go_on_where_they_ended(kind):
    stateful, whole = kind(2, stateful=True), kind(2)
    whole.build(X.shape)
    stateful.build(X.shape)
    stateful.set_weights(whole.get_weights())
    stateful(X[:, :2])
    np.testing.assert_allclose(stateful(X[:, 2:]), whole(X), atol=1e-6)
    stateful.reset_state()
    np.testing.assert_allclose(stateful(X), whole(X), atol=1e-6)


def test_states_pass_through_a_device_loop():
    layer = layers.LSTM(2, stateful=True)
    layer.build(X.shape)
    variables = layer.variables
    names = [v.name for v in variables]
    assert names[3:5] == ["rnn_state", "rnn_state_1"]

    def body(_, values):
        return stateless.call(layer, variables, values, X)[1]

    values = [v.value for v in variables]
    values = jax.jit(lambda values: lax.fori_loop(0, 3, body, values))(values)
    for _ in range(3):
        layer(X)
    for variable, value in zip(variables, values, strict=True):
        np.testing.assert_allclose(variable.value, value, atol=1e-6)


def test_a_stateful_layer_can_be_built_inside_a_program():
    layer, twin = layers.GRU(2, stateful=True), layers.GRU(2, stateful=True)
    outputs, _ = jax.jit(lambda x: stateless.call(layer, [], [], x))(X)
    twin.build(X.shape)
    twin.set_weights(layer.get_weights())
    np.testing.assert_allclose(outputs, twin(X), atol=1e-6)


def test_states_are_no_weights():
    layer = layers.Bidirectional(layers.GRU(2, stateful=True))
    layer(X)
    assert len(layer.weights) == 6
    paths = [v.path for v in layer.non_trainable_variables]
    assert "bidirectional/forward_gru/rnn_state" in paths
    assert "bidirectional/backward_gru/rnn_state" in paths


def test_stateful_layers_want_one_batch_size():
    layer = layers.GRU(2, stateful=True)
    with pytest.raises(ShapeError, match="batch_size=32"):
        layer(layers.Input((6, 3)))
    layer(X)
    with pytest.raises(ShapeError, match="stateful for batches of 4 rows.*one of 3"):
        layer(X[:3])


def test_a_wrong_initial_state_is_refused():
    state = np.zeros((4, 2), "float32")
    with pytest.raises(ArgumentError, match="initial_state"):
        layers.LSTM(2)(X, initial_state=[state])
    with pytest.raises(ArgumentError, match="initial_state"):
        layers.GRU(2)(X, initial_state=[state[:, :1]])


def test_a_wrong_number_of_features_is_refused():
    layer = layers.GRU(2)
    layer(X)
    with pytest.raises(ShapeError, match="last axis has size 3"):
        layer(X[..., :2])


def with_ones(layer):
    """The layer with all kernels one, so that outputs show what was dropped."""
    layer.build((1, 8, 16))
    layer.set_weights([np.ones_like(w) for w in layer.get_weights()])
    return layer


def test_dropout_is_the_same_at_each_step():
    cell = with_ones(layers.SimpleRNN(1, "linear", False, dropout=0.5, seed=4)).cell
    projected = cell.project(jnp.ones((8, 1, 16)), training=True)
    assert 0 < float(projected[0, 0, 0]) != 16
    np.testing.assert_array_equal(projected, np.full((8, 1, 1), projected[0]))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("option", ["dropout", "recurrent_dropout"])
def test_dropout_acts_in_training_only(kind, option):
    layer, twin = kind(8, **{option: 0.5}), kind(8)
    layer.build(X.shape)
    twin.build(X.shape)
    twin.set_weights(layer.get_weights())
    np.testing.assert_array_equal(layer(X), twin(X))
    first, second = layer(X, training=True), layer(X, training=True)
    assert np.abs(first - twin(X)).max() > 1e-3
    assert np.abs(first - second).max() > 1e-3


@pytest.mark.parametrize("kind", [layers.LSTM, layers.GRU])
def test_recurrent_dropout_differs_between_gates(kind):
    cell = kind(64, recurrent_dropout=0.5).cell
    cell.build((1, 3))
    masks = cell.recurrent_dropout_masks(cell.get_initial_state(1), True)
    assert len(masks) == cell.gates
    assert len({np.asarray(mask).tobytes() for mask in masks}) == cell.gates


def test_dropout_is_a_number_of_the_program():
    layer = layers.GRU(8, dropout=0.5, seed=1)
    layer(X)
    variables = layer.variables
    values = [v.value for v in variables]

    @jax.jit
    def run(rate):
        numbers = {(id(layer.cell), "dropout"): rate}
        with stateless.bind(variables, values, numbers, RunKey(0, 0)):
            return layer(X, training=True)

    none = run(jnp.float32(0.0))
    np.testing.assert_allclose(none, layer(X), atol=1e-6)
    assert np.abs(run(jnp.float32(0.5)) - none).max() > 1e-3
    assert run._cache_size() == 1


def test_a_changed_dropout_is_in_the_config():
    layer = layers.LSTM(2, dropout=0.1)
    layer.dropout = 0.4
    assert layer.cell.dropout == layer.get_config()["dropout"] == 0.4


class Normalized(layers.Layer):
    """A cell with layers of its own that change as they are called."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.state_size = 3
        self.norm = layers.BatchNormalization(momentum=0.5)
        self.noise = layers.Dropout(0.5, seed=1)

    def build(self, input_shape):
        self.norm.build(input_shape)

    def call(self, inputs, states):
        output = self.noise(self.norm(inputs)) + states[0]
        return output, [output]


def test_variables_of_layers_in_a_cell_carry_over_between_steps():
    layer = layers.RNN(Normalized())
    layer(X, training=True)
    mean = np.zeros(3)
    for step in range(6):
        mean = 0.5 * mean + 0.5 * X[:, step].mean(0)
    np.testing.assert_allclose(layer.cell.norm.moving_mean.value, mean, atol=1e-6)


def test_dropout_inside_a_cell_differs_between_calls():
    layer = layers.RNN(Normalized())
    assert np.abs(layer(X, training=True) - layer(X, training=True)).max() > 1e-3


def test_a_cell_can_penalise_its_outputs():
    cell = layers.GRUCell(2, activity_regularizer="l2")
    layer = layers.RNN(cell, return_sequences=True)
    outputs = layer(X)
    on_output, on_state = layer.losses
    np.testing.assert_allclose(on_output, 0.01 * jnp.sum(outputs**2) / 4, rtol=1e-5)
    assert on_state == on_output


def test_a_cell_may_compute_in_another_type():
    layer = layers.RNN(layers.LSTMCell(2, dtype="mixed_bfloat16"), return_state=True)
    assert {a.dtype.name for a in layer(X)} == {"float32"}
    assert {w.dtype for w in layer.weights} == {"float32"}


def test_paths_name_the_layer_and_its_cell():
    layer = layers.Bidirectional(layers.LSTM(2), name="both")
    layer.build(X.shape)
    assert layer.weights[0].path == "both/forward_lstm/lstm_cell/kernel"
    assert layer.weights[-1].path == "both/backward_lstm/lstm_cell/bias"


@pytest.mark.parametrize(
    "layer",
    [
        *(kind(2) for kind in KINDS),
        layers.LSTM(2, activation="relu", name="relu"),
        layers.Bidirectional(layers.GRU(2, return_sequences=True)),
        layers.RNN([layers.GRUCell(2), layers.LSTMCell(3)]),
    ],
    ids=lambda layer: layer.name,
)
@pytest.mark.parametrize(
    "mask", [None, np.arange(7) < [[3], [7], [5]]], ids=["whole", "gaps"]
)
def test_second_call_outside_of_programs_compiles_nothing(layer, mask):
    # No other test has these sizes, so that the first call does compile.
    x = floats(3, 7, 5)
    with recorded_events(COMPILATION) as compiled:
        first = layer(x, mask=mask)
        in_first = len(compiled)
        second = layer(x, mask=mask)
    assert len(compiled) == in_first > 0
    np.testing.assert_array_equal(first, second)


def test_weights_of_an_activation_are_read_in_each_call():
    scale = layers.PReLU()
    cell = layers.SimpleRNN(2, activation=scale)
    before = cell(X)
    scale.alpha.assign(scale.alpha + 1.0)
    assert not np.allclose(before, cell(X))


def test_another_kernel_is_another_program():
    layer = layers.GRU(2)
    outputs = [layer(X)]
    config.set_kernel("recurrence", "reference")
    try:
        with recorded_events(COMPILATION) as compiled:
            outputs.append(layer(X))
    finally:
        config.set_kernel("recurrence", None)
    assert compiled
    np.testing.assert_allclose(*outputs, rtol=1e-6)
