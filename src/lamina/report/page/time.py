"""The section with speed, memory, and where the time went."""

from __future__ import annotations

from lamina.report.html import Markup, element, markup, table
from lamina.report.run import Run
from lamina.report.text import number, percent, seconds

_PARTS = {
    "compile": ("Compiling programs", "--third"),
    "steps": ("Training steps", "--first"),
    "wait": ("Waiting for data", "--fifth"),
    "validation": ("Validation", "--second"),
    "report": ("This report", "--fourth"),
}
_MEMORY = {
    "process": "Peak memory of the process",
    "device": "Peak memory of the device",
}


def section(run: Run) -> Markup | None:
    """Return the times and the memory of a run."""
    totals = times(run)
    if not totals:
        return None
    whole = sum(totals.values())
    measured = [(kind, time) for kind, time in totals.items() if time > 0]
    bars = [
        element("span", style=f"width: {100 * t / whole:.2f}%; background: {_color(k)}")
        for k, t in measured
    ]
    rows = [
        (
            [_key(kind), _PARTS[kind][0]],
            seconds(time),
            percent(time / whole),
        )
        for kind, time in measured
    ]
    text = ", ".join(f"{_PARTS[k][0]} {percent(t / whole)}" for k, t in measured)
    label = f"Where the time went: {text}."
    return markup(
        element("div", bars, class_="shares", role="img", aria_label=label),
        table("Where the time went", ("Part", "#Time", "#Share"), rows),
        table("Speed and memory", ("What", "#Value"), _speed(run, totals)),
    )


def times(run: Run) -> dict[str, float]:
    """Return the seconds of each part of training; none before the first epoch."""
    total = run.total_seconds()
    if not total:
        return {}
    found = {k: run.total_seconds(k) for k in ("compile", "validation", "wait")}
    # Programs of the validation are compiled in its time.
    rest = total - sum(found.values())
    return {
        "compile": found["compile"],
        "steps": max(rest, 0.0),
        "wait": found["wait"],
        "validation": found["validation"],
        "report": run.total_seconds("report"),
    }


def _color(kind: str) -> str:
    return f"var({_PARTS[kind][1]})"


def _key(kind: str) -> Markup:
    style = f"background: {_color(kind)}"
    return element("span", class_="key", style=style, aria_hidden="true")


def _speed(run: Run, totals: dict[str, float]) -> list[tuple[str, str]]:
    """Return the median time of an epoch, the speed of steps, and the memory."""
    epochs = sorted(run.seconds["total"])
    median = epochs[len(epochs) // 2]
    rows = [("Epoch, median", seconds(median))]
    steps, size = run.record.get("steps"), run.record.get("batch_size")
    busy = totals["steps"] + totals["wait"]
    if steps and busy > 0:
        speed = steps * len(epochs) / busy
        rows.append(("Training steps a second", number(speed, 3)))
        if size:
            rows.append(("Training rows a second", number(speed * size, 3)))
    for kind, count in run.memory.items():
        rows.append((_MEMORY[kind], f"{count / 2**20:,.0f} MiB"))
    return rows
