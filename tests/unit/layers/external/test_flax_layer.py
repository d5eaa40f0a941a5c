"""Modules of Flax as layers; skipped if Flax is not installed."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

import lamina
from lamina import layers
from lamina.errors import ArgumentError, MissingPackageError
from tests.tables.arrays import floats

ROWS, TARGETS = floats(16, 3), floats(16, 2, seed=1)
has_flax = importlib.util.find_spec("flax") is not None
needs_flax = pytest.mark.skipif(not has_flax, reason="Flax is not installed")


def linen_module():
    from flax import linen

    class MLP(linen.Module):
        @linen.compact
        def __call__(self, inputs, training=False):
            x = linen.BatchNorm(use_running_average=not training)(inputs)
            x = linen.Dropout(0.1)(x, deterministic=not training)
            return linen.Dense(2)(x)

        def get_config(self):
            return {}

        @classmethod
        def from_config(cls, config):
            return cls()

    return lamina.saving.register_keras_serializable("test_flax")(MLP)()


def nnx_module():
    from flax import nnx

    class MLP(nnx.Module):
        def __init__(self, rngs):
            self.norm = nnx.BatchNorm(3, rngs=rngs)
            self.dropout = nnx.Dropout(0.1, rngs=rngs)
            self.dense = nnx.Linear(3, 2, rngs=rngs)

        def __call__(self, x):
            return self.dense(self.dropout(self.norm(x)))

    return MLP(nnx.Rngs(0))


def fitted(module):
    layer = layers.FlaxLayer(module)
    model = lamina.Sequential([layers.Input((3,)), layer])
    model.compile(lamina.optimizers.SGD(0.1), "mse")
    model.fit(ROWS, TARGETS, epochs=5, verbose=0)
    return model, layer


@needs_flax
@pytest.mark.parametrize("make", [linen_module, nnx_module])
def test_parameters_are_trained_and_statistics_updated(make):
    model, layer = fitted(make())
    state = {w.name.rpartition(".")[2]: w.numpy() for w in layer.non_trainable_weights}
    assert len(layer.trainable_weights) == 4
    assert state["mean"].any()
    history = model.fit(ROWS, TARGETS, epochs=5, verbose=0).history
    assert history["loss"][-1] < model.evaluate(ROWS, TARGETS, verbose=0) * 3
    first, second = (model.predict(ROWS, verbose=0) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@needs_flax
def test_linen_layer_is_restored(tmp_path):
    model, _ = fitted(linen_module())
    model.save(tmp_path / "model.keras")
    twin = lamina.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(twin(ROWS), model(ROWS), rtol=1e-6)


@needs_flax
def test_other_modules_are_refused():
    with pytest.raises(ArgumentError, match="Flax"):
        layers.FlaxLayer(3)


@pytest.mark.skipif(has_flax, reason="Flax is installed")
def test_missing_flax_is_reported():
    with pytest.raises(MissingPackageError, match="flax"):
        layers.FlaxLayer(None)
