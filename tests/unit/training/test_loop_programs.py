"""Programs of the loop: compiled once, stopped before a step that is not finite."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

import lamina
from lamina import callbacks, config, layers
from lamina.errors import LikelyMistakeWarning
from lamina.runtime import executable, operations
from lamina.training import engine, loop, prepare
from tests.unit.training.helpers import EveryBatch, assert_same_bits, blobs, classifier


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
