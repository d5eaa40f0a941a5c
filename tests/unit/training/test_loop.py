"""The compiled loop: same bits however it is cut, and wherever it stops."""

from __future__ import annotations

import functools
import threading
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

import lamina
from lamina import callbacks, layers
from lamina.data import batches
from lamina.training import loop
from tests.unit.training.helpers import (
    EveryBatch,
    assert_same_bits,
    blobs,
    classifier,
    state_of,
)


def trained(cut: Any = None, monkeypatch: Any = None, **fit: Any) -> Any:
    model = classifier()
    if cut is not None:
        sizes = iter(cut * 100)

        class Cutter(loop.ChunkSizer):
            chunk = property(lambda _: next(sizes), lambda *_: None)

        monkeypatch.setattr(loop, "ChunkSizer", Cutter)
    x, y = blobs(fit.pop("rows", 100))
    options = {"epochs": 2, "batch_size": 8, "verbose": 0, "seed": 5, **fit}
    history = model.fit(x, y, **options)
    return state_of(model), history.history


trained_in_one_piece = functools.cache(trained)


@pytest.mark.parametrize(
    "cut", [[1], [2, 3], [12], [5, 7], [1, 11], [3, 9, 1]], ids=str
)
def test_any_cut_of_an_epoch_gives_the_same_bits(cut: Any, monkeypatch: Any) -> None:
    whole, logs = trained_in_one_piece()
    pieces, cut_logs = trained(cut, monkeypatch)
    assert_same_bits(whole, pieces)
    assert logs == cut_logs


@pytest.mark.parametrize("rows", [8400, 8448], ids=["rest", "no rest"])
@pytest.mark.parametrize("cut", [[40], [26, 3], [5, 7]], ids=str)
def test_rows_that_are_gathered_together_give_the_same_bits(
    cut: Any, rows: int, monkeypatch: Any
) -> None:
    options = {"rows": rows, "batch_size": 256, "epochs": 1}
    with monkeypatch.context() as patch:
        patch.setattr(batches, "UNDIVIDED", 2**20)
        alone, logs = trained(**options)
    together, cut_logs = trained(cut, monkeypatch, **options)
    assert_same_bits(alone, together)
    assert logs == cut_logs


class Recorder(callbacks.Callback):
    """Reads the epoch's number, so that each epoch is a dispatch."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.epoch = epoch


@functools.cache
def trained_epoch_by_epoch(rows: int) -> Any:
    return trained(callbacks=[Recorder()], rows=rows, epochs=9)


@pytest.mark.parametrize("rows", [100, 96, 7], ids=str)
@pytest.mark.parametrize("cut", [[27], [13, 40], [1000], [1, 90, 3]], ids=str)
def test_short_epochs_in_one_dispatch_give_the_same_bits(
    cut: Any, rows: int, monkeypatch: Any
) -> None:
    one_by_one, logs = trained_epoch_by_epoch(rows)
    pieces, cut_logs = trained(cut, monkeypatch, rows=rows, epochs=9)
    assert_same_bits(one_by_one, pieces)
    assert logs == cut_logs
    assert len(logs["loss"]) == 9


class EveryModel(EveryBatch):
    """Reads the model at each batch, so that training must pause for it."""

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        weights = self.model.get_weights()
        self.seen.append((batch, logs, weights))


def test_batch_callbacks_see_what_one_step_at_a_time_would_show() -> None:
    quick, slow = EveryBatch(), EveryModel()
    first, _ = trained(callbacks=[quick])
    second, _ = trained(callbacks=[slow])
    assert (quick.batch_needs("train"), slow.batch_needs("train")) == (
        "batches",
        "model",
    )
    assert_same_bits(first, second)
    assert [s[:2] for s in slow.seen] == quick.seen
    assert [batch for batch, _ in quick.seen] == [*range(13)] * 2
    kernels = [s[2][0] for s in slow.seen]
    assert all((a != b).any() for a, b in zip(kernels, kernels[1:], strict=False))


def test_seed_and_order_are_the_only_chance() -> None:
    first, _ = trained()
    second, _ = trained()
    other, _ = trained(seed=6)
    assert_same_bits(first, second)
    assert any((a != b).any() for a, b in zip(first, other, strict=True))


ONES = np.ones((240, 1), "float32")
IN_ORDER: Any = {"batch_size": 2, "shuffle": False, "verbose": 0, "check_data": False}


@functools.cache
def model_of_ones(where: str) -> tuple[Any, list[np.ndarray]]:
    """Return a model and its state. Infinite labels spoil its loss or its update."""

    def loss(y_true: Any, y_pred: Any) -> Any:
        if where == "loss":
            return (y_true - y_pred) ** 2
        # A root of one, or of zero: there it is finite, but not its slope.
        place = jnp.where(jnp.isfinite(y_true), 1.0, 0.0)
        return (place + y_pred - lax.stop_gradient(y_pred)) ** 0.5

    model = lamina.Sequential([layers.Dense(1, use_bias=False, input_shape=(1,))])
    model.compile(lamina.optimizers.Adam(0.01), loss)
    model.layers[0].set_weights([[[0.5]]])
    model.optimizer.build(model.trainable_variables)
    return model, state_of(model)


def restarted(where: str) -> Any:
    model, state = model_of_ones(where)
    variables = [*model.variables, *model.optimizer.variables]
    for variable, value in zip(variables, state, strict=True):
        variable.assign(value)
    return model


@functools.cache
def trained_with_ones(where: str, batches: int) -> list[np.ndarray]:
    model = restarted(where)
    if batches:
        model.fit(ONES, ONES, steps_per_epoch=batches, **IN_ORDER)
    return state_of(model)


@pytest.mark.filterwarnings("ignore:All")  # values of x, rows of y are the same
@pytest.mark.parametrize("cut", [[200], [60], [1, 7, 30]], ids=str)
@pytest.mark.parametrize("bad", [0, 1, 24, 25, 60, 100, 119])
@pytest.mark.parametrize("where", ["loss", "weights"])
def test_what_is_left_is_what_training_up_to_there_gives(
    where: str, bad: int, cut: Any, monkeypatch: Any
) -> None:
    """`bad` is the batch of 120 whose loss, or whose update alone, is infinite."""
    y = ONES.copy()
    y[2 * bad :] = np.inf
    expected = trained_with_ones(where, bad)
    sizes = iter(cut * 200)

    class Cutter(loop.ChunkSizer):
        chunk = property(lambda _: next(sizes), lambda *_: None)

    monkeypatch.setattr(loop, "ChunkSizer", Cutter)
    model = restarted(where)
    with pytest.warns(loop.NonFiniteWarning, match=f"batch {bad} "):
        model.fit(ONES, y, **IN_ORDER)
    assert int(model.optimizer.iterations) == bad
    assert_same_bits(expected, state_of(model))


def test_fit_works_in_a_thread_of_its_own() -> None:
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(trained()))
    thread.start()
    thread.join(120)
    assert_same_bits(results[0][0], trained()[0])
