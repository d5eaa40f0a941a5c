"""Operations of the user in graphs, and members of layers that they share."""

from __future__ import annotations

import numpy as np
import pytest

import lamina
from lamina import layers, metrics
from lamina.errors import MissingMethodError, StateError
from tests.tables.arrays import floats

ROWS = floats(4, 3)


@lamina.saving.register_keras_serializable("test_operation")
class Affine(lamina.Operation):
    def __init__(self, factor, offset=1.0, name=None):
        super().__init__(name)
        self.factor, self.offset = factor, offset

    def call(self, x):
        return self.factor * x + self.offset


def test_call_on_arrays_computes():
    np.testing.assert_allclose(Affine(2.0)(ROWS), 2 * ROWS + 1)


def test_call_on_symbolic_tensors_is_recorded():
    affine = Affine(2.0)
    with pytest.raises(StateError, match="inputs"):
        _ = affine.input
    x = lamina.Input((3,))
    y = affine(x)
    assert (affine.input, affine.output, y.shape) == (x, y, (None, 3))
    np.testing.assert_allclose(lamina.Model(x, y)(ROWS), 2 * ROWS + 1, rtol=1e-6)


@pytest.mark.parametrize("base", [lamina.Operation, layers.Layer])
def test_output_spec_of_the_user_is_used(base):
    class Sized(base):
        def call(self, x):
            return x

        def compute_output_spec(self, x):
            return lamina.KerasTensor((None, 3), "int32")

    assert Sized()(lamina.Input((3,))).dtype == "int32"


def test_config_has_arguments_and_name():
    config = Affine(2.0, name="affine").get_config()
    assert config == {"factor": 2.0, "offset": 1.0, "name": "affine"}
    assert Affine.from_config(config).get_config() == config


def test_model_with_an_operation_is_restored(tmp_path):
    x = lamina.Input((3,))
    affine = Affine(2.0)
    model = lamina.Model(x, affine(layers.Dense(2)(affine(x))))
    model.save(tmp_path / "model.keras")
    twin = lamina.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(twin(ROWS), model(ROWS), rtol=1e-6)


def test_operation_without_a_call_is_refused():
    with pytest.raises(MissingMethodError, match="call"):
        lamina.Operation()(ROWS)


def test_layer_lists_the_metrics_of_its_sublayers():
    class Counting(layers.Layer):
        def __init__(self, inner=None):
            super().__init__()
            self.inner = inner
            self.total = metrics.Mean(name="total")

        def call(self, x):
            return x

    layer = Counting(Counting())
    assert layer.metrics == [layer.total, layer.inner.total]
    assert len(layer.metrics_variables) == 4
    assert layer.variables == []
    with pytest.raises(MissingMethodError, match="metrics.Mean"):
        layer.add_metric(1.0)
    assert layers.Dense(2, dtype="mixed_bfloat16").input_dtype == "bfloat16"
