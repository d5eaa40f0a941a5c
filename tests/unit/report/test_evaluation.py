"""Numbers of the evaluation, compared with scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

from lamina.errors import DataError
from lamina.report import evaluation

RNG = np.random.default_rng(0)
TRUE = RNG.integers(0, 4, 300)
PRED = np.where(RNG.random(300) < 0.7, TRUE, RNG.integers(0, 4, 300))
SCORE = np.round(RNG.random(300) * 0.6 + (TRUE == 1) * 0.3, 2)


def test_confusion_matrix_is_that_of_sklearn():
    expected = metrics.confusion_matrix(TRUE, PRED)
    np.testing.assert_array_equal(evaluation.confusion_matrix(TRUE, PRED), expected)


def test_class_scores_are_those_of_sklearn():
    scores = evaluation.class_scores(evaluation.confusion_matrix(TRUE, PRED))
    expected = metrics.precision_recall_fscore_support(TRUE, PRED)
    for ours, theirs in zip(scores, expected, strict=True):
        np.testing.assert_allclose(ours, theirs)


def test_a_class_that_is_never_predicted_has_no_precision():
    matrix = evaluation.confusion_matrix(np.array([0, 1]), np.array([0, 0]), 3)
    scores = evaluation.class_scores(matrix)
    np.testing.assert_array_equal(scores.precision, [0.5, np.nan, np.nan])
    np.testing.assert_array_equal(scores.recall, [1, 0, np.nan])


def test_threshold_curves_are_those_of_sklearn():
    positive = TRUE == 1
    curves = evaluation.threshold_curves(positive, SCORE)
    rate, recall, thresholds = metrics.roc_curve(
        positive, SCORE, drop_intermediate=False
    )
    np.testing.assert_allclose(curves.false_positive_rate, rate)
    np.testing.assert_allclose(curves.recall, recall)
    np.testing.assert_allclose(curves.threshold, thresholds)
    precision, *_ = metrics.precision_recall_curve(positive, SCORE)
    np.testing.assert_allclose(curves.precision, precision[::-1])
    assert curves.roc_auc == pytest.approx(metrics.roc_auc_score(positive, SCORE))
    expected = metrics.average_precision_score(positive, SCORE)
    assert curves.average_precision == pytest.approx(expected)


def test_regression_scores_are_those_of_sklearn():
    true, pred = TRUE + 0.5, PRED * 0.9
    scores = evaluation.regression_scores(true, pred)
    assert scores.mae == pytest.approx(metrics.mean_absolute_error(true, pred))
    assert scores.rmse == pytest.approx(metrics.root_mean_squared_error(true, pred))
    assert scores.r2 == pytest.approx(metrics.r2_score(true, pred))
    assert scores.bias == pytest.approx((pred - true).mean())


def test_worst_confusions_are_sorted_by_count():
    matrix = np.array([[5, 1, 0], [4, 6, 0], [2, 0, 8]])
    assert evaluation.worst_confusions(matrix, 2) == [
        (1, 0, 4, 0.4),
        (2, 0, 2, 0.2),
    ]
    assert evaluation.worst_confusions(np.diag([3, 4])) == []


def test_calibration_error_by_hand():
    confidence = np.array([0.55, 0.55, 0.95, 0.95, 1.0])
    found = evaluation.calibration(confidence, np.array([1, 0, 1, 1, 1]))
    np.testing.assert_allclose(found.rows, [2, 3])
    np.testing.assert_allclose(found.accuracy, [0.5, 1])
    np.testing.assert_allclose(found.confidence, [0.55, 2.9 / 3])
    assert found.error == pytest.approx((0.1 + 0.1) / 5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: evaluation.confusion_matrix(TRUE, PRED[:-1]), "do not fit together"),
        (lambda: evaluation.confusion_matrix(TRUE, PRED, 2), "from 0 to 1"),
        (lambda: evaluation.threshold_curves(np.ones(3), np.ones(3)), "both classes"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(call, message):
    with pytest.raises(DataError, match=message):
        call()
