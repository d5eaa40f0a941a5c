"""A model that one thread trains while another one uses it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lamina
from lamina import callbacks, layers
from lamina.errors import StateError
from tests.unit.training.helpers import blobs, classifier


class Begun(callbacks.Callback):
    """Tells when the second epoch begins."""

    def __init__(self) -> None:
        super().__init__()
        self.event = threading.Event()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if epoch == 1:
            self.event.set()


@contextmanager
def training(model: Any, x: Any, y: Any) -> Iterator[None]:
    """Context in which a thread trains a model."""
    begun, errors = Begun(), list[Exception]()

    def work() -> None:
        try:
            model.fit(x, y, epochs=10**6, batch_size=8, verbose=0, callbacks=[begun])
        except Exception as error:
            errors.append(error)
            begun.event.set()

    thread = threading.Thread(target=work, name="trainer")
    thread.start()
    assert begun.event.wait(60)
    try:
        yield
    finally:
        model.stop_training = True
        thread.join(60)
    assert not errors


class Twins(layers.Layer):
    """Two weights that are always equal."""

    def build(self, input_shape: Any) -> None:
        self.first = self.add_weight((1000,), "zeros", name="first")
        self.second = self.add_weight((1000,), "zeros", name="second")

    def call(self, inputs: Any) -> Any:
        total = lamina.ops.sum(self.first) + lamina.ops.sum(self.second)
        return inputs + total


def twins() -> lamina.Model:
    model = lamina.Sequential([layers.Input((8,)), Twins()])
    model.compile(lamina.optimizers.SGD(1e-6), "mae")
    return model


def of_predict(model: Any, folder: Path) -> Any:
    return model.predict(np.zeros((40, 8), "float32"), batch_size=8, verbose=0)


def of_get_weights(model: Any, folder: Path) -> None:
    first, second = model.get_weights()
    np.testing.assert_array_equal(first, second)


def of_save(model: Any, folder: Path) -> None:
    model.save(folder / "model.keras")
    loaded = lamina.models.load_model(folder / "model.keras", {"Twins": Twins})
    of_get_weights(loaded, folder)


def of_save_weights(model: Any, folder: Path) -> None:
    for ending in (".weights.h5", ".safetensors"):
        model.save_weights(folder / f"model{ending}")
        other = twins()
        other.load_weights(folder / f"model{ending}")
        of_get_weights(other, folder)


READERS = [of_predict, of_get_weights, of_save, of_save_weights]


@pytest.mark.parametrize("reader", READERS)
def test_what_reads_a_model_in_training_sees_one_step(
    reader: Callable[[Any, Path], Any], tmp_path: Path
) -> None:
    model = twins()
    x = np.ones((400, 8), "float32")
    with training(model, x, x + 1):
        for _ in range(5):
            reader(model, tmp_path)


WRITERS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "fit": lambda model, x, y: model.fit(x, y, verbose=0),
    "evaluate": lambda model, x, y: model.evaluate(x, y, verbose=0),
    "train_on_batch": lambda model, x, y: model.train_on_batch(x, y),
    "test_on_batch": lambda model, x, y: model.test_on_batch(x, y),
}


@pytest.mark.parametrize("name", WRITERS)
def test_what_changes_a_model_in_training_is_refused(name: str) -> None:
    model, (x, y) = classifier(), blobs()
    with training(model, x, y):
        text = f"`{name}` cannot begin: the thread 'trainer' is in `fit`"
        with pytest.raises(StateError, match=text):
            WRITERS[name](model, x, y)
    WRITERS[name](model, x, y)


def test_a_callback_may_evaluate_and_train_its_model() -> None:
    model, (x, y) = classifier(), blobs()

    class Nested(callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            for writer in WRITERS.values():
                writer(clone if writer is WRITERS["fit"] else self.model, x, y)

    clone = classifier()
    model.fit(x, y, verbose=0, callbacks=[Nested()])


class SlowTwins(Twins):
    """Takes long to build."""

    halfway = threading.Event()

    def build(self, input_shape: Any) -> None:
        self.first = self.add_weight((1000,), "zeros", name="first")
        self.halfway.set()
        threading.Event().wait(0.5)
        self.second = self.add_weight((1000,), "zeros", name="second")


def test_a_model_saved_while_fit_builds_it_can_be_loaded(tmp_path: Path) -> None:
    model = lamina.Sequential([SlowTwins()])
    model.compile("adam", "mae")
    x = np.ones((400, 8), "float32")
    thread = threading.Thread(target=lambda: model.fit(x, x, verbose=0))
    thread.start()
    assert SlowTwins.halfway.wait(60)
    model.save(tmp_path / "model.keras")
    thread.join(60)
    known = {"SlowTwins": SlowTwins}
    loaded = lamina.models.load_model(tmp_path / "model.keras", known)
    assert len(loaded.get_weights()) == 2
