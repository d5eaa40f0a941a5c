"""Ctrl-C and SIGTERM in `fit`, `evaluate` and `predict`."""

from __future__ import annotations

import functools
import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lamina
from lamina import callbacks
from lamina.runtime import executable
from tests.unit.training.helpers import (
    assert_same_bits,
    blobs,
    classifier,
    fit,
    state_of,
)

pytestmark = pytest.mark.usefixtures("keyboard")


class Press(callbacks.Callback):
    """Ctrl-C in a method of a callback, once."""

    needs = "batches"

    def __init__(self, method: str, number: int) -> None:
        super().__init__()
        setattr(self, method, self._press)
        self.number = number

    def _press(self, number: int, logs: Any = None) -> None:
        if number == self.number:
            self.number = -1
            signal.raise_signal(signal.SIGINT)


# Where Ctrl-C comes: the callback's method and its number; the line; epochs kept.
PLACES: dict[str, tuple[str, int, str, int]] = {
    "begin of an epoch": ("on_epoch_begin", 2, "in epoch 3, step 0", 2),
    # Of the first dispatch, which is one step; a later one may end the epoch.
    "batch": ("on_train_batch_end", 0, r"in epoch 1, step \d+", 0),
    "validation": ("on_test_batch_end", 1, "in the validation of epoch 1", 0),
    "end of an epoch": ("on_epoch_end", 1, "after epoch 2", 2),
}


@pytest.mark.parametrize("resume", [False, True])
@pytest.mark.parametrize("name", PLACES)
def test_ctrl_c_says_what_is_kept_and_raises(
    name: str, resume: bool, tmp_path: Path, capsys: Any
) -> None:
    method, number, where, epochs = PLACES[name]
    x, y = blobs()
    model = classifier()
    with pytest.raises(KeyboardInterrupt) as raised:
        model.fit(
            x, y, batch_size=4, epochs=9, verbose=0, validation_data=(x, y),
            callbacks=[Press(method, number)], resume=tmp_path if resume else None,
        )  # fmt: skip
    assert type(raised.value) is KeyboardInterrupt
    (line,) = capsys.readouterr().out.splitlines()
    kept = f"weights kept, history has {epochs} epochs"
    assert re.match(f"Interrupted {where}: {kept}", line)
    assert ("checkpoint in" in line) == resume
    if resume:
        assert Path(line.partition("checkpoint in ")[2].rstrip(".").strip("'")).exists()
    history = model.history.history
    assert {len(values) for values in history.values()} <= {epochs}
    assert len(model.history.epoch) == epochs
    assert all(np.isfinite(a).all() for a in state_of(model))
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@functools.cache
def uninterrupted() -> tuple[list[np.ndarray], Any]:
    model = classifier()
    history = fit(model, validation_data=blobs())
    return state_of(model), history


@pytest.mark.parametrize("name", PLACES)
def test_a_run_resumed_after_ctrl_c_has_the_same_bits(
    name: str, tmp_path: Path
) -> None:
    method, number, *_ = PLACES[name]
    given: Any = {"validation_data": blobs()}
    state, history = uninterrupted()
    with pytest.raises(KeyboardInterrupt):
        fit(classifier(), tmp_path, callbacks=[Press(method, number)], **given)
    mended = classifier()
    assert fit(mended, tmp_path, **given) == history
    assert_same_bits(state_of(mended), state)


class Unsized:
    """Batches whose number is not known before their end."""

    def __iter__(self) -> Iterator[Any]:
        x, y = blobs(40)
        for first in range(0, 40, 8):
            yield x[first : first + 8], y[first : first + 8]


@pytest.mark.filterwarnings("ignore:The data is read again")
def test_ctrl_c_in_the_last_batch_of_an_unsized_stream_loses_no_logs(
    tmp_path: Path,
) -> None:
    given: Any = {"x": Unsized(), "y": None, "batch_size": None, "epochs": 2}
    whole, mended = classifier(), classifier()
    history = fit(whole, **given)
    press = Press("on_train_batch_end", 4)
    with pytest.raises(KeyboardInterrupt):
        fit(classifier(), tmp_path, callbacks=[press], **given)
    assert fit(mended, tmp_path, **given) == history
    assert_same_bits(state_of(mended), state_of(whole))


