"""The blocks of the page about extending lamina run and print the output shown."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

from tools.doc_outputs import ROOT, blocks

PAGE = "docs/extending.md"
PATH = re.compile(r"[\w*./]+(/|\.py|\.md|\.txt)")
CODE = (
    f"import json; from tools.doc_outputs import run; print(json.dumps(run({PAGE!r})))"
)


def test_blocks_print_the_output_shown():
    # In a process of its own: the page registers a class and adds a kernel.
    output = subprocess.check_output(
        [sys.executable, "-W", "error", "-c", CODE], cwd=ROOT, text=True
    )
    assert json.loads(output) == [shown for _, shown in blocks(PAGE)]


@pytest.mark.parametrize("page", [PAGE, "ARCHITECTURE.md", "CONTRIBUTING.md"])
def test_paths_of_source_files_exist(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    paths = [span for span in text.split("`")[1::2] if PATH.fullmatch(span)]
    below = (ROOT, ROOT / "src" / "lamina")
    assert [p for p in paths if not any(any(b.glob(p)) for b in below)] == []
