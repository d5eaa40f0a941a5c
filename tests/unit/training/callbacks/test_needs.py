"""The attribute `needs` of callbacks, and the training loops that it selects."""

from __future__ import annotations

import numpy as np
import pytest

import lamina
from lamina.errors import ArgumentError
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
    SwapEMAWeights,
    TensorBoard,
    TerminateOnNaN,
)
from tests.unit.training.callbacks.helpers import X, Y, small_model


class StopsAtEpoch(Callback):
    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = True


class Losses(Callback):
    needs = "batches"

    def on_train_batch_end(self, batch, logs=None):
        print(logs["loss"])


class LossesUndeclared(Callback):
    def on_train_batch_end(self, batch, logs=None):
        print(logs["loss"])


class LossesWithOlderName(Callback):
    def on_batch_end(self, batch, logs=None):
        print(logs["loss"])


class LossesOfTest(Callback):
    def on_test_batch_end(self, batch, logs=None):
        print(logs["loss"])


class Inherits(Losses):
    def on_epoch_end(self, epoch, logs=None):
        print(logs["loss"])


class InheritsAndOverrides(Losses):
    def on_train_batch_end(self, batch, logs=None):
        self.model.stop_training = True


class InheritsAndOverridesAnother(Losses):
    def on_train_batch_begin(self, batch, logs=None):
        self.model.optimizer.learning_rate = 0.1


class InheritsOverridesAndDeclares(LossesUndeclared):
    needs = "batches"

    def on_train_batch_begin(self, batch, logs=None):
        print(batch)


class DeclaresForItsBase(LossesUndeclared):
    needs = "batches"


class DeclaresInInit(Callback):
    def __init__(self):
        super().__init__()
        self.needs = "batches"

    def on_train_batch_end(self, batch, logs=None):
        print(logs["loss"])


class CheckpointAtBatches(ModelCheckpoint):
    def on_train_batch_end(self, batch, logs=None):
        self.model.stop_training = True


class Bar(ProgbarLogger):
    def on_train_batch_end(self, batch, logs=None):
        print(logs["loss"])


class QuickLambda(LambdaCallback):
    needs = "batches"


def function(*arguments):
    pass


NEEDS = [
    (Callback(), "epochs"),
    (StopsAtEpoch(), "epochs"),
    (History(), "epochs"),
    (ProgbarLogger(), "epochs"),
    (EarlyStopping(), "epochs"),
    (ReduceLROnPlateau(), "epochs"),
    (TerminateOnNaN(), "epochs"),
    (SwapEMAWeights(), "epochs"),
    (CSVLogger("log.csv"), "epochs"),
    (ModelCheckpoint("a.keras"), "epochs"),
    (ModelCheckpoint("a.keras", save_freq=10), "batches"),
    (TensorBoard(), "epochs"),
    (TensorBoard(update_freq="batch"), "batches"),
    (TensorBoard(profile_batch=2), "batches"),
    (Losses(), "batches"),
    (LossesUndeclared(), "model"),
    (LossesWithOlderName(), "model"),
    (LossesOfTest(), "epochs"),
    (Inherits(), "batches"),
    (InheritsAndOverrides(), "model"),
    (InheritsAndOverridesAnother(), "model"),
    (InheritsOverridesAndDeclares(), "batches"),
    (DeclaresForItsBase(), "batches"),
    (DeclaresInInit(), "batches"),
    (CheckpointAtBatches("a.keras"), "model"),
    (Bar(), "model"),
    (LambdaCallback(on_epoch_end=function), "epochs"),
    (LambdaCallback(on_train_batch_end=function), "model"),
    (LambdaCallback(on_batch_end=function), "model"),
    (LambdaCallback(on_test_batch_end=function), "epochs"),
    (LambdaCallback(on_train_batch_end=function, needs="batches"), "batches"),
    (QuickLambda(on_train_batch_end=function), "batches"),
]


@pytest.mark.parametrize(("callback", "needs"), NEEDS, ids=lambda v: type(v).__name__)
def test_batch_methods_need_the_model_unless_their_class_declares_less(callback, needs):
    assert callback.batch_needs("train") == needs


@pytest.mark.parametrize(
    ("callbacks", "needs"),
    [
        ([], "epochs"),
        ([History(), Losses()], "batches"),
        ([Losses(), [LossesUndeclared(), History()]], "model"),
    ],
)
def test_list_needs_the_strongest_of_its_callbacks(callbacks, needs):
    assert CallbackList(callbacks).batch_needs("train") == needs


def test_needs_depend_on_the_kind_of_batch():
    callback = LambdaCallback(on_test_batch_end=function)
    assert callback.batch_needs("test") == "model"
    assert callback.batch_needs("predict") == "epochs"


def test_unknown_value_of_needs_is_refused():
    class Misspelt(Losses):
        needs = "batch"

    with pytest.raises(ArgumentError, match="Misspelt: `needs` must be 'epochs'"):
        small_model().fit(X, Y, verbose=0, callbacks=[Misspelt()])


def test_lambda_callback_sees_the_weights_after_each_batch():
    model, weights = small_model(), []
    look = LambdaCallback(
        on_train_batch_end=lambda batch, logs: weights.append(model.get_weights()[0])
    )
    model.fit(X, Y, batch_size=2, verbose=0, callbacks=[look])
    assert len(weights) == 5
    assert not any(
        np.array_equal(a, b) for a, b in zip(weights, weights[1:], strict=False)
    )


def test_learning_rate_set_at_each_batch_applies_to_that_batch():
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


def test_callback_that_pauses_training_is_named(capsys):
    small_model().fit(X, Y, verbose=2, callbacks=[Losses(), LossesUndeclared()])
    first, *_ = capsys.readouterr().out.splitlines()
    assert first.startswith("Training pauses at every batch for LossesUndeclared.")


@pytest.mark.parametrize("callbacks", [[Losses()], [StopsAtEpoch()], []])
def test_callback_that_does_not_pause_training_is_not_named(callbacks, capsys):
    small_model().fit(X, Y, verbose=2, callbacks=callbacks)
    assert "pauses" not in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore::lamina.errors.LikelyMistakeWarning")
def test_model_is_current_after_each_batch():
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
