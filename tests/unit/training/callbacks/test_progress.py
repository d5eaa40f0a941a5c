"""Output of `ProgbarLogger` and `Progbar`: plain lines, a terminal, a notebook."""

from __future__ import annotations

import io
import re
import sys
import threading
from types import SimpleNamespace

import numpy as np
import pytest

from lamina import config, errors, utils
from lamina.training.callbacks import Callback, CallbackList, ProgbarLogger
from tests.unit.progress.notebook import open_notebook
from tests.unit.progress.terminal import open_terminal
from tests.unit.training.callbacks.helpers import X, Y, small_model

BAR = "━" * 20
SECONDS, STEP = r"\d+s", r"\d+[mu]?s/step"
METRICS = r" - loss: \S+ - mae: \S+"
COMPILING = r"( - [\d.]+m?s compiling)?"
LOGS = {"accuracy": 0.9, "loss": 0.25}
CLOCKED = ("progress.output", "progress.progbar", "training.callbacks.progress.timer")


@pytest.fixture
def clock(monkeypatch):
    """A clock that only tests move."""
    found = SimpleNamespace(now=100.0)
    for module in CLOCKED:
        monkeypatch.setattr(
            f"lamina.{module}.time", SimpleNamespace(perf_counter=lambda: found.now)
        )
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


# Lines


def pattern(verbose, before="", after=""):
    if verbose == 1:
        return rf"{before}\d+/\d+ {BAR} {SECONDS} {STEP}{after}{COMPILING}"
    return rf"{before}\d+/\d+ - {SECONDS} - {STEP}{after}{COMPILING}"


VALIDATION = METRICS + METRICS.replace("- ", "- val_")
RUNS = {
    "fit": (lambda m, v: m.fit(X, Y, epochs=3, verbose=v), r"Epoch \d/3\n", METRICS),
    "fit with validation": (
        lambda m, v: m.fit(
            X, Y, epochs=3, verbose=v, validation_data=(X, Y), batch_size=2
        ),
        r"Epoch \d/3\n",
        VALIDATION,
    ),
    "evaluate": (lambda m, v: m.evaluate(X, Y, verbose=v), "", METRICS),
    "predict": (lambda m, v: m.predict(X, verbose=v), "", ""),
}


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("verbose", [0, 1, 2])
def test_plain_lines(name, verbose, capsys):
    run, before, after = RUNS[name]
    run(small_model(), verbose)
    count = (3 if before else 1) if verbose else 0
    expected = rf"({pattern(verbose, before, after)}\n){{{count}}}"
    assert re.fullmatch(expected, capsys.readouterr().out)


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
        f"Epoch 1/3\n100/100 {BAR} 7s 1ms/step - accuracy: 0.9000 - loss: 0.2500\n"
    )


@pytest.mark.parametrize(
    ("waited", "compiled", "end"),
    [
        (0.0, 0.0, ""),
        (0.05, 0.05, ""),
        (0.3, 0.0, ""),  # less than a tenth of the epoch
        (2.5, 1.5, " - 1.5s compiling - 2.5s waiting for data"),
    ],
)
def test_times_are_mentioned_where_they_matter(clock, capsys, waited, compiled, end):
    bar = started(verbose=2)
    bar.on_epoch_begin(0)
    bar.on_compile("train", compiled, True)
    bar.on_data_wait("train", waited / 2)
    bar.on_data_wait("train", waited / 2)
    clock.now += 4.0
    bar.on_progress("train", 100, {})
    bar.on_epoch_end(0, {})
    assert capsys.readouterr().out.endswith(f"ms/step{end}\n")


def test_lines_are_flushed_but_not_each(clock, monkeypatch):
    flushed = []
    out = io.StringIO()
    out.flush = lambda: flushed.append(clock.now)
    monkeypatch.setattr(sys, "stdout", out)
    bar = started(epochs=100)
    for epoch in range(100):
        an_epoch(bar, clock, epoch, 0.01, 1)
    assert out.getvalue().count("\n") == 200
    assert 9 <= len(flushed) <= 12
    bar.on_train_end()
    assert flushed[-1] == clock.now


def test_logs_are_read_only_when_they_are_drawn(clock, monkeypatch):
    open_terminal(monkeypatch)

    class Untouchable:
        def __array__(self, *_, **__):
            raise AssertionError("read")

    bar = started()
    an_epoch(bar, clock, 0, 0.01, 1)
    bar.on_epoch_begin(1)
    clock.now += 0.08
    bar.on_progress("train", 1, {"loss": Untouchable()})
    clock.now += 0.02
    with pytest.raises(AssertionError, match="read"):
        bar.on_progress("train", 2, {"loss": Untouchable()})
    bar.close()


# A terminal


