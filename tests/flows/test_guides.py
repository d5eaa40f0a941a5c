"""Programs in the style of Keras's guides, examples and books.

They say `import lamina as keras` and are otherwise what people have on their disks.
"""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

GUIDES = sorted((Path(__file__).parent / "guides").glob("*.py"))


@pytest.mark.parametrize("path", GUIDES, ids=lambda path: path.stem)
def test_guide(path: Path) -> None:
    runpy.run_path(str(path), run_name="__main__")
