"""Scopes of values, losses and names."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lamina
from lamina import StatelessScope, SymbolicScope, Variable, layers, name_scope
from lamina.errors import ArgumentError, ArgumentTypeError, ShapeError
from tests.tables.arrays import floats

ROWS = floats(4, 3)


def test_variables_have_the_given_values_inside():
    layer = layers.Dense(2)
    layer.build(ROWS.shape)
    kernel = layer.kernel.numpy()

    @jax.jit
    def call(value):
        with StatelessScope([(layer.kernel, value)]) as scope:
            outputs = layer(ROWS)
        return outputs, scope.get_current_value(layer.kernel)

    outputs, value = call(2 * kernel)
    np.testing.assert_allclose(outputs, 2 * ROWS @ kernel, rtol=1e-5)
    np.testing.assert_array_equal(value, 2 * kernel)
    np.testing.assert_array_equal(layer.kernel, kernel)


def test_updates_and_losses_stay_in_the_scope():
    counter, other = Variable(1.0), Variable(2.0)
    layer = layers.ActivityRegularization(l2=1.0)
    with StatelessScope(collect_losses=True) as scope:
        counter.assign_add(2.0)
        scope.add_update((other, 5.0))
        assert float(other) == 5.0
        layer(ROWS)
        scope.add_loss(jnp.float32(3.0))
    assert float(scope.get_current_value(counter)) == 3.0
    assert (float(counter), float(other)) == (1.0, 2.0)
    expected = [np.sum(ROWS**2) / len(ROWS), 3.0]
    np.testing.assert_allclose(scope.losses, expected, rtol=1e-5)
    assert scope.get_current_value(Variable(0.0)) is None


def test_invalid_values_are_refused():
    with pytest.raises(ArgumentTypeError, match="state_mapping"):
        StatelessScope([("kernel", 1.0)])
    with pytest.raises(ShapeError, match="shape"):
        StatelessScope([(Variable([1.0, 2.0]), 1.0)])


def test_symbolic_scope_discards_assignments():
    counter = Variable(1.0)
    with SymbolicScope():
        counter.assign(2.0)
        assert float(counter) == 2.0
    assert float(counter) == 1.0


def test_names_are_prefixes_of_paths():
    class Outer(layers.Layer):
        def build(self, shape):
            with name_scope("part"):
                self.inner = layers.Dense(2, name="inner")
                self.inner.build(shape)

        def call(self, x):
            return self.inner(x)

    outer = Outer(name="outer")
    with name_scope("a"), name_scope("b"):
        assert Variable(1.0, name="v").path == "a/b/v"
        outer(ROWS)
    assert outer.inner.kernel.path == "a/b/outer/part/inner/kernel"
    assert Variable(1.0, name="v").path == "v"
    with pytest.raises(ArgumentError, match="name"), name_scope("a/b"):
        pass


def test_arrays_are_made_on_the_selected_device():
    with lamina.device("cpu:0"):
        assert Variable(1.0).value.devices() == {jax.devices("cpu")[0]}
    for name in ("cpu:99", "disk", "cpu:x"):
        with pytest.raises(ArgumentError, match="Available"), lamina.device(name):
            pass
