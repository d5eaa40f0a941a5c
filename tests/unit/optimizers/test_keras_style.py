"""Rules in Keras's style: variables made in `build`, changed in `update_step`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lamina import errors, ops, optimizers
from lamina.core.variable import Variable
from tests.unit.optimizers.helpers import DeviceLoop, step_eagerly, weights


class Adam(optimizers.Optimizer):
    """Adam in Keras's style."""

    def __init__(self, learning_rate: Any = 0.001, **kwargs: Any) -> None:
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.beta_1, self.beta_2, self.epsilon = 0.9, 0.999, 1e-7

    def build(self, variables: Any) -> None:
        if self.built:
            return
        super().build(variables)
        self._momentums, self._velocities = self.add_optimizer_variables(
            variables, ["momentum", "velocity"]
        )

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> Any:
        lr = ops.cast(learning_rate, variable.dtype)
        gradient = ops.cast(gradient, variable.dtype)
        local_step = ops.cast(self.iterations + 1, variable.dtype)
        m = self._momentums[self._get_variable_index(variable)]
        v = self._velocities[self._get_variable_index(variable)]
        bias = ops.sqrt(1 - self.beta_2**local_step) / (1 - self.beta_1**local_step)
        self.assign_add(m, (gradient - m) * (1 - self.beta_1))
        self.assign_add(v, (ops.square(gradient) - v) * (1 - self.beta_2))
        self.assign_sub(variable, lr * bias * m / (ops.sqrt(v) + self.epsilon))


class Momentum(optimizers.Optimizer):
    """Gradient descent with momentum, with variables added one by one."""

    def build(self, variables: Any) -> None:
        if not self.built:
            super().build(variables)
            self.momentums = [
                self.add_variable_from_reference(reference_variable=v, name="momentum")
                for v in variables
            ]

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> Any:
        momentum = self.momentums[self._get_variable_index(variable)]
        self.assign(momentum, 0.9 * momentum - learning_rate * gradient)
        self.assign_add(variable, momentum)


PAIRS = {
    "momentum": (Momentum(0.1), optimizers.SGD(0.1, momentum=0.9)),
    "adam": (Adam(0.1), optimizers.Adam(0.1)),
    "decay and clipping": (
        Adam(0.1, weight_decay=0.1, clipnorm=0.5),
        optimizers.Adam(0.1, weight_decay=0.1, clipnorm=0.5),
    ),
    "averages": (
        Adam(0.1, use_ema=True, ema_overwrite_frequency=2),
        optimizers.Adam(0.1, use_ema=True, ema_overwrite_frequency=2),
    ),
    "schedule": (
        Adam(optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)),
        optimizers.Adam(optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)),
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_keras_style_rules_equal_built_in_rules(name: str) -> None:
    keras_style, built_in = PAIRS[name]
    first, second = weights(), weights()
    step_eagerly(keras_style, first)
    step_eagerly(built_in, second)
    for a, b in zip(first, second, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-5)
    for a, b in zip(keras_style.variables, built_in.variables, strict=True):
        assert a.path.split("/")[1] == b.path.split("/")[1]
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("kind", [Adam, Momentum])
def test_keras_style_rules_run_in_a_device_loop(kind: Any) -> None:
    first, second = weights(), weights()
    step_eagerly(kind(0.1), first)
    values = DeviceLoop(kind(0.1), second).run()
    for a, b in zip(first, values, strict=True):
        np.testing.assert_allclose(a.numpy(), b, rtol=1e-5)


def test_keras_style_rules_accumulate_gradients() -> None:
    steps = {"gradient_accumulation_steps": 2}
    first, second = weights(), weights()
    step_eagerly(Adam(0.1, **steps), first)
    step_eagerly(optimizers.Adam(0.1, **steps), second)
    for a, b in zip(first, second, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-5)


def test_keras_style_state_is_restored() -> None:
    variables, optimizer = weights(), Adam(0.1)
    step_eagerly(optimizer, variables)
    store: dict[str, Any] = {}
    optimizer.save_own_variables(store)
    fresh = Adam(0.1)
    fresh.build(variables)
    fresh.load_own_variables({k: np.asarray(v) for k, v in store.items()})
    for a, b in zip(optimizer.variables, fresh.variables, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_add_variable_takes_any_shape_and_dtype() -> None:
    optimizer = Momentum(0.1)
    made = optimizer.add_variable((2,), initializer="ones", dtype="int32", name="count")
    assert (made.path, made.dtype) == ("momentum/count", "int32")
    assert made.numpy().tolist() == [1, 1]
    assert any(made is v for v in optimizer.variables)


def test_each_name_can_have_its_initializer() -> None:
    (weight, _) = weights()
    optimizer = Momentum(0.1)
    ones, twos = optimizer.add_optimizer_variables(
        [weight], ["a", "b"], ["ones", lambda shape, dtype: np.full(shape, 2, dtype)]
    )
    assert ones[0].numpy().max() == 1 and twos[0].numpy().min() == 2
    with pytest.raises(errors.ArgumentError, match="2 names but 1"):
        optimizer.add_optimizer_variables([weight], ["a", "b"], ["ones"])
