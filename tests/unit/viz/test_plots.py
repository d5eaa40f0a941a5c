"""Pictures of training: which panels there are and what they mark."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from lamina.viz import plots

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


@pytest.fixture
def saved(monkeypatch):
    """Figures instead of files."""
    figures: list[Figure] = []
    monkeypatch.setattr(Figure, "savefig", lambda self, *_, **__: figures.append(self))
    return figures


@pytest.mark.parametrize("case", CASES)
def test_history_panels(case, saved):
    logs, skip, panels, best = CASES[case]
    plots.plot_history(logs, "unused.png", skip=skip)
    (figure,) = saved
    assert [axes.get_ylabel() for axes in figure.axes] == panels
    for axes, label in zip(figure.axes, best, strict=True):
        marks = [line.get_label() for line in axes.lines[len(axes.lines) - 1 :]]
        assert marks == [label] if label else not marks[0].startswith("best")
    title = figure.get_suptitle()
    assert title == (f"Epochs 1 to {skip} are not shown" if skip else "")
