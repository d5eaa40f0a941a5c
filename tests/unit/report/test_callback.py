"""`fit(report=)` and the callback `Report`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lamina
from lamina import callbacks, layers
from lamina.errors import ArgumentError, SaveError
from lamina.report.collect.record import command
from tests.unit.report.test_page import Tags, embedded

X = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")
Y = X.sum(1, keepdims=True)


def small_model() -> Any:
    model = lamina.Sequential([lamina.Input((4,)), layers.Dense(1)], name="small")
    model.compile("sgd", "mse")
    return model


def run_in(path: Path) -> dict[str, Any]:
    return embedded(path.read_text(encoding="utf-8"), "run-data")[0]


class Watch(callbacks.Callback):
    """Records the epochs in the page at the end of each epoch."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path, self.found = path, []

    def on_epoch_begin(self, epoch, logs=None):
        self.found.append(run_in(self.path)["epochs"])


def test_page_is_rewritten_after_each_epoch(tmp_path):
    path = tmp_path / "run.html"
    watch = Watch(path)
    history = small_model().fit(
        X, Y, epochs=3, validation_split=0.25, verbose=0, report=path, callbacks=watch
    )
    assert watch.found == [[], [1], [1, 2]]
    run = run_in(path)
    assert run["epochs"] == [1, 2, 3]
    assert "trained on 24 rows for 3 epochs" in Tags(path.read_text("utf-8")).text
    for name, values in history.history.items():
        np.testing.assert_allclose(run["logs"][name], values, 1e-5)
    assert run["rates"] == {"learning_rate": [0.01] * 3}
    assert [p.name for p in tmp_path.iterdir()] == ["run.html"]


def test_record_has_what_repeats_the_run(tmp_path):
    path = tmp_path / "run.html"
    small_model().fit(X, Y, batch_size=8, seed=5, verbose=0, report=str(path))
    record = run_in(path)["record"]
    assert record["arguments"]["seed"] == 5
    assert record["arguments"]["batch_size"] == 8
    assert record["arguments"]["compile"]["optimizer"]["class_name"] == "SGD"
    assert record["data"]["rows"] == 32
    assert record["data"]["arrays"]["x"] == "(32, 4) float32"
    assert record["versions"]["lamina"] == lamina.__version__


def test_record_names_functions_of_users(tmp_path):
    def distance(y_true, y_pred):
        return lamina.ops.mean(lamina.ops.abs(y_true - y_pred), axis=-1)

    model, path = small_model(), tmp_path / "run.html"
    model.compile("sgd", distance, metrics=[distance])
    model.fit(X, Y, verbose=0, report=path)
    text = Tags(path.read_text("utf-8")).text
    assert "distance" in text and "LossFunctionWrapper" not in text


def test_report_does_not_change_the_result(tmp_path):
    results = []
    for more in ({}, {"report": tmp_path / "run.html"}):
        lamina.utils.set_random_seed(0)
        model = small_model()
        model.fit(X, Y, epochs=2, verbose=0, seed=1, **more)
        results.append(model.get_weights())
    for with_report, without in zip(*results, strict=True):
        np.testing.assert_array_equal(with_report, without)


def test_resumed_run_keeps_its_page(tmp_path):
    path = tmp_path / "run.html"
    for epochs in (2, 4):
        small_model().fit(
            X, Y, epochs=epochs, verbose=0, report=path, resume=tmp_path / "run"
        )
    assert run_in(path)["epochs"] == [1, 2, 3, 4]


def test_resumed_run_measures_updates_from_its_checkpoint(tmp_path):
    ratios = []
    for steps, more in (((2, 4), {"resume": tmp_path / "run"}), ((4,), {})):
        for epochs in steps:
            model = lamina.Sequential([lamina.Input((4,)), layers.Dense(1, name="d")])
            model.compile("sgd", "mse")
            report = callbacks.Report(tmp_path / "run.html")
            lamina.utils.set_random_seed(1)
            model.fit(
                X, Y, epochs=epochs, seed=1, verbose=0, callbacks=[report], **more
            )
        run = json.loads(report.state_dict()["run"])
        ratios.append(run["snapshots"]["layers"]["d"]["ratio"])
    assert len(ratios[0]) == 4
    assert max(ratios[0]) < 0.1  # the weights were not compared with initial ones


def test_page_says_how_many_epochs_were_trained(tmp_path):
    path = tmp_path / "run.html"

    def stop(epoch: int, logs: Any) -> None:
        if epoch == 1:
            raise KeyboardInterrupt

    interrupt = callbacks.LambdaCallback(on_epoch_begin=stop)
    with pytest.raises(KeyboardInterrupt):
        small_model().fit(X, Y, epochs=3, report=path, callbacks=interrupt)
    assert "was trained on 32 rows for 1 of 3 epochs" in Tags(path.read_text()).text


def test_full_disk_does_not_end_training(tmp_path):
    report = callbacks.Report(tmp_path / "run.html")

    def fill(epoch: int, logs: Any) -> None:
        report.path = tmp_path / "file" / "run.html"

    (tmp_path / "file").touch()
    last = callbacks.LambdaCallback(on_epoch_begin=fill)
    with pytest.warns(RuntimeWarning, match="The report has no (epoch 1|end)"):
        history = small_model().fit(X, Y, verbose=0, report=report, callbacks=last)
    assert history.epoch == [0]


def test_path_that_cannot_be_written_is_refused_before_training(tmp_path):
    (tmp_path / "file").touch()
    model = small_model()
    before = model.get_weights()
    with pytest.raises(SaveError, match=r"run\.html"):
        model.fit(X, Y, verbose=0, report=tmp_path / "file" / "run.html")
    with pytest.raises(ArgumentError, match=r"\.html"):
        model.fit(X, Y, verbose=0, report="run.txt")
    np.testing.assert_array_equal(model.get_weights()[0], before[0])


def test_command_hides_passwords(monkeypatch):
    line = ["python3", "train.py", "--api-key", "abc", "--token=def", "--epochs", "3"]
    monkeypatch.setattr(sys, "orig_argv", line)
    expected = "python train.py --api-key '***' '--token=***' --epochs 3"
    assert command() == expected
