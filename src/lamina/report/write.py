"""Pages written at once: of a trained model, and of several runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import jax

from lamina.core.check import Check, check_arguments
from lamina.diagrams.svg import model_svg
from lamina.errors import ArgumentError, StateError
from lamina.io.files import atomic_write
from lamina.report.collect.layers import layers_of
from lamina.report.collect.predictions import evaluate
from lamina.report.collect.record import record_of
from lamina.report.collect.snapshots import Snapshots
from lamina.report.load import damaged, load_runs
from lamina.report.page.page import comparison_page, page
from lamina.report.run import Run
from lamina.training.checks.findings import Finding
from lamina.training.trainer import Trainer
from lamina.typing import Data

page_path = Check(
    "the path of an .html file",
    lambda v: isinstance(v, (str, os.PathLike)) and os.fspath(v).endswith(".html"),
    ("report.txt", 3, None),
)


def report_model(
    model: Trainer,
    path: str | os.PathLike[str],
    x: Data,
    y: Data | None = None,
    class_names: Sequence[str] | None = None,
) -> None:
    """Write a page about a model as it is; see `Model.report`."""
    check_arguments("report", {"path": page_path}, {"path": path})
    history = model.history
    findings = model.check(x, y)
    if not model.built:
        raise StateError(
            f"report: model {model.name!r} is not built. Train it or load its weights "
            "before: model.fit(x, y)."
        )
    run = Run(
        model.name,
        record_of(model, {"validation_data": x if y is None else (x, y)}),
        layers=layers_of(model),
        findings=finding_rows(findings),
        memory=memory(),
    )
    if history is not None:
        run.epochs = [epoch + 1 for epoch in history.epoch]
        count = len(run.epochs)
        run.logs = {k: list(v)[-count:] for k, v in history.history.items()}
    run.evaluation = evaluate(model, x if y is None else (x, y), "given", class_names)
    snapshots = Snapshots(model, x)
    snapshots.take(run.epochs[-1] if run.epochs else 0)
    run.snapshots = snapshots.data
    write_page(Path(path), page(run, model_svg(model)))


def report_runs(
    paths: Sequence[str | os.PathLike[str]], output: str | os.PathLike[str]
) -> list[Run]:
    """Write a page about the runs in folders and pages.

    Args:
        paths: pages that `Report` wrote, and folders of runs.
        output: path of the page to write.

    Returns:
        The runs.

    Raises:
        ArgumentError: `output` is one of the pages, or a folder has no run.
        FileFormatError: a page has no data of runs, or is damaged.
        SaveError: the page cannot be written.
    """
    check_arguments("report", {"output": page_path}, {"output": output})
    target = Path(output).resolve()
    if target in [Path(path).resolve() for path in paths]:
        raise ArgumentError(
            f"{str(output)!r} is one of the runs, and would be replaced. Pass another "
            "name, as in --output compared.html."
        )
    runs = load_runs(paths)
    try:
        text = page(runs[0]) if len(runs) == 1 else comparison_page(runs)
    # Files may hold anything where these functions expect the data of a run.
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        raise damaged(*map(Path, paths)) from None
    write_page(target, text)
    return runs


def finding_rows(findings: Iterable[Finding]) -> list[dict[str, str]]:
    """Return findings of the checks as JSON data."""
    names = ("code", "severity", "message", "fix")
    return [{name: str(getattr(f, name)) for name in names} for f in findings]


def write_page(path: Path, text: str) -> None:
    """Write a page atomically.

    Raises:
        SaveError: the folder cannot be written to or the disk is full.
    """
    content = text.encode()
    # A page is written after each epoch, and a disk may take 100 ms to confirm.
    with atomic_write(path, len(content), durable=False) as file:
        file.write(content)


def memory() -> dict[str, int]:
    """Return the peak memory of the process and of the device in bytes, if known."""
    found: dict[str, int] = {}
    if sys.platform != "win32":
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        found["process"] = peak if sys.platform == "darwin" else peak * 1024
    stats = jax.local_devices()[0].memory_stats() or {}
    if "peak_bytes_in_use" in stats:
        found["device"] = int(stats["peak_bytes_in_use"])
    return found
