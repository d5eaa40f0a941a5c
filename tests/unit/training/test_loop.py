"""The compiled loop: same bits however it is cut, compiled once, stopped in time."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

import lamina
from lamina import callbacks, config, layers
from lamina.data import batches
from lamina.errors import LikelyMistakeWarning
from lamina.runtime import executable, operations
from lamina.training import engine, loop, prepare
from tests.unit.training.helpers import assert_same_bits, blobs, classifier, state_of


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


def test_first_step_is_timed_without_its_compilation(monkeypatch: Any) -> None:
    events = []

    class Sizer(loop.ChunkSizer):
        def start(self) -> None:
            events.append("start")
            super().start()

    compile_program = executable.Program.executable

    def compiled(self: Any, *args: Any) -> Any:
        events.append("compile")
        return compile_program(self, *args)

    monkeypatch.setattr(loop, "ChunkSizer", Sizer)
    monkeypatch.setattr(executable.Program, "executable", compiled)
    x, y = blobs(16)
    classifier().fit(x, y, batch_size=8, verbose=0)
    assert events[:2] == ["compile", "start"]
    assert events.count("compile") == 1


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


def test_epochs_run_together_only_for_callbacks_that_let_them(tmp_path: Any) -> None:
    class Mine(callbacks.History):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.model.get_weights()

    log = callbacks.CSVLogger(tmp_path / "log.csv")
    assert callbacks.CallbackList([log], add_history=True).allows_epoch_fusion()
    for other in [callbacks.EarlyStopping(), callbacks.LambdaCallback(), Mine()]:
        assert not callbacks.CallbackList([log, other]).allows_epoch_fusion()


@pytest.mark.filterwarnings("ignore:The learning rate of SGD is 3")
def test_epochs_that_run_together_stop_at_the_last_finite_step() -> None:
    model = lamina.Sequential([layers.Dense(1, use_bias=False, input_shape=(1,))])
    model.compile(lamina.optimizers.SGD(3.0), "mse")
    x = np.ones((20, 1), "float32")
    with pytest.warns(loop.NonFiniteWarning):
        history = model.fit(x, 2 * x, batch_size=8, epochs=500, verbose=0)
    losses = history.history["loss"]
    steps = int(model.optimizer.iterations)
    assert np.isfinite(losses[:-1]).all() and np.isnan(losses[-1])
    assert len(losses) == steps // 3 + 1 < 500
    assert np.isfinite(model.get_weights()[0]).all()


class EveryBatch(callbacks.Callback):
    """Reads only the logs of each batch."""

    needs = "batches"

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Any] = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.seen.append((batch, logs))


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


def count_compiles(monkeypatch: Any) -> list[int]:
    """Return a list to which each compilation adds an element."""
    compiled: list[int] = []
    compile_ = executable._optimized
    monkeypatch.setattr(
        executable, "_optimized", lambda *a: compiled.append(1) or compile_(*a)
    )
    return compiled


def test_a_second_fit_traces_and_compiles_nothing(monkeypatch: Any) -> None:
    model, (x, y) = classifier(), blobs()
    model.fit(x, y, verbose=0, validation_split=0.2)
    compiled, traces = count_compiles(monkeypatch), []
    trace = engine.trace_step
    monkeypatch.setattr(engine, "trace_step", lambda *a: traces.append(1) or trace(*a))
    model.optimizer.learning_rate = 0.5
    model.layers[2].rate = 0.1
    model.fit(x, y, epochs=3, verbose=0, validation_split=0.2)
    assert not compiled and not traces


def test_a_repeated_fit_prepares_nothing_for_the_same_shapes(monkeypatch: Any) -> None:
    model, (x, y) = classifier(), blobs()
    model.fit(x, y, verbose=0)
    checks: list[int] = []
    check = prepare.check_label_shapes
    monkeypatch.setattr(
        prepare, "check_label_shapes", lambda *a: checks.append(1) or check(*a)
    )
    model.fit(x, y, verbose=0)  # the first one has built the layers
    model.fit(x, y, verbose=0)
    assert len(checks) == 1
    model.layers[0].trainable = False
    model.fit(x, y, verbose=0)
    assert len(checks) == 2


def test_a_warning_names_the_line_that_called_fit() -> None:
    config.set_checks("all")
    model = lamina.Sequential([layers.Dense(1, "softmax", input_shape=(1,))])
    model.compile("sgd", "mse")
    x = np.ones((4, 1), "float32")
    with pytest.warns(LikelyMistakeWarning) as raised:
        model.fit(x, x, verbose=0)
    assert {warning.filename for warning in raised} == {__file__}


def test_equal_models_share_their_programs(monkeypatch: Any) -> None:
    x, y = blobs()
    classifier(1).fit(x, y, verbose=0)
    compiled = count_compiles(monkeypatch)
    other = classifier(2)
    other.fit(x, y, verbose=0)
    other.evaluate(x, y, verbose=0)
    count = len(compiled)
    third = classifier(3)
    third.fit(x, y, verbose=0)
    third.evaluate(x, y, verbose=0)
    assert len(compiled) == count <= 2


def test_freezing_takes_effect_at_the_next_fit() -> None:
    model, (x, y) = classifier(), blobs()
    model.fit(x, y, verbose=0)
    model.layers[0].trainable = False
    before = model.layers[0].get_weights()
    last = model.layers[-1].get_weights()
    model.fit(x, y, verbose=0)
    assert_same_bits(before, model.layers[0].get_weights())
    assert (last[0] != model.layers[-1].get_weights()[0]).any()


@pytest.mark.parametrize("where", ["loss", "gradient"])
def test_training_stops_before_the_first_step_that_is_not_finite(where: str) -> None:
    x = np.ones((64, 1), "float32")
    x[40:48] = 1e30 if where == "loss" else 0.0

    def loss(y_true: Any, y_pred: Any) -> Any:
        if where == "loss":
            return y_pred**2
        return (y_pred - y_pred * 0.5) ** 0.5  # an infinite slope at zero

    model = lamina.Sequential([layers.Dense(1, use_bias=False, input_shape=(1,))])
    model.compile("sgd", loss)
    model.layers[0].set_weights([[[1.0]]])
    log = EveryBatch()
    with pytest.warns(loop.NonFiniteWarning, match="batch 5"):
        history = model.fit(
            x, x, batch_size=8, epochs=3, shuffle=False, verbose=0, callbacks=[log]
        )
    assert np.isnan(history.history["loss"]).tolist() == [True]
    assert int(model.optimizer.iterations) == 5
    assert np.isfinite(model.get_weights()[0]).all()


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


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
@pytest.mark.parametrize("size", [3, 2**17])
@pytest.mark.parametrize(
    ("before", "after", "good"),
    [(0, 1, True), (0, np.inf, False), (0, np.nan, False), (np.inf, np.inf, True)],
)
def test_what_was_finite_and_is_not(
    dtype: str, size: int, before: float, after: float, good: bool
) -> None:
    old, new = jnp.full(size, before, dtype), jnp.full(size, after, dtype)
    assert bool(operations.still_finite([new], [old])) is good


def test_error_in_data_leaves_finite_weights() -> None:
    def batches() -> Iterator[Any]:
        for i in range(70):
            yield np.full((2, 3), 1.0 if i < 63 else np.nan), np.ones((2, 1))
        raise ZeroDivisionError  # while the 64 batches before are trained on

    model = lamina.Sequential([layers.Dense(1, input_shape=(3,))])
    model.compile("adam", "mse")
    with pytest.raises(ZeroDivisionError):
        model.fit(batches(), steps_per_epoch=400, verbose=0, check_data=False)
    assert all(np.isfinite(w).all() for w in model.get_weights())
    assert int(model.optimizer.iterations) == 63


class Lowest(lamina.metrics.Metric):
    """A metric whose variable is infinite before and after each step."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.lowest = self.add_variable((), lamina.initializers.Constant(np.inf))

    def update_state(self, *_: Any, **__: Any) -> None:
        self.lowest.assign(self.lowest.value + 1)

    def result(self) -> Any:
        return self.lowest.value

    def reset_state(self) -> None:
        self.lowest.assign(jnp.float32(np.inf))


