"""Blocks at the bottom of a terminal, seen on the terminal."""

from __future__ import annotations

import io
import logging
import sys

import pytest

from lamina.progress.screen import Screen, is_terminal, write
from lamina.progress.text import styled
from tests.unit.progress.terminal import open_terminal


def block(*lines):
    return [styled(line, "32") for line in lines]


def test_block_is_redrawn_in_place(monkeypatch):
    terminal = open_terminal(monkeypatch)
    screen = Screen.current()
    for lines in (["ab", "cd"], ["a"], ["x", "longer", "3"]):
        before = terminal.writes
        screen.draw("owner", block(*lines))
        assert terminal.rows() == lines
        assert terminal.writes == before + 1
    screen.draw("owner", block("ab", "cd"))
    screen.remove("owner")
    assert terminal.rows() == [""]
    assert sys.stdout is terminal


def test_text_is_printed_above_the_block(monkeypatch):
    terminal = open_terminal(monkeypatch)
    screen = Screen.current()
    screen.draw("owner", block("ab", "cd"))
    print("one")
    print("two, longer than the block", end="")
    assert terminal.rows() == ["one", "ab", "cd"]
    print(" and its end")
    screen.add(block("a row"))
    print("three\nfour")
    lines = ["one", "two, longer than the block and its end", "a row", "three", "four"]
    assert terminal.rows() == [*lines, "ab", "cd"]
    print("without an end", end="")
    screen.add(block("last row"))
    screen.remove("owner")
    assert terminal.rows() == [*lines, "last row", "without an end"]


def test_question_is_printed_before_its_answer(monkeypatch):
    terminal = open_terminal(monkeypatch)
    Screen.current().draw("owner", block("ab"))
    print("name? ", end="", flush=True)
    assert terminal.rows() == ["name?", "ab"]
    Screen.current().remove("owner")


def test_bar_of_another_library_does_not_grow(monkeypatch):
    terminal = open_terminal(monkeypatch)
    screen = Screen.current()
    screen.draw("owner", block("ab"))
    for percent in range(100):
        sys.stdout.write(f"\r{percent}%")
    print(" done")
    assert terminal.rows() == ["99% done", "ab"]
    screen.remove("owner")


@pytest.mark.parametrize("to_terminal", [True, False])
def test_errors_are_printed_above_the_block_in_a_terminal(monkeypatch, to_terminal):
    terminal = open_terminal(monkeypatch)
    errors = terminal if to_terminal else io.StringIO()
    monkeypatch.setattr(sys, "stderr", errors)
    Screen.current().draw("owner", block("ab"))
    print("careful", file=sys.stderr)
    assert terminal.rows() == (["careful", "ab"] if to_terminal else ["ab"])
    assert "careful" in errors.getvalue()
    handler = logging.StreamHandler()  # stores the stream of this moment
    Screen.current().remove("owner")
    assert sys.stderr is errors
    handler.emit(logging.makeLogRecord({"msg": "late"}))
    assert errors.getvalue().endswith("late\n")


def test_text_of_other_programs_is_not_lost(monkeypatch):
    terminal = open_terminal(monkeypatch)
    screen = Screen.current()
    screen.draw("owner", block("ab", "cd"))
    terminal.write("warning\n")
    screen.draw("owner", block("ab", "cd"))
    assert terminal.rows() == ["warning", "ab", "cd"]
    screen.remove("owner")
    assert terminal.rows() == ["warning"]


def test_blocks_of_two_owners_are_stacked(monkeypatch):
    terminal = open_terminal(monkeypatch)
    first, second = Screen.current(), Screen.current()
    first.draw(1, block("a"))
    assert not first.is_shared
    second.draw(2, block("b", "c"))
    assert first.is_shared and Screen.current() is first
    first.draw(1, block("d"))
    assert terminal.rows() == ["d", "b", "c"]
    first.remove(1)
    first.remove(1)
    assert terminal.rows() == ["b", "c"]
    assert sys.stdout is not terminal
    second.remove(2)
    assert sys.stdout is terminal


def test_block_has_fewer_lines_than_the_terminal(monkeypatch):
    terminal = open_terminal(monkeypatch)
    monkeypatch.setenv("LINES", "3")
    Screen.current().draw("owner", block("a", "b", "c", "d"))
    assert terminal.rows() == ["a", "b"]
    Screen.current().remove("owner")


def test_child_process_writes_without_the_block(monkeypatch):
    terminal = open_terminal(monkeypatch)
    screen = Screen.current()
    screen.draw("owner", block("ab"))
    monkeypatch.setattr("lamina.progress.screen.os.getpid", lambda: -1)
    print("child", flush=True)
    monkeypatch.undo()
    assert terminal.getvalue().endswith("child\n")
    screen.remove("owner")


@pytest.mark.parametrize(("value", "styles"), [("", {"32", "0"}), ("1", set())])
def test_no_color_turns_colors_off(monkeypatch, value, styles):
    terminal = open_terminal(monkeypatch)
    monkeypatch.setenv("NO_COLOR", value)
    Screen.current().draw("owner", block("ab"))
    Screen.current().remove("owner")
    assert terminal.styles == styles


@pytest.mark.parametrize(
    ("term", "tty", "expected"),
    [("xterm", True, True), ("dumb", True, False), ("xterm", False, False)],
)
def test_terminals_that_can_redraw(monkeypatch, term, tty, expected):
    terminal = open_terminal(monkeypatch)
    monkeypatch.setenv("TERM", term)
    terminal.isatty = lambda: tty
    assert is_terminal(terminal) == expected


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [
        ("utf-8", "━─ ↓0.1 손실 █▁"),
        ("ascii", "=- -0.1 ?? #_"),
        ("cp949", "=- -0.1 손실 #_"),
    ],
)
def test_streams_of_other_encodings_get_similar_letters(encoding, expected):
    stream = io.TextIOWrapper(io.BytesIO(), encoding)
    write(stream, "━─ ↓0.1 손실 █▁")
    stream.flush()
    assert stream.buffer.getvalue().decode(encoding) == expected
