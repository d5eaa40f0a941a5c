"""Output of `ProgbarLogger`: plain lines, a terminal bar, a notebook bar."""

from __future__ import annotations

import io
import re
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from lamina import config, utils
from lamina.training.callbacks import Callback, CallbackList, ProgbarLogger
from lamina.training.callbacks.progress import bars
from lamina.training.callbacks.progress import logger as progress
from tests.unit.training.callbacks.helpers import X, Y, small_model

TIME = r"[\d.]+(ms|s)"
COMPILING = rf"( \({TIME} compiling\))?"
LOGS = {"accuracy": 0.9, "loss": 0.25}


@pytest.fixture
def clock(monkeypatch):
    """A clock that only tests move."""
    found = SimpleNamespace(now=100.0)
    for module in (bars, progress):
        monkeypatch.setattr(
            module, "time", SimpleNamespace(perf_counter=lambda: found.now)
        )
    return found


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def open_terminal(monkeypatch):
    """Puts a terminal in the place of the standard output, which pytest has in use."""

    def put():
        found = Terminal()
        monkeypatch.setattr(sys, "stdout", found)
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setenv("COLUMNS", "100")
        return found

    return put


@pytest.fixture
def outputs(monkeypatch):
    """A notebook: each of its outputs with all it has shown."""
    found = []

    def display(first, display_id):
        assert display_id is True
        shown = [first]
        found.append(shown)
        return SimpleNamespace(update=lambda what, raw=False: shown.append(what))

    ipython = ModuleType("IPython")
    ipython.get_ipython = lambda: SimpleNamespace(kernel=object())
    ipython.display = ModuleType("IPython.display")
    ipython.display.display = display
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", ipython.display)
    return found


def started(verbose=1, steps=100, epochs=3):
    """A bar at the beginning of training."""
    bar = CallbackList(
        None, add_progbar=True, verbose=verbose, epochs=epochs, steps=steps
    )
    bar.on_train_begin()
    return bar


def an_epoch(bar, clock, number, seconds, updates):
    bar.on_epoch_begin(number)
    for i in range(updates):
        clock.now += seconds / updates
        bar.on_progress("train", 100 * (i + 1) // updates, LOGS)
    bar.on_epoch_end(number, LOGS)


def without_codes(text):
    return re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", text)


# Lines


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0ms"), (1.07e-4, "0.107ms"), (9.996e-4, "1ms"), (1.372e-3, "1.37ms"),
        (0.0999, "99.9ms"), (0.1, "0.1s"), (2.44, "2.4s"), (59.9, "59.9s"),
        (185, "3m05s"), (7380, "2h03m"),
    ],
)  # fmt: skip
def test_durations(seconds, text):
    assert bars.duration(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.0000"), (0.93, "0.9300"), (1234.5, "1234.5000"), (-0.5, "-0.5000"),
        (2e-4, "2.0000e-04"), (float("nan"), "nan"), (np.float32(0.5), "0.5000"),
        (np.array([0.25, 0.75]), "0.5000"), (3, "3.0000"),
    ],
)  # fmt: skip
def test_numbers_are_those_of_keras(value, text):
    assert bars.metric_texts({"a": value}) == [f"a: {text}"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(7.6e-5, "0.076ms/step"), (0.25, "250ms/step"), (2, "2.0s/step")],
)
def test_times_of_steps_have_one_unit(seconds, text):
    assert bars.per_step(seconds) == text


WRAPPED = [
    (None, 0, ["ab - cde - f"]),
    (12, 0, ["ab - cde - f"]),
    (11, 0, ["ab - cde", "  f"]),
    (11, 1, ["ab - cde", "  f"]),
    (11, 4, ["ab", "  cde - f"]),
    (3, 0, ["ab", "  cde", "  f"]),
]


@pytest.mark.parametrize(("width", "first", "lines"), WRAPPED)
def test_lines_break_between_texts(width, first, lines):
    assert bars.in_lines(["ab", "cde", "f"], width, first) == lines


FIT = rf"Epoch \d/3 - {TIME}{COMPILING} - {TIME}/step - loss: \S+ - mae: \S+"


