"""Estimators of scikit-learn that train a model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import numpy as np

from lamina.errors import ArgumentError, StateError, invalid, missing_package
from lamina.models import Model
from lamina.models.cloning import clone_model
from lamina.tracebacks import filter_traceback
from lamina.training.callbacks.history import History
from lamina.typing import ArrayLike

try:
    import sklearn
    from sklearn.base import (
        BaseEstimator,
        ClassifierMixin,
        RegressorMixin,
        TransformerMixin,
    )
    from sklearn.utils.metadata_routing import MetadataRequest
    from sklearn.utils.multiclass import check_classification_targets, type_of_target
    from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data
except ImportError:
    raise missing_package("scikit-learn", "lamina.wrappers", "sklearn") from None

# scikit-learn annotates arrays as strings.
_validate: Any = validate_data

__all__ = ["SKLearnClassifier", "SKLearnRegressor", "SKLearnTransformer"]


def __dir__() -> list[str]:
    return __all__


class _Estimator(BaseEstimator):
    """Base class of the estimators."""

    model_: Model
    history_: History

    def __init__(
        self,
        model: Model | Callable[..., Model],
        warm_start: bool = False,
        model_kwargs: dict[str, Any] | None = None,
        fit_kwargs: dict[str, Any] | None = None,
    ) -> None:
        self.model = model
        self.warm_start = warm_start
        self.model_kwargs = model_kwargs
        self.fit_kwargs = fit_kwargs

    def __sklearn_clone__(self) -> Self:
        # `fit` clones the model itself.
        return type(self)(**self.get_params(deep=False))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        # Initial weights and the order of rows are random.
        tags.non_deterministic = True
        tags.target_tags.required = True
        return tags

    @property
    def epoch_(self) -> int:
        """Number of epochs of the last `fit`, 0 before it."""
        return len(self.history_.epoch) if hasattr(self, "history_") else 0

    def set_fit_request(  # type: ignore[override]
        self, **kwargs: bool | str | None
    ) -> Self:
        """Set which metadata a meta-estimator passes to `fit`.

        Args:
            **kwargs: for each argument of `fit`: True, False, None or another name.

        Raises:
            StateError: metadata routing is not enabled.
        """
        if not sklearn.get_config()["enable_metadata_routing"]:
            raise StateError(
                "Metadata routing is not enabled. Call "
                "`sklearn.set_config(enable_metadata_routing=True)` first."
            )
        self._metadata_request = MetadataRequest(owner=type(self).__name__)
        for name, alias in kwargs.items():
            self._metadata_request.fit.add_request(param=name, alias=alias)
        return self

    @filter_traceback
    def fit(self, X: ArrayLike, y: ArrayLike, **kwargs: Any) -> Self:
        """Build the model and train it.

        Args:
            X: rows of features, shape (rows, features).
            y: targets, shape (rows,) or (rows, outputs).
            **kwargs: arguments of `Model.fit`, which take precedence over
                `fit_kwargs`.

        Raises:
            StateError: the model is not compiled.
            ArgumentError: the targets do not suit this estimator.
        """
        inputs, targets = _validate(self, X, y, multi_output=True)
        targets = self._encode(targets)
        model = self._make_model(inputs, targets)
        if not (model.compiled and model.loss and model.optimizer):
            raise StateError(
                f"Model {model.name!r} needs a loss and an optimizer: call "
                "`model.compile(optimizer, loss)` before you pass or return it."
            )
        self.history_ = model.fit(
            inputs, targets, **{**(self.fit_kwargs or {}), **kwargs}
        )
        self.model_ = model
        return self

    def _make_model(self, inputs: np.ndarray, targets: np.ndarray) -> Model:
        if self.warm_start and hasattr(self, "model_"):
            return self.model_
        if not isinstance(self.model, Model):
            if not callable(self.model):
                expected = "a compiled model, or a function that returns one"
                raise invalid(type(self).__name__, "model", self.model, expected)
            return self.model(X=inputs, y=targets, **(self.model_kwargs or {}))
        if self.warm_start:
            return self.model
        model = clone_model(self.model)
        compiled = self.model.get_compile_config()
        if compiled and not model.compiled:
            model.compile_from_config(compiled)
        return model

    def _outputs(self, X: ArrayLike) -> np.ndarray:
        """Return the model's outputs for rows of features."""
        check_is_fitted(self, "model_")
        inputs = _validate(self, X, reset=False)
        return self.model_.predict(inputs, verbose=0)

    def _encode(self, y: np.ndarray) -> np.ndarray:
        """Return targets as an array with an axis of outputs."""
        self._is_column = y.ndim == 2
        return y if self._is_column else y[:, None]