def press_after(seconds: float) -> threading.Timer:
    """Ctrl-C from outside, in so many seconds."""
    timer = threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    return timer


@pytest.mark.parametrize("method", ["fit", "evaluate", "predict"])
def test_ctrl_c_does_not_wait_for_the_compiler(method: str, monkeypatch: Any) -> None:
    compiled = executable._optimized  # pyright: ignore[reportPrivateUsage]
    ended, waited = threading.Event(), []

    def slow(lowered: Any, wanted: Any) -> Any:
        press_after(0.3)
        waited.append(ended.wait(60))
        return compiled(lowered, wanted)

    model, (x, y) = classifier(), blobs(1001)
    executable._executables.clear()
    monkeypatch.setattr(executable, "_optimized", slow)
    arguments: Any = {"x": x, "verbose": 0, "batch_size": 128}
    if method != "predict":
        arguments["y"] = y
    with pytest.raises(KeyboardInterrupt):
        getattr(model, method)(**arguments)
    assert not waited
    # What is being compiled is not compiled again.
    monkeypatch.undo()
    ended.set()
    getattr(model, method)(**arguments)


class Hanging(lamina.utils.PyDataset):
    """Its third batch never comes."""

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> Any:
        if index == 2:
            press_after(0.3)
            threading.Event().wait()
        x, y = blobs(8)
        return x, y


def endless() -> Any:
    x, y = blobs(8)
    yield x, y
    yield x, y
    press_after(0.3)
    threading.Event().wait()


@pytest.mark.parametrize("make", [lambda: Hanging(workers=2), endless])
def test_ctrl_c_does_not_wait_for_data(make: Callable[[], Any], capsys: Any) -> None:
    model = classifier()
    with pytest.raises(KeyboardInterrupt):
        model.fit(make(), epochs=2, verbose=0, shuffle=False)
    assert "Interrupted in epoch 1, step" in capsys.readouterr().out
    assert model.history.epoch == []


def test_the_second_ctrl_c_raises_at_once(capsys: Any) -> None:
    ended = []

    class Stuck(callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            press_after(0.1)
            press_after(0.5)
            time.sleep(60)
            ended.append(epoch)

    model, (x, y) = classifier(), blobs()
    with pytest.raises(KeyboardInterrupt):
        model.fit(x, y, epochs=3, verbose=0, callbacks=[Stuck()])
    assert not ended
    assert capsys.readouterr().out.count("Interrupted") == 1


def test_an_evaluation_in_a_callback_is_interrupted_too(capsys: Any) -> None:
    x, y = blobs()

    class Evaluate(callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            signal.raise_signal(signal.SIGINT)
            self.model.evaluate(x, y, verbose=0)
            raise AssertionError("the evaluation was not interrupted")

    with pytest.raises(KeyboardInterrupt):
        classifier().fit(x, y, epochs=3, verbose=0, callbacks=[Evaluate()])
    assert capsys.readouterr().out.count("Interrupted") == 1


def test_averaged_weights_do_not_stay_after_ctrl_c() -> None:
    model, (x, y) = classifier(compile=False), blobs()
    optimizer = lamina.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.9)
    model.compile(optimizer, "sparse_categorical_crossentropy")
    model.fit(x, y, verbose=0)
    before = state_of(model)
    with pytest.raises(KeyboardInterrupt):
        model.evaluate(
            x, y, verbose=0,
            callbacks=[callbacks.SwapEMAWeights(), Press("on_test_batch_end", 0)],
        )  # fmt: skip
    assert_same_bits(state_of(model), before)


def script(tmp_path: Path, text: str) -> subprocess.Popen[str]:
    """A program of a user's, which is told to train without an end."""
    path = tmp_path / "script.py"
    path.write_text(
        textwrap.dedent(
            """
            import os, signal, sys, threading
            from tests.unit.training.helpers import blobs, classifier
            from lamina import callbacks
            signal.signal(signal.SIGINT, signal.default_int_handler)
            model, (x, y) = classifier(), blobs()
            class Ready(callbacks.Callback):
                def on_epoch_begin(self, epoch, logs=None):
                    if epoch == 2:
                        print("ready", flush=True)
            def train(resume):
                model.fit(
                    x, y, epochs=10**6, verbose=0, callbacks=[Ready()], resume=resume
                )
            """
        )
        + textwrap.dedent(text)
    )
    pipe = subprocess.PIPE
    root = str(Path(__file__).parents[3])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([root, *sys.path])}
    return subprocess.Popen(
        [sys.executable, str(path)], stdout=pipe, stderr=pipe, text=True, cwd=tmp_path,
        env=environment,
    )  # fmt: skip


