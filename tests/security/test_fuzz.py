"""A few damaged inputs of each format; `python -m tools.fuzz` makes many more."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tools import fuzz
from tools.fuzz_inputs import FORMATS

EXECUTIONS = 25
pytestmark = pytest.mark.skipif(
    not hasattr(signal, "setitimer"), reason="no timer ends an execution here"
)


@pytest.mark.parametrize("name", FORMATS)
def test_damaged_inputs_are_loaded_or_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAMINA_COMPILE_CACHE", "off")
    before = signal.signal(signal.SIGALRM, fuzz._on_alarm)
    try:
        ends = [
            fuzz.execute(FORMATS[name], number, tmp_path)
            for number in range(EXECUTIONS)
        ]
    finally:
        signal.signal(signal.SIGALRM, before)
    assert not [end for end in ends if fuzz.is_finding(end[0])]