@pytest.mark.parametrize(
    ("run", "pattern"),
    [
        (lambda m, v: m.fit(X, Y, epochs=3, verbose=v), FIT),
        (
            lambda m, v: m.fit(
                X, Y, epochs=3, verbose=v, validation_data=(X, Y), batch_size=2
            ),
            rf"{FIT} - val_loss: \S+ - val_mae: \S+",
        ),
        (
            lambda m, v: m.evaluate(X, Y, verbose=v),
            rf"Evaluate - {TIME}{COMPILING} - {TIME}/step - loss: \S+ - mae: \S+",
        ),
        (
            lambda m, v: m.predict(X, verbose=v),
            rf"Predict - {TIME}{COMPILING} - {TIME}/step",
        ),
    ],
    ids=["fit", "fit with validation", "evaluate", "predict"],
)
@pytest.mark.parametrize("verbose", [0, 1, 2])
def test_plain_lines(run, pattern, verbose, capsys):
    run(small_model(), verbose)
    lines = capsys.readouterr().out.splitlines()
    count = (3 if "Epoch" in pattern else 1) if verbose else 0
    assert len(lines) == count
    for line in lines:
        assert re.fullmatch(pattern, line)


def test_numbers_are_those_of_the_history(capsys):
    run = small_model().fit(X, Y, epochs=2, verbose=2)
    printed = re.findall(r"mae: (\S+)", capsys.readouterr().out)
    assert printed == [f"{value:.4f}" for value in run.history["mae"]]


def test_time_of_a_step_leaves_out_a_first_one_that_compiles(clock, capsys):
    bar = started()
    bar.on_epoch_begin(0)
    for seconds, done in ((5.0, 1), (0.099, 100)):
        clock.now += seconds
        bar.on_progress("train", done, LOGS)
    clock.now += 2.0
    bar.on_progress("test", 10, LOGS)
    bar.on_epoch_end(0, LOGS)
    assert capsys.readouterr().out == (
        "Epoch 1/3 - 7.1s - 1ms/step - accuracy: 0.9000 - loss: 0.2500\n"
    )


def test_lines_are_flushed_but_not_each(clock, monkeypatch):
    flushed = []
    out = io.StringIO()
    out.flush = lambda: flushed.append(clock.now)
    monkeypatch.setattr(sys, "stdout", out)
    bar = started(epochs=100)
    for epoch in range(100):
        an_epoch(bar, clock, epoch, 0.01, 1)
    assert out.getvalue().count("\n") == 100
    assert 9 <= len(flushed) <= 12
    bar.on_train_end()
    assert flushed[-1] == clock.now


def test_logs_are_read_only_when_they_are_drawn(clock, open_terminal):
    open_terminal()

    class Untouchable:
        def __array__(self, *_, **__):
            raise AssertionError("read")

    bar = started()
    an_epoch(bar, clock, 0, 0.01, 1)
    bar.on_epoch_begin(1)
    clock.now += 0.09
    bar.on_progress("train", 1, {"loss": Untouchable()})
    clock.now += 0.02
    with pytest.raises(AssertionError, match="read"):
        bar.on_progress("train", 2, {"loss": Untouchable()})
    bar.close()


# A terminal


def test_bar_moves_and_ends_as_a_line(clock, open_terminal):
    terminal = open_terminal()
    bar = started()
    an_epoch(bar, clock, 0, 2.0, 4)
    text = without_codes(terminal.getvalue())
    for drawn in ("compiling", "25/100 - 1.5s left - 20ms/step", "75/100 - 0.5s left"):
        assert drawn in text
    assert "━" in text
    assert "accuracy: 0.9000" in text
    last = text.split("\n")[-2].split("\r")[-1]
    assert last == "Epoch 1/3 - 2.0s - 20ms/step - accuracy: 0.9000 - loss: 0.2500"
    # The cursor is back.
    assert terminal.getvalue().rindex("\x1b[?25h") > terminal.getvalue().rindex("25l")