def test_epochs_in_a_terminal(clock, monkeypatch):
    terminal = open_terminal(monkeypatch)
    bar = started()
    bar.on_epoch_begin(0)
    assert terminal.rows()[0].endswith("  0/100  starting")
    for seconds in (1.0, 2.0):
        clock.now += 1.0
        bar.on_compile("train", seconds, seconds == 2.0)
    assert terminal.rows()[0].endswith("compiling 1.0s")
    for done, loss in ((25, 0.5), (50, 0.4)):
        clock.now += 0.5
        bar.on_progress("train", done, {"loss": loss})
    first, second = terminal.rows()
    assert re.fullmatch(
        r"Epoch 1/3 ━+─+  50/100  50 steps/s  1.0s left  5.0s to the end", first
    )
    assert second == "loss 0.4000 █▁  2.0s compiling"
    bar.on_test_begin()
    clock.now += 1.0
    bar.on_progress("test", 7, {"loss": 0.1})
    assert terminal.rows()[0].endswith("validating, step 7")
    bar.on_compile("test", 1.0, False)
    clock.now += 1.0
    bar.on_compile("test", 1.5, False)
    assert terminal.rows()[0].endswith("validating: compiling 1.5s")
    bar.on_test_end({"loss": 0.1})
    bar.on_epoch_end(0, {"loss": 0.4, "val_loss": 0.5})
    bar.on_epoch_begin(1)
    clock.now += 0.5
    bar.on_progress("train", 50, {"loss": 0.2})
    assert terminal.rows()[-1] == "loss 0.2000 ↓0.2 █▁  val_loss 0.5000"
    clock.now += 0.5
    bar.on_epoch_end(1, {"loss": 0.2, "val_loss": 0.75})
    bar.on_train_end()
    assert terminal.rows() == [
        "Epoch    Time  loss            val_loss",
        "  1/3    5.0s  0.4000          0.5000",
        "         2.0s compiling",
        "  2/3    1.0s  0.2000 ↓0.2     0.7500 ↑0.25",
    ]


@pytest.mark.parametrize(
    ("epochs", "seconds", "updates", "writes"),
    [(1, 3.0, 1000, 31), (300, 0.01, 1, 32)],
    ids=["one epoch", "short epochs"],
)
def test_terminal_is_written_to_ten_times_a_second(
    clock, monkeypatch, epochs, seconds, updates, writes
):
    terminal = open_terminal(monkeypatch)
    bar = started(epochs=epochs)
    for epoch in range(epochs):
        an_epoch(bar, clock, epoch, seconds, updates)
    assert writes - 3 <= terminal.writes <= writes
    bar.on_train_end()
    assert len(terminal.rows()) == epochs + 1


def test_verbose_2_draws_no_bar(clock, monkeypatch):
    terminal = open_terminal(monkeypatch)
    an_epoch(started(verbose=2), clock, 0, 3.0, 10)
    assert "\x1b" not in terminal.getvalue()
    assert terminal.rows()[0] == "Epoch 1/3"


def test_first_epoch_of_a_stream_has_no_end(clock, monkeypatch):
    terminal = open_terminal(monkeypatch)
    bar = started(steps=None)
    bar.on_epoch_begin(0)
    clock.now += 1
    bar.on_progress("train", 50, LOGS)
    assert terminal.rows()[0] == "Epoch 1/3 50 steps  50 steps/s  1.0s"
    bar.on_epoch_end(0, LOGS)
    bar.on_epoch_begin(1)
    clock.now += 1
    bar.on_progress("train", 25, LOGS)
    assert "25/50  25 steps/s  1.0s left" in terminal.rows()[-2]
    bar.close()


def test_display_is_removed_after_an_error(monkeypatch):
    terminal = open_terminal(monkeypatch)

    class Fails(Callback):
        def on_epoch_end(self, epoch, logs=None):
            print("before the error")
            raise KeyError

    with pytest.raises(KeyError):
        small_model().fit(X, Y, verbose=1, callbacks=[Fails()])
    assert sys.stdout is terminal
    assert terminal.rows() == ["before the error"]


