"""Lines of a terminal."""

from __future__ import annotations

import itertools

import pytest

from lamina.progress.lines import (
    EpochTable,
    finished_lines,
    moving_lines,
    sorted_metrics,
)
from lamina.progress.snapshot import Metric, Snapshot

LOSS = Metric("loss", 0.25, -0.05, True, [0.9, 0.3, 0.25])
METRICS = [
    Metric("accuracy", 0.91, 0.02, True),
    LOSS,
    Metric("val_accuracy", 0.88, -0.01, False, is_old=True),
    Metric("val_loss", 0.31, None),
]
RUNNING = Snapshot(
    "Epoch 3/12", 412, 938, 1.0, 0.0025, left=40.0, metrics=METRICS, is_epoch=True
)
NOTED = RUNNING._replace(notes=["1.2s compiling"])
WIDE = [Metric("손실" * 20, 1.0), Metric("sparse_top_k_categorical_accuracy", 0.5)]


def plain(lines):
    return [line.plain for line in lines]


def test_running_epoch():
    assert plain(moving_lines(NOTED, 77)) == [
        "Epoch 3/12 ━━━━━━━───────── 412/938  400 steps/s  1.3s left  40.0s to the end",
        "loss 0.2500 ↓0.05 █▂▁  val_loss 0.3100  accuracy 0.9100 ↑0.02",
        "  val_accuracy 0.8800 ↓0.01  1.2s compiling",
    ]


@pytest.mark.parametrize(
    ("changes", "first"),
    [
        ({"state": "compiling 1.0s"}, "412/938  compiling 1.0s"),
        ({"total": None}, "412 steps  400 steps/s  1.0s"),
        ({"done": 0, "each": 0.0}, "0/938  1.0s"),
        ({"done": 1, "each": 1.0}, "1/938  1.0s"),
        ({"done": 1000, "left": None}, "1000/938  400 steps/s  0ms left"),
        ({"unit": "B"}, "412 B of 938 B  400 B/s  1.3s left  40.0s to the end"),
    ],
)
def test_position_in_a_loop(changes, first):
    snapshot = RUNNING._replace(**changes)
    line = moving_lines(snapshot, 200)[0].plain
    assert line.removeprefix("Epoch 3/12 ").lstrip("━─ ") == first


@pytest.mark.parametrize(
    ("width", "end"),
    [
        (100, "40.0s to the end"),
        (60, "1.3s left"),
        (45, "400 steps/s"),
        (18, "412/938"),
    ],
)
def test_narrow_terminals_omit_the_last_texts(width, end):
    assert moving_lines(RUNNING, width)[0].plain.endswith(end)


@pytest.mark.parametrize("width", [1, 10, 30, 59, 79, 119])
@pytest.mark.parametrize("metrics", [[], METRICS, WIDE, METRICS * 9])
def test_moving_lines_fit_the_width(width, metrics):
    for changes in ({}, {"state": "validating, step 100"}, {"total": None}):
        lines = moving_lines(NOTED._replace(metrics=metrics, **changes), width)
        assert 1 <= len(lines) <= 3
        assert all(line.width <= width for line in lines)
        assert all(line.plain for line in lines)


def test_colors_mark_better_and_worse():
    text = "".join(line.colored for line in moving_lines(RUNNING, 200))
    assert "\x1b[32m↑0.02\x1b[0m" in text
    assert "\x1b[31m↓0.01\x1b[0m" in text


def test_metrics_are_sorted_by_name_after_the_loss():
    expected = ["loss", "val_loss", "accuracy", "val_accuracy", "mae"]
    for names in itertools.permutations(expected):
        assert sorted_metrics(names) == expected


def test_line_of_a_finished_loop():
    snapshot = Snapshot("Evaluate", 9, 9, 0.5, 0.02, metrics=[LOSS], notes=["0.2s x"])
    line = "Evaluate  9/9  0.5s  50 steps/s  loss 0.2500 ↓0.05  0.2s x"
    assert plain(finished_lines(snapshot, 80)) == [line]
    narrow = ["Evaluate  9/9  0.5s", "  50 steps/s", "  loss 0.2500 ↓0.05  0.2s x"]
    assert plain(finished_lines(snapshot, 28)) == narrow


def test_table_of_epochs():
    table, lines = EpochTable(), []
    for epoch, metrics in ((1, [LOSS]), (2, [LOSS]), (3, METRICS), (4, [LOSS])):
        row = NOTED if epoch == 2 else RUNNING
        row = row._replace(title=f"Epoch {epoch}/12", metrics=metrics)
        lines += plain(table.lines(row, 79))
    assert lines == [
        "Epoch    Time  loss",
        " 1/12    1.0s  0.2500 ↓0.05",
        " 2/12    1.0s  0.2500 ↓0.05",
        "         1.2s compiling",
        "Epoch    Time  loss            val_loss        accuracy        val_accuracy",
        " 3/12    1.0s  0.2500 ↓0.05    0.3100          0.9100 ↑0.02    0.8800 ↓0.01",
        " 4/12    1.0s  0.2500 ↓0.05    -               -               -",
    ]


@pytest.mark.parametrize(
    ("width", "lines"),
    [
        (70, ["Epoch    Time  loss       val_loss   accuracy   val_accuracy",
              " 3/12    1.0s  0.2500     0.3100     0.9100     0.8800"]),
        (40, ["Epoch 3/12  412/938  1.0s  400 steps/s",
              "  loss 0.2500 ↓0.05  val_loss 0.3100",
              "  accuracy 0.9100 ↑0.02",
              "  val_accuracy 0.8800 ↓0.01"]),
    ],
)  # fmt: skip
def test_narrow_terminals_have_no_changes_or_no_table(width, lines):
    assert plain(EpochTable().lines(RUNNING, width)) == lines