def test_variable_that_is_always_infinite_is_no_failed_step() -> None:
    model = lamina.Sequential([layers.Dense(1, input_shape=(3,))])
    model.compile("adam", "mse", metrics=[Lowest(name="lowest")])
    x, y = np.ones((8, 3), "float32"), np.ones((8, 1), "float32")
    history = model.fit(x, y, batch_size=4, epochs=3, verbose=0).history
    assert history["lowest"] == [np.inf] * 3
    assert int(model.optimizer.iterations) == 6


@pytest.mark.parametrize("bad", [777, 2001, 3000, 3999])
def test_failed_step_is_found_beside_a_variable_that_is_always_infinite(bad) -> None:
    """Dispatches overlap, so the variables are ahead of the one that is judged."""
    model = lamina.Sequential([layers.Dense(1, input_shape=(3,))])
    model.compile("sgd", "mse", metrics=[Lowest(name="lowest")])
    x, y = np.ones((16_000, 3), "float32"), np.ones((16_000, 1), "float32")
    y[4 * bad :] = 1e30
    with pytest.warns(loop.NonFiniteWarning, match=f"in batch {bad} of epoch 1"):
        model.fit(x, y, batch_size=4, shuffle=False, verbose=0, check_data=False)
    assert all(np.isfinite(w).all() for w in model.get_weights())


def test_arrays_that_somebody_holds_outlive_training() -> None:
    model, (x, y) = classifier(), blobs()
    model.fit(x, y, verbose=0)
    held = model.layers[0].kernel.value
    copy = np.array(held)
    model.fit(x, y, verbose=0)
    np.testing.assert_array_equal(np.asarray(held), copy)


def test_fit_works_in_a_thread_of_its_own() -> None:
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(trained()))
    thread.start()
    thread.join(120)
    assert_same_bits(results[0][0], trained()[0])
