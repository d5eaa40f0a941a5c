"""`lamina upgrade` rewrites the cells of a notebook, and keeps its layout."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lamina.cli import main

pytest.importorskip("libcst")


def notebook(path: Path, *cells: str) -> Path:
    code = [{"cell_type": "code", "source": c, "outputs": []} for c in cells]
    path.write_text(json.dumps({"cells": code, "nbformat": 4}))
    return path


def test_cells_of_a_notebook_are_one_program_and_keep_magics(tmp_path):
    cells = [
        "%matplotlib inline\nfrom keras import backend as K",
        "# cell 1\nif x:\n    !ls\n    K.mean(x)",
        "%%bash\nls 'x",
        "",
        "%time K.epsilon()",
    ]
    path = notebook(tmp_path / "a.ipynb", *cells)
    assert main(["upgrade", "--in-place", str(path)]) == 0
    found = [c["source"] for c in json.loads(path.read_text())["cells"]]
    assert (
        found[0] == "%matplotlib inline\nimport keras\nfrom keras import backend as K"
    )
    assert found[1:] == [cells[1].replace("K.mean", "keras.ops.mean"), *cells[2:]]


LAYOUTS = [
    lambda content: json.dumps(content, indent=1, ensure_ascii=False) + "\n",
    lambda content: json.dumps(content, indent=2),
    lambda content: json.dumps(content, indent="\t").replace("\n", "\r\n"),
    lambda content: json.dumps(content),
    lambda content: json.dumps(content, separators=(",", ":"), ensure_ascii=False),
]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_notebook_has_the_bytes_of_before_except_for_old_spellings(layout, tmp_path):
    old = ["from keras.layers import Dropout\n", "Dropout(p=0.5)  # \u00e4"]
    output = {"output_type": "stream", "name": "stdout", "text": ["p=0.5 \u00e4\n"]}
    cells = [
        {"cell_type": "markdown", "metadata": {"z": 1, "a": 1e-05}, "source": "p=0.5"},
        {"cell_type": "code", "metadata": {}, "outputs": [output], "source": old},
        {"cell_type": "code", "outputs": [], "source": ["x\n", "", "y"]},
        {"cell_type": "code", "outputs": []},
    ]
    text = layout({"cells": cells, "metadata": {}, "nbformat": 4})
    path = tmp_path / "a.ipynb"
    path.write_bytes(text.encode())
    assert main(["upgrade", "--in-place", str(path)]) == 0
    new = text.replace("Dropout(p=", "Dropout(rate=")
    assert path.read_bytes().decode() == new
