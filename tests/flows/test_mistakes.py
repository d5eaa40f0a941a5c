"""Programs of the page on mistakes: the wrong ones are found, the others silent."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lamina import config
from lamina.core.scope import override
from lamina.errors import LaminaError
from lamina.training.checks.findings import Finding, Findings, error_finding
from lamina.training.checks.rules import RULES
from tools.record_mistakes import RECORD, Page, written

PAGE = Page()


@pytest.fixture(scope="module")
def names() -> dict[str, Any]:
    found: dict[str, Any] = {"__name__": "mistakes"}
    exec(PAGE.preparation, found)
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


@pytest.mark.parametrize("code", PAGE.sections)
def test_wrong_program_is_found(code: str, names: dict[str, Any]) -> None:
    wrong, _ = PAGE.programs(code)
    found = findings(wrong, names)
    severities = [f.severity for f in found if f.code == code]
    assert severities == [PAGE.severity(code)], found
    assert len(set(found.codes)) == 1, found
    config.set_checks("all", silence=[code])
    assert code in RULES or code in findings(wrong, names).codes
    assert code not in RULES or code not in findings(wrong, names).codes


@pytest.mark.parametrize("code", PAGE.sections)
def test_corrected_program_is_silent(code: str, names: dict[str, Any]) -> None:
    _, right = PAGE.programs(code)
    assert findings(right, names) == ()


def test_every_rule_has_a_section() -> None:
    assert set(RULES) <= set(PAGE.sections)
    assert len(PAGE.sections) >= 45


def test_page_shows_what_keras_does() -> None:
    records = json.loads(RECORD.read_text(encoding="utf-8"))
    recorded = {code: record["programs"] for code, record in records.items()}
    assert recorded == {code: PAGE.digest(code) for code in PAGE.sections}
    assert written(PAGE, records) == PAGE.text