# What a program does with SIGTERM, and how it ends.
TERMINATIONS: dict[str, tuple[str, int, str]] = {
    "as it is": ("train('run')", -signal.SIGTERM, "checkpoint in 'run/step-"),
    "with a handler": (
        """
        def leave(*_):
            print("handler", flush=True)
            sys.exit(7)
        signal.signal(signal.SIGTERM, leave)
        train('run')
        """,
        7,
        "checkpoint in 'run/step-",
    ),
    "without resume": ("train(None)", -signal.SIGTERM, ""),
}


@pytest.mark.parametrize("name", TERMINATIONS)
def test_sigterm_writes_a_checkpoint_and_ends_the_process(
    name: str, tmp_path: Path
) -> None:
    text, status, said = TERMINATIONS[name]
    process = script(tmp_path, text)
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    process.terminate()
    out, errors = process.communicate(timeout=120)
    assert process.returncode == status, errors
    assert said in out
    assert ("handler" in out) == (name == "with a handler")
    assert bool(list(tmp_path.glob("run/step-*"))) == bool(said)


# How a program ends whose fit is in a thread: its last line, and its status.
THREADS: dict[str, tuple[str, int]] = {
    "Ctrl-C": ("print('waits', flush=True); thread.join()", -signal.SIGINT),
    "its end": ("sys.exit(3)", 3),
}


@pytest.mark.parametrize("name", THREADS)
def test_a_fit_in_a_thread_stops_when_the_process_ends(
    name: str, tmp_path: Path
) -> None:
    last, status = THREADS[name]
    text = f"""
        thread = threading.Thread(target=train, args=("run",), daemon=True)
        thread.start()
        while model.history is None or len(model.history.epoch) < 3:
            thread.join(0.05)
        {last}
    """
    process = script(tmp_path, text)
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    if name == "Ctrl-C":
        assert process.stdout.readline() == "waits\n"
        process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=120)
    assert process.returncode == status, errors
    assert "checkpoint in 'run/step-" in out


def test_handlers_are_those_from_before_after_fit(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    fit(classifier(), tmp_path)
    assert signal.getsignal(signal.SIGTERM) is before
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_process_ends_after_ctrl_c_while_a_program_compiles(tmp_path: Path) -> None:
    text = """
        import time
        from lamina.runtime import executable
        def slow(lowered, wanted):
            print("ready", flush=True)
            time.sleep(60)
            print("compiled", flush=True)
        executable._optimized = slow
        train(None)
    """
    process = script(tmp_path, text)
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=120)
    assert "compiled" not in out
    assert process.returncode == -signal.SIGINT, errors
    assert "Interrupted in epoch 1, step 0" in out
    assert errors.strip().endswith("KeyboardInterrupt")


def test_python_exits_after_the_objects_of_a_thread_are_deleted(tmp_path: Path) -> None:
    text = """
        import time
        from lamina.runtime.interrupts import result_of, run_in_thread
        class Slow:
            def __del__(self):
                time.sleep(1)
                print("deleted", flush=True)
        print("ready", flush=True)
        result_of(run_in_thread(lambda argument: time.sleep(0.2), Slow()))
    """
    process = script(tmp_path, text)
    out, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert "deleted" in out
