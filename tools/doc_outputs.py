"""Run the code blocks of documentation pages and write their output below them.

    python -m tools.doc_outputs

Pages of different languages have the same blocks.
"""

from __future__ import annotations

import contextlib
import io
import re
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]
PAGES = (
    ("README.md", "README.ko.md"),
    ("docs/tutorial.md", "docs/tutorial.ko.md"),
)
GUIDES = (
    "docs/callbacks.md",
    "docs/custom-layers.md",
    "docs/data.md",
    "docs/figures.md",
    "docs/files.md",
    "docs/functional-api.md",
    "docs/masking.md",
    "docs/mistakes.ko.md",
    "docs/mixed-precision.md",
    "docs/old-code.md",
    "docs/reports.md",
    "docs/transfer-learning.md",
    "docs/tuning.md",
)
IN_ONE_LANGUAGE = (*GUIDES, "docs/extending.md")
# A block of Python and, if the block prints, the block of text after it.
BLOCK = re.compile(r"```python\n(.*?)```\n(?:\n```text\n(.*?)```\n)?", re.DOTALL)


def blocks(page: str) -> list[tuple[str, str]]:
    """Return code and printed text of each block of a page."""
    return BLOCK.findall((ROOT / page).read_text(encoding="utf-8"))


def run(page: str, folder: Path | None = None) -> list[str]:
    """Run a page's blocks in order in one namespace.

    Args:
        page: path of the page in the repository.
        folder: folder for files that the blocks write; a temporary one by default.

    Returns:
        The output of each block.
    """
    names: dict[str, Any] = {"__name__": "example"}
    outputs: list[str] = []
    # A page may change print options and write files; both are undone.
    with (
        np.printoptions(),
        tempfile.TemporaryDirectory() as temporary,
        contextlib.chdir(folder or temporary),
    ):
        for number, (code, _) in enumerate(blocks(page), start=1):
            with contextlib.redirect_stdout(io.StringIO()) as output:
                exec(compile(code, f"{page}, block {number}", "exec"), names)
            outputs.append(output.getvalue())
    return outputs


def main() -> None:
    """Rewrite the output in all pages."""
    for pages in (*PAGES, *((page,) for page in IN_ONE_LANGUAGE)):
        outputs = run(pages[0])
        for page in pages:
            rest = iter(outputs)

            def with_output(match: re.Match[str], rest: Any = rest) -> str:
                printed = next(rest)
                text = f"```python\n{match[1]}```\n"
                return f"{text}\n```text\n{printed}```\n" if printed else text

            path = ROOT / page
            text = BLOCK.sub(with_output, path.read_text(encoding="utf-8"))
            path.write_text(text, encoding="utf-8")
            print(f"{page}: {len(outputs)} blocks")


if __name__ == "__main__":
    main()
