"""Callbacks and a loss that is not finite; `TerminateOnNaN`."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lamina.errors import DataError
from lamina.optimizers import SGD
from lamina.training.callbacks import Callback, LambdaCallback, TerminateOnNaN
from lamina.training.loop import NonFiniteWarning
from tests.unit.training.callbacks.helpers import Pretender, X, Y, small_model

BAD = Y.copy()
BAD[5] = np.inf


def fit(**arguments):
    model = small_model(metrics=None)
    with pytest.warns(NonFiniteWarning):
        history = model.fit(
            X, BAD, batch_size=2, shuffle=False, epochs=3, verbose=0, check_data=False,
            **arguments,
        )  # fmt: skip
    return model, history


@pytest.mark.parametrize("needs", ["batches", "model"])
def test_batch_methods_end_with_the_bad_batch(needs):
    seen = []
    look = LambdaCallback(
        on_train_batch_end=lambda batch, logs: seen.append((batch, logs["loss"]))
    )
    look.needs = needs
    fit(callbacks=[look])
    assert [batch for batch, _ in seen] == [0, 1, 2]
    assert [math.isfinite(loss) for _, loss in seen] == [True, True, False]


def test_training_ends_with_that_epoch_and_finite_weights():
    model, history = fit()
    assert history.epoch == [0]
    assert math.isnan(history.history["loss"][0])
    assert all(np.isfinite(w).all() for w in model.get_weights())


# The first row that is not finite, and whether the epoch has metrics by then.
@pytest.mark.parametrize(("row", "known"), [(0, False), (1, False), (5, True)])
@pytest.mark.parametrize("needs", ["epochs", "batches", "model"])
def test_metrics_of_the_epoch_are_those_of_its_good_batches(row, known, needs):
    labels = Y.copy()
    labels[row] = np.inf
    model, seen = small_model(), []
    callback = LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(logs))
    if needs != "epochs":
        callback.on_train_batch_end = lambda batch, logs: seen.append(logs)
        callback.needs = needs
    with pytest.warns(NonFiniteWarning):
        history = model.fit(
            X, labels, batch_size=2, shuffle=False, epochs=2, verbose=0,
            check_data=False, callbacks=[callback],
        ).history  # fmt: skip
    assert math.isnan(history["loss"][0])
    assert math.isfinite(history["mae"][0]) == known
    if known:
        before = small_model().fit(
            X[:4], Y[:4], batch_size=2, shuffle=False, verbose=0
        )  # fmt: skip
        assert history["mae"][0] == pytest.approx(before.history["mae"][0])
    if needs != "epochs":
        assert math.isnan(seen[-2]["loss"]) and math.isnan(seen[-2]["mae"])


@pytest.mark.filterwarnings("ignore::lamina.errors.LikelyMistakeWarning")
def test_epochs_of_one_dispatch_end_with_metrics_that_are_not_known():
    """The epoch that fails at its first batch is not the first of its dispatch."""
    x, y = np.ones((4, 3), "float32"), np.full((4, 1), 1e30, "float32")
    model = small_model(optimizer=SGD(30.0))
    with pytest.warns(NonFiniteWarning):
        history = model.fit(x, y, batch_size=4, epochs=200, verbose=0).history
    assert math.isnan(history["loss"][-1]) and math.isnan(history["mae"][-1])
    assert np.isfinite(history["mae"][:-1]).all()


def test_single_batch_is_discarded_with_a_warning():
    model = small_model()
    before = model.train_on_batch(X, Y)
    weights = model.get_weights()
    with pytest.warns(NonFiniteWarning, match="its update was discarded"):
        logs = model.train_on_batch(X, BAD, return_dict=True)
    assert all(map(math.isnan, logs.values()))
    np.testing.assert_array_equal(model.get_weights()[0], weights[0])
    assert np.isfinite(before).all() and np.isfinite(model.train_on_batch(X, Y)).all()


def test_terminate_on_nan_prints_a_message(capsys):
    fit(callbacks=[TerminateOnNaN()])
    assert "invalid loss, terminating training" in capsys.readouterr().out


def test_terminate_on_nan_raises_on_request():
    with pytest.raises(RuntimeError, match="the loss is nan"):
        fit(callbacks=[TerminateOnNaN(raise_error=True)])


@pytest.mark.parametrize("loss", [math.nan, math.inf, np.float32("nan")])
def test_terminate_on_nan_checks_within_an_epoch(loss, capsys):
    callback = TerminateOnNaN()
    callback.set_model(Pretender())
    callback.on_progress("train", 1, {"loss": 0.5})
    callback.on_progress("test", 2, {"loss": loss})
    assert not callback.model.stop_training
    callback.on_progress("train", 3, {"loss": loss})
    assert callback.model.stop_training
    assert capsys.readouterr().out.startswith("Batch 3: ")


def test_terminate_on_nan_decides_about_data_that_is_not_finite():
    model, labels = small_model(), np.full_like(Y, np.inf)
    with pytest.raises(DataError, match="not finite"):
        model.fit(X, labels, verbose=0)
    with pytest.warns(NonFiniteWarning):
        model.fit(X, labels, verbose=0, callbacks=[TerminateOnNaN()])


def test_terminate_on_nan_ignores_other_logs():
    callback = TerminateOnNaN()
    callback.set_model(Pretender())
    callback.on_progress("train", 1, {"reward": math.nan})
    callback.on_epoch_end(0, {"reward": math.nan})
    assert not callback.model.stop_training


def test_error_in_a_step_reaches_the_user():
    class Fails(Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        small_model().fit(X, Y, verbose=0, callbacks=[Fails()])
