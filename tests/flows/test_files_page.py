"""The code blocks of the page about files print what is shown there."""

from __future__ import annotations

import contextlib
import io
from typing import Any

from tests.flows.test_tutorial import blocks


def test_what_is_printed_is_what_is_shown(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "example"}
    for code, shown in blocks("files.md"):
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            exec(compile(code, "files.md", "exec"), names)
        assert output.getvalue() == shown
