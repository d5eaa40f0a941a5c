"""Learning curves: which panels there are and what they mark."""

from __future__ import annotations

import numpy as np
import pytest

from lamina import callbacks
from lamina.errors import ArgumentError

FALLING = {"loss": [4.0, 3.0, 2.0, 1.0], "val_loss": [5.0, 3.0, 3.5, 4.0]}
ACCURACY = {"accuracy": [0.1, 0.5, 0.7], "val_accuracy": [0.2, 0.6, 0.4]}
BEST_TWO = "best: 3 in epoch 2"
CASES = {
    "loss": (FALLING, 0, ["loss"], [BEST_TWO]),
    "mse twice": (
        {**FALLING, "mse": FALLING["loss"], "val_mse": FALLING["val_loss"]},
        0,
        ["loss, mse"],
        [BEST_TWO],
    ),
    "equal in training only": (
        {**FALLING, "mse": FALLING["loss"], "val_mse": [1.0, 2.0, 3.0, 4.0]},
        0,
        ["loss", "mse"],
        [BEST_TWO, "best: 1 in epoch 1"],
    ),
    "loss is first": (
        {**ACCURACY, "loss": [1.0]},
        0,
        ["loss", "accuracy"],
        [None, "best: 0.6 in epoch 2"],
    ),
    "higher is better": (ACCURACY, 0, ["accuracy"], ["best: 0.6 in epoch 2"]),
    "no validation": ({"loss": [2.0, 1.0]}, 0, ["loss"], [None]),
    "no direction": ({"size": [1.0], "val_size": [2.0]}, 0, ["size"], [None]),
    "best is skipped": (FALLING, 2, ["loss"], [None]),
    "nan": (
        {"loss": [1.0, np.nan], "val_loss": [2.0, np.nan]},
        0,
        ["loss"],
        ["best: 2 in epoch 1"],
    ),
}


def history(logs):
    made = callbacks.History()
    made.history = logs
    return made


@pytest.mark.parametrize("case", CASES)
def test_panels_and_best_epochs(case):
    logs, skip, panels, best = CASES[case]
    figure = history(logs).plot(skip=skip)
    assert [axes.get_ylabel() for axes in figure.axes] == panels
    for axes, label in zip(figure.axes, best, strict=True):
        marks = [line.get_label() for line in axes.lines[len(axes.lines) - 1 :]]
        assert marks == [label] if label else not marks[0].startswith("best")
    title = figure.get_suptitle()
    assert title == (f"Epochs 1 to {skip} are not shown" if skip else "")


def test_chosen_metrics_have_a_panel_each(tmp_path):
    logs = {**FALLING, **ACCURACY, "mse": [1.0]}
    figure = history(logs).plot(["accuracy", "loss"], path=tmp_path / "curves.svg")
    assert [axes.get_ylabel() for axes in figure.axes] == ["accuracy", "loss"]
    assert "<svg" in (tmp_path / "curves.svg").read_text()


def test_four_metrics_are_in_two_rows():
    logs = {name: [1.0, value] for value, name in enumerate("abcd")}
    figure = history(logs).plot()
    shown = [axes.get_ylabel() for axes in figure.axes if axes.axison]
    assert shown == ["a", "b", "c", "d"]
    assert len({round(axes.get_position().y0, 2) for axes in figure.axes[:4]}) == 2


def test_notebooks_show_the_figure():
    figure = history(FALLING).plot()
    assert figure._repr_png_().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("logs", "arguments", "words"),
    [
        (FALLING, {"metrics": ["los"]}, "Did you mean 'loss'"),
        (FALLING, {"skip": 4}, "no epochs to plot after the first 4"),
        ({}, {}, "no epochs to plot"),
    ],
)
def test_missing_metrics_and_epochs_are_reported(logs, arguments, words):
    with pytest.raises(ArgumentError, match=words):
        history(logs).plot(**arguments)
