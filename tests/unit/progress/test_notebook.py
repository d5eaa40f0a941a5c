"""HTML of progress."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from lamina.progress.notebook import html_of
from lamina.progress.snapshot import Metric, Snapshot

HOSTILE = '<script>"&'
CURVE = [0.9, float("nan"), 0.25]
METRICS = [Metric("loss", 0.25, -0.05, True, CURVE), Metric(HOSTILE, 1.0, 0.5, None)]
EPOCH = Snapshot("Epoch 3/12", 9, 9, 1.0, 0.1, metrics=METRICS, is_epoch=True)
RUNNING = EPOCH._replace(title=f"{HOSTILE} 4/12", done=3, notes=[f"1s {HOSTILE}"])
VIEWS = {
    "first epoch": ([], RUNNING._replace(metrics=[])),
    "running": ([EPOCH], RUNNING),
    "unknown total": ([EPOCH], RUNNING._replace(total=None)),
    "finished": ([EPOCH, EPOCH._replace(notes=[HOSTILE])], None),
    "closed before an epoch": ([], None),
}


def parsed(rows, moving):
    html = html_of(rows, moving).replace("&emsp;", " ")
    return ElementTree.fromstring(html)


@pytest.mark.parametrize("view", VIEWS)
def test_html_is_well_formed_and_escaped(view):
    rows, moving = VIEWS[view]
    tree = parsed(rows, moving)
    assert not list(tree.iter("script"))
    assert len(list(tree.iter("progress"))) == (moving is not None)
    assert len(list(tree.iter("tr"))) == (len(rows) + 1 if rows else 0)


def test_bar_has_its_value():
    [bar] = parsed([], RUNNING).iter("progress")
    assert (bar.get("value"), bar.get("max")) == ("3", "9")


def test_table_has_values_and_changes():
    head, first, second = parsed([EPOCH, EPOCH._replace(metrics=[])], None).iter("tr")
    texts = [
        ["".join(cell.itertext()) for cell in row] for row in (head, first, second)
    ]
    assert texts == [
        ["", "time", "loss", HOSTILE, ""],
        ["Epoch 3/12", "1.0s", "0.2500 ↓0.05", "1.0000 ↑0.5", ""],
        ["Epoch 3/12", "1.0s", "-", "-", ""],
    ]


def test_evaluation_is_a_line():
    snapshot = Snapshot("Evaluate", 9, 9, 1.0, 0.1, metrics=METRICS[:1])
    tree = parsed([snapshot], None)
    line = "Evaluate  9/9  1.0s  10.0 steps/s  loss 0.2500 ↓0.05"
    assert [text for text in tree.itertext() if "Evaluate" in text] == [line]


def test_curve_leaves_out_values_that_are_not_finite():
    [line] = parsed([EPOCH], None).iter("polyline")
    assert line.get("points") == "2.0,2.0 158.0,38.0"


@pytest.mark.parametrize(("moving", "rows"), [(RUNNING, 10), (None, 100)])
def test_long_tables_show_the_last_rows(moving, rows):
    tree = parsed([EPOCH._replace(title=f"Epoch {i}") for i in range(500)], moving)
    shown = list(tree.iter("tr"))[1:]
    assert len(shown) == rows
    assert shown[-1][0].text == "Epoch 499"
    assert f"{500 - rows} earlier epochs" in "".join(tree.itertext())
