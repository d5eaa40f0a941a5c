"""Training and files of layers with a low-rank update."""

from __future__ import annotations

import numpy as np
import pytest

import lamina
from lamina import layers
from lamina.errors import ArgumentError, StateError
from tests.tables.arrays import floats, ints

ROWS, INDICES = floats(8, 3), ints(8, 2, below=5)
IMAGES = floats(4, 5, 5, 2)
CASES = {
    "conv2d": (lambda **k: layers.Conv2D(4, 3, groups=2, **k), IMAGES),
    "dense": (lambda **k: layers.Dense(4, **k), ROWS),
    "einsum_dense": (lambda **k: layers.EinsumDense("ab,bc->ac", 4, **k), ROWS),
    "embedding": (lambda **k: layers.Embedding(5, 4, **k), INDICES),
}


@pytest.fixture(params=CASES)
def case(request):
    return CASES[request.param]


def model_of(layer, x):
    model = lamina.Sequential([layers.Input(x.shape[1:], dtype=x.dtype.name), layer])
    model.compile(lamina.optimizers.SGD(0.5), "mse")
    return model


def trained(case):
    """A model whose weight was adapted, with the weights before training."""
    make, x = case
    model = model_of(make(lora_rank=2, lora_alpha=3.0), x)
    before = model.get_weights()
    model.fit(x, floats(*model.compute_output_shape(x.shape)), epochs=2, verbose=0)
    return model, before


def test_training_changes_the_factors_only(case):
    model, before = trained(case)
    changed = {
        w.name: bool((w.numpy() != old).any())
        for w, old in zip(model.weights, before, strict=True)
    }
    kernel, *rest = changed
    assert not changed[kernel]
    assert all(changed[name] for name in rest)
    assert {w.name for w in model.trainable_weights} == {*rest}


def test_weight_reads_as_the_sum_with_its_update(case):
    model, (weight, *_) = trained(case)
    layer = model.layers[0]
    *_, a, b = (w.numpy() for w in layer.weights)
    merged = getattr(layer, layer.adapted)
    np.testing.assert_allclose(merged, weight + 3.0 / 2 * a @ b, rtol=1e-5)


@pytest.mark.parametrize("suffix", [".keras", ".weights.h5"])
def test_layer_without_lora_loads_the_merged_weight(case, suffix, tmp_path):
    model, _ = trained(case)
    make, x = case
    path = tmp_path / f"model{suffix}"
    (model.save if suffix == ".keras" else model.save_weights)(path)
    plain = model_of(make(), x)
    plain.load_weights(path)
    np.testing.assert_allclose(plain(x), model(x), rtol=1e-5, atol=1e-6)
    # And back, into a model whose update is not zero.
    plain.layers[0].set_weights([w + 1 for w in plain.get_weights()])
    plain.save_weights(tmp_path / "plain.weights.h5")
    model.load_weights(tmp_path / "plain.weights.h5")
    np.testing.assert_allclose(plain(x), model(x), rtol=1e-5, atol=1e-6)


def test_part_of_a_file_is_loaded_into_the_merged_weight(case, tmp_path):
    model, _ = trained(case)
    make, x = case
    plain = model_of(make(), x)
    plain.layers[0].add_weight((1,), name="unknown")
    plain.save_weights(tmp_path / "plain.weights.h5")
    model.load_weights(tmp_path / "plain.weights.h5", skip_mismatch=True)
    layers = plain.layers[0], model.layers[0]
    expected, merged = (getattr(layer, layer.adapted) for layer in layers)
    np.testing.assert_allclose(merged, expected, rtol=1e-6)


def test_loaded_model_has_a_zero_update_that_training_can_change(case, tmp_path):
    model, _ = trained(case)
    model.save(tmp_path / "model.keras")
    twin = lamina.models.load_model(tmp_path / "model.keras")
    x, layer = case[1], twin.layers[0]
    assert (layer.lora_enabled, layer.lora_rank, layer.lora_alpha) == (True, 2, 3.0)
    np.testing.assert_allclose(twin(x), model(x), rtol=1e-5, atol=1e-6)
    b = layer.weights[-1]
    assert not b.numpy().any()
    twin.fit(x, np.ones(twin.compute_output_shape(x.shape)), verbose=0)
    assert b.numpy().any()


def test_subclass_of_the_user_is_restored(tmp_path):
    @lamina.saving.register_keras_serializable("test_lora")
    class Doubled(layers.Dense):
        def call(self, inputs):
            return 2 * super().call(inputs)

    model = model_of(Doubled(4), ROWS)
    model.layers[0].enable_lora(2, b_initializer="ones")
    model.save(tmp_path / "model.keras")
    twin = lamina.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(twin(ROWS), model(ROWS), rtol=1e-5)


def test_names_follow_the_path_of_the_layer():
    class Outer(lamina.Model):
        def __init__(self):
            super().__init__(name="outer")
            self.dense = layers.Dense(4, name="inner")

        def call(self, x):
            return self.dense(x)

    model = Outer()
    model.build((None, 3))
    model.dense.enable_lora(2)
    paths = [w.path for w in model.trainable_weights]
    assert paths[1:] == ["outer/inner/lora_kernel_a", "outer/inner/lora_kernel_b"]


def test_invalid_calls_are_refused():
    layer = layers.Dense(4)
    with pytest.raises(StateError, match="lora_rank"):
        layer.enable_lora(2)
    layer.build((None, 3))
    with pytest.raises(ArgumentError, match="rank"):
        layer.enable_lora(0)
    layer.enable_lora(2)
    with pytest.raises(StateError, match="once"):
        layer.enable_lora(2)
    with pytest.raises(ArgumentError, match="kernel_constraint"):
        layers.Dense(4, kernel_constraint="max_norm").enable_lora(2)


def test_16_bit_layers_train_factors_of_32_bits():
    layer = layers.Dense(4, lora_rank=2, dtype="bfloat16")
    assert layer(ROWS).dtype == "bfloat16"
    assert [w.dtype for w in layer.weights] == ["bfloat16"] * 2 + ["float32"] * 2
