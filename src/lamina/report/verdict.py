"""The verdict about a run: what was reached, and whether it can be trusted."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np

from lamina.report.run import Run
from lamina.report.text import counted, number, percent, readable, seconds
from lamina.training.checks.curves import overfitting

Mark = Literal["good", "warn", "bad", "none"]

# Epochs without improvement that count as a turn, as a share of all epochs.
_PATIENCE = 0.2
# Ratio of validation to training loss that counts as overfitting.
_GAP = 2.0
# Change of the loss over the last fifth of training that counts as progress.
_PROGRESS = 0.02
# Expected calibration errors of good and of usable probabilities.
_CALIBRATED, _USABLE = 0.05, 0.15


class Trust(NamedTuple):
    """One answer to whether a result can be trusted.

    Attributes:
        name: what was examined.
        mark: the answer.
        text: the answer as a sentence.
    """

    name: str
    mark: Mark
    text: str


def headline(run: Run) -> str:
    """Return the main finding about a run in one sentence."""
    best = run.best()
    if not run.epochs:
        return "No epoch has ended yet."
    if best is None:
        return "The loss was not finite in any epoch."
    name, index, value = best
    last = run.scalars()[name][-1]
    where = f"epoch {run.epochs[index]} of {run.epochs[-1]}"
    result = f"Best {readable(name)} {number(value)} in {where}"
    if not math.isfinite(last):
        return f"{result}; then the loss was not finite."
    rise = _rise(run)
    if rise:
        return f"{result}; since then it rose by {percent(rise)}: the model overfits."
    if name == "val_loss" and _stalled(run):
        return f"{result}; it has not improved since."
    if index >= len(run.epochs) - 2 and _progress(run) > _PROGRESS:
        return f"{result}; it was still improving at the end, so train for longer."
    return f"{result}."


def _rise(run: Run) -> float:
    """Return the relative rise of the validation loss if the model overfits, or 0."""
    logs, best = run.scalars(), run.best()
    pairs = zip(logs.get("loss", ()), logs.get("val_loss", ()), strict=False)
    known = [(loss, val) for loss, val in pairs if math.isfinite(val)]
    turn = overfitting([loss for loss, _ in known], [val for _, val in known])
    return 0.0 if turn is None or best is None else turn.last / best[2] - 1


def _stalled(run: Run) -> bool:
    best = run.best()
    past = len(run.epochs) - 1 - (best[1] if best else 0)
    return past >= max(5, _PATIENCE * len(run.epochs))


def _progress(run: Run) -> float:
    """Return the relative decrease of the loss over the last fifth of training."""
    best = run.best()
    values = np.asarray(run.scalars()[best[0]] if best else [], float)
    count = len(values) // 5
    if not count:
        return 0.0
    before, after = np.nanmean(values[-2 * count : -count]), np.nanmean(values[-count:])
    return float((before - after) / max(abs(before), 1e-12))


def trust(run: Run) -> list[Trust]:
    """Return the checks of the result, each with its outcome."""
    found = [_checks(run), _fit(run)]
    for result in run.evaluation:
        prefix = f"{result['name']}: " if len(run.evaluation) > 1 else ""
        found += [t._replace(text=prefix + t.text) for t in _of_result(result)]
    if run.evaluation and run.evaluation[0]["source"] == "training":
        text = "There is no held-out data: predictions were evaluated on training rows."
        found.append(Trust("Held-out data", "warn", text))
    return found


def _checks(run: Run) -> Trust:
    counts = {
        level: sum(f["severity"] == level for f in run.findings)
        for level in ("error", "warning", "advice")
    }
    named = [
        f"{n} advice" if level == "advice" else counted(n, level)
        for level, n in counts.items()
        if n
    ]
    if not named:
        return Trust("Checks", "good", "No mistake was found in model and data.")
    mark: Mark = "bad" if counts["error"] else "warn" if counts["warning"] else "good"
    return Trust("Checks", mark, f"{', '.join(named)}: see the findings below.")


def _fit(run: Run) -> Trust:
    logs, best, rise = run.scalars(), run.best(), _rise(run)
    losses = logs.get("loss", [])
    if losses and not math.isfinite(losses[-1]):
        return Trust("Training", "bad", "The loss became infinite or not a number.")
    if best is None or best[0] != "val_loss":
        text = "Without validation data, overfitting cannot be seen."
        return Trust("Overfitting", "none", text)
    text, ratio = _gap(logs["val_loss"][-1], losses[-1] if losses else math.nan)
    if rise:
        text = f"The validation loss rises after epoch {run.epochs[best[1]]}. {text}"
        return Trust("Overfitting", "warn" if rise < 0.5 else "bad", text)
    text = f"The validation loss does not clearly rise. {text}"
    return Trust("Overfitting", "warn" if ratio > _GAP else "good", text)


def _gap(validation: float, training: float) -> tuple[str, float]:
    """Return the gap of two losses as a sentence, and their ratio."""
    ratio = validation / training if training > 0 else math.nan
    if ratio > 100:
        return "At the end it is more than 100 times the training loss.", ratio
    if ratio > 1.5:
        return f"At the end it is {number(ratio, 2)} times the training loss.", ratio
    side = "above" if validation > training else "below"
    gap = number(abs(validation - training), 3)
    return f"At the end it is {gap} {side} the training loss.", ratio


def _of_result(result: dict[str, object]) -> list[Trust]:
    scores = result["scores"]
    assert isinstance(scores, dict)
    found: list[Trust] = []
    accuracy, baseline = scores.get("accuracy"), scores.get("baseline")
    if accuracy is not None and baseline is not None:
        better = accuracy > baseline
        text = (
            f"Accuracy {percent(accuracy)}; always answering the most frequent class "
            f"reaches {percent(baseline)}."
        )
        found.append(Trust("Baseline", "good" if better else "bad", text))
    error = scores.get("calibration_error")
    if error is not None:
        mark: Mark = (
            "good" if error < _CALIBRATED else "warn" if error < _USABLE else "bad"
        )
        text = f"Confidence differs from accuracy by {percent(error)} on average."
        found.append(Trust("Calibration", mark, text))
    r2 = scores.get("r2")
    if r2 is not None and not math.isnan(r2):
        text = f"R² is {number(r2)}: always answering the mean would be better."
        if r2 > 0:
            text = (
                f"The model explains {percent(r2)} of the variance; answering the mean "
                "explains 0 %."
            )
        found.append(Trust("Baseline", "good" if r2 > 0 else "bad", text))
    return found


def sentence(run: Run) -> str:
    """Return a sentence on the model, its data and the time of training."""
    arguments = run.record.get("arguments") or {}
    parameters = sum(row.get("params", 0) for row in run.layers if not row["level"])
    size = f", {parameters:,} parameters," if run.layers else ""
    data, on = run.record.get("data"), ""
    if data is not None:
        kept = 1.0 - (arguments.get("validation_split") or 0.0)
        rows = data.get("rows")
        on = f" on {counted(math.floor(rows * kept), 'row') if rows else 'batches'}"
    count = len(run.epochs)
    # Training may have stopped early, been interrupted, or not ended yet.
    missing = (arguments.get("epochs") or 0) - max(run.epochs, default=0)
    epochs = f"{count:,} of {count + missing:,} epochs"
    if missing <= 0:
        epochs = counted(count, "epoch")
    total = run.total_seconds()
    time = f" in {seconds(total)}" if total else ""
    return f"{run.name}{size} was trained{on} for {epochs}{time}."
