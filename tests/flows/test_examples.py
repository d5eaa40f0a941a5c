"""The examples run as scripts and print the expected results."""

from __future__ import annotations

import ast
import re
import runpy
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"

# Pattern of each example's result, and the range of the value in it.
RESULTS = {
    "auto_mpg_regression": (r"new cars: ([\d.]+) MPG", 1.5, 2.4),
    "callbacks_and_checkpoints": (r"best model .* accuracy ([\d.]+)%", 95, 100),
    "custom_layer": (r"new cars: ([\d.]+) MPG", 1.5, 2.4),
    "custom_training_step": (r"(?m)^   0 +\d+ +(\d+)$", 40, 90),
    "digits_convolution": (r"([\d.]+)% of 359 new digits", 97.5, 100),
    "functional_two_inputs": (r"([\d.]+)% of new pairs", 90, 100),
    "generator_input": (r"on shifted digits +([\d.]+)%", 80, 100),
    "optax_optimizer": (r"optax: adamw .* accuracy ([\d.]+)%", 94, 100),
    "sequence_lstm": (r"8 of 8 rows: #+ +([\d.]+)%", 85, 100),
}


def test_every_example_is_listed() -> None:
    names = {path.stem for path in EXAMPLES.glob("*.py")}
    assert names == set(RESULTS)
    readme = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\[(\w+)\.py\]\(\1\.py\)", readme)) == names


@pytest.mark.parametrize("name", RESULTS)
def test_example(name: str, tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    path = EXAMPLES / f"{name}.py"
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert docstring is not None and len(docstring.splitlines()) == 2
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(path), run_name="__main__")
    pattern, low, high = RESULTS[name]
    output = capsys.readouterr().out
    found = re.search(pattern, output)
    assert found is not None and low <= float(found[1]) <= high, output
    assert list(tmp_path.iterdir()) == []
