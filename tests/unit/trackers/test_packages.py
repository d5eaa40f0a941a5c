"""Trackers with their packages, which write to files of this machine."""

from __future__ import annotations

import json
import os
import struct
import tempfile
import warnings
from pathlib import Path

import pytest

from lamina import callbacks
from tests.unit.trackers.test_tracker import fit, stop_at
from tools import doc_outputs

BLOCK = 32768  # bytes in a file of Weights & Biases

# Runs of a project, as dictionaries: "config", "metrics" as values by name and epoch,
# "summary" and "status", which only MLflow has.


class TrackioFiles:
    status = (None, None)

    def __init__(self, folder, monkeypatch):
        # Trackio reads the variable when it is imported.
        os.environ.setdefault("TRACKIO_DIR", tempfile.mkdtemp())
        self.package = pytest.importorskip("trackio")
        self.project = folder.name

    def tracker(self, **arguments):
        return callbacks.Trackio(self.project, embed=False, **arguments)

    def runs(self):
        found = []
        for run in self.package.Api().runs(self.project):
            storage = self.package.sqlite_storage.SQLiteStorage
            logs = storage.get_logs(self.project, run.name)
            metrics, summary = {}, {}
            for log in logs:
                for name, value in log.items():
                    if name.startswith("best_"):
                        summary[name] = value
                    elif name not in ("step", "timestamp"):
                        metrics[name, log["step"]] = value
            found.append({"config": run.config, "metrics": metrics, "summary": summary})
        return found


class WandbFiles:
    status = (None, None)

    def __init__(self, folder, monkeypatch):
        self.package = pytest.importorskip("wandb")
        monkeypatch.setenv("WANDB_MODE", "offline")
        monkeypatch.setenv("WANDB_SILENT", "true")
        self.folder = folder

    def tracker(self, **arguments):
        # The variable WANDB_DIR is read once in a process.
        return callbacks.WeightsAndBiases("lamina", dir=self.folder, **arguments)

    def runs(self):
        self.package.teardown()  # waits until the files are written
        runs = {}
        for path in sorted(self.folder.rglob("run-*.wandb")):
            run = runs.setdefault(
                path.stem, {"config": {}, "metrics": {}, "summary": {}}
            )
            for record in self._records(path):
                self._read(record, run)
        return list(runs.values())

    def _records(self, path):
        """Yield the records of a file in LevelDB's log format."""
        from wandb.proto.wandb_internal_pb2 import Record

        data, start, record = path.read_bytes(), 7, b""
        while start + 7 <= len(data):
            left = BLOCK - start % BLOCK
            if left < 7:  # a block ends with zeros if a header does not fit
                start += left
                continue
            _, length, kind = struct.unpack_from("<IHB", data, start)
            record += data[start + 7 : start + 7 + length]
            start += 7 + length
            if kind in (1, 4):  # a whole record, or the last part
                yield Record.FromString(record)
                record = b""

    def _read(self, record, run):
        def pairs(items):
            for item in items:
                yield item.key or ".".join(item.nested_key), json.loads(item.value_json)

        if record.HasField("run"):
            run["config"].update(pairs(record.run.config.update))
        if record.HasField("config"):
            run["config"].update(pairs(record.config.update))
        if record.HasField("history"):
            row = dict(pairs(record.history.item))
            epoch = row.pop("epoch")
            run["metrics"] |= {
                (k, epoch): v for k, v in row.items() if not k.startswith("_")
            }
        if record.HasField("summary"):
            summary = dict(pairs(record.summary.update))
            run["summary"] |= {
                k: v for k, v in summary.items() if k.startswith("best_")
            }


class MLflowFiles:
    status = ("FINISHED", "FAILED")

    def __init__(self, folder, monkeypatch):
        # A new database takes MLflow ten seconds.
        monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
        self.package = pytest.importorskip("mlflow")
        self.uri = (folder / "mlruns").as_uri()
        self.package.set_tracking_uri(self.uri)

    def tracker(self, **arguments):
        return callbacks.MLflow("lamina", tracking_uri=self.uri, **arguments)

    def runs(self):
        client = self.package.MlflowClient()
        experiment = client.get_experiment_by_name("lamina").experiment_id
        found = []
        for run in client.search_runs([experiment], order_by=["start_time"]):
            metrics = {
                (name, m.step): m.value
                for name in run.data.metrics
                for m in client.get_metric_history(run.info.run_id, name)
            }
            summary = {
                name: v for (name, _), v in metrics.items() if name.startswith("best_")
            }
            metrics = {k: v for k, v in metrics.items() if k[0] not in summary}
            found.append(
                {
                    "config": run.data.params,
                    "metrics": metrics,
                    "summary": summary,
                    "status": run.info.status,
                }
            )
        return found


@pytest.fixture(params=[TrackioFiles, WandbFiles, MLflowFiles])
def files(request, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # The packages warn about each other's and their own old interfaces.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield request.param(tmp_path, monkeypatch)


def test_run_is_written(files):
    history = fit(files.tracker(config={"team": "blue"}), epochs=2).history
    [run] = files.runs()
    for name, values in history.items():
        for epoch, value in enumerate(values):
            assert run["metrics"][name, epoch] == pytest.approx(value)
        assert run["summary"][f"best_{name}"] == pytest.approx(min(values))
    assert run["metrics"]["learning_rate", 1] == pytest.approx(0.01)
    assert run["config"]["team"] == "blue"
    assert str(run["config"]["epochs"]) == "2"
    assert run["config"]["optimizer"] == "SGD"
    assert run.get("status") == files.status[0]


def test_resumed_run_continues_that_of_the_tracker(files, tmp_path):
    folder = tmp_path / "run"
    with pytest.raises(RuntimeError):
        fit(files.tracker(), stop_at(1), epochs=3, resume=folder)
    [run] = files.runs()
    assert run.get("status") == files.status[1]
    fit(files.tracker(), callbacks.LambdaCallback(), epochs=3, resume=folder)
    [run] = files.runs()
    assert {epoch for _, epoch in run["metrics"]} == {0, 1, 2}
    assert run.get("status") == files.status[0]


def test_run_of_the_program_is_used(files, tmp_path):
    if isinstance(files, TrackioFiles):
        pytest.skip("Trackio has no public name for the current run")
    if isinstance(files, WandbFiles):
        with files.package.init(
            project="lamina", config={"mine": 1}, dir=tmp_path
        ) as run:
            fit(files.tracker(), epochs=1)
            run.log({"epoch": 1, "mine": 2.0})
    else:
        files.package.set_experiment("lamina")
        with files.package.start_run():
            files.package.log_param("mine", 1)
            fit(files.tracker(), epochs=1)
            files.package.log_metric("mine", 2.0, step=1)
    [run] = files.runs()
    assert {("loss", 0), ("mine", 1)} <= run["metrics"].keys()
    assert {"mine", "epochs"} <= run["config"].keys()


def test_blocks_of_the_page_run(tmp_path, monkeypatch):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for kind in (TrackioFiles, WandbFiles, MLflowFiles):
            kind(tmp_path, monkeypatch)
        pytest.importorskip("tensorboardX")
        assert len(doc_outputs.run("docs/trackers.md")) == 6
