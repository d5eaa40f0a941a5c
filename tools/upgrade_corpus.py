"""Upgrade the programs of a list and run them with today's Keras.

    python -m tools.upgrade_corpus FOLDER [options of its run_corpus.py]

FOLDER has `run_corpus.py`, which runs each program of its list in a process of its own.
Here it gets the programs that `lamina upgrade` writes. `--write DIR` only writes them;
`--to lamina` writes those for lamina.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path
from typing import Any

from lamina.compat.upgrade.program import upgrade_text
from lamina.errors import ArgumentError


def upgraded(lists: Any, row: dict[str, str], root: str) -> str:
    """Return a program of the list after the upgrade, as it was if it is not Python 3.

    Args:
        lists: the module `corpus_lib`.
        row: the program's row, whose hash becomes that of the new text.
        root: the library that it uses then.
    """
    text = lists.materialize(row)
    if lists.sha(text) != row["sha"]:
        raise SystemExit(f"{row['id']}: the source differs from the list's hash")
    try:
        text = upgrade_text(text, root, row["id"]).text
    except ArgumentError as error:
        print(error, file=sys.stderr)
    row["sha"] = lists.sha(text)
    return text


def main() -> int:
    """Run the programs, or write them to a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--write", type=Path, help="only write the programs here")
    parser.add_argument("--to", choices=("keras", "lamina"), default="keras")
    options, rest = parser.parse_known_args()
    sys.path.insert(0, str(options.folder))
    lists, run = map(importlib.import_module, ("corpus_lib", "run_corpus"))
    if options.write is not None:
        options.write.mkdir(parents=True, exist_ok=True)
        for row in lists.read_tsv():
            text = upgraded(lists, row, options.to)
            (options.write / f"{row['id']}.py").write_text(text, "utf-8")
        return 0
    vars(run)["materialize"] = lambda row: upgraded(lists, row, options.to)
    sys.argv = ["run_corpus.py", *rest]
    return run.main()


if __name__ == "__main__":
    sys.exit(main())
