"""The code samples people learn Keras from, with only the import line changed."""

from __future__ import annotations

import numpy as np
import pytest

from lamina.datasets import auto_mpg, digits
from lamina.errors import AdviceWarning
from lamina.layers import Activation, Dense
from lamina.models import Sequential
from lamina.utils import to_categorical

SIDE = 28


def images() -> tuple[np.ndarray, np.ndarray]:
    """Handwritten digits of 8x8 amid 28x28 pixels in a row, and labels as rows."""
    (x, y), _ = digits.load_data()
    margin = (SIDE - x.shape[1]) // 2
    padded = np.pad(x / np.float32(16), ((0, 0), (margin,) * 2, (margin,) * 2))
    return padded.reshape(-1, SIDE**2), to_categorical(y, 10)


def test_classifier() -> None:
    model = Sequential([
        Dense(32, input_shape=(784,)),
        Activation('relu'),
        Dense(10),
        Activation('softmax'),
    ])  # fmt: skip
    assert model.count_params() == 784 * 32 + 32 + 32 * 10 + 10

    model.compile(optimizer='rmsprop',
                  loss='binary_crossentropy',
                  metrics=['accuracy'])  # fmt: skip

    data, labels = images()

    # Train the model, iterating on the data in batches of 32 samples
    with pytest.warns(AdviceWarning, match="binary-loss-of-classes"):
        history = model.fit(data, labels, epochs=10, batch_size=32)

    losses = history.history["loss"]
    assert len(losses) == 10
    assert losses[-1] < losses[0] / 2
    probabilities = model.predict(data)
    np.testing.assert_allclose(probabilities.sum(-1), 1, rtol=1e-5)
    assert np.mean(probabilities.argmax(-1) == labels.argmax(-1)) > 0.8


def test_regression(capsys: pytest.CaptureFixture[str]) -> None:
    (x, train_labels), (x_test, test_labels) = auto_mpg.load_data()
    mean, std = x.mean(0), x.std(0)
    normed_train_data, normed_test_data = (x - mean) / std, (x_test - mean) / std
    model = Sequential([
        Dense(64, input_shape=(9,)),
        Activation('relu'),
        Dense(1),
    ])  # fmt: skip
    model.compile(optimizer='rmsprop', loss='mse', metrics=['mae', 'mse'])  # fmt: skip
    model.fit(normed_train_data, train_labels, epochs=60, batch_size=32, verbose=0)

    loss, mae, mse = model.evaluate(normed_test_data, test_labels, verbose=2)
    print("테스트 세트의 평균 절대 오차: {:5.2f} MPG".format(mae))  # noqa: UP032

    test_predictions = model.predict(normed_test_data).flatten()

    assert "테스트 세트의 평균 절대 오차: " in capsys.readouterr().out
    errors = test_predictions - test_labels
    assert mae == pytest.approx(np.abs(errors).mean(), rel=1e-4)
    assert mse == pytest.approx(np.square(errors).mean(), rel=1e-4)
    assert loss == pytest.approx(mse, rel=1e-4)
    assert mae < np.abs(test_labels - train_labels.mean()).mean() / 2
