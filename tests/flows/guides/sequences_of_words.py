"""Keras 2's way to a recurrent classifier, with its way of importing."""

import numpy as np

from lamina.layers import LSTM, Dense, Embedding
from lamina.models import Sequential
from lamina.optimizers import SGD
from lamina.utils import pad_sequences, to_categorical

random = np.random.default_rng(0)
lengths = random.integers(3, 20, size=60)
x_train = [list(random.integers(1, 100, size=n)) for n in lengths]
y_train = lengths > 10
x_train = pad_sequences(x_train, maxlen=20)

model = Sequential()
model.add(Embedding(100, 16))
model.add(LSTM(16, dropout=0.2, recurrent_dropout=0.2))
model.add(Dense(1, activation="sigmoid"))
model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
model.fit(
    x_train[:40], y_train[:40], batch_size=32, epochs=2, verbose=0,
    validation_data=(x_train[40:], y_train[40:]),
)  # fmt: skip
score, acc = model.evaluate(x_train, y_train, batch_size=32, verbose=0)
assert 0 <= acc <= 1

batch_size, steps, features = 16, 8, 4
model = Sequential()
model.add(
    LSTM(
        8,
        return_sequences=True,
        stateful=True,
        batch_input_shape=(batch_size, steps, features),
    )
)
model.add(LSTM(8, stateful=True))
model.add(Dense(3, activation="softmax"))
sgd = SGD(learning_rate=0.01, weight_decay=1e-6, momentum=0.9, nesterov=True)
model.compile(loss="categorical_crossentropy", optimizer=sgd, metrics=["accuracy"])
x = random.random((batch_size * 3, steps, features))
y = to_categorical(random.integers(3, size=batch_size * 3), num_classes=3)
model.fit(x, y, batch_size=batch_size, epochs=2, shuffle=False, verbose=0)
assert model.predict(x, batch_size=batch_size, verbose=0).shape == (48, 3)
