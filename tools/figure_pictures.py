"""Make the pictures of the page about figures in the folder docs.

    python -m tools.figure_pictures

They are the files that the blocks of the page write.
"""

from __future__ import annotations

from tools.doc_outputs import ROOT, run

PAGE = "docs/figures.md"


def main() -> None:
    """Run the blocks of the page in the folder of its pictures."""
    run(PAGE, ROOT / "docs" / "figures")


if __name__ == "__main__":
    main()
