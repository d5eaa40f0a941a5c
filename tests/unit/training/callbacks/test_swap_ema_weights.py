"""`SwapEMAWeights`: averages in evaluation, own weights in training."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from lamina.errors import StateError
from lamina.optimizers import SGD
from lamina.training.callbacks import Callback, SwapEMAWeights
from tests.unit.training.callbacks.helpers import X, Y, small_model


class Looks(Callback):
    """The kernel, whenever something begins or ends."""

    def __init__(self):
        super().__init__()
        self.seen = {}

    def look(self, when):
        self.seen.setdefault(when, []).append(self.model.get_weights()[0].ravel())

    def on_epoch_begin(self, epoch, logs=None):
        self.look("epoch begins")

    def on_epoch_end(self, epoch, logs=None):
        self.look("epoch ends")

    def on_test_begin(self, logs=None):
        self.look("test")


def trained(*callbacks, use_ema=True, epochs=3):
    model = small_model(optimizer=SGD(0.1, use_ema=use_ema, ema_momentum=0.5))
    looks = Looks()
    model.fit(
        X, Y, epochs=epochs, batch_size=10, shuffle=False, verbose=0,
        validation_data=(X, Y), callbacks=[*callbacks, looks],
    )  # fmt: skip
    return model, looks.seen


def averages(weights):
    """Return the averages that start with the weights of the first step."""
    average = weights[0]
    for value in weights:
        average = 0.5 * average + 0.5 * value
        yield average


@functools.cache
def own_weights():
    """The weights of each epoch of a model whose averages are not used."""
    return trained()[1]["test"]


@pytest.mark.parametrize("swap_on_epoch", [False, True])
def test_model_has_the_averages_in_evaluation(swap_on_epoch):
    model, seen = trained(SwapEMAWeights(swap_on_epoch))
    own = own_weights()
    expected = list(averages(own))
    np.testing.assert_allclose(seen["test"], expected, rtol=1e-5)
    np.testing.assert_allclose(seen["epoch begins"][1:], own[:-1], rtol=1e-5)
    at_end = expected if swap_on_epoch else own
    np.testing.assert_allclose(seen["epoch ends"], at_end, rtol=1e-5)
    np.testing.assert_allclose(model.get_weights()[0].ravel(), expected[-1], rtol=1e-5)


@pytest.mark.parametrize("run", ["evaluate", "predict"])
def test_weights_are_restored_after_evaluation(run):
    model, _ = trained(SwapEMAWeights())
    model.set_weights([np.ones((3, 1)), np.ones(1)])
    results = getattr(model, run)(X, *([Y] if run == "evaluate" else []), verbose=0)
    swapped = getattr(model, run)(
        X,
        *([Y] if run == "evaluate" else []),
        verbose=0,
        callbacks=[SwapEMAWeights()],
    )
    assert not np.allclose(results, swapped)
    assert all((w == 1).all() for w in model.get_weights())


def test_optimizer_without_averages_is_refused():
    with pytest.raises(StateError, match="use_ema=True"):
        trained(SwapEMAWeights(), use_ema=False)


def test_untrained_model_is_unchanged():
    model = small_model(optimizer=SGD(0.1, use_ema=True))
    model.predict(X, verbose=0, callbacks=[SwapEMAWeights()])
    assert all((w == 0).all() for w in model.get_weights())


def test_method_of_a_subclass_is_called_once_per_training():
    class Counts(SwapEMAWeights):
        starts = 0

        def on_train_begin(self, logs=None):
            self.starts += 1
            super().on_train_begin(logs)

    counts = Counts()
    trained(counts)
    assert counts.starts == 1
