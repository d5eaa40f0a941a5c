"""Dropout at prediction time, and a network that is made in a loop."""

import numpy as np

import lamina as keras

keras.utils.clear_session()
keras.utils.set_random_seed(42)
model = keras.models.Sequential()
model.add(keras.layers.Flatten(input_shape=[8, 8]))
for _ in range(2):
    model.add(keras.layers.Dense(32, kernel_initializer="he_normal", use_bias=False))
    model.add(keras.layers.BatchNormalization())
    model.add(keras.layers.Activation("elu"))
model.add(keras.layers.Dropout(rate=0.2))
model.add(keras.layers.Dense(10, activation="softmax"))
model.compile(
    loss="sparse_categorical_crossentropy",
    optimizer=keras.optimizers.SGD(learning_rate=1e-2, momentum=0.9),
    metrics=["accuracy"],
)
(x, y), (x_test, y_test) = keras.datasets.digits.load_data()
halve = keras.callbacks.LearningRateScheduler(lambda epoch, lr: lr * 0.9)
model.fit(x, y, epochs=5, validation_split=0.25, callbacks=[halve], verbose=0)
assert abs(float(model.optimizer.learning_rate) - 1e-2 * 0.9**5) < 1e-6

y_probas = np.stack([model(x_test[:5], training=True) for _ in range(20)])
assert y_probas.std(axis=0).max() > 0
np.testing.assert_allclose(y_probas.sum(-1), 1, rtol=1e-5)


class MCDropout(keras.layers.Dropout):
    def call(self, inputs, training=None):
        return super().call(inputs, training=True)


mc_model = keras.Sequential(
    [
        MCDropout(layer.rate) if isinstance(layer, keras.layers.Dropout) else layer
        for layer in model.layers
    ]
)
first, second = mc_model(x_test[:5]), mc_model(x_test[:5])
assert not np.array_equal(first, second)
