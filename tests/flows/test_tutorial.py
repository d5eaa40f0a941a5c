"""The tutorials' code blocks run from top to bottom and print what is shown there."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

DOCS = Path(__file__).parents[2] / "docs"
# A block of Python and, if the block prints, the block of text after it.
BLOCK = re.compile(r"```python\n(.*?)```\n(?:\n```text\n(.*?)```\n)?", re.DOTALL)
NUMBER = re.compile(r"\d+\.?\d*")


def blocks(name: str) -> list[tuple[str, str]]:
    return BLOCK.findall((DOCS / name).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def printed() -> list[str]:
    """What each block of the English tutorial prints."""
    names: dict[str, Any] = {}
    outputs: list[str] = []
    # The tutorial sets how arrays print, which must not outlast it.
    with np.printoptions():
        for number, (code, _) in enumerate(blocks("tutorial.md"), start=1):
            output = io.StringIO()
            with contextlib.redirect_stdout(output):
                exec(compile(code, f"tutorial.md, block {number}", "exec"), names)
            outputs.append(output.getvalue())
    return outputs


def test_words_and_rows_are_as_printed(printed: list[str]) -> None:
    """Numbers may differ between processors and versions; what is said may not."""
    for (code, shown), output in zip(blocks("tutorial.md"), printed, strict=True):
        words, rows = NUMBER.sub("", output), output.count("\n")
        assert NUMBER.sub("", shown).split() == words.split(), code
        assert shown.count("\n") == rows, code


def test_models_learn(printed: list[str]) -> None:
    everything = "".join(printed)
    accuracy = re.search(r"accuracy on the test set: ([\d.]+)%", everything)
    error = re.search(r"error on the test set: +([\d.]+) MPG", everything)
    assert accuracy is not None and float(accuracy[1]) > 95
    assert error is not None and float(error[1]) < 2.6
    assert "same predictions: True" in everything


def test_korean_code_is_the_same() -> None:
    assert blocks("tutorial.ko.md") == blocks("tutorial.md")
