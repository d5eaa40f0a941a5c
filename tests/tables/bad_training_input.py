"""Mistakes in losses, labels, indices, weights and validation data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import lamina
from lamina import errors, layers
from tests.tables.bad_input import BadInput, fit, ones, small_model, with_nan

_SPARSE = "sparse_categorical_crossentropy"
_LOGITS = lamina.losses.SparseCategoricalCrossentropy(from_logits=True)


def _without_optimizer() -> Any:
    model = small_model()
    model.compile(None, "mse")
    return model.fit(ones(8, 4), ones(8, 3), verbose=0)


def _ends_in(
    units: int, activation: str | None, loss: Any, y: Any, **kwargs: Any
) -> Callable[[], Any]:
    def call() -> Any:
        head = layers.Dense(units, activation=activation, name="head")
        model = lamina.Sequential([layers.Input((4,)), head])
        model.compile("sgd", loss, **kwargs)
        return model.fit(ones(len(y), 4), np.array(y), verbose=0)

    return call


def _words(x: Any, **kwargs: Any) -> Callable[[], Any]:
    def call() -> Any:
        words = layers.Embedding(10, 2, name="words")
        model = lamina.Sequential([layers.Input((3,)), words, layers.Flatten()])
        model.compile("sgd", "mse")
        data = kwargs.pop("stream", lambda x, y: (x, y))(np.array(x), ones(len(x), 6))
        if isinstance(data, tuple):
            return model.fit(*data, verbose=0, **kwargs)
        return model.fit(data, verbose=0, **kwargs)

    return call


def _of_batches(x: Any, y: Any) -> Any:
    yield x, y


def _validated(x: Any, y: Any) -> Callable[[], Any]:
    return fit(ones(8, 4), ones(8, 3), validation_data=(x, y))


def _symbolic_loss() -> None:
    model = small_model()
    model.add_loss(lamina.ops.mean(model.output))


class _NoSuper(layers.Layer):
    def __init__(self) -> None:
        self.inner = layers.Dense(2)

    def call(self, x: Any) -> Any:
        return self.inner(x)


CASES = (
    BadInput(
        "validation data without labels",
        fit(ones(8, 4), ones(8, 3), validation_data=ones(8, 4)),
        errors.StateError,
        ("no labels", "validation_data=(x, y)"),
    ),
    BadInput(
        "an input of a layer is missing",
        lambda: layers.MultiHeadAttention(2, 4)(ones(2, 3, 5)),
        errors.ArgumentTypeError,
        ("MultiHeadAttention", "without `value`"),
    ),
    BadInput(
        "loss's name in compile",
        lambda: small_model(loss="mean_squred_error"),
        errors.UnknownNameError,
        ("mean_squared_error",),
    ),
    BadInput(
        "keyword of compile",
        lambda: small_model(metric=["mae"]),
        errors.ArgumentTypeError,
        ("'metrics'",),
    ),
    BadInput(
        "keyword of fit",
        fit(ones(8, 4), ones(8, 3), nb_epoch=3),
        errors.ArgumentTypeError,
        ("'epochs'",),
    ),
    BadInput(
        "epochs",
        fit(ones(8, 4), ones(8, 3), epochs=1.5),
        errors.ArgumentError,
        ("1.5",),
    ),
    BadInput(
        "frequency of validation",
        fit(ones(8, 4), ones(8, 3), validation_freq=0),
        errors.ArgumentError,
        ("validation_freq", "positive"),
    ),
    BadInput(
        "verbosity",
        fit(ones(8, 4), ones(8, 3), callbacks=[], verbose="loud"),
        errors.ArgumentError,
        ("'loud'", "'auto'"),
    ),
    BadInput(
        "no optimizer",
        _without_optimizer,
        errors.StateError,
        ("optimizer", "compile()"),
    ),
    BadInput(
        "labels that are not class indices",
        _ends_in(3, "softmax", _SPARSE, [0.5, 1.0, 2.0]),
        errors.DataError,
        ("'head'", "integer class indices", "y[0] = 0.5"),
    ),
    BadInput(
        "one column per class",
        _ends_in(3, "softmax", _SPARSE, np.eye(3)),
        errors.ShapeError,
        ("'head'", "Compile with loss='categorical_crossentropy'"),
    ),
    BadInput(
        "two classes, one sigmoid, sparse loss",
        _ends_in(1, "sigmoid", _SPARSE, [0, 1]),
        errors.DataError,
        ("binary_crossentropy",),
    ),
    BadInput(
        "one output for a categorical loss",
        _ends_in(1, "sigmoid", "categorical_crossentropy", [0, 1]),
        errors.ShapeError,
        ("single class", "binary_crossentropy"),
    ),
    BadInput(
        "binary labels 1 and 2",
        _ends_in(1, "sigmoid", "binary_crossentropy", [1, 2, 2]),
        errors.DataError,
        ("'head'", "1 to 2", "0 and 1"),
    ),
    BadInput(
        "binary labels -1 and 1",
        _ends_in(1, "sigmoid", "binary_crossentropy", [1, -1, 1]),
        errors.DataError,
        ("-1 to 1",),
    ),
    BadInput(
        "softmax, and a loss of logits",
        _ends_in(3, "softmax", _LOGITS, [0, 1, 2]),
        errors.LikelyMistakeWarning,
        ("'head'", "softmax", "from_logits=True"),
    ),
    BadInput(
        "logits, and a loss of probabilities",
        _ends_in(3, None, _SPARSE, [0, 1, 2]),
        errors.LikelyMistakeWarning,
        ("'head'", "'linear'", "activation='softmax'"),
    ),
    BadInput(
        "sigmoid, and a binary loss of logits",
        _ends_in(1, "sigmoid", lamina.losses.BinaryCrossentropy(True), [0, 1]),
        errors.LikelyMistakeWarning,
        ("'head'", "sigmoid", "again"),
    ),
    BadInput(
        "softmax over one unit",
        _ends_in(1, "softmax", "binary_crossentropy", [0, 1]),
        errors.LikelyMistakeWarning,
        ("'head'", "always 1", "sigmoid"),
    ),
    BadInput(
        "accuracy of a regression",
        _ends_in(1, None, "mse", [0.5, 7.0], metrics=["accuracy"]),
        errors.LikelyMistakeWarning,
        ("'accuracy'", "0.5 to 7", "'mae'"),
    ),
    BadInput(
        "weight of an unknown class",
        lambda: small_model(3, _SPARSE).fit(
            ones(3, 4), np.arange(3), class_weight={7: 2.0}, verbose=0
        ),
        errors.ArgumentError,
        ("7", "0 to 2"),
    ),
    BadInput(
        "class weights in a list",
        fit(ones(8, 4), ones(8, 3), class_weight=[1.0, 2.0]),
        errors.ArgumentTypeError,
        ("dictionary",),
    ),
    BadInput(
        "index out of range",
        _words([[1, 2, 3], [4, 5, 10]]),
        errors.DataError,
        ("'words'", "0 to 9", "x[1, 2] = 10", "input_dim=11"),
    ),
    BadInput(
        "negative index",
        _words([[1, 2, -3]]),
        errors.DataError,
        ("'words'", "x[0, 2] = -3"),
    ),
    BadInput(
        "index that is not an integer",
        _words([[1, 2, 0.5]]),
        errors.DataError,
        ("'words'", "x[0, 2] = 0.5", "Dense"),
    ),
    BadInput(
        "index out of range in a stream",
        _words([[1, 2, 11]], stream=_of_batches),
        errors.DataError,
        ("'words'", "11"),
    ),
    BadInput(
        "features of validation data",
        _validated(ones(8, 5), ones(8, 3)),
        errors.ShapeError,
        ("(None, 4)", "(8, 5)", "validation data"),
    ),
    BadInput(
        "labels of validation data",
        _validated(ones(8, 4), ones(8, 1)),
        errors.ShapeError,
        ("(8, 1)", "(None, 3)", "validation data"),
    ),
    BadInput(
        "NaN in validation data",
        _validated(with_nan(), ones(8, 3)),
        errors.DataError,
        ("x[5, 2]", "validation data"),
    ),
    BadInput(
        "validation stream",
        lambda: fit(
            ones(8, 4), ones(8, 3), validation_data=_of_batches(ones(8, 5), ones(8, 3))
        )(),
        errors.ShapeError,
        ("(8, 5)", "validation data"),
    ),
    BadInput(
        "NaN in weights",
        fit(ones(8, 4), ones(8, 3), sample_weight=with_nan()[:, 2]),
        errors.DataError,
        ("sample_weight[5]",),
    ),
    BadInput(
        "a single row",
        lambda: small_model().predict(ones(4)),
        errors.ShapeError,
        ("x[None]",),
    ),
    BadInput(
        "one axis too many",
        lambda: small_model().predict(ones(8, 1, 4)),
        errors.ShapeError,
        ("np.squeeze(x, 1)",),
    ),
    BadInput(
        "layer called on a layer",
        lambda: layers.Dense(3, name="head")(layers.Dense(2)),
        errors.ArgumentTypeError,
        ("'head'", "Dense(", "Call that layer"),
    ),
    BadInput(
        "list called by a layer",
        lambda: layers.Dense(3, name="head")([1.0, 2.0]),
        errors.ArgumentTypeError,
        ("'head'", "np.array"),
    ),
    BadInput(
        "layers without a list",
        lambda: lamina.Sequential(layers.Dense(3), layers.Dense(2)),  # type: ignore[arg-type]
        errors.ArgumentTypeError,
        ("one list",),
    ),
    BadInput(
        "forgotten super().__init__",
        lambda: _NoSuper()(ones(2, 4)),
        AttributeError,
        ("_NoSuper", "super().__init__"),
    ),
    BadInput(
        "loss that returns nothing",
        lambda: small_model(loss=lambda t, p: None).fit(
            ones(8, 4), ones(8, 3), verbose=0
        ),
        errors.ArgumentTypeError,
        ("lambda", "return"),
    ),
    BadInput(
        "input left out of a model",
        lambda: lamina.Model(
            layers.Input((4,)), layers.Dense(1)(layers.Input((4,), name="other"))
        ),
        errors.ArgumentError,
        ("other", "inputs"),
    ),
    BadInput(
        "symbolic loss",
        _symbolic_loss,
        errors.ArgumentTypeError,
        ("`add_loss`", "in the `call` of a layer", "self.add_loss(ops.mean(x))"),
    ),
)
