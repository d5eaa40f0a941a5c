"""The code blocks of the README and the tutorial print the output shown."""

from __future__ import annotations

import re

import pytest

from tools.doc_outputs import PAGES, blocks, run

NUMBER = re.compile(r"\d+\.?\d*")
ENGLISH = [pages[0] for pages in PAGES]
# Relative tolerances: another processor adds terms in another order, and training
# amplifies the difference.
SHOWN = {
    r"loss: \[([\d.]+)": 0.005,
    r"accuracy on the test set: ([\d.]+)%": 0.015,
    r"epoch +10: mae ([\d.]+)": 0.01,
    r"error on the test set: +([\d.]+) MPG": 0.1,
    r"Mean absolute error: ([\d.]+) MPG": 0.02,
}


@pytest.fixture(scope="module")
def printed() -> dict[str, list[str]]:
    """Output of each block of the English pages."""
    return {page: run(page) for page in ENGLISH}


@pytest.mark.parametrize("page", ENGLISH)
def test_words_and_lines_are_as_shown(page, printed):
    for (code, shown), output in zip(blocks(page), printed[page], strict=True):
        words, lines = NUMBER.sub("", output), output.count("\n")
        assert NUMBER.sub("", shown).split() == words.split(), code
        assert shown.count("\n") == lines, code


@pytest.mark.parametrize("pattern", SHOWN)
def test_numbers_are_close_to_those_shown(pattern, printed):
    shown = "".join(text for page in ENGLISH for _, text in blocks(page))
    output = "".join(text for page in ENGLISH for text in printed[page])
    found = [float(re.search(pattern, text)[1]) for text in (shown, output)]
    assert found[1] == pytest.approx(found[0], rel=SHOWN[pattern])


def test_a_loaded_model_predicts_the_same(printed):
    assert "same predictions: True" in "".join(printed["docs/tutorial.md"])


@pytest.mark.parametrize("pages", PAGES)
def test_korean_pages_have_the_same_blocks(pages):
    assert blocks(pages[1]) == blocks(pages[0])
