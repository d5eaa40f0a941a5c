"""The code blocks of the guides print the output shown."""

from __future__ import annotations

import pytest

from tools.doc_outputs import GUIDES, blocks, run


@pytest.mark.parametrize("page", GUIDES)
def test_blocks_print_the_output_shown(page):
    assert run(page) == [shown for _, shown in blocks(page)]


def test_blocks_about_resuming_run():
    assert "Epoch 5/5" in run("docs/resuming.md")[0]
