"""The code blocks of the page about files print what is shown there."""

from __future__ import annotations

from tools.doc_outputs import blocks, run


def test_what_is_printed_is_what_is_shown():
    page = "docs/files.md"
    assert run(page) == [shown for _, shown in blocks(page)]
