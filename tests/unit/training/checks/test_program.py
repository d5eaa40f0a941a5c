"""A program in this process sees what a program of `python SCRIPT` sees."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from lamina.errors import FileFormatError, MissingFileError
from lamina.io.notebook import skip_magics
from lamina.training.checks.program import run_script

STATE = """
import sys, threading, time
from pathlib import Path
from neighbour import VALUE

print(__name__, __file__, sys.argv, sys.path[0], VALUE, __spec__, __package__)
print(sorted(globals()), sys.modules["__main__"].__file__, Path("data.txt").read_text())
print(__builtins__)
"""


def thread_of(text: str) -> str:
    late = "lambda: (time.sleep(0.05), print(sys.argv))"
    return STATE + f"threading.Thread(target={late}).start()\n{text}"


@pytest.mark.parametrize("end", ["", "x = 1 /\\\n    0", "raise KeyboardInterrupt"])
def test_script_sees_the_same_as_in_python(end, tmp_path, capfd, monkeypatch):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "neighbour.py").write_text("VALUE = 3")
    (folder / "a.py").write_text(thread_of(end))
    (tmp_path / "data.txt").write_text("some data")
    monkeypatch.chdir(tmp_path)
    script, arguments = "folder/a.py", ["--x", "1", "--", "y"]
    command = [sys.executable, script, *arguments]
    wanted = subprocess.run(command, capture_output=True, text=True, check=False)
    status = run_script(Path(script), arguments)
    found = capfd.readouterr()
    assert (found.out, found.err) == (wanted.stdout, wanted.stderr)
    assert status == wanted.returncode or (status, wanted.returncode) == (130, -2)
    sys.modules.pop("neighbour")


def test_module_runs_by_its_name(tmp_path, capsys, monkeypatch):
    (tmp_path / "package_of_program").mkdir()
    (tmp_path / "package_of_program/beside.py").write_text("VALUE = 3")
    (tmp_path / "package_of_program/main.py").write_text(
        "import sys\nfrom .beside import VALUE\n"
        "print(__name__, __spec__.name, VALUE, sys.argv[1:])"
    )
    monkeypatch.chdir(tmp_path)
    name = "package_of_program.main"
    assert run_script(Path(name), ["--x"], is_module=True) == 0
    assert capsys.readouterr().out == f"__main__ {name} 3 ['--x']\n"
    with pytest.raises(MissingFileError, match="No module named 'package"):
        run_script(Path("package_of_program.no"), is_module=True)


def written(path: Path, cells: Sequence[str]) -> Path:
    code = [{"cell_type": "code", "source": cell.splitlines(True)} for cell in cells]
    text = {"cell_type": "markdown", "source": "# Title"}
    path.write_text(json.dumps({"cells": [text, *code], "nbformat": 4}))
    return path


def test_cells_run_in_order_and_tracebacks_name_cell_and_line(tmp_path, capsys):
    cells = [
        "%matplotlib inline\nx = 1",
        "def f():\n    return x / 0",
        "print(x)\n\nf()",
    ]
    assert run_script(written(tmp_path / "a.ipynb", cells)) == 1
    found = capsys.readouterr()
    assert found.out == "1\n"
    lines = found.err.splitlines()
    assert lines[0] == "a.ipynb, cell 1:1: skipped %matplotlib inline"
    frames = [line for line in lines if "cell" in line][1:]
    assert frames == [
        '  File "a.ipynb, cell 3", line 3, in <module>',
        '  File "a.ipynb, cell 2", line 2, in f',
    ]
    assert "    return x / 0" in lines


def test_notebook_may_register_magics(tmp_path, capsys):
    cells = [
        "shell = get_ipython()\n"
        "shell.register_magic_function(print, 'cell', 'backend')\n"
        "print(bool(shell))"
    ]
    assert run_script(written(tmp_path / "a.ipynb", cells)) == 0
    assert capsys.readouterr().out == "False\n"


MAGICS = [
    ("x = 1\nx % 2", "x = 1\nx % 2", 0),
    ("!pip install a \\\n  b\nx = 1", "pass\npass\nx = 1", 2),
    ("if x:\n    %cd folder\n    y = 1", "if x:\n    pass\n    y = 1", 1),
    ("files = !ls\nx?\n?x", "pass\npass\npass", 3),
    ("%time x = 1", "x = 1", 0),
    ("%%time\nx = 1", "pass\nx = 1", 1),
    ("%%bash\nrm x\nls", "pass", 1),
    ("x = 'a\n%b'", "x = 'a\npass", 1),
    ("x = '''\n%b'''", "x = '''\n%b'''", 0),
]


@pytest.mark.parametrize(("source", "code", "count"), MAGICS)
def test_magics_are_replaced_and_lines_keep_their_numbers(source, code, count):
    found, skipped = skip_magics(source)
    assert (found, len(skipped)) == (code, count)


@pytest.mark.parametrize("text", ["x = 1", "[]", '{"worksheets": []}'])
def test_file_that_is_not_a_notebook_is_refused(text, tmp_path):
    path = tmp_path / "a.ipynb"
    path.write_text(text)
    with pytest.raises(FileFormatError, match="not a notebook"):
        run_script(path)
