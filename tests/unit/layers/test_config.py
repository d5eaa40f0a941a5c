"""Contents of configs, beyond the round trip of each layer."""

from __future__ import annotations

import numpy as np
import pytest

import lamina
from lamina import activations, config, layers, regularizers


def test_config_has_the_current_attribute_values():
    layer = layers.Dense(4, activation="softmax")
    layer.activation = activations.linear
    layer.kernel_regularizer = regularizers.L2(0.5)
    written = layer.get_config()
    assert written["activation"] == "linear"
    assert written["kernel_regularizer"]["config"]["l2"] == 0.5
    copy = layers.Dense.from_config(written)
    assert copy.activation is activations.linear
    assert copy.kernel_regularizer.l2 == 0.5


def test_numbers_are_written_as_they_are_now():
    layer = layers.Dropout(0.5)
    layer.rate = 0.25
    assert layer.get_config()["rate"] == 0.25


def test_subclass_config_has_the_given_arguments():
    class Wide(layers.Dense):
        def __init__(self, factor, **kwargs):
            super().__init__(8 * factor, **kwargs)
            self.factor = "something else"

    written = Wide(2, name="wide").get_config()
    assert written["factor"] == 2
    assert Wide.from_config(written).units == 16


def test_image_layout_is_fixed_when_a_layer_is_made():
    config.set_image_data_format("channels_first")
    written = layers.Conv2D(4, 3).get_config()
    config.set_image_data_format("channels_last")
    assert layers.Conv2D.from_config(written).data_format == "channels_first"


def test_sizes_are_written_one_for_each_axis():
    written = layers.Conv2D(4, 3, strides=2).get_config()
    assert written["kernel_size"] == (3, 3)
    assert written["strides"] == (2, 2)
    assert layers.MaxPooling2D(3).get_config()["strides"] == (3, 3)
    assert layers.ZeroPadding2D(1).get_config()["padding"] == ((1, 1), (1, 1))


def test_plain_layers_write_what_keras_reads():
    written = layers.Add(name="sum").get_config()
    assert written.keys() == {"name", "trainable", "dtype"}
    assert layers.SpatialDropout2D(0.5).get_config().keys() == {
        *("name", "dtype", "rate", "seed", "data_format")
    }


def test_keras_notes_on_quantization_are_read_over():
    written = {**layers.Dense(4).get_config(), "quantization_config": None}
    assert layers.Dense.from_config(written).units == 4


def test_input_layer_survives():
    layer = layers.InputLayer((28, 28), dtype="uint8", name="pixels", optional=True)
    copy = layers.InputLayer.from_config(layer.get_config())
    assert copy.batch_shape == (None, 28, 28)
    assert (copy.dtype, copy.name, copy.optional) == ("uint8", "pixels", True)
    assert copy.output.shape == (None, 28, 28)


def test_arrays_are_written_by_value():
    layer = layers.Rescaling(np.array([0.5, 2.0]))
    copy = layers.deserialize(layers.serialize(layer))
    np.testing.assert_array_equal(copy(np.ones((1, 2))), [[0.5, 2.0]])


def test_layers_without_weights_are_built_when_they_are_made():
    assert layers.GlobalMaxPooling1D().built and layers.Dropout(0.1).built
    assert layers.MaxPooling2D().built
    assert not layers.Dense(2).built


class Scaled(layers.Dense):
    """Describes its own argument, and passes its base another number of units."""

    def __init__(self, units, factor=2, **kwargs):
        super().__init__(units * factor, **kwargs)
        self.factor = factor

    def get_config(self):
        return dict(factor=self.factor, **super().get_config())


class Plain(layers.Layer):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def get_config(self):
        return dict(units=self.units, **super().get_config())


def test_overridden_get_config_adds_to_the_arguments_of_the_base():
    config = Plain(3, name="plain", activity_regularizer="l2").get_config()
    assert set(config) == {
        "units",
        "name",
        "activity_regularizer",
        "trainable",
        "dtype",
    }
    assert Plain.from_config(config).units == 3
    config = Scaled(3, activation="relu").get_config()
    assert (config["factor"], config["units"], config["activation"]) == (2, 6, "relu")
    assert Scaled.from_config({**config, "units": 3}).units == 6


@pytest.mark.parametrize(
    "base",
    [
        *(lamina.Loss, lamina.Metric, lamina.Model, lamina.metrics.Mean),
        *(lamina.optimizers.SGD, layers.LSTM, lamina.losses.Huber),
    ],
)
def test_every_base_describes_only_its_own_arguments(base):
    class Own(base):
        def __init__(self, *args, own=1, **kwargs):
            super().__init__(*args, **kwargs)
            self.own = own

        def get_config(self):
            return dict(own=self.own, **super().get_config())

    item = Own(3, own=2) if base is layers.LSTM else Own(own=2)
    restored = Own.from_config(item.get_config())
    assert restored.own == 2
    assert restored.get_config() == item.get_config()


@pytest.mark.parametrize("dtype", ["float16", "mixed_bfloat16"])
def test_from_config_passes_the_name_of_a_policy(dtype):
    class Named(layers.Dense):
        def __init__(self, *args, **kwargs):
            assert isinstance(kwargs["dtype"], str)
            super().__init__(*args, **kwargs)

    twin = Named.from_config(layers.Dense(2, dtype=dtype).get_config())
    assert twin.dtype_policy.name == dtype
