"""`ProgressBar` in terminals and files, where the library uses it."""

from __future__ import annotations

import re

import numpy as np
import pytest

from lamina import layers, utils
from lamina.progress.bar import ProgressBar
from tests.unit.progress.terminal import open_terminal


@pytest.fixture
def times(monkeypatch):
    """A clock that passes 0.4 seconds at each look."""
    now = [0.0]

    class FakeTime:
        @staticmethod
        def perf_counter():
            now[0] += 0.4
            return now[0]

    for name in ("bar", "output"):
        monkeypatch.setattr(f"lamina.progress.{name}.time", FakeTime)


def open_recorded(monkeypatch):
    """Open a terminal; also return its rows after each call of `ProgressBar.add`."""
    terminal, found, add = open_terminal(monkeypatch), [], ProgressBar.add

    def recorded(self, count):
        add(self, count)
        found.append(terminal.rows())

    monkeypatch.setattr(ProgressBar, "add", recorded)
    return found, terminal


@pytest.mark.parametrize(("is_kept", "last"), [(True, "A  9/9"), (False, "")])
def test_bar_in_a_terminal(is_kept, last, times, monkeypatch):
    rows, terminal = open_recorded(monkeypatch)
    with ProgressBar("A", 9, "row", is_kept=is_kept) as bar:
        for _ in range(3):
            bar.add(3)
    assert [row[0][:2] for row in rows] == ["", "A ", "A "]
    assert re.search(r"6/9  [\d.]+ rows/s  [\d.]+s left$", rows[1][0])
    assert terminal.rows()[0].startswith(last)
    assert bool(terminal.rows()[0]) == is_kept


@pytest.mark.parametrize(
    ("is_kept", "error", "pattern"),
    [
        (True, False, r"A\n9/9 ━{20} \ds \dms/B\n"),
        (False, False, ""),
        (True, True, r"A\n"),
    ],
)
def test_bar_in_a_file(capsys, is_kept, error, pattern):
    try:
        with ProgressBar("A", 9, "B", 0.0, is_kept=is_kept) as bar:
            bar.add(9)
            if error:
                raise KeyError
    except KeyError:
        assert error
    assert re.fullmatch(pattern.replace("dms", "d+[mu]s"), capsys.readouterr().out)


ADAPTED = [
    (layers.StringLookup(name="words"), [["a", "b"]] * 3),
    (layers.TextVectorization(name="words"), [np.array(["a b", "c"])] * 3),
    (layers.Normalization(name="words"), [np.ones((2, 3))] * 3),
    (layers.Discretization(num_bins=2, name="words"), [np.arange(2.0)] * 3),
]


@pytest.mark.parametrize(("layer", "data"), ADAPTED)
def test_adapt_shows_the_number_of_rows(layer, data, times, monkeypatch):
    rows, terminal = open_recorded(monkeypatch)
    layer.adapt(iter(data))
    assert any(row[0].startswith("Adapting words 6 rows") for row in rows)
    assert terminal.rows() == [""]


def test_folders_show_the_number_of_files(tmp_path, times, monkeypatch):
    rows, terminal = open_recorded(monkeypatch)
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.txt").write_text("x")
    utils.text_dataset_from_directory(tmp_path, max_length=3)
    assert rows[-1][0].startswith("Scanning folders 2 files")
    assert terminal.rows() == ["Found 2 files belonging to 2 classes."]
    rows.clear()
    utils.text_dataset_from_directory(tmp_path, max_length=3, verbose=False)
    assert not any("Scanning" in row[-1] for row in rows)


def test_download_shows_its_size(tmp_path, times, monkeypatch):
    rows, terminal = open_recorded(monkeypatch)
    (tmp_path / "source").write_bytes(bytes(200_000))
    origin = (tmp_path / "source").as_uri()
    utils.get_file("data.bin", origin, cache_dir=tmp_path)
    assert "Downloading data.bin" in rows[-1][0]
    assert "196.6 kB of 200.0 kB" in rows[-2][0]
    [last] = terminal.rows()
    assert last.startswith("Downloading data.bin  200.0 kB of 200.0 kB")
