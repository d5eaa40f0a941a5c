"""The page of a run: content, escaping, and what it may contain."""

from __future__ import annotations

import json
import math
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from lamina.report.html import data_script, element, plain
from lamina.report.page.page import page
from lamina.report.run import Run
from lamina.report.text import number, seconds

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"


class Tags(HTMLParser):
    """Collects elements, and the text outside of scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.found.append((tag, dict(attrs)))
        self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside not in ("script", "style"):
            self.text += data


def run_of(loss: list[float], validation: list[float], **more: Any) -> Run:
    epochs = list(range(1, len(loss) + 1))
    logs = {"loss": loss, "val_loss": validation} if validation else {"loss": loss}
    return Run("model", epochs=epochs, logs=logs, **more)


def embedded(text: str, name: str) -> Any:
    found = re.search(rf'id="{name}">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    return json.loads(found.group(1))


def test_strings_are_escaped_in_elements_attributes_and_data():
    built = element("p", HOSTILE, title=HOSTILE) + data_script("data", [HOSTILE])
    assert [tag for tag, _ in Tags(built).found] == ["p", "script"]
    assert Tags(built).found[0][1]["title"] == HOSTILE
    assert Tags(built).text == HOSTILE
    assert embedded(built, "data") == [HOSTILE]


def test_names_with_html_are_shown_and_not_run():
    run = run_of([1.0, 0.5], [1.0, 0.6])
    run.name, run.logs[HOSTILE] = HOSTILE, [1.0, 2.0]
    run.record = {"command": HOSTILE, "arguments": {HOSTILE: HOSTILE}}
    tags = Tags(page(run))
    plain_tags = Tags(page(run_of([1.0, 0.5], [1.0, 0.6])))
    count = [tag for tag, _ in tags.found].count("script")
    assert count == [tag for tag, _ in plain_tags.found].count("script")
    assert "img" not in dict(tags.found)
    assert tags.text.count(HOSTILE) >= 4


def test_page_names_no_other_resource():
    for tag, attributes in Tags(page(run_of([1.0], []))).found:
        assert tag not in ("link", "iframe", "object")
        for name in ("src", "href"):
            assert (attributes.get(name) or "#").startswith(("#", "data:"))


def test_page_holds_the_data_of_its_run():
    run = run_of([1.0, math.nan], [2.0, 1.0], record={"arguments": {"seed": 3}})
    found = Run.from_data(embedded(page(run), "run-data")[0])
    assert found.record == run.record
    assert found.epochs == [1, 2]
    assert found.logs == {"loss": [1.0, None], "val_loss": [2.0, 1.0]}


def test_page_of_many_epochs_is_bounded():
    count = 20_000
    run = run_of([1 / (i + 1) for i in range(count)], [])
    text = page(run)
    size = len(text)
    assert size < 500_000
    points = embedded(text, "curves-data")[0]
    assert len(points["x"]) == 1000
    assert points["x"][0] == 1
    assert points["x"][-1] == count


@pytest.mark.parametrize(
    ("loss", "validation", "expected"),
    [
        ([], [], "No epoch has ended yet."),
        ([3.0, 1.0], [], "Best loss 1 in epoch 2 of 2."),
        (
            [9, 8, 7, 6, 5, 4, 3, 2, 1],
            [3.0, 2.0, 2.2, 2.6, 3.0, 3.4, 3.8, 4.2, 4.6],
            "it rose by 110.0\xa0%: the model",
        ),
        ([3, 2, 1, 1, 1], [3.0, 2.0, 2.0, 1.0, 4.0], "Best validation loss 1 in epoch"),
        ([3, 2, 1, 1, 1], [3.0, 2.0, 4.0, 9.0, 4.0], "Best validation loss 2 in epoch"),
        ([3.0, math.nan], [3.0, math.nan], "then the loss was not finite."),
        ([math.nan], [math.nan], "The loss was not finite in any epoch."),
        ([*range(20, 10, -1)], [*range(20, 10, -1)], "so train for longer."),
        ([2.0] + [1.0] * 9, [2.0] + [1.0] * 9, "it has not improved since."),
    ],
)
def test_headline_states_the_main_finding(loss, validation, expected):
    text = Tags(page(run_of(loss, validation))).text
    assert expected in text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (math.nan, "-"),
        (3.0, "3"),
        (1234567, "1,234,567"),
        (0.001, "0.001"),
        (0.98765, "0.9877"),
        (1234.56, "1,235"),
        (1e-7, "1.000e-07"),
    ],
)
def test_numbers_have_four_digits(value, text):
    assert number(value) == text


def test_times_have_units():
    found = [seconds(t) for t in (0.0123, 12.34, 125, 7300)]
    assert found == ["12 ms", "12.3 s", "2 min 5 s", "2 h 1 min"]


def test_numbers_that_are_not_finite_become_null():
    assert plain({"a": (1, math.inf), 2: [math.nan]}) == {"a": [1, None], "2": [None]}
