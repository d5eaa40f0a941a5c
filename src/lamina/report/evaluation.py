"""Comparison of predictions with targets: the numbers that reports and plots show."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lamina.errors import DataError

# Arrays on the host. Labels are integers of shape (rows,), probabilities have the shape
# (rows, classes) or, for two classes, (rows,).
Numbers = np.ndarray


class Confusion(NamedTuple):
    """Rows of one class that were predicted as another one.

    Attributes:
        true: index of the true class.
        predicted: index of the predicted class.
        rows: number of rows.
        share: fraction of the true class's rows.
    """

    true: int
    predicted: int
    rows: int
    share: float


class ClassScores(NamedTuple):
    """Precision, recall, F1 and number of rows by class; NaN if undefined."""

    precision: Numbers
    recall: Numbers
    f1: Numbers
    support: Numbers


class Calibration(NamedTuple):
    """Mean confidence and accuracy in bins of confidence.

    Attributes:
        confidence: mean confidence of each bin with rows.
        accuracy: fraction of correct rows in these bins.
        rows: number of rows in these bins.
        error: expected calibration error, the mean of |accuracy - confidence| over
            rows.
    """

    confidence: Numbers
    accuracy: Numbers
    rows: Numbers
    error: float


class ThresholdCurves(NamedTuple):
    """Rates of a binary classifier by decision threshold, from high to low.

    A row is predicted positive if its score is at least the threshold. The first
    threshold is infinite: no row is positive.

    Attributes:
        threshold: the thresholds, each a score that occurs.
        precision: fraction of the positive predictions that are correct; 1 for none.
        recall: fraction of the positive rows that are found.
        false_positive_rate: fraction of the negative rows predicted positive.
        roc_auc: area under recall by false positive rate.
        average_precision: mean precision weighted by the increase in recall.
    """

    threshold: Numbers
    precision: Numbers
    recall: Numbers
    false_positive_rate: Numbers
    roc_auc: float
    average_precision: float


class RegressionScores(NamedTuple):
    """Errors of a regression: mean absolute, root mean square, mean, and R squared."""

    mae: float
    rmse: float
    bias: float
    r2: float


def confusion_matrix(
    y_true: Numbers, y_pred: Numbers, classes: int | None = None
) -> Numbers:
    """Count the rows of each pair of true and predicted class.

    Args:
        y_true: true classes, integers of shape (rows,).
        y_pred: predicted classes, of the same shape.
        classes: number of classes; one more than the largest by default.

    Returns:
        Integers of shape (classes, classes), indexed by true, then predicted class.

    Raises:
        DataError: the shapes differ, or a class is negative or too large.
    """
    true, pred = np.asarray(y_true, int), np.asarray(y_pred, int)
    if true.shape != pred.shape or true.ndim != 1:
        raise DataError(
            f"confusion_matrix: true classes of shape {true.shape} and predicted "
            f"classes of shape {pred.shape} do not fit together. Pass one class index "
            "for each row, as in y_pred.argmax(-1)."
        )
    both = np.concatenate([true, pred])
    size = int(both.max(initial=-1)) + 1 if classes is None else classes
    if both.size and (both.min() < 0 or both.max() >= size):
        raise DataError(
            f"confusion_matrix: classes must be from 0 to {size - 1}, got "
            f"{both.min()} to {both.max()}."
        )
    return np.bincount(true * size + pred, minlength=size * size).reshape(size, size)


def worst_confusions(matrix: Numbers, most: int = 6) -> list[Confusion]:
    """Return the most frequent confusions of two classes, largest count first.

    Args:
        matrix: what `confusion_matrix` returns.
        most: largest number of confusions.
    """
    wrong = matrix - np.diag(np.diag(matrix))
    order = np.argsort(-wrong, axis=None, kind="stable")[:most]
    support = np.maximum(matrix.sum(1), 1)
    found: list[Confusion] = []
    for true, predicted in zip(*np.unravel_index(order, wrong.shape), strict=True):
        count = int(wrong[true, predicted])
        if count:
            share = count / float(support[true])
            found.append(Confusion(int(true), int(predicted), count, share))
    return found


def class_scores(matrix: Numbers) -> ClassScores:
    """Compute precision, recall and F1 of each class.

    Args:
        matrix: what `confusion_matrix` returns.
    """
    correct = np.diag(matrix).astype(float)
    support, predicted = matrix.sum(1), matrix.sum(0)
    return ClassScores(
        _ratio(correct, predicted),
        _ratio(correct, support),
        _ratio(2 * correct, support + predicted),
        support,
    )


def _ratio(above: Numbers, below: Numbers) -> Numbers:
    """Divide, with NaN where the divisor is 0."""
    empty = below == 0
    return np.where(empty, np.nan, above / np.where(empty, 1, below))


def calibration(confidence: Numbers, correct: Numbers, bins: int = 10) -> Calibration:
    """Compare confidence with accuracy in bins of equal width.

    Args:
        confidence: probability of the predicted class of each row, shape (rows,).
        correct: whether each prediction is correct, of the same shape.
        bins: number of bins between 0 and 1; empty ones are omitted.
    """
    confidence = np.asarray(confidence, float)
    which = np.clip((confidence * bins).astype(int), 0, bins - 1)
    count = np.bincount(which, minlength=bins)
    totals = [
        np.bincount(which, np.asarray(values, float), bins)[count > 0]
        for values in (confidence, correct)
    ]
    count = count[count > 0]
    error = float(np.abs(totals[0] - totals[1]).sum() / max(len(confidence), 1))
    return Calibration(totals[0] / count, totals[1] / count, count, error)


def threshold_curves(y_true: Numbers, score: Numbers) -> ThresholdCurves:
    """Compute precision, recall and false positive rate at each threshold.

    Args:
        y_true: 0 or 1 for each row, shape (rows,).
        score: probability or score of class 1, of the same shape.

    Raises:
        DataError: only one of the two classes occurs.
    """
    true, score = np.asarray(y_true) > 0, np.asarray(score, float)
    positive = int(true.sum())
    negative = len(true) - positive
    if not positive or not negative:
        raise DataError(
            "threshold_curves: both classes must occur in the targets, got "
            f"{positive} rows of class 1 and {negative} of class 0."
        )
    order = np.argsort(-score, kind="stable")
    true, score = true[order], score[order]
    last = np.flatnonzero(np.append(np.diff(score) != 0, True))  # of equal scores
    hits = np.cumsum(true)[last]
    precision = np.concatenate([[1.0], hits / (last + 1)])
    recall = np.concatenate([[0.0], hits / positive])
    rate = np.concatenate([[0.0], (last + 1 - hits) / negative])
    return ThresholdCurves(
        np.concatenate([[np.inf], score[last]]),
        precision,
        recall,
        rate,
        float(np.trapezoid(recall, rate)),
        float((np.diff(recall) * precision[1:]).sum()),
    )


def regression_scores(y_true: Numbers, y_pred: Numbers) -> RegressionScores:
    """Compute the errors of a regression over all values.

    Args:
        y_true: targets.
        y_pred: predictions of the same shape.
    """
    true, pred = np.asarray(y_true, float), np.asarray(y_pred, float)
    error = pred - true
    variance = float(((true - true.mean()) ** 2).sum())
    squares = float((error**2).sum())
    return RegressionScores(
        float(np.abs(error).mean()),
        float(np.sqrt((error**2).mean())),
        float(error.mean()),
        1 - squares / variance if variance else float("nan"),
    )
