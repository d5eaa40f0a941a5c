"""The base class: arguments, state, learning rate, accumulation."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental.sparse import BCOO

from lamina import optimizers
from lamina.core.variable import Variable
from lamina.errors import (
    ArgumentError,
    ArgumentTypeError,
    FileFormatError,
    ShapeError,
    StateError,
    UnknownNameError,
)
from lamina.optimizers import SGD, Adam, RMSprop, schedules
from tests.events import COMPILATION, recorded_events
from tests.unit.optimizers.helpers import GRADIENTS, DeviceLoop, weights


@pytest.mark.parametrize("make", [SGD, Adam, optimizers.LossScaleOptimizer])
def test_old_keyword_lr_is_refused_with_the_new_name(make):
    inner = [SGD()] if make is optimizers.LossScaleOptimizer else []
    with pytest.raises(ArgumentTypeError, match="Write `learning_rate`"):
        make(*inner, lr=0.1)


def test_old_keyword_decay_is_refused_with_a_schedule():
    with pytest.raises(ArgumentTypeError, match="InverseTimeDecay"):
        SGD(0.1, decay=1e-6)


@pytest.mark.parametrize(
    "arguments",
    [
        {"clipnorm": 1.0, "clipvalue": 1.0},
        {"clipnorm": 1.0, "global_clipnorm": 1.0},
        {"ema_overwrite_frequency": 3},
        {"learning_rate": "0.1"},
        {"learning_rate": -0.1},
        {"learning_rate": None},
        {"momentum": 1.1},
        {"gradient_accumulation_steps": 1},
        {"clipnorm": 0.0},
    ],
    ids=str,
)
def test_invalid_arguments_are_refused(arguments):
    with pytest.raises(ArgumentError):
        SGD(**arguments)


def test_building_compiles_nothing():
    variables = [Variable(np.zeros(s, "float32")) for s in [(11, 7), (7,), (5, 3, 2)]]
    optimizer = Adam(amsgrad=True, use_ema=True, gradient_accumulation_steps=2)
    with recorded_events(COMPILATION) as compiled:
        optimizer.build(variables)
        while_building = len(compiled)
        jax.jit(lambda x: x * 3 + 1)(np.ones((13, 17))).block_until_ready()
    assert while_building == 0
    assert compiled, "the listener received no event"


def test_hyperparameters_are_inputs_of_the_program():
    schedule = schedules.ExponentialDecay(0.1, 5, 0.5)
    optimizer = Adam(schedule, clipnorm=1.0)
    loop = DeviceLoop(optimizer, weights())
    before = loop.run()
    optimizer.beta_1, optimizer.beta_2, optimizer.epsilon = 0.5, 0.9, 1e-3
    optimizer.clipnorm, schedule.decay_rate = 0.1, 0.9
    after = loop.run()
    fresh = Adam(schedules.ExponentialDecay(0.1, 5, 0.9), 0.5, 0.9, 1e-3, clipnorm=0.1)
    expected = DeviceLoop(fresh, weights()).run()
    assert loop.traces == 1
    assert not np.array_equal(before[0], after[0])
    for value, wanted in zip(after, expected, strict=True):
        np.testing.assert_array_equal(value, wanted)


def test_momentum_cannot_become_zero_after_build():
    optimizer = SGD(0.1)
    optimizer.momentum = 0.5
    optimizer.build(weights())
    optimizer.momentum = 0.9
    with pytest.raises(StateError, match="Create a new optimizer"):
        optimizer.momentum = 0.0


def test_learning_rate_can_be_assigned():
    optimizer = SGD(0.1)
    optimizer.learning_rate = 0.2
    assert float(optimizer.learning_rate) == np.float32(0.2)
    optimizer.learning_rate.assign(0.3)
    assert optimizer.get_config()["learning_rate"] == np.float32(0.3)
    optimizer.learning_rate = Variable(0.4)
    assert float(optimizer.learning_rate) == np.float32(0.4)
    optimizer.learning_rate = schedules.ExponentialDecay(1.0, 1, 0.5)
    assert [v.name for v in optimizer.variables] == ["iteration"]
    assert float(optimizer.learning_rate) == 1.0
    with pytest.raises(ArgumentTypeError, match="assign a schedule"):
        optimizer.learning_rate = 0.1
    with pytest.raises(ArgumentError, match="learning_rate"):
        optimizer.learning_rate = "fast"


def test_learning_rate_can_be_a_function():
    weight = Variable([1.0])
    optimizer = SGD(lambda step: 0.5 / (step + 1))
    optimizer.apply([[1.0]], [weight])
    optimizer.apply([[1.0]], [weight])
    np.testing.assert_array_equal(weight.numpy(), [0.25])
    SGD(lambda: 0.25).apply([[1.0]], [weight])
    np.testing.assert_array_equal(weight.numpy(), [0.0])


def test_variables_have_the_order_of_keras_files():
    optimizer = RMSprop(
        momentum=0.9, centered=True, use_ema=True, gradient_accumulation_steps=2
    )
    kernel, bias = Variable(np.ones((2, 2)), name="kernel"), Variable([1.0], name="b")
    kernel.path = "dense/kernel"
    optimizer.build([kernel, bias])
    assert [v.path.removeprefix("rm_sprop/") for v in optimizer.variables] == [
        "iteration",
        "learning_rate",
        "dense_kernel_average",
        "b_average",
        "dense_kernel_gradient_accumulator",
        "b_gradient_accumulator",
        "dense_kernel_velocity",
        "b_velocity",
        "dense_kernel_momentum",
        "b_momentum",
        "dense_kernel_average_gradient",
        "b_average_gradient",
    ]


def test_state_of_another_optimizer_is_refused():
    store: dict = {}
    sgd, adam = SGD(), Adam()
    sgd.build(weights())
    adam.build(weights())
    sgd.save_own_variables(store)
    with pytest.raises(FileFormatError, match="has 6 variables, but the file has 2"):
        adam.load_own_variables(store)


def test_accumulated_gradients_are_averaged():
    once, often = weights(), weights()
    optimizer = Adam(0.1, gradient_accumulation_steps=2)
    optimizer.apply(GRADIENTS[0], often)
    np.testing.assert_array_equal(once[0].numpy(), often[0].numpy())
    optimizer.apply(GRADIENTS[1], often)
    mean = [(a + b) / 2 for a, b in zip(*GRADIENTS[:2], strict=True)]
    Adam(0.1).apply(mean, once)
    assert int(optimizer.iterations) == 1
    for a, b in zip(once, often, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=0, atol=1e-7)


def test_finalizing_replaces_weights_by_averages():
    weight = Variable([0.0])
    optimizer = SGD(1.0, use_ema=True, ema_momentum=0.5)
    optimizer.build([weight])
    optimizer.finalize_variable_values([weight])
    np.testing.assert_array_equal(weight.numpy(), [0.0])
    optimizer.apply([[-1.0]], [weight])
    optimizer.apply([[-2.0]], [weight])
    np.testing.assert_array_equal(weight.numpy(), [3.0])
    optimizer.finalize_variable_values([weight])
    np.testing.assert_array_equal(weight.numpy(), [2.0])


def test_step_applies_constraints_and_weight_decay():
    kernel, bias = Variable([2.0], name="kernel"), Variable([2.0], name="bias")
    kernel.constraint = lambda value: value.clip(-1.0, 1.0)
    optimizer = SGD(0.5, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    optimizer.apply([[0.0], [1.0]], [kernel, bias])
    assert (float(kernel.value[0]), float(bias.value[0])) == (1.0, 1.5)
    with pytest.raises(StateError, match="before the optimizer is used"):
        optimizer.exclude_from_weight_decay(var_names=["kernel"])


def test_variables_without_gradient_are_not_updated():
    used, unused = Variable([1.0], name="used"), Variable([1.0], name="unused")
    optimizer = SGD(0.5, momentum=0.5)
    with pytest.warns(UserWarning, match="unused"):
        optimizer.apply([[1.0], None], [used, unused])
    assert (float(used.value[0]), float(unused.value[0])) == (0.5, 1.0)
    with pytest.raises(ArgumentError, match="no gradient"):
        optimizer.apply([None, None])


def test_sparse_gradients_are_made_dense():
    weight = Variable(np.ones((3, 2), "float32"))
    gradient = BCOO.fromdense(jnp.array([[0.0, 0.0], [2.0, 4.0], [0.0, 0.0]]))
    SGD(0.5).apply([gradient], [weight])
    assert weight.numpy().tolist() == [[1, 1], [0, -1], [1, 1]]


def test_mismatched_gradients_are_refused():
    optimizer, weight = SGD(), Variable(np.ones((2, 2)), name="weight")
    with pytest.raises(StateError, match="is not built"):
        optimizer.apply([np.ones((2, 2))])
    with pytest.raises(ShapeError, match="'weight' has shape"):
        optimizer.apply([np.ones((1, 2))], [weight])
    with pytest.raises(ArgumentError, match="2 gradients for 1 variables"):
        optimizer.apply([1.0, 1.0], [weight])
    with pytest.raises(StateError, match="other variables"):
        optimizer.apply([[1.0]], [Variable([1.0], name="stranger")])


RULES = [
    *("SGD", "Lion", "Adagrad", "Adadelta", "RMSprop", "Adam", "Adamax", "Nadam"),
    *("Lamb", "Ftrl", "Adafactor", "Muon"),
]


@pytest.mark.parametrize("name", RULES)
def test_user_defined_rule_extends_a_rule_by_keywords(name):
    rule = getattr(optimizers, name)

    class Centered(rule):
        def update(self, gradient, value, slots, step, learning_rate):
            gradient = gradient - gradient.mean(0)
            rest = {"step": step, "learning_rate": learning_rate}
            return super().update(gradient, value, slots, **rest)

    columns, shifted = [[1.0, 2.0], [3.0, 4.0]], [[-1.0, -1.0], [1.0, 1.0]]
    weight, expected = Variable(np.ones((2, 2))), Variable(np.ones((2, 2)))
    Centered().apply([np.array(columns)], [weight])
    rule().apply([np.array(shifted)], [expected])
    assert np.array_equal(weight, expected)


def test_apply_gradients_takes_pairs_and_returns_the_step():
    weight = Variable([1.0])
    count = SGD(0.5).apply_gradients([(np.ones(1), weight)])
    assert (float(weight.value[0]), int(count)) == (0.5, 1)
    assert int(SGD(0.5).apply_gradients([])) == 0


@pytest.mark.parametrize(
    ("identifier", "expected"),
    [
        ("adam", "Adam"),
        ("AdamW", "AdamW"),
        ("RMSprop", "RMSprop"),
        ("rmsprop", "RMSprop"),
        ("SGD", "SGD"),
        (SGD, "SGD"),
        ({"class_name": "adam", "config": {"beta_1": 0.5}}, "Adam"),
    ],
)
def test_get_finds_optimizers_by_identifier(identifier, expected):
    assert type(optimizers.get(identifier)).__name__ == expected


def test_get_refuses_invalid_identifiers():
    assert optimizers.get(None) is None
    with pytest.raises(UnknownNameError, match="Did you mean 'Adam'"):
        optimizers.get("adm")
    with pytest.raises(ArgumentError, match="optimizer"):
        optimizers.get(len)
    with pytest.raises(ArgumentError, match="optimizer"):
        optimizers.get(3)


def test_set_weights_sets_all_variables():
    optimizer, variables = Adam(), weights()
    with pytest.raises(StateError, match="is not built"):
        optimizer.set_weights([])
    optimizer.build(variables)
    values = [np.full(v.shape, i, v.dtype) for i, v in enumerate(optimizer.variables)]
    optimizer.set_weights(values)
    for variable, value in zip(optimizer.variables, values, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)
    with pytest.raises(ArgumentError, match="got 1 arrays"):
        optimizer.set_weights(values[:1])


def test_too_many_arguments_are_refused():
    with pytest.raises(ArgumentTypeError, match="too many positional arguments"):
        SGD(*range(20))
