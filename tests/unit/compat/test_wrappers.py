"""Old estimators of scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import lamina
from lamina import compat, layers

RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 3)).astype("float32")


def model(units: int, loss: str, activation=None, hidden: int = 2):
    made = lamina.Sequential([layers.Dense(hidden), layers.Dense(units, activation)])
    made.compile("sgd", loss)
    return made


def test_classifier_is_tuned_and_predicts_labels():
    from keras.wrappers.scikit_learn import KerasClassifier

    labels = np.array(["a", "b", "c"])[np.arange(24) % 3]

    def build(hidden=2):
        return model(3, "categorical_crossentropy", "softmax", hidden)

    classifier = KerasClassifier(build, nb_epoch=1, batch_size=8, verbose=0)
    search = GridSearchCV(classifier, {"hidden": [2, 3]}, cv=2)
    search.fit(X, labels)
    best = search.best_estimator_
    assert {*best.predict(X)} <= {"a", "b", "c"}
    assert best.model.layers[0].units == search.best_params_["hidden"]
    np.testing.assert_allclose(best.predict_proba(X).sum(1), 1, rtol=1e-5)


def test_classifier_scores_rows_that_lack_a_class():
    from keras.wrappers.scikit_learn import KerasClassifier

    def build():
        return model(3, "categorical_crossentropy", "softmax")

    wrapper = KerasClassifier(build, verbose=0)
    wrapper.fit(X, np.arange(24) % 3)
    wrapper.model.compile("sgd", "categorical_crossentropy", metrics=["accuracy"])
    right = (wrapper.predict(X[:12]) == np.arange(12) % 2).mean()
    assert wrapper.score(X[:12], np.arange(12) % 2) == pytest.approx(right)


def test_regressor_predicts_several_numbers():
    from keras.wrappers.scikit_learn import KerasRegressor

    regressor = KerasRegressor(lambda: model(2, "mse"), verbose=0)
    regressor.fit(X, X[:, :2])
    assert regressor.predict(X).shape == (24, 2)


def test_classifier_of_one_output_has_two_classes():
    from keras.wrappers.scikit_learn import KerasClassifier

    classifier = KerasClassifier(
        lambda: model(1, "binary_crossentropy", "sigmoid"), verbose=0
    )
    history = classifier.fit(X, np.arange(24) % 2, epochs=2)
    assert history.epoch == [0, 1]
    scores = classifier.predict_proba(X)
    assert scores.shape == (24, 2)
    assert (classifier.predict(X) == (scores[:, 1] > 0.5)).all()


def test_regressor_predicts_numbers():
    from keras.wrappers.scikit_learn import KerasRegressor

    regressor = clone(KerasRegressor(lambda: model(1, "mse"), epochs=1, verbose=0))
    regressor.fit(X, X[:, 0])
    assert regressor.predict(X).shape == (24,)


def test_scores_are_those_of_the_model():
    from keras.wrappers.scikit_learn import KerasClassifier, KerasRegressor

    def classifier():
        made = lamina.Sequential([layers.Dense(3, "softmax")])
        made.compile("sgd", "categorical_crossentropy", metrics=["accuracy"])
        return made

    labels = np.array(["a", "b", "c"])[np.arange(24) % 3]
    for y in (labels, np.eye(3)[np.arange(24) % 3]):
        estimator = KerasClassifier(classifier, verbose=0)
        estimator.fit(X, y)
        right = estimator.model.predict(X, verbose=0).argmax(1) == np.arange(24) % 3
        assert estimator.score(X, y) == pytest.approx(right.mean())
    regressor = KerasRegressor(lambda: model(1, "mse"), verbose=0)
    pipeline = make_pipeline(StandardScaler(), regressor).fit(X, X[:, 0])
    assert pipeline.predict(X).shape == (24,)
    regressor.fit(X, X[:, 0])
    error = np.square(regressor.predict(X) - X[:, 0]).mean()
    assert regressor.score(X, X[:, 0]) == pytest.approx(-error, rel=1e-5)


def test_modules_that_scikit_learn_no_longer_has():
    from sklearn.cross_validation import (  # pyright: ignore
        KFold,
        StratifiedKFold,
        cross_val_score,
        train_test_split,
    )
    from sklearn.grid_search import GridSearchCV  # pyright: ignore
    from sklearn.linear_model import LogisticRegression

    x, y = np.arange(12.0).reshape(-1, 1), np.arange(12) // 6
    assert len(train_test_split(x, y, test_size=0.5)[0]) == 6
    folds = KFold(n=12, n_folds=4)
    assert [test.tolist() for _, test in folds][1] == [3, 4, 5]
    folds = StratifiedKFold(y=y, n_folds=3)
    assert [y[test].sum() for _, test in folds] == [2, 2, 2]
    assert (cross_val_score(LogisticRegression(), x, y, cv=folds) > 0.5).all()
    search = GridSearchCV(LogisticRegression(), {"C": [1.0, 10.0]}, scoring="log_loss")
    assert search.fit(x, y).best_params_ == {"C": 10.0}
    compat.uninstall()
    with pytest.raises(ModuleNotFoundError):
        import sklearn.grid_search  # pyright: ignore  # noqa: F401
