"""The code blocks of the pages about files and resuming run as shown."""

from __future__ import annotations

from tools.doc_outputs import blocks, run


def test_blocks_about_files_print_the_output_shown():
    page = "docs/files.md"
    assert run(page) == [shown for _, shown in blocks(page)]


def test_blocks_about_resuming_run():
    assert "Epoch 5/5" in run("docs/resuming.md")[0]
