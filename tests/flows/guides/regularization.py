"""Penalties, dropout, a schedule of the learning rate, and a metric on logits."""

import numpy as np

import lamina as keras
from lamina import layers, regularizers

random = np.random.default_rng(0)
x = random.normal(size=(256, 28)).astype("float32")
y = (x[:, 0] > 0).astype("int32")

lr_schedule = keras.optimizers.schedules.InverseTimeDecay(
    0.001, decay_steps=1000, decay_rate=1, staircase=False
)
model = keras.Sequential(
    [
        layers.Dense(
            32,
            activation="elu",
            kernel_regularizer=regularizers.l2(0.0001),
            input_shape=(28,),
        ),
        layers.Dropout(0.5),
        layers.Dense(
            32,
            activation="elu",
            kernel_regularizer=regularizers.L1L2(l1=1e-5, l2=1e-4),
            kernel_constraint=keras.constraints.MaxNorm(2.0),
        ),
        layers.Dense(1),
    ]
)
model.compile(
    optimizer=keras.optimizers.Adam(lr_schedule),
    loss=keras.losses.BinaryCrossentropy(from_logits=True),
    metrics=[
        keras.metrics.BinaryCrossentropy(from_logits=True, name="binary_crossentropy"),
        keras.metrics.BinaryAccuracy(threshold=0.0),
    ],
)
history = model.fit(
    x, y, steps_per_epoch=5, epochs=4, validation_split=0.25, verbose=0,
    callbacks=[
        keras.callbacks.EarlyStopping(monitor="val_binary_crossentropy", patience=200)
    ],
).history  # fmt: skip
assert int(model.optimizer.iterations) == 20
loss, crossentropy, _ = model.evaluate(x, y, verbose=0)
np.testing.assert_allclose(
    loss, crossentropy + sum(float(p) for p in model.losses), rtol=1e-5
)
assert np.linalg.norm(model.layers[2].kernel.numpy(), axis=0).max() <= 2.0001
