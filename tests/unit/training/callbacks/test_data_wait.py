"""`Callback.on_data_wait`: the time that the device waits for batches."""

from __future__ import annotations

import time

import pytest

from lamina.training.callbacks import Callback
from lamina.utils import PyDataset
from tests.unit.training.callbacks.helpers import X, Y, small_model

SECONDS = 0.02


class Slow(PyDataset):
    """Data set whose batches take some time."""

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int):
        time.sleep(SECONDS)
        return X, Y


class Waits(Callback):
    """Callback that records all waits."""

    def __init__(self) -> None:
        super().__init__()
        self.found = []

    def on_data_wait(self, kind, seconds):
        self.found.append((kind, seconds))


@pytest.mark.parametrize("eagerly", [False, True])
def test_slow_data_is_waited_for(eagerly):
    model, waits = small_model(), Waits()
    model.run_eagerly = eagerly
    model.fit(Slow(), epochs=3, verbose=0, callbacks=[waits])
    model.evaluate(Slow(), verbose=0, callbacks=[waits])
    assert {kind for kind, _ in waits.found} == {"train", "test"}
    # The second and third epoch wait for their first batch.
    assert sum(s for kind, s in waits.found if kind == "train") > SECONDS


def test_arrays_are_not_waited_for():
    waits = Waits()
    small_model().fit(X, Y, epochs=3, verbose=0, callbacks=[waits])
    assert waits.found == []
