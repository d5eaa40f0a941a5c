"""Two inputs and two outputs in a subclass; the book's way with lists and tuples."""

import numpy as np

import lamina as keras


class WideAndDeepModel(keras.Model):
    def __init__(self, units=30, activation="relu", **kwargs):
        super().__init__(**kwargs)
        self.norm_layer_wide = keras.layers.Normalization()
        self.norm_layer_deep = keras.layers.Normalization()
        self.hidden1 = keras.layers.Dense(units, activation=activation)
        self.hidden2 = keras.layers.Dense(units, activation=activation)
        self.main_output = keras.layers.Dense(1)
        self.aux_output = keras.layers.Dense(1)

    def call(self, inputs):
        input_wide, input_deep = inputs
        norm_wide = self.norm_layer_wide(input_wide)
        norm_deep = self.norm_layer_deep(input_deep)
        hidden2 = self.hidden2(self.hidden1(norm_deep))
        concat = keras.layers.concatenate([norm_wide, hidden2])
        return self.main_output(concat), self.aux_output(hidden2)


random = np.random.default_rng(0)
wide_input, deep = random.random((60, 5)), random.random((60, 6))
y = wide_input.sum(axis=1, keepdims=True)
model = WideAndDeepModel(10, activation="relu", name="my_cool_model")
model.compile(
    loss=["mse", "mse"],
    loss_weights=[0.9, 0.1],
    optimizer="adam",
    metrics=["RootMeanSquaredError", "RootMeanSquaredError"],
)
model.norm_layer_wide.adapt(wide_input)
model.norm_layer_deep.adapt(deep)
model.fit(
    (wide_input, deep),
    (y, y),
    epochs=2,
    validation_data=((wide_input, deep), (y, y)),
    verbose=0,
)
total, main, aux, main_rmse, aux_rmse = model.evaluate(
    (wide_input, deep), (y, y), verbose=0
)
np.testing.assert_allclose(total, 0.9 * main + 0.1 * aux, rtol=1e-5)
np.testing.assert_allclose([main, aux], [main_rmse**2, aux_rmse**2], rtol=1e-4)
y_main, y_aux = model.predict((wide_input[:3], deep[:3]), verbose=0)
assert y_main.shape == y_aux.shape == (3, 1)
