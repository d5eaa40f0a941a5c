"""Runs read from pages of reports, and from the folders of `fit(resume=...)`."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lamina.errors import ArgumentError, FileFormatError, MissingFileError
from lamina.io.files import open_file
from lamina.report.collect.record import folder_record
from lamina.report.page.page import DATA_ID
from lamina.report.run import Run
from lamina.training.checkpoint.checkpoints import Checkpoints

_RECORD = "run.json"
_LARGEST = 2**26  # bytes of a page
_DATA = re.compile(
    rf'<script type="application/json" id="{DATA_ID}">(.*?)</script>'.encode(),
    re.DOTALL,
)


def load_runs(paths: Sequence[str | os.PathLike[str]]) -> list[Run]:
    """Return the runs in pages and folders, named by the parts in which paths differ.

    Args:
        paths: pages that `Report` wrote, folders of such pages, or folders of
            `fit(resume=...)`.

    Raises:
        MissingFileError: a path does not exist.
        ArgumentError: a folder has no run.
        FileFormatError: a page has no data of runs, or a file is damaged.
    """
    found = [item for path in paths for item in _load(Path(path))]
    names = _short_names([path for path, _ in found])
    for name, (_, run) in zip(names, found, strict=True):
        run.name = name if len(found) > 1 else run.name
    return [run for _, run in found]


def _load(path: Path) -> list[tuple[Path, Run]]:
    if not path.is_dir():
        if not path.exists():
            raise MissingFileError(f"No such file or folder: {str(path)!r}.")
        return [(path.with_suffix(""), run) for run in _runs_of_page(path)]
    pages = [
        (page.with_suffix(""), run)
        for page in sorted(path.glob("*.html"))
        if _DATA.search(_content(page))
        for run in _runs_of_page(page)
    ]
    if pages:
        return pages if len(pages) > 1 else [(path, pages[0][1])]
    if not (path / _RECORD).is_file():
        raise ArgumentError(
            f"{str(path)!r} has no run: neither the page of a report nor {_RECORD!r}. "
            "Train with fit(report='runs/a/run.html') or fit(resume='runs/a')."
        )
    return [(path, _run_of_folder(path))]


def _content(path: Path) -> bytes:
    with open_file(path) as file:
        content = file.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        raise FileFormatError(f"{str(path)!r} is larger than {_LARGEST:,} bytes.")
    return content


def _runs_of_page(path: Path) -> list[Run]:
    match = _DATA.search(_content(path))
    if match is None:
        raise FileFormatError(
            f"{str(path)!r} is not a report. Pass a page that fit(report=...) wrote, "
            "or the folder of a run."
        )
    return [_run(entry, path) for entry in _json(match.group(1), path, list)]


def _json(text: bytes, path: Path, kind: type) -> Any:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, kind):
        raise damaged(path)
    return value


def _run(data: object, path: Path) -> Run:
    """Return a run from a file, whose data may be anything."""
    if not isinstance(data, Mapping) or not isinstance(data.get("name"), str):
        raise damaged(path)
    return Run.from_data(data)


def damaged(*paths: Path) -> FileFormatError:
    """Return the error for data that is not that of a run."""
    names = ", ".join(repr(str(path)) for path in paths)
    return FileFormatError(f"The data of the run in {names} is damaged.")


def _run_of_folder(folder: Path) -> Run:
    """Return the run of `fit(resume=folder)`, from its record and last checkpoint."""
    record = _json(_content(folder / _RECORD), folder / _RECORD, dict)
    saved = Checkpoints(folder).newest() or {"callbacks": []}
    states = dict(saved["callbacks"])
    if "Report" in states:
        return _run(_json(states["Report"]["run"].encode(), folder, dict), folder)
    run = Run(folder.resolve().name, folder_record(record))
    empty: dict[str, Any] = {"epoch": [], "history": {}}
    history = states.get("History", empty)
    run.epochs = [epoch + 1 for epoch in history["epoch"]]
    run.logs = {
        name: list(values)
        for name, values in history["history"].items()
        if all(isinstance(v, (int, float)) for v in values)
    }
    return run


def _short_names(paths: Sequence[Path]) -> list[str]:
    """Return the shortest last parts of paths that differ, numbered if none do."""
    parts = [path.resolve().parts for path in paths]
    for count in range(1, max(map(len, parts), default=0) + 1):
        names = ["/".join(some[-count:]) for some in parts]
        if len(set(names)) == len(names):
            return names
    return [f"{path.name} {i + 1}" for i, path in enumerate(paths)]
