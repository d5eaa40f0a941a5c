"""Processes forked from one that has computed."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lamina
from lamina.errors import StateError
from tests.unit.training.helpers import blobs, classifier

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork"),
    pytest.mark.filterwarnings("ignore:.*fork"),
]


def in_child(function: Callable[[], Any]) -> str:
    """Call a function in a forked process; return its result or its error."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            text = repr(function())
        except StateError as error:
            text = str(error)
        os.write(writing, text.encode())
        os._exit(0)
    ready, _, _ = select.select([reading], [], [], 60)
    text = os.read(reading, 10_000).decode() if ready else "no answer"
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(reading)
    os.close(writing)
    return text


COMPUTING: dict[str, Callable[[Any, Any, Any], Any]] = {
    "predict": lambda model, x, y: model.predict(x, verbose=0),
    "predict on few rows": lambda model, x, y: model.predict(x[:3], verbose=0),
    "fit": lambda model, x, y: model.fit(x, y, verbose=0),
    "evaluate": lambda model, x, y: model.evaluate(x, y, verbose=0),
    "call": lambda model, x, y: model(x),
    "an op": lambda model, x, y: lamina.ops.add(x, x),
    "a new array": lambda model, x, y: lamina.ops.ones((3,)),
    "a random array": lambda model, x, y: lamina.random.normal((3,)),
    "a new model": lambda model, x, y: classifier(),
}


@pytest.mark.parametrize("name", COMPUTING)
def test_computing_in_a_forked_process_is_refused(name: str) -> None:
    model, (x, y) = classifier(), blobs()
    model.fit(x, y, verbose=0)
    model.predict(x, verbose=0)
    text = in_child(lambda: COMPUTING[name](model, x, y))
    assert "forked" in text and "spawn" in text


def test_numpy_and_weights_work_in_a_forked_process() -> None:
    model, _ = classifier(), lamina.ops.ones((3,))
    assert in_child(lambda: float(np.ones((3, 3)).sum())) == "9.0"
    assert in_child(lambda: len(model.get_weights())) == str(len(model.get_weights()))


def test_a_process_forked_before_anything_was_computed_can_compute() -> None:
    code = """
import os, lamina
child = os.fork()
if child == 0:
    os._exit(int(lamina.ops.sum(lamina.ops.ones((7,)))))
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120
    )
    assert done.stdout == "7\n", done.stderr
