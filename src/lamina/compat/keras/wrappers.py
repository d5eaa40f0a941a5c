"""Estimators of `keras.wrappers.scikit_learn` in Keras 1 and 2."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from lamina.compat.notices import tell
from lamina.models import Model
from lamina.typing import Data
from lamina.utils import to_categorical

__all__ = ["KerasClassifier", "KerasRegressor"]


class _Wrapper(BaseEstimator):
    """Estimator that trains the model that a function returns.

    Args:
        build_fn: function that returns a compiled model.
        **sk_params: arguments of that function, and of `fit` and `predict`.
    """

    model: Model

    def __init__(
        self, build_fn: Callable[..., Model] | None = None, **sk_params: object
    ):
        tell(type(self).__name__, f"wrappers.SKLearn{type(self).__name__[5:]}")
        self.build_fn, self.sk_params = build_fn, sk_params

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the arguments."""
        return {"build_fn": self.build_fn, **self.sk_params}

    def set_params(self, **params: Any) -> Any:
        """Set arguments."""
        self.build_fn = params.pop("build_fn", self.build_fn)
        self.sk_params = {**self.sk_params, **params}
        return self

    def __sklearn_is_fitted__(self) -> bool:
        """Return whether there is a trained model."""
        return hasattr(self, "model")

    def fit(self, x: Data, y: Data, **kwargs: Any) -> Any:
        """Build a model and train it.

        Returns:
            The `History`.
        """
        build: Any = self.build_fn or self
        self.model = build(**self._arguments(build))
        options = {**self._arguments(Model.fit, "nb_epoch"), **kwargs}
        if "nb_epoch" in options:
            options["epochs"] = options.pop("nb_epoch")
        return self.model.fit(x, self._labels(np.asarray(y)), **options)

    def _labels(self, y: np.ndarray) -> np.ndarray:
        return y

    def _scores(self, x: Data, y: Data, options: Mapping[str, Any]) -> dict[str, float]:
        """Return the loss and the metrics by their names."""
        found: Any = {"verbose": 0, **self._arguments(Model.evaluate), **options}
        found["return_dict"] = True
        evaluate: Any = self.model.evaluate
        return evaluate(np.asarray(x), y, **found)

    def _predict(self, x: Data, options: Mapping[str, Any]) -> np.ndarray:
        found = {**self._arguments(Model.predict), **options}
        return np.asarray(self.model.predict(np.asarray(x), **found))

    def _arguments(self, function: Callable[..., Any], *names: str) -> dict[str, Any]:
        """Return the arguments that a function takes."""
        taken = {*inspect.signature(function).parameters, *names}
        return {n: v for n, v in self.sk_params.items() if n in taken}


class KerasClassifier(ClassifierMixin, _Wrapper):
    """Classifier that trains the model that a function returns."""

    def fit(self, x: Data, y: Data, **kwargs: Any) -> Any:
        """Build a model and train it on labels, or on rows of probabilities."""
        y = np.asarray(y)
        self.classes_ = np.arange(y.shape[1]) if _is_rows(y) else np.unique(y)
        self.n_classes_ = len(self.classes_)
        return super().fit(x, y, **kwargs)

    def score(self, X: Any, y: Any, sample_weight: Any = None, **kwargs: Any) -> float:
        """Return the metric "accuracy" of the model, or the fraction of right rows."""
        options = {"sample_weight": sample_weight, **kwargs}
        scores = self._scores(X, self._labels(np.asarray(y)), options)
        names = [name for name in ("accuracy", "acc") if name in scores]
        return scores[names[0]] if names else super().score(X, y, sample_weight)

    def _labels(self, y: np.ndarray) -> np.ndarray:
        if not _is_rows(y):
            y = np.searchsorted(self.classes_, y)
        loss = (self.model.get_compile_config() or {}).get("loss")
        if loss != "categorical_crossentropy" or y.ndim > 1:
            return y
        # The rows of a test may lack a class.
        return np.asarray(to_categorical(y, self.n_classes_))

    def predict(self, x: Data, **kwargs: object) -> np.ndarray:
        """Return the most probable class of each row."""
        scores = self._predict(x, kwargs)
        if scores.shape[-1] > 1:
            return self.classes_[scores.argmax(axis=-1)]
        return self.classes_[(scores[:, 0] > 0.5).astype("int32")]

    def predict_proba(self, x: Data, **kwargs: object) -> np.ndarray:
        """Return the probability of each class."""
        scores = self._predict(x, kwargs)
        return np.hstack([1 - scores, scores]) if scores.shape[1] == 1 else scores


def _is_rows(y: np.ndarray) -> bool:
    """Return whether targets are rows of probabilities."""
    return y.ndim == 2 and y.shape[1] > 1


class KerasRegressor(RegressorMixin, _Wrapper):
    """Regressor that trains the model that a function returns."""

    def predict(self, x: Data, **kwargs: object) -> np.ndarray:
        """Return the outputs."""
        outputs = self._predict(x, kwargs)
        return outputs[..., 0] if outputs.shape[-1] == 1 else outputs

    def score(self, X: Any, y: Any, sample_weight: Any = None, **kwargs: Any) -> float:
        """Return the loss with the sign changed: more is better."""
        options = {"sample_weight": sample_weight, **kwargs}
        return -self._scores(X, np.asarray(y), options)["loss"]
