"""Tickets with a title, a text and tags; their priority and their department."""

import numpy as np

import lamina as keras
from lamina import layers

num_tags, num_words, num_departments = 12, 100, 4

title = keras.Input(shape=(None,), name="title")
body = keras.Input(shape=(None,), name="body")
tags = keras.Input(shape=(num_tags,), name="tags")
title_features = layers.LSTM(8)(layers.Embedding(num_words, 8)(title))
body_features = layers.LSTM(4)(layers.Embedding(num_words, 8)(body))
x = layers.concatenate([title_features, body_features, tags])
priority = layers.Dense(1, name="priority")(x)
department = layers.Dense(num_departments, name="department")(x)
model = keras.Model(
    inputs=[title, body, tags],
    outputs={"priority": priority, "department": department},
)
model.compile(
    optimizer=keras.optimizers.RMSprop(1e-3),
    loss={
        "priority": keras.losses.BinaryCrossentropy(from_logits=True),
        "department": keras.losses.CategoricalCrossentropy(from_logits=True),
    },
    metrics={"department": ["accuracy"]},
    loss_weights={"priority": 1.0, "department": 0.2},
)

random = np.random.default_rng(0)
data = {
    "title": random.integers(num_words, size=(48, 10)),
    "body": random.integers(num_words, size=(48, 20)),
    "tags": random.integers(2, size=(48, num_tags)).astype("float32"),
}
targets = {
    "priority": random.random((48, 1)),
    "department": keras.utils.to_categorical(random.integers(4, size=48), 4),
}
history = model.fit(data, targets, epochs=2, batch_size=16, verbose=0).history
assert set(history) == {
    "loss", "priority_loss", "department_loss", "department_accuracy",
}  # fmt: skip
np.testing.assert_allclose(
    history["loss"],
    np.add(history["priority_loss"], 0.2 * np.array(history["department_loss"])),
    rtol=1e-5,
)
predictions = model.predict(data, verbose=0)
assert predictions["priority"].shape == (48, 1)
