"""Predictions of a model compared with targets, as JSON data for a report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from lamina.report import evaluation
from lamina.report.collect.rows import Rows, some_rows
from lamina.report.run import rounded, thinned
from lamina.training.plan.outputs import Outputs
from lamina.training.state import training_of
from lamina.training.trainer import Trainer
from lamina.typing import ArrayLike

# Rows that are predicted, positions of sequences, points of a scatter plot.
_ROWS, _POSITIONS, _SCATTER = 10_000, 200_000, 500
_CLASSES = 200  # more are not shown
_CONFUSIONS, _EXAMPLES, _WORST = 6, 4, 8
_THRESHOLDS = 100


def evaluate(
    model: Trainer,
    data: Any,
    source: str,
    class_names: Sequence[str] | None = None,
    share: float = 1.0,
) -> list[dict[str, Any]]:
    """Compare a model's predictions with targets.

    Args:
        model: a compiled model that has been trained or evaluated.
        data: `(x, y)` of arrays, or an iterable of batches.
        source: what the rows are: "validation", "training" or "given".
        class_names: names of the classes.
        share: the part of the rows of arrays, from the end, to use.

    Returns:
        A result for each output; none if there are no targets.
    """
    found = some_rows(data, _ROWS, share)
    if found is None:
        return []
    outputs = model.predict(found.x, verbose=0)
    heads = Outputs.of(model, outputs)
    pred = heads.flatten(outputs, "y_pred")
    true = heads.flatten(found.y, "y", [True] * len(heads))
    rows = Rows(found.x, found.numbers)
    results: list[dict[str, Any]] = []
    for name, loss, t, p in zip(
        heads.names, _losses(model, len(heads)), true, pred, strict=True
    ):
        if t is None:
            continue
        result = _compare(loss, _targets(t), np.asarray(p), rows, class_names)
        head = {"name": name or "output", "source": source, "total": found.total}
        results.append({**head, "rows": len(p), **result})
    return results


def _losses(model: Trainer, count: int) -> list[Any]:
    plan = training_of(model).plans.of_data
    return [None] * count if plan is None else [out.loss for out in plan.outputs]


def _targets(values: ArrayLike) -> np.ndarray:
    array = np.asarray(values)
    return array if array.dtype.kind != "O" else array.astype(float)


def _compare(
    loss: object,
    true: np.ndarray,
    pred: np.ndarray,
    rows: Rows,
    names: Sequence[str] | None,
) -> dict[str, Any]:
    """Return the result of one output, by what its loss says about it."""
    logits = bool(getattr(loss, "from_logits", False))
    # A class such as BinaryCrossentropy, or a function such as binary_crossentropy.
    kind = f"{type(loss).__name__} {getattr(loss, 'name', '')}".lower()
    is_flat = pred.ndim == 1 or pred.shape[-1] == 1
    pred = np.asarray(pred, np.float32)
    if "binary" in kind:
        scores = 1 / (1 + np.exp(-pred)) if logits else pred
        if pred.ndim > 2 or not is_flat:
            return _labels(true, scores, names)
        return _binary(true.reshape(-1), scores.reshape(-1), rows, names)
    sparse = "sparse" in kind or (
        true.dtype.kind in "iub"
        and pred.ndim > 1
        and not is_flat
        and true.shape != pred.shape
    )
    if not is_flat and (sparse or "categorical" in kind):
        probabilities = np.asarray(jax.nn.softmax(pred)) if logits else pred
        labels = true if sparse else true.argmax(-1)
        labels = labels.reshape(pred.shape[:-1]).astype(int)
        return _classes(labels, probabilities, rows, names)
    return _numbers(true, pred, rows)


def _class_names(names: Sequence[str] | None, count: int) -> list[str]:
    given = list(map(str, names or ()))
    return [given[i] if i < len(given) else str(i) for i in range(count)]


def _classes(
    true: np.ndarray, scores: np.ndarray, rows: Rows, names: Sequence[str] | None
) -> dict[str, Any]:
    """Return the result of a classifier, of rows or of positions in them."""
    count = scores.shape[-1]
    labels, flat = true.reshape(-1), scores.reshape(-1, count)
    # Negative labels are those that a loss ignores.
    known = np.flatnonzero((labels >= 0) & (labels < count))[:_POSITIONS]
    if not len(known):
        return {"task": "rows", "scores": {}}
    labels, flat = labels[known], flat[known]
    pred, confidence = flat.argmax(-1), flat.max(-1)
    matrix = evaluation.confusion_matrix(labels, pred, count)
    per_class = evaluation.class_scores(matrix)
    calibration = evaluation.calibration(confidence, pred == labels)
    positions = true.size // max(len(true), 1)
    result: dict[str, Any] = {
        "task": "classes",
        "positions": positions > 1,
        "classes": _class_names(names, count)[:_CLASSES],
        "scores": _class_summary(labels, pred, count, calibration.error),
        "per_class": rounded(
            [column[:_CLASSES] for column in map(np.asarray, per_class)]
        ),
        "calibration": rounded([np.asarray(v) for v in calibration[:3]]),
        "confusions": _confusions(
            *(matrix, labels, pred, confidence, known // positions, rows),
            with_rows=positions == 1,
        ),
    }
    if count <= _CLASSES:
        result["matrix"] = matrix.tolist()
    if positions > 1 and true.ndim == 2:
        result["sequences"] = _sequences(true, scores.argmax(-1), rows)
    return result


def _class_summary(
    labels: np.ndarray, pred: np.ndarray, count: int, error: float
) -> dict[str, float]:
    most = np.bincount(labels, minlength=count).max(initial=0)
    return {
        "accuracy": float((pred == labels).mean()),
        "baseline": float(most / max(len(labels), 1)),
        "calibration_error": error,
    }


def _confusions(
    matrix: np.ndarray,
    labels: np.ndarray,
    pred: np.ndarray,
    confidence: np.ndarray,
    row: np.ndarray,
    rows: Rows,
    *,
    with_rows: bool,
) -> list[dict[str, Any]]:
    """Return the most frequent confusions, with their most confident rows."""
    found: list[dict[str, Any]] = []
    for confusion in evaluation.worst_confusions(matrix, _CONFUSIONS):
        match = (labels == confusion.true) & (pred == confusion.predicted)
        where = np.flatnonzero(match)
        where = where[np.argsort(-confidence[where], kind="stable")][:_EXAMPLES]
        examples = [
            {
                **rows.show(int(row[i])),
                "note": f"{confidence[i] * 100:.0f} % sure",
            }
            for i in where
        ]
        shown = examples if with_rows else []
        found.append({**confusion._asdict(), "examples": shown})
    return found


def _sequences(true: np.ndarray, pred: np.ndarray, rows: Rows) -> list[dict[str, Any]]:
    """Return the rows with most wrong positions."""
    wrong = ((true != pred) & (true >= 0)).sum(-1)
    worst = np.argsort(-wrong, kind="stable")[:_WORST]
    return [
        {
            **rows.show(int(i)),
            "true": true[i, :80].tolist(),
            "pred": pred[i, :80].tolist(),
        }
        for i in worst
    ]


def _binary(
    true: np.ndarray, scores: np.ndarray, rows: Rows, names: Sequence[str] | None
) -> dict[str, Any]:
    """Return the result of a classifier of two classes with one score."""
    labels = (true > 0.5).astype(int)
    result = _classes(labels, np.stack([1 - scores, scores], -1), rows, names)
    result["task"] = "binary"
    if 0 < labels.sum() < len(labels):
        curves = evaluation.threshold_curves(labels, scores)
        result["thresholds"] = _thresholds(curves)
        for name in ("roc_auc", "average_precision"):
            result["scores"][name] = getattr(curves, name)
    return result


def _thresholds(curves: evaluation.ThresholdCurves) -> dict[str, Any]:
    """Return curves with a bounded number of points, and the threshold of best F1."""
    both = curves.precision + curves.recall
    f1 = 2 * curves.precision * curves.recall / np.where(both > 0, both, 1)
    best = int(f1.argmax())
    some = thinned(len(curves.threshold), _THRESHOLDS)
    names = ("threshold", "precision", "recall", "false_positive_rate")
    table = {name: rounded(getattr(curves, name)[some]) for name in names}
    chosen = {name: rounded(float(getattr(curves, name)[best])) for name in names}
    return {**table, "best": {**chosen, "f1": rounded(float(f1[best]))}}


def _labels(
    true: np.ndarray, scores: np.ndarray, names: Sequence[str] | None
) -> dict[str, Any]:
    """Return the result of several independent labels, each with a score."""
    count = scores.shape[-1]
    expected = true.reshape(-1, count) > 0.5
    given = scores.reshape(-1, count)
    columns: list[tuple[float, float, float, int]] = []
    for label, score in zip(expected.T[:_CLASSES], given.T, strict=False):
        matrix = evaluation.confusion_matrix(label.astype(int), score > 0.5, 2)
        found = evaluation.class_scores(matrix)
        columns.append((found.precision[1], found.recall[1], found.f1[1], label.sum()))
    return {
        "task": "labels",
        "classes": _class_names(names, count)[:_CLASSES],
        "scores": {"label_accuracy": float(((given > 0.5) == expected).mean())},
        "per_class": rounded(
            [np.asarray(c, float) for c in zip(*columns, strict=True)]
        ),
    }


def _numbers(true: np.ndarray, pred: np.ndarray, rows: Rows) -> dict[str, Any]:
    """Return the result of a regression."""
    if true.size != pred.size:
        return {"task": "rows", "scores": {}}
    true = np.asarray(true, float).reshape(pred.shape)
    values = {"true": true.reshape(-1), "pred": np.asarray(pred, float).reshape(-1)}
    some = thinned(true.size, _SCATTER)
    error = pred.reshape(len(pred), -1) - true.reshape(len(pred), -1)
    worst = np.argsort(-np.abs(error).mean(-1), kind="stable")[:_WORST]
    counts, edges = np.histogram(values["pred"] - values["true"], 24)
    return {
        "task": "numbers",
        "scores": dict(evaluation.regression_scores(true, pred)._asdict()),
        "scatter": {name: rounded(array[some]) for name, array in values.items()},
        "residuals": {"counts": counts.tolist(), "edges": rounded(edges)},
        "worst": [_worst_row(int(i), true, pred, rows) for i in worst],
    }


def _worst_row(
    index: int, true: np.ndarray, pred: np.ndarray, rows: Rows
) -> dict[str, Any]:
    few = {
        name: rounded(array[index].reshape(-1)[:4].astype(float))
        for name, array in (("true", true), ("pred", pred))
    }
    return {**rows.show(index), **few}
