"""Texts of progress."""

from __future__ import annotations

import math

import pytest

from lamina.progress import text
from lamina.progress.snapshot import Metric, Snapshot, plain_line

NAN = math.nan
TEXTS = [
    (text.duration, (0,), "0ms"),
    (text.duration, (1.07e-4,), "0.107ms"),
    (text.duration, (9.996e-4,), "1ms"),
    (text.duration, (0.0999,), "99.9ms"),
    (text.duration, (0.1,), "0.1s"),
    (text.duration, (59.9,), "59.9s"),
    (text.duration, (185,), "3m05s"),
    (text.duration, (7380,), "2h03m"),
    (text.rate, (0.0, "step"), ""),
    (text.rate, (1 / 1500, "step"), "1,500 steps/s"),
    (text.rate, (0.4, "row"), "2.5 rows/s"),
    (text.rate, (90, "step"), "1m30s/step"),
    (text.rate, (2e-7, "B"), "5.0 MB/s"),
    (text.amount, (7, 938, "step"), "  7/938"),
    (text.amount, (1, None, "step"), "1 step"),
    (text.amount, (12000, None, "row"), "12,000 rows"),
    (text.amount, (4_200_000, 11_500_000, "B"), "4.2 MB of 11.5 MB"),
    (text.amount, (999, None, "B"), "999 B"),
    (text.number, (0.0,), "0.0000"),
    (text.number, (0.23116,), "0.2312"),
    (text.number, (-12.345,), "-12.35"),
    (text.number, (1.5e-5,), "1.5e-05"),
    (text.number, (NAN,), "nan"),
    (text.change, (0.0,), ""),
    (text.change, (-0.0412,), "↓0.041"),
    (text.change, (0.2,), "↑0.2"),
    (text.change, (-6.4e-4,), "↓0.0006"),
    (text.change, (1.23e-5,), "↑1e-05"),
    (text.change, (-1234.5,), "↓1234"),
    (text.change, (1.23e7,), "↑1e+07"),
    (text.change, (NAN,), ""),
    (text.sparkline, ([],), ""),
    (text.sparkline, ([1.0, 1.0],), "▁▁"),
    (text.sparkline, ([7.0, 3.5, 0.0],), "█▅▁"),
    (text.sparkline, ([NAN, 1.0, math.inf, 0.0],), " █ ▁"),
    (text.sparkline, (range(100), 4), "▁▃▆█"),
    (text.columns, ("loss",), 4),
    (text.columns, ("손실 a",), 6),
    (text.columns, ("━─↑↓█…",), 6),
    (text.columns, ("⌚",), 2),
]


@pytest.mark.parametrize(("function", "arguments", "expected"), TEXTS)
def test_texts(function, arguments, expected):
    assert function(*arguments) == expected


@pytest.mark.parametrize(
    ("width", "lines"),
    [
        (20, ["ab  cde  f"]),
        (9, ["ab  cde", "  f"]),
        (6, ["ab", "  cde", "  f"]),
        (1, ["ab", "  cde", "  f"]),
    ],
)
def test_lines_break_between_texts(width, lines):
    parts = [text.styled(part, "1") for part in ("ab", "", "cde", "f")]
    assert [line.plain for line in text.wrapped(parts, width)] == lines


@pytest.mark.parametrize(
    ("line", "width", "expected"),
    [("abcd", 4, "abcd"), ("abcd", 3, "ab…"), ("손실값", 5, "손실…")],
)
def test_lines_are_cut(line, width, expected):
    assert text.cut(text.styled(line, "1"), width).plain == expected


END = Snapshot("", 938, 938, 1.9, 0.0021, metrics=[Metric("accuracy", 0.93141)])
SMALL = [Metric("a", 0.001), Metric("b", -0.5), Metric("c", NAN), Metric("d", 0.0)]
BAR = "━" * 20
# As Keras 3.15.1 prints them to a file, without colors.
PLAIN = [
    (END, True, f"938/938 {BAR} 2s 2ms/step - accuracy: 0.9314"),
    (END, False, "938/938 - 2s - 2ms/step - accuracy: 0.9314"),
    (END._replace(each=3.6e-4), False, "938/938 - 2s - 360us/step - accuracy: 0.9314"),
    (Snapshot("", 3, None, 5.4, 1.8), True, f"3/3 {BAR} 5s 2s/step"),
    (
        Snapshot("", 1, 1, metrics=SMALL),
        False,
        "1/1 - 0s - 0s/step - a: 1.0000e-03 - b: -0.5000 - c: nan - d: 0.0000",
    ),
    (
        END._replace(notes=["1.2s compiling"]),
        False,
        "938/938 - 2s - 2ms/step - accuracy: 0.9314 - 1.2s compiling",
    ),
]


@pytest.mark.parametrize(("snapshot", "has_bar", "line"), PLAIN)
def test_plain_lines_are_those_of_keras(snapshot, has_bar, line):
    assert plain_line(snapshot, has_bar) == line
