"""Counts of docs/old-code.md, written from the results of a run."""

from __future__ import annotations

import pytest

from tools.old_code import HEADING, counts, section, with_section

RESULTS = [
    {"id": "a", "generation": "keras1", "result": "pass", "error": ""},
    {"id": "b", "generation": "keras1", "result": "fail", "error": "KeyError: 'x'"},
    {"id": "c", "generation": "keras3", "result": "timeout", "error": "over 90 s"},
]
KERAS = [row | {"result": "fail"} for row in RESULTS]
PROGRAMS = [
    {"id": "b", "repo": "some+one", "path": "b.py", "part": "whole"},
    {"id": "c", "repo": "some+one", "path": "c.ipynb", "part": "s2"},
]


def test_counts_are_by_generation():
    assert counts(RESULTS, KERAS)[2:] == [
        "| Keras 1 | 2 | 1 | 0 |",
        "| Keras 3 | 1 | 0 | 0 |",
        "| all | 3 | 1 | 0 |",
    ]
    with pytest.raises(ValueError, match="2 of 3 have no result of Keras"):
        counts(RESULTS, KERAS[:1])


def test_section_names_failures_and_replaces_the_earlier_one(tmp_path):
    (tmp_path / "b.log").write_text("The reason is the program: its own code.\n")
    text = section(RESULTS, KERAS, PROGRAMS, tmp_path)
    assert "| some/one: b.py | the program: its own code. `KeyError` |" in text
    assert "| some/one: c.ipynb, part s2 | over 90 s |" in text
    assert "a.py" not in text
    page = with_section("# Old\n\n## First\n\n## Last\n", text)
    assert page.startswith("# Old\n\n## First\n\n## Last\n\n" + HEADING)
    again = with_section(f"# Old\n\n{HEADING}\nold\n\n## Last\nend\n", text)
    assert again == f"# Old\n\n{text}\n## Last\nend\n"
