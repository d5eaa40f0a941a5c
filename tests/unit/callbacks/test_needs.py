"""What lamina finds out about a callback's needs, and what follows from them."""

from __future__ import annotations

import collections
import math
import time

import numpy as np
import pytest

import lamina
from lamina.training.callbacks import (
    Callback,
    CallbackList,
    CSVLogger,
    EarlyStopping,
    History,
    LambdaCallback,
    ModelCheckpoint,
    ProgbarLogger,
    ReduceLROnPlateau,
    TensorBoard,
    TerminateOnNaN,
)
from tests.unit.callbacks.helpers import X, Y, small_model


class Epochs(Callback):
    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = True


class Looks(Callback):
    def __init__(self):
        super().__init__()
        self.losses = []
        self.started = time.time()
        self.counts = collections.defaultdict(int)

    def on_train_batch_end(self, batch, logs=None):
        self.losses.append(math.sqrt(np.mean(logs["loss"])))
        self.counts[batch] += 1
        self.note(time.time() - self.started)

    def note(self, seconds):
        print(seconds)


class Stops(Callback):
    def on_train_batch_end(self, batch, logs=None):
        self.model.stop_training = True


class StopsInAnotherMethod(Callback):
    def on_train_batch_end(self, batch, logs=None):
        self.act()

    def act(self):
        self.model.stop_training = True


class HoldsAnOptimizer(Callback):
    def __init__(self, optimizer):
        super().__init__()
        self.optimizer = optimizer

    def on_train_batch_begin(self, batch, logs=None):
        self.optimizer.learning_rate = 0.1


class WillHoldAnOptimizer(Callback):
    def on_train_begin(self, logs=None):
        self.optimizer = self.model.optimizer

    def on_train_batch_begin(self, batch, logs=None):
        self.optimizer.learning_rate = 0.1


class WithOlderName(Callback):
    def on_batch_end(self, batch, logs=None):
        print(self.model)


class Promises(Stops):
    needs = "batches"


MODEL = small_model()
NEEDS = [
    (Callback(), "epochs"),
    (Epochs(), "epochs"),
    (History(), "epochs"),
    (ProgbarLogger(), "epochs"),
    (EarlyStopping(), "epochs"),
    (ReduceLROnPlateau(), "epochs"),
    (TerminateOnNaN(), "epochs"),
    (CSVLogger("log.csv"), "epochs"),
    (ModelCheckpoint("a.keras"), "epochs"),
    (ModelCheckpoint("a.keras", save_freq=10), "batches"),
    (TensorBoard(), "epochs"),
    (TensorBoard(update_freq="batch"), "batches"),
    (Looks(), "batches"),
    (Stops(), "model"),
    (StopsInAnotherMethod(), "model"),
    (HoldsAnOptimizer(MODEL.optimizer), "model"),
    (WillHoldAnOptimizer(), "model"),
    (WithOlderName(), "model"),
    (Promises(), "batches"),
    (LambdaCallback(on_epoch_end=lambda epoch, logs: MODEL.summary()), "epochs"),
    (LambdaCallback(on_train_batch_end=lambda batch, logs: print(logs)), "batches"),
    (LambdaCallback(on_train_batch_end=lambda batch, logs: MODEL.weights), "model"),
    (LambdaCallback(on_batch_end=lambda batch, logs: MODEL.weights), "model"),
    (LambdaCallback(on_test_batch_end=lambda batch, logs: MODEL.weights), "epochs"),
]


@pytest.mark.parametrize(("callback", "needs"), NEEDS, ids=lambda v: type(v).__name__)
def test_needs_are_found(callback, needs):
    assert callback.batch_needs("train") == needs


@pytest.mark.parametrize(
    ("callbacks", "needs"),
    [
        ([], "epochs"),
        ([History(), Looks()], "batches"),
        ([Looks(), [Stops(), History()]], "model"),
    ],
)
def test_a_list_needs_what_the_neediest_needs(callbacks, needs):
    assert CallbackList(callbacks).batch_needs("train") == needs


def test_needs_are_told_apart_by_kind():
    callback = LambdaCallback(on_test_batch_end=lambda batch, logs: MODEL.weights)
    assert callback.batch_needs("test") == "model"
    assert callback.batch_needs("predict") == "epochs"


def test_a_rate_set_at_each_batch_holds_for_that_batch():
    rates = [0.1, 0.0, 0.0, 0.2, 0.0]
    weights = []

    class Sets(Callback):
        def on_train_batch_begin(self, batch, logs=None):
            self.model.optimizer.learning_rate = rates[batch]

        def on_train_batch_end(self, batch, logs=None):
            weights.append(self.model.get_weights()[0])

    small_model().fit(X, Y, batch_size=2, verbose=0, callbacks=[Sets()])
    moved = [
        not np.array_equal(a, b) for a, b in zip(weights, weights[1:], strict=False)
    ]
    assert moved == [False, False, True, False]


def test_who_pauses_training_is_named(capsys):
    small_model().fit(X, Y, verbose=2, callbacks=[Looks(), Stops()])
    first, *_ = capsys.readouterr().out.splitlines()
    assert first.startswith("Training pauses at every batch, where Stops may look")


@pytest.mark.parametrize("callbacks", [[Looks()], [Epochs()], []])
def test_nobody_is_named_who_does_not(callbacks, capsys):
    small_model().fit(X, Y, verbose=2, callbacks=callbacks)
    assert "pauses" not in capsys.readouterr().out


def test_the_model_is_current_after_each_batch():
    class Counting(lamina.Model):
        def __init__(self):
            super().__init__()
            self.calls = self.add_variable((), "zeros", trainable=False)

        def call(self, inputs):
            self.calls.assign(self.calls + 1)
            return inputs

    seen = []

    class Counts(Callback):
        def on_batch_end(self, batch, logs=None):
            seen.append(int(self.model.calls))

    model = Counting()
    model.compile("sgd", "mse")
    model.fit(X, X, batch_size=2, verbose=0, callbacks=[Counts()])
    assert seen == [1, 2, 3, 4, 5]
