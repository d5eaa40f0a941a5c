"""Rematerialization: equal results, less memory, state and random numbers once."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lamina
from lamina import RematScope, layers, remat
from lamina.errors import ArgumentError
from tests.tables.arrays import floats

ROWS, TARGETS = floats(8, 4), floats(8, 4, seed=1)


def stack(mode, depth=2, width=4, **options):
    """A model of blocks of dense layers, each block in a scope."""
    with RematScope(mode, **options):
        blocks = [
            lamina.Sequential(
                [layers.Dense(width, "gelu", name=f"first_{i}"), layers.Dense(width)]
            )
            for i in range(depth)
        ]
    return lamina.Sequential([layers.Input((width,)), *blocks])


def gradient_program(model, x):
    values = [v.value for v in model.trainable_variables]

    def loss(values, x):
        return jnp.sum(model.stateless_call(values, [], x)[0] ** 2)

    return jax.jit(jax.grad(loss, argnums=(0, 1))), (values, x)


@pytest.mark.parametrize(
    ("mode", "options"),
    [
        ("full", {}),
        ("activations", {}),
        ("larger_than", {"output_size_threshold": 31}),
        ("list_of_layers", {"layer_names": ["first_1"]}),
    ],
)
def test_gradients_are_those_without_rematerialization(mode, options):
    plain, recomputed = stack(None), stack(mode, **options)
    recomputed.set_weights(plain.get_weights())
    for one, two in zip(
        *(
            jax.tree.leaves(f(*a))
            for f, a in (
                gradient_program(plain, ROWS),
                gradient_program(recomputed, ROWS),
            )
        ),
        strict=True,
    ):
        np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-6)


def test_memory_of_a_deep_model_halves():
    x = floats(512, 64)
    sizes = []
    for mode in (None, "full"):
        program, arguments = gradient_program(stack(mode, depth=8, width=64), x)
        compiled = program.lower(*arguments).compile()
        sizes.append(compiled.memory_analysis().temp_size_in_bytes)
    assert sizes[1] < sizes[0] / 2


@pytest.mark.parametrize(
    ("mode", "options", "count"),
    [
        ("full", {}, 1),
        (None, {}, 0),
        ("larger_than", {"output_size_threshold": 31}, 1),
        ("larger_than", {"output_size_threshold": 32}, 0),
        ("list_of_layers", {"layer_names": ["chosen"]}, 1),
        ("list_of_layers", {"layer_names": ["another"]}, 0),
    ],
)
def test_mode_selects_the_layers(mode, options, count):
    with RematScope(mode, **options):
        layer = layers.Dense(4, name="chosen")
    layer.build(ROWS.shape)
    changed = layer.rematerialized_call(layer.call, ROWS) != layer.call
    assert changed == bool(count)


def test_innermost_scope_applies():
    with RematScope("full"):
        with RematScope(None):
            inner = layers.Dense(4)
        outer = layers.Dense(4)
    after = layers.Dense(4)
    modes = [layer._remat_mode and layer._remat_mode.mode for layer in (inner, outer)]
    assert modes == [None, "full"]
    assert after._remat_mode is None


def fitted(mode):
    with RematScope(mode):
        block = [layers.BatchNormalization(), layers.Dropout(0.5, seed=1)]
        inner = lamina.Sequential([layers.Dense(4, activity_regularizer="l2"), *block])
    model = lamina.Sequential([layers.Input((4,)), inner, layers.Dense(4)])
    model.set_weights([floats(*w.shape, low=0.1) for w in model.weights])
    model.compile(lamina.optimizers.SGD(0.1), "mse")
    history = model.fit(ROWS, TARGETS, batch_size=4, epochs=2, verbose=0, seed=3)
    return history.history["loss"], model.get_weights()


def test_fit_updates_statistics_and_draws_masks_once():
    for one, two in zip(
        *(jax.tree.leaves(fitted(mode)) for mode in (None, "full")), strict=True
    ):
        np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-6)


def test_function_of_mixed_arrays_is_differentiated():
    kept = remat(lambda x, n, flag: (x**n if flag else x, n))
    value, gradient = jax.jit(jax.value_and_grad(lambda x: kept(x, 3, True)[0]))(2.0)
    assert (float(value), float(gradient)) == (8.0, 12.0)
    assert kept(2.0, 3, True) == (8.0, 3)


def test_gradient_of_a_gradient():
    twice = jax.grad(jax.grad(remat(lambda x: jnp.sin(x) * x)))
    np.testing.assert_allclose(twice(0.5), 2 * np.cos(0.5) - 0.5 * np.sin(0.5), 1e-5)


def test_unknown_mode_is_refused():
    with pytest.raises(ArgumentError, match="list_of_layers"):
        RematScope("all")
