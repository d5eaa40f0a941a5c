"""Whole models, weights and configs, in files and out of them."""

import tempfile
from pathlib import Path

import numpy as np

import lamina as keras

folder = Path(tempfile.mkdtemp())


@keras.saving.register_keras_serializable(package="MyLayers")
class Scale(keras.layers.Layer):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def call(self, x):
        return x * self.factor

    def get_config(self):
        return {"factor": self.factor}


@keras.saving.register_keras_serializable(package="my_package", name="custom_fn")
def custom_fn(x):
    return x**2


@keras.saving.register_keras_serializable()
class TwoLayers(keras.Model):
    def __init__(self, hidden_units=8, **kwargs):
        super().__init__(**kwargs)
        self.hidden_units = hidden_units
        self.dense = keras.layers.Dense(hidden_units)
        self.scale = Scale(0.5)
        self.out = keras.layers.Dense(1, activation=custom_fn)

    def call(self, x):
        return self.out(self.scale(self.dense(x)))

    def get_config(self):
        return {**super().get_config(), "hidden_units": self.hidden_units}


random = np.random.default_rng(0)
x, y = random.random((64, 4)), random.random((64, 1))
inputs = keras.Input(shape=(4,))
functional = keras.Model(
    inputs, keras.layers.Dense(1, activation=custom_fn)(Scale(0.5)(inputs))
)
for model in (functional, TwoLayers(6)):
    model.compile(optimizer="adam", loss="mse", metrics=["mae"])
    model.fit(x, y, verbose=0)
    model.save(folder / "model.keras")
    again = keras.models.load_model(folder / "model.keras")
    np.testing.assert_array_equal(
        model.predict(x, verbose=0), again.predict(x, verbose=0)
    )
    assert again.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0)
    again.fit(x, y, verbose=0)

config = functional.get_config()
with keras.saving.custom_object_scope({"Scale": Scale, "custom_fn": custom_fn}):
    keras.Model.from_config(config)
    clone = keras.models.clone_model(functional)
clone.set_weights(functional.get_weights())
np.testing.assert_array_equal(clone(x), functional(x))

layer = keras.layers.Dense(3, activation="relu")
assert keras.layers.Dense.from_config(layer.get_config()).units == 3
penalty = keras.saving.serialize_keras_object(keras.regularizers.L1(0.005))
restored = keras.saving.deserialize_keras_object(penalty)
assert isinstance(restored, keras.regularizers.L1)


def digits():
    return keras.Sequential(
        [
            keras.Input(shape=(20,), name="digits"),
            keras.layers.Dense(8, activation="relu", name="dense_1"),
            keras.layers.Dense(10, name="predictions"),
        ]
    )


first, second = digits(), digits()
first.save_weights(folder / "digits.weights.h5")
second.load_weights(folder / "digits.weights.h5")
np.testing.assert_array_equal(first(np.ones((1, 20))), second(np.ones((1, 20))))
body = keras.Sequential([*first.layers[:-1], keras.layers.Dense(5, name="head")])
assert body(np.ones((1, 20))).shape == (1, 5)
