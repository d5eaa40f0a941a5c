"""Programs of the page on mistakes: the wrong ones are found, the others silent."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from lamina import config
from lamina.core.scope import override
from lamina.errors import LaminaError
from lamina.training.checks.findings import Finding, Findings, error_finding
from lamina.training.checks.rules import RULES

PAGE = Path(__file__).parents[2] / "docs" / "mistakes.md"
INTRODUCTION, *SECTIONS = re.split(r"^### ", PAGE.read_text(), flags=re.MULTILINE)
BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)
PREPARATION = BLOCK.findall(INTRODUCTION)[-1]
TEXTS = {code: text for code, text in (s.split("\n", 1) for s in SECTIONS)}


@pytest.fixture(scope="module")
def names() -> dict[str, Any]:
    found: dict[str, Any] = {}
    exec(PREPARATION, found)
    return found


def findings(program: str, names: dict[str, Any]) -> Findings:
    """Return the findings of a program, which does not train."""
    found: list[Finding] = []
    with override(on_findings=lambda findings, where: found.extend(findings)):
        try:
            exec(program, dict(names))
        except LaminaError as error:
            found.append(error_finding(error, ""))
    return Findings(found)


@pytest.mark.parametrize("code", TEXTS)
def test_wrong_program_is_found(code: str, names: dict[str, Any]) -> None:
    wrong, _ = BLOCK.findall(TEXTS[code])
    found = findings(wrong, names)
    assert [f.severity for f in found if f.code == code] == [
        TEXTS[code].split(".")[0].strip().lower()
    ], found
    assert len(set(found.codes)) == 1, found
    config.set_checks("all", silence=[code])
    assert code in RULES or code in findings(wrong, names).codes
    assert code not in RULES or code not in findings(wrong, names).codes


@pytest.mark.parametrize("code", TEXTS)
def test_corrected_program_is_silent(code: str, names: dict[str, Any]) -> None:
    _, right = BLOCK.findall(TEXTS[code])
    assert findings(right, names) == ()


def test_every_rule_has_a_section() -> None:
    assert set(RULES) <= set(TEXTS)
    assert len(TEXTS) >= 45
