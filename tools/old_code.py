"""Write the counts of docs/old-code.md from a run of a list of public programs.

    python -m tools.old_code LIST RESULTS LOGS [--keras RESULTS]

LIST names the programs, with their repositories and paths. RESULTS and LOGS are what
the list's runner writes: a table, and the output of each program, whose line "The
reason is ..." says why it failed. `--keras` has the table of a run with Keras 3.15.1
and TensorFlow, by default that in tests/oracles. The runner continues it:

    python run_corpus.py --candidate keras --resume --out keras_programs.tsv
"""

from __future__ import annotations

import argparse
import csv
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

_ROOT = Path(__file__).parents[1]
PAGE = _ROOT / "docs" / "old-code.md"
KERAS = _ROOT / "tests" / "oracles" / "keras_programs.tsv"
HEADING = "## Counts\n"
_GENERATIONS = {
    "keras1": "Keras 1",
    "keras2": "Keras 2",
    "tfkeras": "tf.keras 2",
    "keras3": "Keras 3",
}
Row = Mapping[str, str]


def read_table(path: Path) -> list[Row]:
    """Read a table of columns separated by tabs."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def counts(results: Sequence[Row], keras: Sequence[Row]) -> list[str]:
    """Return the lines of the table of programs that run, by generation.

    Args:
        results: rows of a run with lamina.
        keras: rows of a run of the same programs with Keras 3.15.1.

    Raises:
        ValueError: the runs are not of the same programs.
    """
    ours, theirs = ({row["id"] for row in table} for table in (results, keras))
    if ours != theirs:
        raise ValueError(
            "The results of lamina and of Keras are of different programs: "
            f"{len(ours - theirs)} of {len(ours)} have no result of Keras, "
            f"{len(theirs - ours)} none of lamina. Run both on the same list."
        )
    lines = [
        "| written for | programs | lamina runs | Keras 3.15.1 runs |",
        "|---|---|---|---|",
    ]
    for generation, title in (*_GENERATIONS.items(), ("", "all")):
        ours, theirs = (
            [
                row["result"] == "pass"
                for row in table
                if generation in ("", row["generation"])
            ]
            for table in (results, keras)
        )
        if ours:
            lines.append(f"| {title} | {len(ours)} | {sum(ours)} | {sum(theirs)} |")
    return lines


def reason(row: Row, log: str) -> str:
    """Return why a program failed: what `lamina run` said last, or its error.

    Args:
        row: its row of the results.
        log: its output.
    """
    found = re.findall(r"^The reason is (.+)$", log, re.MULTILINE)
    if row["result"] == "timeout" or not found:
        return row["error"]
    return f"{found[-1]} `{row['error'].split(':')[0]}`" if row["error"] else found[-1]


def failures(results: Sequence[Row], programs: Sequence[Row], logs: Path) -> list[str]:
    """Return the lines of the table of programs that fail, with the reasons."""
    known = {row["id"]: row for row in programs}
    lines = ["| program | reason |", "|---|---|"]
    for row in results:
        if row["result"] != "pass":
            origin, log = known[row["id"]], logs / f"{row['id']}.log"
            text = log.read_text("utf-8", "replace") if log.exists() else ""
            part = "" if origin["part"] == "whole" else f", part {origin['part']}"
            repository = origin["repo"].replace("+", "/")
            name = f"{repository}: {origin['path']}{part}"
            lines.append(f"| {name} | {reason(row, text).replace('|', '&#124;')} |")
    return lines


def section(
    results: Sequence[Row], keras: Sequence[Row], programs: Sequence[Row], logs: Path
) -> str:
    """Return the section of the page."""
    bad = failures(results, programs, logs)
    lines = [
        HEADING.rstrip(),
        "",
        "A tool, `python -m tools.old_code`, wrote this section from a run of "
        f"{len(results)}",
        "public programs and notebooks, unchanged and shortened to a few batches. A "
        "program runs",
        "if it ends without an error and trains where it should. Keras computes with "
        "JAX, has",
        "TensorFlow and TensorBoard beside it, and ten minutes for each program.",
        "",
        *counts(results, keras),
    ]
    if len(bad) > 2:
        lines += ["", "These fail:", "", *bad]
    return "\n".join(lines) + "\n"


def with_section(page: str, text: str) -> str:
    """Return a page whose section of counts is replaced, or added at the end."""
    head, found, rest = page.partition(HEADING)
    _, heading, after = rest.partition("\n## ")
    end = heading.lstrip("\n") + after
    separator = "" if found else "\n"
    return head + separator + text + ("\n" + end if end else "")


def main() -> None:
    """Write the section."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("list", "results", "logs"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--keras", type=Path, default=KERAS)
    options = parser.parse_args()
    text = section(
        read_table(options.results),
        read_table(options.keras),
        read_table(options.list),
        options.logs,
    )
    PAGE.write_text(with_section(PAGE.read_text("utf-8"), text), "utf-8")


if __name__ == "__main__":
    main()