def test_narrow_terminal_wraps_lines(clock, open_terminal, monkeypatch):
    terminal = open_terminal()
    monkeypatch.setenv("COLUMNS", "60")
    logs = {"sparse_top_k_categorical_accuracy": 0.9, **LOGS}
    bar = started()
    bar.on_epoch_begin(0)
    clock.now += 1
    bar.on_progress("train", 50, logs)
    bar.on_epoch_end(0, logs)
    rows = without_codes(terminal.getvalue()).replace("\r", "\n").split("\n")
    assert all(len(row.rstrip()) <= 60 for row in rows)
    assert [row for row in rows if row][-3:] == [
        "Epoch 1/3 - 1.0s - 20ms/step",
        "  sparse_top_k_categorical_accuracy: 0.9000",
        "  accuracy: 0.9000 - loss: 0.2500",
    ]
    assert "…" not in terminal.getvalue()


def test_compilation_is_shown_and_not_counted_as_steps(clock, open_terminal):
    terminal = open_terminal()
    bar = started()
    bar.on_epoch_begin(0)
    for seconds in (1.0, 2.0, 3.0):
        clock.now += 1.0
        bar.on_compile("train", seconds, seconds == 3.0)
    clock.now += 1.0
    bar.on_progress("train", 100, LOGS)
    bar.on_test_begin()
    clock.now += 1.0
    bar.on_compile("test", 1.0, False)
    bar.on_compile("test", 1.5, True)
    bar.on_test_end(LOGS)
    bar.on_epoch_end(0, LOGS)
    text = without_codes(terminal.getvalue())
    for drawn in ("compiling 1.0s", "compiling 2.0s", "validating: compiling 1.0s"):
        assert drawn in text
    assert "Epoch 1/3 - 5.0s (4.5s compiling) - 10ms/step" in text


def test_bar_is_drawn_at_most_ten_times_a_second(clock, open_terminal):
    terminal = open_terminal()
    bar = started()
    an_epoch(bar, clock, 0, 3.0, 1000)
    drawn = terminal.getvalue().count("/100 - ")
    assert 25 <= drawn <= 32


def test_short_epochs_draw_no_bar(clock, open_terminal):
    terminal = open_terminal()
    bar = started(epochs=50)
    an_epoch(bar, clock, 0, 0.01, 1)
    before = len(terminal.getvalue())
    for epoch in range(1, 50):
        an_epoch(bar, clock, epoch, 0.01, 1)
    after = terminal.getvalue()[before:]
    assert "\x1b" not in after
    assert after.count("\n") == 49


def test_verbose_2_draws_no_bar(clock, open_terminal):
    terminal = open_terminal()
    an_epoch(started(verbose=2), clock, 0, 3.0, 10)
    assert "\x1b" not in terminal.getvalue()


def test_bar_shows_validation(clock, open_terminal):
    terminal = open_terminal()
    bar = started()
    bar.on_epoch_begin(0)
    clock.now += 1
    bar.on_progress("train", 100, LOGS)
    clock.now += 1
    bar.on_test_begin()
    bar.on_progress("test", 7, LOGS)
    bar.on_test_end(LOGS)
    bar.on_epoch_end(0, LOGS)
    text = without_codes(terminal.getvalue())
    assert "validating: step 7" in text
    assert text.count("\n") == 2  # the bar's own, which it takes back, and the line


def test_bar_works_with_an_unknown_number_of_batches(clock, open_terminal):
    terminal = open_terminal()
    bar = started(steps=None)
    bar.on_epoch_begin(0)
    clock.now += 1
    bar.on_progress("train", 50, LOGS)
    bar.close()
    assert "50/? - 20ms/step" in without_codes(terminal.getvalue())


def test_printed_lines_stay_above_the_bar(clock, open_terminal):
    terminal = open_terminal()
    bar = started()
    bar.on_epoch_begin(0)
    clock.now += 1
    bar.on_progress("train", 50, LOGS)
    print("hello")
    bar.on_epoch_end(0, LOGS)
    lines = without_codes(terminal.getvalue()).replace("\r", "\n").split("\n")
    assert "hello" in [line.rstrip() for line in lines]