class SKLearnClassifier(ClassifierMixin, _Estimator):
    """Classifier of scikit-learn that trains a model on one-hot labels.

    Args:
        model: a compiled model, or a function that returns one. The function is
            called with `X`, `y` and `model_kwargs`; `y` has the labels that the model
            is trained on, one-hot rows of shape (rows, classes).
        warm_start: whether `fit` continues with the weights of the `fit` before. By
            default, it clones the model and draws new weights.
        model_kwargs: arguments of the function.
        fit_kwargs: arguments of `Model.fit`.

    Attributes:
        model_: the trained model.
        history_: the result of `Model.fit`.
        classes_: the labels, sorted.

    Example:
        >>> import lamina
        >>> def perceptron(X, y):
        ...     stack = [lamina.Input(X.shape[1:]), lamina.layers.Dense(y.shape[1])]
        ...     model = lamina.Sequential([*stack, lamina.layers.Softmax()])
        ...     model.compile("adam", "categorical_crossentropy")
        ...     return model
        >>> X, y = np.eye(4, dtype="float32"), ["a", "b", "a", "b"]
        >>> estimator = SKLearnClassifier(perceptron, fit_kwargs={"verbose": 0})
        >>> estimator.fit(X, y).classes_.tolist()
        ['a', 'b']
    """

    classes_: np.ndarray

    @filter_traceback
    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return the label with the largest output for each row, shape (rows,)."""
        outputs = self._outputs(X)
        return self.classes_[np.argmax(outputs, axis=-1)]

    @filter_traceback
    def decision_function(self, X: ArrayLike) -> np.ndarray:
        """Return the model's outputs, shape (rows, classes)."""
        return self._outputs(X)

    def _encode(self, y: np.ndarray) -> np.ndarray:
        check_classification_targets(y)
        labels = column_or_1d(y, warn=True)
        kind = type_of_target(labels)
        self.classes_, indices = np.unique(labels, return_inverse=True)
        if kind not in ("binary", "multiclass") or len(self.classes_) < 2:
            raise ArgumentError(
                f"SKLearnClassifier needs one label for each row, of at least two "
                f"classes. Received: {kind} targets of {len(self.classes_)} class."
            )
        return np.eye(len(self.classes_), dtype="float32")[indices]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.poor_score = True
        return tags


class SKLearnRegressor(RegressorMixin, _Estimator):
    """Regressor of scikit-learn that trains a model.

    Args:
        model: a compiled model, or a function that returns one. The function is
            called with `X`, `y` of shape (rows, outputs), and `model_kwargs`.
        warm_start: whether `fit` continues with the weights of the `fit` before. By
            default, it clones the model and draws new weights.
        model_kwargs: arguments of the function.
        fit_kwargs: arguments of `Model.fit`.

    Attributes:
        model_: the trained model.
        history_: the result of `Model.fit`.

    Example:
        >>> model = lamina.Sequential([lamina.Input((4,)), lamina.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> estimator = SKLearnRegressor(model, fit_kwargs={"verbose": 0})
        >>> X, y = np.eye(4, dtype="float32"), [0.0, 1.0, 2.0, 3.0]
        >>> estimator.fit(X, y).predict(X).shape
        (4,)
    """

    @filter_traceback
    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return the model's outputs, in the shape of the targets of `fit`."""
        outputs = self._outputs(X)
        if self._is_column:
            return outputs.astype("float64")  # what scikit-learn's checks expect
        return outputs if outputs.ndim == 1 else outputs[:, 0]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True
        tags.target_tags.multi_output = True
        return tags


class SKLearnTransformer(TransformerMixin, _Estimator):
    """Transformer of scikit-learn that trains a model, for features such as embeddings.

    Args:
        model: a compiled model, or a function that returns one. The function is
            called with `X`, `y` of shape (rows, outputs), and `model_kwargs`.
        warm_start: whether `fit` continues with the weights of the `fit` before. By
            default, it clones the model and draws new weights.
        model_kwargs: arguments of the function.
        fit_kwargs: arguments of `Model.fit`.

    Attributes:
        model_: the trained model.
        history_: the result of `Model.fit`.

    Example:
        >>> model = lamina.Sequential([lamina.Input((4,)), lamina.layers.Dense(2)])
        >>> model.compile("sgd", "mse")
        >>> estimator = SKLearnTransformer(model, fit_kwargs={"verbose": 0})
        >>> X = np.eye(4, dtype="float32")
        >>> estimator.fit(X, X[:, :2]).transform(X).shape
        (4, 2)
    """

    @filter_traceback
    def transform(self, X: ArrayLike) -> np.ndarray:
        """Return the model's outputs, shape (rows, outputs)."""
        return self._outputs(X)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags
