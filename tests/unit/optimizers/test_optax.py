from __future__ import annotations

import jax
import numpy as np
import optax
import pytest

from lamina import optimizers
from lamina.errors import ArgumentError
from lamina.optimizers import OptaxOptimizer
from tests.unit.optimizers.helpers import (
    GRADIENTS,
    SHAPES,
    DeviceLoop,
    step_eagerly,
    weights,
)

TRANSFORMATIONS = {
    "sgd": lambda: optax.sgd(0.1, momentum=0.9),
    "adamw": lambda: optax.adamw(0.05),
    "chain": lambda: optax.chain(optax.clip_by_global_norm(0.5), optax.adam(0.05)),
    "schedule": lambda: optax.adam(optax.exponential_decay(0.1, 2, 0.5)),
    "injected": lambda: optax.inject_hyperparams(optax.adam)(learning_rate=0.05),
    "random": lambda: optax.chain(
        optax.add_noise(0.1, 0.5, key=jax.random.key(3)), optax.sgd(0.1)
    ),
    "masked": lambda: optax.masked(optax.adam(0.1), {n: n == "bias" for n in SHAPES}),
}
every_transformation = pytest.mark.parametrize(
    "make", TRANSFORMATIONS.values(), ids=TRANSFORMATIONS
)


def expected(transformation: optax.GradientTransformation) -> list[np.ndarray]:
    params = {v.path: v.raw for v in weights()}
    state = transformation.init(params)
    for gradients in GRADIENTS:
        named = dict(zip(SHAPES, gradients, strict=True))
        updates, state = transformation.update(named, state, params)
        params = optax.apply_updates(params, updates)
    return [np.asarray(params[name]) for name in SHAPES]


@every_transformation
def test_steps_equal_optax(make):
    variables = weights()
    step_eagerly(optimizers.get(make()), variables)
    looped = DeviceLoop(OptaxOptimizer(make()), weights()).run()
    for value, a, b in zip(expected(make()), variables, looped, strict=True):
        np.testing.assert_allclose(a.numpy(), value, rtol=0, atol=1e-6)
        np.testing.assert_allclose(b, value, rtol=0, atol=1e-6)


def test_learning_rate_multiplies_updates():
    variables = weights()
    OptaxOptimizer(optax.sgd(0.2), learning_rate=0.5).apply(GRADIENTS[0], variables)
    for value, variable in zip(expected_sgd(0.1), variables, strict=True):
        np.testing.assert_allclose(variable.numpy(), value, rtol=0, atol=1e-7)


def expected_sgd(rate: float) -> list[np.ndarray]:
    pairs = zip(weights(), GRADIENTS[0], strict=True)
    return [v.numpy() - rate * gradient for v, gradient in pairs]


def test_optax_state_is_stored_in_variables():
    optimizer, variables = OptaxOptimizer(optax.adam(0.1)), weights()
    optimizer.build(variables)
    shapes = [v.shape for v in optimizer.variables]
    assert shapes[:3] == [(), (), ()]
    assert sorted(shapes[3:]) == sorted([*SHAPES.values()] * 2)
    store: dict = {}
    optimizer.save_own_variables(store)
    optimizer.load_own_variables(store)


def test_variable_without_gradient_is_not_updated():
    variables = weights()
    optimizer = OptaxOptimizer(optax.add_decayed_weights(0.5))
    before = variables[1].numpy()
    with pytest.warns(UserWarning, match="bias"):
        optimizer.apply([GRADIENTS[0][0], None], variables)
    np.testing.assert_array_equal(variables[1].numpy(), before)


def test_variables_with_equal_paths_are_distinguished():
    variables = [weights()[0], weights()[0]]
    gradients = [GRADIENTS[0][0], -GRADIENTS[0][0]]
    OptaxOptimizer(optax.sgd(1.0)).apply(gradients, variables)
    difference = variables[0].numpy() - variables[1].numpy()
    np.testing.assert_allclose(difference, -2 * gradients[0], rtol=0, atol=1e-6)


def test_optax_optimizer_cannot_be_serialized():
    with pytest.raises(ArgumentError, match="cannot be serialized"):
        optimizers.serialize(OptaxOptimizer(optax.sgd(0.1)))
    with pytest.raises(ArgumentError, match="transformation"):
        OptaxOptimizer("adam")


def test_base_class_options_apply_to_optax_optimizers():
    variables = weights()
    optimizer = OptaxOptimizer(optax.sgd(0.1), clipvalue=0.2)
    optimizer.apply(GRADIENTS[0], variables)
    clipped = [np.clip(gradient, -0.2, 0.2) for gradient in GRADIENTS[0]]
    for v, start, gradient in zip(variables, weights(), clipped, strict=True):
        wanted = start.numpy() - 0.1 * gradient
        np.testing.assert_allclose(v.numpy(), wanted, rtol=0, atol=1e-7)
    assert jax.tree.leaves(optimizer._state) == []
