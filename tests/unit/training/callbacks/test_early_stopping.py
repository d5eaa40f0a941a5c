"""`EarlyStopping` on scripted losses, and on a model that trains."""

from __future__ import annotations

import numpy as np
import pytest

from lamina.errors import StateError
from lamina.training.callbacks import EarlyStopping
from tests.unit.training.callbacks.helpers import X, Y, follow, small_model

CURVES = {
    "valley": [5, 4, 3, 2.5, 2.6, 2.7, 2.4, 2.45, 2.46, 2.47, 2.48],
    "flat": [1] * 8,
    "rise": [1, 2, 3, 4, 5, 6],
    "small": [1.0, 0.95, 0.92, 0.91, 0.905, 0.80, 0.79, 0.78],
}
# Curve, arguments; the last epoch, `stopped_epoch`, `best_epoch`, and the epoch whose
# weights the model has in the end. Recorded from Keras 3.15.1.
CASES = [
    ("valley", {}, 4, 4, 3, 4),
    ("valley", {"patience": 1}, 4, 4, 3, 4),
    ("valley", {"patience": 2}, 5, 5, 3, 5),
    ("valley", {"patience": 3}, 9, 9, 6, 9),
    ("valley", {"patience": 4, "restore_best_weights": True}, 10, 10, 6, 6),
    ("valley", {"patience": 2, "restore_best_weights": True}, 5, 5, 3, 3),
    ("valley", {"patience": 2, "start_from_epoch": 5}, 8, 8, 6, 8),
    ("valley", {"patience": 1, "min_delta": 0.6}, 3, 3, 2, 3),
    (
        "valley",
        {"patience": 2, "mode": "max", "restore_best_weights": True},
        *(2, 2, 0, 0),
    ),
    (
        "valley",
        {"patience": 3, "baseline": 2.0, "restore_best_weights": True},
        *(4, 4, 3, 3),
    ),
    ("valley", {"patience": 2, "baseline": 4.5}, 5, 5, 3, 5),
    ("flat", {"patience": 3}, 3, 3, 0, 3),
    ("flat", {"patience": 0}, 1, 1, 0, 1),
    ("rise", {"patience": 2, "restore_best_weights": True}, 2, 2, 0, 0),
    ("rise", {"patience": 2, "mode": "max"}, 5, 0, 5, 5),
    ("small", {"patience": 2, "min_delta": 0.05}, 4, 4, 2, 4),
    ("small", {"patience": 1, "min_delta": -0.05}, 1, 1, 0, 1),
]


@pytest.mark.parametrize(("curve", "arguments", "last", "stopped", "best", "at"), CASES)
def test_stops_where_keras_stops(curve, arguments, last, stopped, best, at):
    callback = EarlyStopping("loss", **arguments)
    seen = []
    values = (seen.append(v) or v for v in CURVES[curve])
    model = follow(callback, values)
    assert len(seen) - 1 == last
    assert (callback.stopped_epoch, callback.best_epoch) == (stopped, best)
    assert model.weight == at


@pytest.mark.parametrize("arguments", [arguments for _, arguments, *_ in CASES])
def test_best_weights_can_always_be_restored(arguments):
    callback = EarlyStopping("loss", **arguments)
    model = follow(callback, CURVES["valley"])
    callback.restore()
    assert model.weight == callback.best_epoch


def test_nothing_to_restore_before_fit():
    with pytest.raises(StateError, match="no weights to restore"):
        EarlyStopping().restore()


def test_nan_loss_is_never_the_best():
    callback = EarlyStopping("loss", patience=5)
    follow(callback, [float("nan"), 3.0, float("nan"), 4.0])
    assert (callback.best, callback.best_epoch) == (3.0, 1)


def test_messages(capsys):
    follow(EarlyStopping("loss", verbose=1, restore_best_weights=True), [1, 2, 3])
    assert capsys.readouterr().out == (
        "Epoch 2: early stopping\nRestoring the weights of the best epoch: 1\n"
    )


def test_fit_ends_with_the_best_weights():
    model = small_model()
    model.optimizer.learning_rate = 1e-3
    stopper = EarlyStopping("val_loss", patience=2, restore_best_weights=True)
    # Labels of validation are at the start, so every step leads away from them.
    run = model.fit(
        X, Y, epochs=9, validation_data=(X, 0 * Y), verbose=0, callbacks=[stopper]
    )
    assert run.epoch == [0, 1, 2]
    losses = run.history["val_loss"]
    assert model.evaluate(X, 0 * Y, verbose=0)[0] == pytest.approx(losses[0])
    later = small_model()
    later.set_weights(stopper.best_weights)
    np.testing.assert_array_equal(later.get_weights()[0], model.get_weights()[0])