def test_bar_is_removed_after_an_error(open_terminal):
    terminal = open_terminal()

    class Fails(Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise KeyError

    out = sys.stdout
    with pytest.raises(KeyError):
        small_model().fit(X, Y, verbose=1, callbacks=[Fails()])
    assert sys.stdout is out
    codes = re.findall(r"\x1b\[\?25[hl]", terminal.getvalue())
    assert codes[-1] == "\x1b[?25h"


# A notebook


def test_notebook_bar_ends_as_a_line(clock, outputs, capsys):
    bar = started()
    an_epoch(bar, clock, 0, 1.0, 5)
    [shown] = outputs
    assert len(shown) == 8  # empty twice, five updates and the line
    line = "Epoch 1/3 - 1.0s - 10ms/step - accuracy: 0.9000 - loss: 0.2500"
    assert shown[-1] == {"text/plain": line}
    assert all(hasattr(what, "_repr_mimebundle_") for what in shown[:-1])
    assert capsys.readouterr().out == ""


def test_short_epochs_in_a_notebook_are_lines(clock, outputs, capsys):
    bar = started()
    an_epoch(bar, clock, 0, 0.01, 1)
    an_epoch(bar, clock, 1, 0.01, 1)
    assert len(outputs) == 1
    assert capsys.readouterr().out.startswith("Epoch 2/3 - 10ms")


def test_ipython_in_a_terminal_has_no_notebook_bar(clock, outputs, capsys):
    sys.modules["IPython"].get_ipython = lambda: None
    an_epoch(started(), clock, 0, 1.0, 5)
    assert outputs == []
    assert capsys.readouterr().out.startswith("Epoch 1/3")


def test_user_defined_progress_logger_is_used(capsys):
    bar = ProgbarLogger()
    small_model().fit(X, Y, epochs=2, verbose=2, callbacks=[bar])
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_progbar_shows_means_and_stateful_metrics(clock, capsys):
    bar = progress.Progbar(5, stateful_metrics=["rate"])
    bar.update(2, [("loss", 3.0), ("rate", 0.5)])
    bar.add(2, [("loss", np.float32(1.0)), ("rate", 0.25)])
    assert capsys.readouterr().out == ""
    clock.now += 10
    bar.add(1, [("loss", [6.0, 8.0])])
    line = "5/5 - 10.0s - 2.0s/step - loss: 3.0000 - rate: 0.2500\n"
    assert capsys.readouterr().out == line


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ({"verbose": 0}, ""),
        ({"verbose": 2, "unit_name": "file"}, "1/? - 0ms - 0ms/file - a: 2.0000\n"),
        ({"stateless_metrics": []}, "1/? - 0ms - 0ms/step - a: 2.0000\n"),
    ],
)
def test_progbar_options(clock, capsys, options, shown):
    bar = progress.Progbar(None, **options)
    bar.update(1, [("a", 2.0)])
    bar.update(1, finalize=True)
    assert capsys.readouterr().out == shown


def test_progbar_averages_stateless_metrics_only(clock, capsys):
    bar = progress.Progbar(2, verbose=2, stateless_metrics=["a"])
    bar.add(1, [("a", 2.0), ("b", 2.0)])
    bar.add(1, [("a", 4.0), ("b", 4.0)])
    assert capsys.readouterr().out.endswith("- a: 3.0000 - b: 4.0000\n")


def test_progbar_moves_in_a_terminal(clock, open_terminal):
    terminal = open_terminal()
    bar = progress.Progbar(3)
    for _ in range(3):
        clock.now += 1
        bar.add(1)
    assert "2/3 - 1.0s/step" in terminal.getvalue()
    assert terminal.getvalue().endswith("3/3 - 3.0s - 1.0s/step\n")


def test_lines_are_logged_without_interactive_logging(capsys, caplog):
    utils.disable_interactive_logging()
    assert not config.is_interactive_logging_enabled()
    with caplog.at_level("INFO", "lamina"):
        small_model().fit(X, Y, epochs=2, verbose=1)
    assert capsys.readouterr().out == ""
    assert [record.message[:9] for record in caplog.records] == [
        "Epoch 1/2",
        "Epoch 2/2",
    ]
    utils.enable_interactive_logging()
    small_model().fit(X, Y, verbose=1)
    assert "Epoch 1/1" in capsys.readouterr().out