def test_fits_of_two_threads_share_the_terminal(monkeypatch):
    terminal = open_terminal(monkeypatch)
    both = threading.Barrier(2, timeout=60)

    class Waits(Callback):
        def on_train_batch_end(self, batch, logs=None):
            both.wait()

    def run(name):
        model = small_model()
        model.name = name
        model.fit(X, Y, epochs=2, verbose=1, batch_size=len(X), callbacks=[Waits()])

    threads = [threading.Thread(target=run, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sys.stdout is terminal
    rows = [row for row in terminal.rows() if "Epoch" in row]
    assert {row[:11] for row in rows} == {
        f"{n} Epoch {i}/2" for n in "ab" for i in "12"
    }


# A notebook


def test_notebook_has_one_output_for_each_fit(clock, monkeypatch, capsys):
    outputs = open_notebook(monkeypatch)
    for _ in range(2):
        bar = started()
        for epoch in range(3):
            an_epoch(bar, clock, epoch, 1.0, 5)
        bar.on_train_end()
        bar.close()
    line = "100/100 - 1s - 10ms/step - accuracy: 0.9000 - loss: 0.2500"
    for shown in outputs:
        assert 9 <= len(shown) <= 15
        text = "\n".join(f"Epoch {i}/3 - {line}" for i in (1, 2, 3))
        assert shown[-1]["text/plain"] == text
        assert "<progress" in shown[-2]["text/html"]
        assert "<progress" not in shown[-1]["text/html"]
    assert len(outputs) == 2
    assert capsys.readouterr().out == ""


def test_short_evaluation_in_a_notebook_is_a_line(monkeypatch, capsys):
    outputs = open_notebook(monkeypatch)
    model = small_model()
    model.evaluate(X, Y, verbose=0)  # compiles
    model.evaluate(X, Y, verbose=1)
    assert outputs == []
    assert re.match(r"Evaluate  1/1  .* loss \S+  mae \S+", capsys.readouterr().out)


def test_ipython_in_a_terminal_is_a_terminal(clock, monkeypatch, capsys):
    outputs = open_notebook(monkeypatch)
    sys.modules["IPython"].get_ipython = lambda: None
    an_epoch(started(), clock, 0, 1.0, 5)
    assert outputs == []
    assert capsys.readouterr().out.startswith("Epoch 1/3")


def test_user_defined_progress_logger_is_used(capsys):
    bar = ProgbarLogger()
    small_model().fit(X, Y, epochs=2, verbose=2, callbacks=[bar])
    assert len(capsys.readouterr().out.splitlines()) == 4


def test_progbar_shows_means_and_stateful_metrics(clock, capsys):
    bar = utils.Progbar(5, stateful_metrics=["rate"])
    bar.update(2, [("loss", 3.0), ("rate", 0.5)])
    bar.add(2, [("loss", np.float32(1.0)), ("rate", 0.25)])
    assert capsys.readouterr().out == ""
    clock.now += 10
    bar.add(1, [("loss", [6.0, 8.0])])
    line = f"5/5 {BAR} 10s 2s/step - loss: 3.0000 - rate: 0.2500\n"
    assert capsys.readouterr().out == line


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ({"verbose": 0}, ""),
        ({"verbose": 2, "unit_name": "file"}, "1/1 - 0s - 0s/file - a: 2.0000\n"),
        ({"stateless_metrics": []}, f"1/1 {BAR} 0s 0s/step - a: 2.0000\n"),
    ],
)
def test_progbar_options(clock, capsys, options, shown):
    bar = utils.Progbar(None, **options)
    bar.update(1, [("a", 2.0)])
    bar.update(1, finalize=True)
    assert capsys.readouterr().out == shown


def test_progbar_averages_stateless_metrics_only(clock, capsys):
    bar = utils.Progbar(2, verbose=2, stateless_metrics=["a"])
    bar.add(1, [("a", 2.0), ("b", 2.0)])
    bar.add(1, [("a", 4.0), ("b", 4.0)])
    assert capsys.readouterr().out.endswith("- a: 3.0000 - b: 4.0000\n")


def test_progbar_moves_in_a_terminal(clock, monkeypatch):
    terminal = open_terminal(monkeypatch)
    bar = utils.Progbar(3)
    clock.now += 1
    bar.add(1, [("loss", 2.0)])
    clock.now += 1
    bar.add(1, [("loss", 1.0)])
    first, second = terminal.rows()
    assert first.endswith("2/3  1.0s/step  1.0s left")
    assert second == "loss 1.5000"
    bar.add(1)
    assert terminal.rows() == ["3/3  2.0s  1.5 steps/s  loss 1.5000"]


def test_lines_are_logged_without_interactive_logging(capsys, caplog):
    utils.disable_interactive_logging()
    assert not config.is_interactive_logging_enabled()
    with caplog.at_level("INFO", "lamina"):
        small_model().fit(X, Y, epochs=2, verbose=1)
    assert capsys.readouterr().out == ""
    lines = [record.message for record in caplog.records]
    assert lines[::2] == ["Epoch 1/2", "Epoch 2/2"]
    assert all(line.startswith(f"1/1 {BAR}") for line in lines[1::2])
    utils.enable_interactive_logging()
    small_model().fit(X, Y, verbose=1)
    assert "Epoch 1/1" in capsys.readouterr().out


def test_metrics_of_a_bar_are_named_by_one_argument():
    with pytest.raises(errors.ArgumentError, match="not both"):
        utils.Progbar(3, stateful_metrics=["a"], stateless_metrics=[])
