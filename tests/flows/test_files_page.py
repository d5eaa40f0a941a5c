"""The code blocks of the page about files print the output shown."""

from __future__ import annotations

from tools.doc_outputs import blocks, run


def test_blocks_print_the_output_shown():
    page = "docs/files.md"
    assert run(page) == [shown for _, shown in blocks(page)]
