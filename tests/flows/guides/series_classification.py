"""Series classified by convolutions; the best model goes to a file and comes back."""

import tempfile
from pathlib import Path

import numpy as np

import lamina as keras

random = np.random.default_rng(0)
y_train = random.integers(0, 2, 120)
waves = np.sin(np.arange(50) * (1 + y_train[:, None]) / 3)
x_train = (waves + random.normal(size=(120, 50)))[..., None]


def make_model(input_shape, num_classes):
    input_layer = keras.layers.Input(input_shape)
    x = input_layer
    for _ in range(2):
        x = keras.layers.Conv1D(filters=8, kernel_size=3, padding="same")(x)
        x = keras.layers.BatchNormalization()(x)
        x = keras.layers.ReLU()(x)
    gap = keras.layers.GlobalAveragePooling1D()(x)
    output_layer = keras.layers.Dense(num_classes, activation="softmax")(gap)
    return keras.models.Model(inputs=input_layer, outputs=output_layer)


path = Path(tempfile.mkdtemp()) / "best_model.keras"
model = make_model(input_shape=x_train.shape[1:], num_classes=2)
callbacks = [
    keras.callbacks.ModelCheckpoint(path, save_best_only=True, monitor="val_loss"),
    keras.callbacks.ReduceLROnPlateau(
        monitor="val_loss", factor=0.5, patience=5, min_lr=0.0001
    ),
    keras.callbacks.EarlyStopping(monitor="val_loss", patience=50, verbose=1),
]
model.compile(
    optimizer="adam",
    loss="sparse_categorical_crossentropy",
    metrics=["sparse_categorical_accuracy"],
)
history = model.fit(
    x_train, y_train, batch_size=32, epochs=15, callbacks=callbacks,
    validation_split=0.2, verbose=0,
).history  # fmt: skip
best = keras.models.load_model(path)
loss, accuracy = best.evaluate(x_train[96:], y_train[96:], verbose=0)
np.testing.assert_allclose(loss, min(history["val_loss"]), rtol=1e-5)
assert f"{accuracy:.4f}" in [
    f"{value:.4f}" for value in history["val_sparse_categorical_accuracy"]
]
