"""Functions of JAX as layers, and programs that call Python."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lamina
from lamina import layers
from lamina.errors import ArgumentError, MissingMethodError
from tests.tables.arrays import floats

ROWS, TARGETS = floats(8, 3), floats(8, 2, seed=1)
register = lamina.saving.register_keras_serializable("test_jax_layer")


@register
def init_fn(rng, inputs):
    kernel = jax.random.normal(rng, (inputs.shape[-1], 2))
    return {"kernel": kernel, "bias": jnp.zeros(2)}, {"calls": jnp.zeros((), int)}


@register
def call_fn(params, state, rng, inputs, training):
    outputs = inputs @ params["kernel"] + params["bias"]
    if training:
        outputs += 0 * jax.random.normal(rng, outputs.shape)
    return outputs, {"calls": state["calls"] + training}


def model_of(layer):
    model = lamina.Sequential([layers.Input((3,)), layer])
    model.compile(lamina.optimizers.SGD(0.1), "mse")
    return model


def test_parameters_are_trained_and_the_state_is_updated():
    layer = layers.JaxLayer(call_fn, init_fn)
    model = model_of(layer)
    assert [(w.name, w.trainable) for w in layer.weights] == [
        ("bias", True),
        ("kernel", True),
        ("calls", False),
    ]
    losses = model.fit(ROWS, TARGETS, batch_size=4, epochs=3, verbose=0)
    assert losses.history["loss"][-1] < losses.history["loss"][0]
    assert int(layer.state["calls"]) == 6
    model.predict(ROWS, verbose=0)
    assert int(layer.state["calls"]) == 6


def test_registered_functions_are_restored(tmp_path):
    model = model_of(layers.JaxLayer(call_fn, init_fn))
    model.fit(ROWS, TARGETS, verbose=0)
    model.save(tmp_path / "model.keras")
    twin = lamina.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(twin(ROWS), model(ROWS))


def test_given_parameters_need_no_init_fn():
    params = [np.ones((3, 2)), {"scale": 2.0}]
    layer = layers.JaxLayer(
        lambda params, inputs: inputs @ params[0] * params[1]["scale"], params=params
    )
    np.testing.assert_allclose(layer(ROWS), 2 * ROWS @ params[0], rtol=1e-5)
    assert len(layer.trainable_weights) == 2
    with pytest.raises(ArgumentError, match="init_fn"):
        layers.JaxLayer(lambda params, inputs: inputs)


def test_layer_is_built_in_a_subclassed_model():
    class Outer(lamina.Model):
        def __init__(self):
            super().__init__()
            self.inner = layers.JaxLayer(call_fn, init_fn)

        def call(self, x):
            return self.inner(x)

    model = Outer()
    assert model.predict(ROWS, verbose=0).shape == (8, 2)
    assert len(model.weights) == 3


@pytest.mark.parametrize(
    "function", [lambda params, x: x, lambda params, rngs, inputs: inputs]
)
def test_unknown_arguments_are_refused(function):
    with pytest.raises(ArgumentError, match="Wrap it"):
        layers.JaxLayer(function, params=1.0)


def test_changed_structure_of_the_state_is_refused():
    layer = layers.JaxLayer(lambda state, inputs: (inputs, (state,)), state=1.0)
    with pytest.raises(ArgumentError, match="structure"):
        layer(ROWS)


def test_equal_programs_that_call_python_are_not_shared():
    class Host(layers.Layer):
        def __init__(self, function, **kwargs):
            super().__init__(**kwargs)
            self.function = function

        def call(self, x):
            spec = jax.ShapeDtypeStruct(x.shape, x.dtype)
            return jax.pure_callback(self.function, spec, x)

    one = lamina.Sequential([layers.Input((3,)), Host(lambda x: np.array(x))])
    two = lamina.Sequential([layers.Input((3,)), Host(lambda x: 2 * np.array(x))])
    np.testing.assert_allclose(one.predict(ROWS, verbose=0), ROWS)
    np.testing.assert_allclose(two.predict(ROWS, verbose=0), 2 * ROWS)


def test_saved_models_of_tensorflow_are_refused():
    with pytest.raises(MissingMethodError, match=r"\.keras"):
        layers.TFSMLayer("folder")
