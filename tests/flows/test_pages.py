"""The code blocks of the guides print the output shown."""

from __future__ import annotations

import pytest

from tools.doc_outputs import GUIDES, blocks, run


@pytest.mark.parametrize("page", GUIDES)
def test_blocks_print_the_output_shown(page):
    assert run(page) == [shown for _, shown in blocks(page)]


@pytest.mark.parametrize(
    ("page", "line"),
    [
        ("docs/progress.md", "Epoch 3/3"),
        ("docs/resuming.md", "Epoch 5/5"),
        ("docs/scaling.md", "23/23"),
    ],
)
def test_blocks_that_print_times_run(page, line):
    assert line in run(page)[0]
