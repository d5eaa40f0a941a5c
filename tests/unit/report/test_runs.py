"""`lamina report`, `model.report`, and runs read from pages and folders."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lamina
from lamina import layers
from lamina.cli import main
from lamina.errors import ArgumentError, FileFormatError
from lamina.report.load import load_runs
from lamina.report.page.page import page
from lamina.report.run import Run
from lamina.report.write import report_runs, write_page
from tests.unit.report.test_page import HOSTILE, Tags, embedded

X = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")
Y = X.sum(1, keepdims=True)


def trained(path: Path | None, seed: int = 0, rate: float = 0.1, **more: Any) -> Any:
    model = lamina.Sequential([lamina.Input((4,)), layers.Dense(1)], name="small")
    model.compile(lamina.optimizers.SGD(rate), "mse")
    model.fit(X, Y, epochs=2, verbose=0, seed=seed, report=path, **more)
    return model


def write_run(path: Path, losses: list[float], **arguments: Any) -> None:
    """Write the page of a run without training."""
    epochs = list(range(1, len(losses) + 1))
    record = {"arguments": arguments}
    run = Run("m", record, epochs, {"loss": losses, "val_loss": losses})
    write_page(path, page(run))


def text_of(path: Path) -> str:
    return Tags(path.read_text(encoding="utf-8")).text


def test_runs_are_compared_on_one_page(tmp_path, capsys):
    for name, losses, more in (
        ("a", [3.0, 2.0], {"seed": 1, "rate": 0.1}),
        ("b", [3.0, 1.0], {"seed": 2, "rate": 0.1}),
        ("c", [3.0, 4.0], {"seed": 1, "rate": 0.5}),
    ):
        write_run(tmp_path / f"{name}.html", losses, **more)
    output = tmp_path / "all" / "out.html"
    assert main(["report", str(tmp_path), "-o", str(output)]) == 0
    assert capsys.readouterr().out == f"{output}: 3 runs, 6 epochs\n"
    text = text_of(output)
    assert "3 runs compared" in text
    assert "b has the lowest validation loss: 1 in epoch 2." in text
    differences = text[text.index("What differs") : text.index("Learning curves")]
    assert differences == "What differsWhatabcseed121rate0.10.10.5"
    panels = embedded(output.read_text(encoding="utf-8"), "curves-data")
    lines = {line["label"]: line for line in panels[0]["series"]}
    assert list(lines) == [
        "a and 1 more, training",
        "a and 1 more, validation",
        "c, training",
        "c, validation",
    ]
    assert lines["a and 1 more, validation"]["values"] == [3.0, 1.5]
    assert lines["a and 1 more, validation"]["band"] == [[3.0, 1.0], [3.0, 2.0]]
    assert lines["c, training"]["band"] is None


def test_compared_pages_can_be_compared_again(tmp_path):
    for name in ("a", "b"):
        write_run(tmp_path / f"{name}.html", [2.0, 1.0])
    report_runs([tmp_path / "a.html", tmp_path / "b.html"], tmp_path / "both.html")
    again = load_runs([tmp_path / "both.html"])
    assert [run.logs for run in again] == [
        {"loss": [2.0, 1.0], "val_loss": [2.0, 1.0]}
    ] * 2


def test_folder_of_a_resumed_run_becomes_a_page(tmp_path):
    trained(None, seed=7, resume=tmp_path / "run")
    (run,) = report_runs([tmp_path / "run"], tmp_path / "out.html")
    assert run.epochs == [1, 2]
    assert list(run.logs) == ["loss"]
    assert run.record["arguments"]["seed"] == 7
    text = text_of(tmp_path / "out.html")
    assert "model.fit(..., seed=7)" in text
    assert "Best loss" in text


def test_folder_with_a_report_in_its_checkpoint_has_the_whole_run(tmp_path):
    page_path = tmp_path / "elsewhere.html"
    trained(page_path, resume=tmp_path / "run")
    (run,) = load_runs([tmp_path / "run"])
    assert run.name == "small"
    assert [row["name"] for row in run.layers][1:] == ["dense"] or len(run.layers) == 2
    assert run.rates["learning_rate"] == pytest.approx([0.1, 0.1])


@pytest.mark.parametrize("suffix", ["/a/run.html /b/run.html", "/b/run.html /a"])
def test_runs_with_equal_names_are_told_apart(tmp_path, suffix):
    for folder in ("a", "b"):
        write_run(tmp_path / folder / "run.html", [1.0])
    names = [run.name for run in load_runs([f"{tmp_path}{s}" for s in suffix.split()])]
    assert len(set(names)) == 2


def test_model_report_has_predictions_of_the_given_rows(tmp_path):
    path = tmp_path / "model.html"
    model = trained(None)
    before = model.get_weights()
    model.report(path, X, Y)
    np.testing.assert_array_equal(model.get_weights()[0], before[0])
    text = text_of(path)
    assert "was trained for 2 epochs." in text
    assert "Predicted 32 rows." in text
    assert "Predicted against true" in text
    with pytest.raises(ArgumentError, match=r"\.html"):
        model.report("model.txt", X, Y)


def test_findings_are_shown(tmp_path):
    model = lamina.Sequential([lamina.Input((4,)), layers.Dense(1, "softmax")])
    model.compile("sgd", "mse")
    codes = model.check(X, Y).codes
    assert codes
    path = tmp_path / "run.html"
    with pytest.warns(UserWarning):
        model.fit(X, Y, verbose=0, report=path)
    text = text_of(path)
    assert [text.count(code) for code in codes] == [1] * len(codes)


DAMAGED = {
    "no data": "<html></html>",
    "no json": '<script type="application/json" id="run-data">[{</script>',
    "no run": '<script type="application/json" id="run-data">[3]</script>',
    "no curves": '<script type="application/json" id="run-data">'
    '[{"name":"m","epochs":[1],"logs":7}]</script>',
    "no layers": '<script type="application/json" id="run-data">'
    '[{"name":"m","layers":[3]}]</script>',
    "no record": '<script type="application/json" id="run-data">'
    '[{"name":"m","record":[3]}]</script>',
}


@pytest.mark.parametrize("case", DAMAGED)
def test_damaged_pages_are_refused(tmp_path, case):
    path = tmp_path / "run.html"
    path.write_text(DAMAGED[case])
    for paths in ([path], [path, path]):
        with pytest.raises(FileFormatError, match=r"run\.html"):
            report_runs(paths, tmp_path / "out.html")
    assert not (tmp_path / "out.html").exists()


def test_hostile_page_is_shown_and_not_run(tmp_path):
    data = {
        "name": HOSTILE,
        "epochs": [1],
        "logs": {HOSTILE: [1.0]},
        "record": {"command": HOSTILE, HOSTILE: HOSTILE},
        "findings": [
            {"code": HOSTILE, "severity": "error", "message": HOSTILE, "fix": HOSTILE}
        ],
    }
    path = tmp_path / "run.html"
    text = json.dumps([data]).replace("<", "\\u003c")
    start = '<script type="application/json" id="run-data">'
    path.write_text(f"{start}{text}</script>")
    write_run(tmp_path / "other.html", [1.0])
    for paths in ([path], [path, tmp_path / "other.html"]):
        report_runs(paths, tmp_path / "out.html")
        tags = Tags((tmp_path / "out.html").read_text(encoding="utf-8"))
        assert "img" not in dict(tags.found)
        assert "onerror" not in {name for _, attrs in tags.found for name in attrs}


def test_commands_that_cannot_work_say_why(tmp_path, capsys):
    write_run(tmp_path / "run.html", [1.0])
    (tmp_path / "empty").mkdir()
    for arguments, expected in (
        ([str(tmp_path / "missing")], "No such file or folder"),
        ([str(tmp_path / "empty")], "has no run"),
        ([str(tmp_path / "run.html"), "-o", str(tmp_path / "run.html")], "one of the"),
    ):
        assert main(["report", *arguments]) == 1
        assert expected in capsys.readouterr().err
