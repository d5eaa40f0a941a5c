"""Print results as tables, and write them as JSON with every sample."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from benchmarks.claim import Quantity
from benchmarks.harness import Measured, Verdict
from benchmarks.results import BUSY, RESULTS


def show(console: Console, measured: Measured, verdicts: Sequence[Verdict]) -> None:
    """Print a claim's tables, absent peers, targets and notes."""
    console.print(f"{measured.claim.name}: {measured.claim.title}", style="bold")
    for quantity in measured.claim.quantities:
        if any(quantity.key in samples for samples in measured.samples.values()):
            console.print(quantity_table(measured, quantity))
    for peer, reason in measured.absent.items():
        last_line = reason.strip().splitlines()[-1]
        console.print(f"[yellow]{peer} was not measured:[/] {last_line}")
    if measured.others > BUSY:
        console.print(
            f"Other programs kept {measured.others:.1f} processors busy meanwhile: the "
            f"figures are not to be relied on.",
            style="yellow",
        )
    for verdict in verdicts:
        console.print(verdict_line(measured, verdict), highlight=False)
    for note in measured.claim.notes:
        console.print(note, style="dim", highlight=False)
    console.print()


def quantity_table(measured: Measured, quantity: Quantity) -> Table:
    table = Table(box=SIMPLE_HEAD)
    table.add_column(f"{quantity.label}, {quantity.unit}")
    for heading in ("times lamina's", "median", "min", "max", "rounds"):
        table.add_column(heading, justify="right")
    for peer in measured.claim.peers:
        samples = measured.samples.get(peer.name, {}).get(quantity.key)
        if samples:
            ratio = ratio_of(measured, peer.name, quantity)
            table.add_row(
                peer.name,
                "-" if ratio is None else f"{ratio:.2f}",
                *(shown(value, quantity) for value in summary(samples)),
                str(len(samples)),
            )
    return table


def ratio_of(measured: Measured, peer: str, quantity: Quantity) -> float | None:
    return measured.ratio(peer, quantity.key) if quantity.ratios else None


def summary(samples: Sequence[float]) -> tuple[float, float, float]:
    return statistics.median(samples), min(samples), max(samples)


def shown(value: float, quantity: Quantity) -> str:
    return f"{value * quantity.scale:.4g}"


def verdict_line(measured: Measured, verdict: Verdict) -> str:
    marks = {True: "[green]met[/]", False: "[red]not met[/]", None: "not measured"}
    line = f"{marks[verdict.met]}: {verdict.bar.text}"
    if verdict.value is None or verdict.limit is None:
        return line
    quantity = quantity_of(measured, verdict)
    value, limit = (shown(v, quantity) for v in (verdict.value, verdict.limit))
    return f"{line} ({value} {quantity.unit}, at most {limit})"


def quantity_of(measured: Measured, verdict: Verdict) -> Quantity:
    quantities = measured.claim.quantities
    return next(q for q in quantities if q.key == verdict.bar.quantity)


def overview(
    console: Console, results: Iterable[tuple[Measured, list[Verdict]]]
) -> None:
    """Print one line per target over all claims."""
    for measured, verdicts in results:
        for verdict in verdicts:
            line = verdict_line(measured, verdict)
            console.print(f"{measured.claim.name}: {line}", highlight=False)


def save(
    measured: Measured, verdicts: Sequence[Verdict], context: dict[str, Any], stem: str
) -> Path:
    """Write the claim's samples, ratios and verdicts to `benchmarks/results`."""
    claim = measured.claim
    content = {
        "claim": claim.name,
        "title": claim.title,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        **context,
        "others_busy": round(measured.others, 2),
        "parameters": measured.parameters,
        "quantities": [asdict(quantity) for quantity in claim.quantities],
        "peers": {
            name: {
                q.key: statistics_of(measured, name, q)
                for q in claim.quantities
                if q.key in samples
            }
            for name, samples in measured.samples.items()
        },
        "bounds": [peer.name for peer in claim.peers if peer.bound],
        "absent": measured.absent,
        "bars": [
            {
                "bar": verdict.bar.text,
                "quantity": verdict.bar.quantity,
                "lamina": verdict.value,
                "limit": verdict.limit,
                "met": verdict.met,
            }
            for verdict in verdicts
        ],
        "notes": claim.notes,
    }
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{claim.name}-{stem}.json"
    path.write_text(json.dumps(content, indent=1) + "\n")
    return path


def statistics_of(
    measured: Measured, peer: str, quantity: Quantity
) -> dict[str, object]:
    samples = measured.samples[peer][quantity.key]
    median, lowest, highest = summary(samples)
    return {
        "ratio_to_lamina": ratio_of(measured, peer, quantity),
        "median": median,
        "min": lowest,
        "max": highest,
        "samples": samples,
    }
