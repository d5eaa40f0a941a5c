"""Features that all trackers share, with one that records its calls."""

from __future__ import annotations

import signal

import numpy as np
import pytest

import lamina
from lamina.callbacks import LambdaCallback
from lamina.errors import MissingPackageError
from lamina.trackers.base import Tracker, flat
from tests.unit.training.callbacks.helpers import X, Y, small_model


class Recorder(Tracker):
    """Tracker whose runs are lists in a dictionary."""

    package = "json"

    def __init__(self, runs=None, config=None):
        super().__init__(config)
        self.runs = {} if runs is None else runs

    def _open(self, config):
        run_id = self.run_id or f"run {len(self.runs)}"
        self.runs.setdefault(run_id, []).append(("open", config))
        return run_id

    def _log(self, metrics, epoch):
        self.runs[self.run_id].append((epoch, metrics))

    def _finish(self, summary, completed):
        self.runs[self.run_id].append(("completed" if completed else "failed", summary))


def fit(tracker, *callbacks, **arguments):
    return small_model().fit(
        X, Y, batch_size=5, verbose=0, callbacks=[tracker, *callbacks], **arguments
    )


def stop_at(epoch):
    def fail(at, logs):
        if at == epoch:
            raise RuntimeError("the machine stopped")

    return LambdaCallback(on_epoch_end=fail)


def test_run_has_metrics_record_and_best_values():
    tracker = Recorder(config={"team": "blue"})
    history = fit(tracker, epochs=3, validation_data=(X, Y), seed=1).history
    [(_, config), *epochs, (end, summary)] = tracker.runs["run 0"]
    assert [epoch for epoch, _ in epochs] == [0, 1, 2]
    for epoch, metrics in epochs:
        assert metrics.pop("learning_rate") == pytest.approx(0.01)
        assert metrics == {name: values[epoch] for name, values in history.items()}
    assert end == "completed"
    assert summary == {f"best_{name}": min(values) for name, values in history.items()}
    expected = {"epochs": 3, "seed": 1, "loss": "mse", "metrics": "mae", "team": "blue"}
    expected |= {"optimizer": "SGD", "optimizer.momentum": 0.0, "parameters": 4}
    expected |= {"data.rows": 10, "versions.lamina": lamina.__version__}
    assert config.items() >= expected.items()


def test_each_fit_is_a_run():
    tracker = Recorder()
    for _ in range(2):
        fit(tracker, epochs=1)
    assert list(tracker.runs) == ["run 0", "run 1"]


def test_failed_run_is_ended_as_failed():
    tracker = Recorder()
    with pytest.raises(RuntimeError, match="the machine stopped"):
        fit(tracker, stop_at(1), epochs=3)
    assert [step for step, _ in tracker.runs["run 0"]] == ["open", 0, 1, "failed"]


def test_resumed_run_continues(tmp_path):
    runs = {"another": []}
    with pytest.raises(RuntimeError):
        fit(Recorder(runs), stop_at(1), epochs=3, resume=tmp_path)
    fit(Recorder(runs), LambdaCallback(), epochs=3, resume=tmp_path)
    assert list(runs) == ["another", "run 1"]
    steps = [step for step, _ in runs["run 1"]]
    assert steps[:4] == ["open", 0, 1, "failed"] and steps[-2:] == [2, "completed"]
    first_loss = runs["run 1"][1][1]["loss"]
    assert runs["run 1"][-1][1]["best_loss"] < first_loss


@pytest.mark.usefixtures("keyboard")
def test_run_resumed_within_an_epoch_continues(tmp_path):
    def interrupt(batch, logs):
        if batch == 0 and len(runs["run 0"]) == 2:
            signal.raise_signal(signal.SIGINT)

    runs = {}
    with pytest.raises(KeyboardInterrupt):
        stop = LambdaCallback(on_train_batch_end=interrupt)
        fit(Recorder(runs), stop, epochs=3, resume=tmp_path)
    fit(Recorder(runs), LambdaCallback(), epochs=3, resume=tmp_path)
    assert list(runs) == ["run 0"]
    steps = [step for step, _ in runs["run 0"]]
    assert steps == ["open", 0, "failed", "open", 1, 2, "completed"]


def test_best_value_follows_the_direction_of_the_metric_and_skips_nan():
    tracker = Recorder()
    tracker.set_model(small_model())
    tracker.on_train_begin()
    for epoch, (loss, accuracy) in enumerate([(np.nan, 0.5), (2.0, 0.7), (3.0, 0.6)]):
        logs = {"loss": loss, "accuracy": accuracy, "size": 1.0, "by_class": np.ones(2)}
        tracker.on_epoch_begin(epoch)
        tracker.on_epoch_end(epoch, logs)
    tracker.on_train_end()
    assert tracker.best == {"best_loss": 2.0, "best_accuracy": 0.7}
    assert "by_class" not in tracker.runs["run 0"][1][1]


class Unreachable(Recorder):
    def _log(self, metrics, epoch):
        raise ConnectionError("no network")


def test_tracker_that_cannot_log_does_not_stop_training():
    with pytest.warns(UserWarning, match="Unreachable could not send .* no network"):
        history = fit(Unreachable(), epochs=2)
    assert len(history.epoch) == 2


class Absent(Recorder):
    package = "no_such_package"


def test_missing_package_names_the_extra():
    with pytest.raises(MissingPackageError, match=r"lamina\[no_such_package\]"):
        Absent()


def test_record_is_flat():
    schedule = {"class_name": "CosineDecay", "config": {"decay_steps": 9}}
    optimizer = {
        "class_name": "Adam",
        "config": {"learning_rate": schedule, "amsgrad": 0},
    }
    compiled = {"optimizer": optimizer, "metrics": ["mae", {"class_name": "AUC"}]}
    record = {"arguments": {"epochs": 3, "compile": compiled}, "data": {"rows": None}}
    assert flat(record) == {
        "epochs": 3,
        "optimizer": "Adam",
        "optimizer.learning_rate": "CosineDecay",
        "optimizer.learning_rate.decay_steps": 9,
        "optimizer.amsgrad": 0,
        "metrics": "mae, AUC",
    }
