"""Order and logs of callback calls, compared with Keras 3.15.1."""

from __future__ import annotations

import numpy as np
import pytest

from lamina.training.callbacks import (
    Callback,
    LambdaCallback,
    LearningRateScheduler,
    ReduceLROnPlateau,
)
from tests.unit.training.callbacks.helpers import X, Y, small_model

METRICS = ["loss", "mae"]
ALL = [*METRICS, "val_loss", "val_mae"]


def batches(kind, count, names):
    for i in range(count):
        yield f"on_{kind}_batch_begin", i, []
        yield f"on_{kind}_batch_end", i, names


def an_epoch(number):
    yield "on_epoch_begin", number, []
    yield from batches("train", 3, METRICS)
    yield "on_test_begin", []
    yield from batches("test", 2, METRICS)
    yield "on_test_end", METRICS
    yield "on_epoch_end", number, ALL


# Recorded from Keras 3.15.1 on JAX with the calls of `RUNS`.
RECORDED = {
    "fit": [
        ("on_train_begin", []),
        *an_epoch(0),
        *an_epoch(1),
        ("on_train_end", ALL),
    ],
    "evaluate": [
        ("on_test_begin", []),
        *batches("test", 3, METRICS),
        ("on_test_end", METRICS),
    ],
    "predict": [
        ("on_predict_begin", []),
        *batches("predict", 3, ["outputs"]),
        ("on_predict_end", []),
    ],
}
RUNS = {
    "fit": lambda model, callbacks: model.fit(
        X, Y, batch_size=4, epochs=2, verbose=0, callbacks=callbacks,
        validation_data=(X[:6], Y[:6]), validation_batch_size=4,
    ),
    "evaluate": lambda model, callbacks: model.evaluate(
        X, Y, batch_size=4, verbose=0, callbacks=callbacks
    ),
    "predict": lambda model, callbacks: model.predict(
        X, batch_size=4, verbose=0, callbacks=callbacks
    ),
}  # fmt: skip
HOOKS = {name for calls in RECORDED.values() for name, *_ in calls}


def recorder(calls, needs):
    """A callback that notes every call, with the names in place of the logs."""

    def note(name):
        def call(*arguments):
            *position, logs = arguments
            calls.append((name, *position, list(logs)))

        return call

    callback = LambdaCallback(**{name: note(name) for name in HOOKS})
    callback.needs = needs
    return callback


@pytest.mark.parametrize("eagerly", [False, True])
@pytest.mark.parametrize("needs", ["batches", "model"])
@pytest.mark.parametrize("run", RECORDED)
def test_order_is_that_of_keras(run, needs, eagerly):
    calls = []
    RUNS[run](small_model(run_eagerly=eagerly), [recorder(calls, needs)])
    assert calls == RECORDED[run]


@pytest.mark.parametrize("needs", ["batches", "model"])
@pytest.mark.parametrize("steps", [2, 3, 10])
def test_batch_methods_are_called_once_for_each_execution(steps, needs):
    model = small_model(steps_per_execution=steps)
    for run in RUNS.values():
        calls = []
        run(model, [recorder(calls, needs)])
        batches = [call[:2] for call in calls if "_batch_" in call[0]]
        begins = [n for name, n in batches if name.endswith("begin")]
        ends = [n for name, n in batches if name.endswith("end")]
        assert len(begins) == len(ends) > 0
        assert {n % steps for n in begins} == {0}
        assert [n + steps - 1 for n in begins] == ends


def test_outputs_of_an_execution_are_joined():
    found = []
    callback = LambdaCallback(
        on_predict_batch_end=lambda batch, logs: found.append(logs["outputs"])
    )
    model = small_model(steps_per_execution=2)
    predicted = model.predict(X, batch_size=4, verbose=0, callbacks=[callback])
    assert [len(outputs) for outputs in found] == [8, 2]
    np.testing.assert_array_equal(np.concatenate(found), predicted)


def test_older_names_of_batch_methods_are_called():
    class Older(Callback):
        seen = []

        def on_batch_begin(self, batch, logs=None):
            self.seen.append(("begin", batch))

        def on_batch_end(self, batch, logs=None):
            self.seen.append(("end", batch))

    small_model().fit(X, Y, batch_size=5, verbose=0, callbacks=[Older()])
    assert Older.seen == [("begin", 0), ("end", 0), ("begin", 1), ("end", 1)]


@pytest.mark.parametrize(
    "middle",
    [ReduceLROnPlateau("loss"), LearningRateScheduler(lambda epoch, rate: rate)],
    ids=lambda c: type(c).__name__,
)
def test_later_callbacks_see_added_logs(middle):
    seen = []

    def look(when):
        return lambda *position: seen.append((when, list(position[-1])))

    def watcher():
        return LambdaCallback(on_epoch_end=look("epoch"), on_train_end=look("train"))

    history = small_model(metrics=None).fit(
        X, Y, verbose=0, callbacks=[watcher(), middle, watcher()]
    )
    # Recorded from Keras 3.15.1.
    assert seen == [
        ("epoch", ["loss"]),
        ("epoch", ["loss", "learning_rate"]),
        ("train", ["loss"]),
        ("train", ["loss"]),
    ]
    assert list(history.history) == ["loss", "learning_rate"]


@pytest.mark.filterwarnings("ignore::lamina.errors.LikelyMistakeWarning")
def test_logs_of_batches_are_means_over_the_epoch_so_far():
    losses = []
    look = LambdaCallback(on_train_batch_end=lambda _, logs: losses.append(logs["mae"]))
    model = small_model(optimizer="sgd")
    model.optimizer.learning_rate = 0.0
    model.fit(X, Y, batch_size=5, shuffle=False, verbose=0, callbacks=[look])
    expected = [abs(Y[:5]).mean(), abs(Y).mean()]
    assert losses == pytest.approx(expected, rel=1e-5)
