"""`compile` and `fit` with losses, metrics and data of one's own."""

import numpy as np

import lamina as keras
from lamina import layers, ops

random = np.random.default_rng(0)
x_train = random.random((80, 20)).astype("float32")
y_train = random.integers(0, 10, 80).astype("float32")
x_val, y_val = x_train[-16:], y_train[-16:]


def get_uncompiled_model():
    inputs = keras.Input(shape=(20,), name="digits")
    x = layers.Dense(16, activation="relu", name="dense_1")(inputs)
    outputs = layers.Dense(10, activation="softmax", name="predictions")(x)
    return keras.Model(inputs=inputs, outputs=outputs)


class CustomMSE(keras.losses.Loss):
    def __init__(self, regularization_factor=0.1, name="custom_mse"):
        super().__init__(name=name)
        self.regularization_factor = regularization_factor

    def call(self, y_true, y_pred):
        mse = ops.mean(ops.square(y_true - y_pred), axis=-1)
        reg = ops.mean(ops.square(0.5 - y_pred), axis=-1)
        return mse + reg * self.regularization_factor


class CategoricalTruePositives(keras.metrics.Metric):
    def __init__(self, name="categorical_true_positives", **kwargs):
        super().__init__(name=name, **kwargs)
        self.true_positives = self.add_variable(
            shape=(), name="ctp", initializer="zeros"
        )

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_pred = ops.reshape(ops.argmax(y_pred, axis=1), (-1, 1))
        y_true = ops.reshape(y_true, (-1, 1))
        values = ops.cast(y_true, "int32") == ops.cast(y_pred, "int32")
        values = ops.cast(values, "float32")
        if sample_weight is not None:
            values = ops.multiply(values, ops.cast(sample_weight, "float32"))
        self.true_positives.assign_add(ops.sum(values))

    def result(self):
        return self.true_positives.value

    def reset_state(self):
        self.true_positives.assign(0.0)


model = get_uncompiled_model()
model.compile(optimizer=keras.optimizers.Adam(), loss=CustomMSE())
one_hot = ops.one_hot(y_train.astype("int32"), num_classes=10)
model.fit(x_train, one_hot, batch_size=64, epochs=1, verbose=0)

model = get_uncompiled_model()
model.compile(
    optimizer=keras.optimizers.RMSprop(learning_rate=1e-3),
    loss=keras.losses.SparseCategoricalCrossentropy(),
    metrics=[CategoricalTruePositives(), "sparse_categorical_accuracy"],
)
history = model.fit(x_train, y_train, batch_size=16, epochs=2, verbose=0).history
np.testing.assert_allclose(
    history["categorical_true_positives"],
    80 * np.array(history["sparse_categorical_accuracy"]),
    rtol=1e-5,
)


class LogisticEndpoint(keras.layers.Layer):
    def __init__(self, name=None):
        super().__init__(name=name)
        self.loss_fn = keras.losses.BinaryCrossentropy(from_logits=True)

    def call(self, targets, logits, sample_weights=None):
        self.add_loss(self.loss_fn(targets, logits, sample_weights))
        return ops.softmax(logits)


inputs = keras.Input(shape=(3,), name="inputs")
targets = keras.Input(shape=(10,), name="targets")
predictions = LogisticEndpoint(name="predictions")(targets, layers.Dense(10)(inputs))
model = keras.Model(inputs=[inputs, targets], outputs=predictions)
model.compile(optimizer="adam")
model.fit({"inputs": random.random((4, 3)), "targets": random.random((4, 10))})


class ExampleDataset(keras.utils.PyDataset):
    def __init__(self, x, y, batch_size, **kwargs):
        super().__init__(**kwargs)
        self.x, self.y, self.batch_size = x, y, batch_size

    def __len__(self):
        return int(np.ceil(len(self.x) / float(self.batch_size)))

    def __getitem__(self, idx):
        rows = slice(idx * self.batch_size, (idx + 1) * self.batch_size)
        return self.x[rows], self.y[rows]


class LossHistory(keras.callbacks.Callback):
    def on_train_begin(self, logs):
        self.per_batch_losses = []

    def on_batch_end(self, batch, logs):
        self.per_batch_losses.append(logs.get("loss"))


losses = LossHistory()
stop = keras.callbacks.EarlyStopping(
    monitor="val_loss", min_delta=1e-2, patience=2, verbose=0
)
model = get_uncompiled_model()
model.compile("rmsprop", "sparse_categorical_crossentropy", weighted_metrics=["acc"])
history = model.fit(
    ExampleDataset(x_train, y_train, batch_size=40, workers=2),
    validation_data=ExampleDataset(x_val, y_val, batch_size=16),
    class_weight={5: 2.0}, epochs=20, callbacks=[stop, losses], verbose=0,
)  # fmt: skip
assert len(losses.per_batch_losses) == 2 * len(history.epoch)
assert set(history.history) == {"loss", "acc", "val_loss", "val_acc"}
