"""Estimators of scikit-learn: its own checks, and what they do not cover."""

from __future__ import annotations

import unittest
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator

import lamina
from lamina import errors, layers
from lamina.wrappers import SKLearnClassifier, SKLearnRegressor, SKLearnTransformer


def perceptron(X: Any, y: Any, rate: float = 0.05) -> Any:
    last = layers.Dense(y.shape[1])
    model = lamina.Sequential([lamina.Input((X.shape[1],)), last])
    model.compile(lamina.optimizers.SGD(rate), "mse")
    return model


QUIET = {"verbose": 0}
CLASSIFIER = SKLearnClassifier(perceptron, fit_kwargs=QUIET)
TRANSFORMER = SKLearnTransformer(perceptron, fit_kwargs=QUIET)
ESTIMATORS = [CLASSIFIER, SKLearnRegressor(perceptron, fit_kwargs=QUIET), TRANSFORMER]
# Checks that do not apply.
RANDOM = "Two calls of `fit` draw different weights, as there is no `random_state`."
EXPECTED = {
    "check_fit_idempotent": RANDOM,
    "check_supervised_y_2d": RANDOM,
    "check_classifier_data_not_an_array": RANDOM,
    "check_regressor_data_not_an_array": RANDOM,
    "check_regressors_int": RANDOM,
    "check_classifiers_classes": "A few steps do not learn all classes.",
    "check_classifiers_one_label_sample_weights": (
        "Rows of weight 0 count as rows of a class."
    ),
    "check_classifiers_train": (
        "As in Keras, `decision_function` has one column for each of two classes."
    ),
}


def checks() -> Iterator[Any]:
    """Each check of the classifier and the regressor, and others of the transformer."""
    names: set[str] = set()
    for estimator in ESTIMATORS:
        pairs = list(estimator_checks_generator(estimator))
        found = [(e, c, getattr(c, "func", c).__name__) for e, c in pairs]
        is_new = type(estimator) is not SKLearnTransformer
        for made, check, name in found:
            if (is_new or name not in names) and name not in EXPECTED:
                yield pytest.param(made, check, id=f"{type(made).__name__}-{name}")
        names.update(name for *_, name in found)


@pytest.mark.parametrize(("estimator", "check"), list(checks()))
@pytest.mark.filterwarnings("ignore")
def test_checks_of_scikit_learn(estimator: Any, check: Any) -> None:
    try:
        check(estimator)
    except unittest.SkipTest as reason:
        pytest.skip(str(reason))


RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3)).astype("float32")
LABELS = np.where(X[:, 0] > 0, "up", "down")


def test_labels_are_learned_and_returned() -> None:
    estimator = SKLearnClassifier(
        perceptron, model_kwargs={"rate": 0.0625}, fit_kwargs={"epochs": 60, **QUIET}
    )
    estimator.fit(X, LABELS, batch_size=4)
    assert float(estimator.model_.optimizer.learning_rate) == 0.0625
    assert estimator.classes_.tolist() == ["down", "up"] and estimator.epoch_ == 60
    assert estimator.score(X, LABELS) > 0.9
    outputs = estimator.decision_function(X)
    assert (estimator.classes_[outputs.argmax(1)] == estimator.predict(X)).all()


def test_arguments_of_fit_replace_those_of_the_constructor() -> None:
    given = {"epochs": 3, **QUIET}
    estimator = SKLearnClassifier(perceptron, fit_kwargs=given)
    assert estimator.epoch_ == 0
    assert estimator.fit(X, LABELS, epochs=2).epoch_ == 2
    assert given == {"epochs": 3, **QUIET}
    assert clone(estimator).get_params() == estimator.get_params()


def test_models_are_cloned_unless_warm_start() -> None:
    model = perceptron(X, np.zeros((40, 2)))
    before = model.get_weights()
    estimator = SKLearnRegressor(model, fit_kwargs=QUIET)
    first = estimator.fit(X, X[:, :2]).model_
    assert estimator.fit(X, X[:, :2]).model_ is not first is not model
    assert all(map(np.array_equal, before, model.get_weights()))
    assert estimator.predict(X).shape == (40, 2)
    warm = SKLearnRegressor(model, warm_start=True, fit_kwargs=QUIET)
    assert warm.fit(X, X[:, :2]).model_ is warm.fit(X, X[:, :2]).model_ is model


def test_estimators_work_in_pipelines_and_cross_validation() -> None:
    pipeline = make_pipeline(StandardScaler(), TRANSFORMER, StandardScaler())
    assert pipeline.fit_transform(X, X[:, 0]).shape == (40, 1)
    scores = cross_val_score(CLASSIFIER, X, LABELS, cv=2)
    assert scores.shape == (2,)


def test_wrong_targets_and_models_are_refused() -> None:
    with pytest.raises(errors.ArgumentError, match="at least two classes"):
        clone(CLASSIFIER).fit(X, np.zeros(40))
    plain = lamina.Sequential([lamina.Input((3,)), layers.Dense(1)])
    with pytest.raises(errors.StateError, match="needs a loss and an optimizer"):
        SKLearnRegressor(plain).fit(X, X[:, 0])


def test_metadata_can_be_routed_to_fit() -> None:
    with pytest.raises(errors.StateError, match="enable_metadata_routing"):
        clone(CLASSIFIER).set_fit_request(sample_weight=True)
    with sklearn.config_context(enable_metadata_routing=True):
        estimator = clone(CLASSIFIER).set_fit_request(sample_weight=True)
        assert estimator.get_metadata_routing().fit.requests == {"sample_weight": True}
