"""Mistakes users make, with the error each must get before any training step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import lamina
from lamina import errors, layers

_SPARSE = "sparse_categorical_crossentropy"
_LOGITS = lamina.losses.SparseCategoricalCrossentropy(from_logits=True)


class BadInput(NamedTuple):
    """A call that must fail, the class of its error, and words it must contain."""

    name: str
    call: Callable[[], Any]
    error: type[Exception]
    words: tuple[str, ...]


def _x(*shape: int) -> np.ndarray:
    return np.ones(shape, "float32")


def _model(units: int = 3, loss: Any = "mse", **kwargs: Any) -> lamina.Model:
    model = lamina.Sequential([layers.Input((4,)), layers.Dense(units, name="head")])
    model.compile("sgd", loss, **kwargs)
    return model


def _fit(x: Any, y: Any = None, **kwargs: Any) -> Callable[[], Any]:
    kwargs.setdefault("verbose", 0)
    return lambda: _model().fit(x, y, **kwargs)


def _without_optimizer() -> Any:
    model = _model()
    model.compile(None, "mse")
    return model.fit(_x(8, 4), _x(8, 3), verbose=0)


def _classes(labels: list[int]) -> Any:
    model = _model(3, "sparse_categorical_crossentropy")
    return model.fit(_x(len(labels), 4), np.array(labels), verbose=0)


def _nan() -> np.ndarray:
    x = _x(8, 4)
    x[5, 2] = np.nan
    return x


def _nothing() -> Any:
    yield from ()


def _ends_in(
    units: int, activation: str | None, loss: Any, y: Any, **kwargs: Any
) -> Callable[[], Any]:
    def call() -> Any:
        head = layers.Dense(units, activation=activation, name="head")
        model = lamina.Sequential([layers.Input((4,)), head])
        model.compile("sgd", loss, **kwargs)
        return model.fit(_x(len(y), 4), np.array(y), verbose=0)

    return call


def _words(x: Any, **kwargs: Any) -> Callable[[], Any]:
    def call() -> Any:
        words = layers.Embedding(10, 2, name="words")
        model = lamina.Sequential([layers.Input((3,)), words, layers.Flatten()])
        model.compile("sgd", "mse")
        data = kwargs.pop("stream", lambda x, y: (x, y))(np.array(x), _x(len(x), 6))
        if isinstance(data, tuple):
            return model.fit(*data, verbose=0, **kwargs)
        return model.fit(data, verbose=0, **kwargs)

    return call


def _of_batches(x: Any, y: Any) -> Any:
    yield x, y


def _validated(x: Any, y: Any) -> Callable[[], Any]:
    return _fit(_x(8, 4), _x(8, 3), validation_data=(x, y))


class _NoSuper(layers.Layer):
    def __init__(self) -> None:
        self.inner = layers.Dense(2)

    def call(self, x: Any) -> Any:
        return self.inner(x)


def _images(shape: tuple[int, ...]) -> Any:
    conv = layers.Conv2D(2, 3, name="conv")
    return lamina.Sequential([layers.Input((8, 8, 1)), conv]).predict(_x(*shape))


CASES = (
    BadInput(
        "features", _fit(_x(8, 5), _x(8, 3)), errors.ShapeError, ("(None, 4)", "(8, 5)")
    ),
    BadInput(
        "rank",
        _fit(_x(8, 4, 2), _x(8, 3)),
        errors.ShapeError,
        ("(None, 4)", "(8, 4, 2)"),
    ),
    BadInput(
        "no channel axis",
        lambda: layers.Conv2D(2, 3, name="conv")(_x(8, 28, 28)),
        errors.ShapeError,
        ("conv", "(8, 28, 28)", "[..., None]"),
    ),
    BadInput(
        "image size",
        lambda: _images((2, 9, 8, 1)),
        errors.ShapeError,
        ("(2, 9, 8, 1)",),
    ),
    BadInput(
        "batch axis in Input",
        lambda: lamina.Sequential([layers.Input((60, 9, 4)), layers.Conv1D(2, 3)]),
        errors.ShapeError,
        ("rank 3", "without the batch axis"),
    ),
    BadInput(
        "length of y", _fit(_x(8, 4), _x(7, 3)), errors.DataError, ("8 rows", "7")
    ),
    BadInput(
        "length of weights",
        _fit(_x(8, 4), _x(8, 3), sample_weight=_x(6)),
        errors.DataError,
        ("8 rows", "6"),
    ),
    BadInput(
        "(n,) against (n, k)",
        _fit(_x(8, 4), _x(8)),
        errors.ShapeError,
        ("(8,)", "(8, 3)"),
    ),
    BadInput(
        "(n, 1) against (n, k)",
        _fit(_x(8, 4), _x(8, 1)),
        errors.ShapeError,
        ("(8, 1)", "(8, 3)"),
    ),
    BadInput(
        "NaN in x", _fit(_nan(), _x(8, 3)), errors.DataError, ("x[5, 2]", "nan_to_num")
    ),
    BadInput("NaN in y", _fit(_x(8, 4), _nan()[:, :3]), errors.DataError, ("y[5, 2]",)),
    BadInput("empty x", _fit(_x(0, 4), _x(0, 3)), errors.DataError, ("empty",)),
    BadInput("no x", _fit(None), errors.DataError, ("no data",)),
    BadInput(
        "class too high", lambda: _classes([0, 1, 3]), errors.DataError, ("0 to 2", "3")
    ),
    BadInput("negative class", lambda: _classes([0, -1, 2]), errors.DataError, ("-1",)),
    BadInput(
        "ragged x",
        _fit(np.array([[1, 2], [3]], dtype=object), _x(2, 3)),
        errors.DataError,
        ("x",),
    ),
    BadInput(
        "text",
        _fit(np.array([["a"] * 4] * 2), _x(2, 3)),
        errors.DataError,
        ("StringLookup",),
    ),
    BadInput(
        "loss",
        lambda: lamina.losses.get("mean_square_error"),
        errors.UnknownNameError,
        ("mean_squared_error",),
    ),
    BadInput(
        "metric",
        lambda: _model(metrics=["acuracy"]).fit(_x(8, 4), _x(8, 3), verbose=0),
        errors.UnknownNameError,
        ("accuracy",),
    ),
    BadInput(
        "optimizer",
        lambda: lamina.optimizers.get("adma"),
        errors.UnknownNameError,
        ("adam",),
    ),
    BadInput(
        "activation",
        lambda: layers.Dense(3, activation="rellu"),
        errors.UnknownNameError,
        ("relu",),
    ),
    BadInput(
        "initializer",
        lambda: layers.Dense(3, kernel_initializer="glorot"),
        errors.UnknownNameError,
        ("initializer",),
    ),
    BadInput(
        "keyword", lambda: layers.Dense(unit=3), errors.ArgumentTypeError, ("'units'",)
    ),
    BadInput(
        "old keyword",
        lambda: lamina.optimizers.Adam(lr=0.1),
        errors.ArgumentTypeError,
        ("learning_rate",),
    ),
    BadInput(
        "negative units",
        lambda: layers.Dense(-3),
        errors.ArgumentError,
        ("units", "positive integer", "-3"),
    ),
    BadInput(
        "padding",
        lambda: layers.Conv2D(2, 3, padding="smae"),
        errors.ArgumentError,
        ("padding", "'same'"),
    ),
    BadInput("rate", lambda: layers.Dropout(50), errors.ArgumentError, ("rate", "50")),
    BadInput(
        "count before its shape is known",
        lambda: lamina.Sequential([layers.Dense(3, name="head")]).count_params(),
        errors.StateError,
        ("has no weights yet",),
    ),
    BadInput(
        "unknown dimension",
        lambda: layers.Dense(3, name="head")(layers.Input((None,))),
        errors.ShapeError,
        ("head", "None"),
    ),
    BadInput(
        "equal names",
        lambda: lamina.Sequential(
            [layers.Dense(3, name="a"), layers.Dense(2, name="a")]
        ),
        errors.ArgumentError,
        ("'a'", "different names"),
    ),
    BadInput(
        "batch size 0",
        _fit(_x(8, 4), _x(8, 3), batch_size=0),
        errors.ArgumentError,
        ("batch_size", "0"),
    ),
    BadInput(
        "no batches",
        lambda: _model().fit(_nothing(), verbose=0),
        errors.DataError,
        ("no batch",),
    ),
    BadInput(
        "validation share",
        _fit(_x(8, 4), _x(8, 3), validation_split=1.5),
        errors.ArgumentError,
        ("1.5",),
    ),
    BadInput(
        "fit before compile",
        lambda: lamina.Sequential([layers.Dense(3)]).fit(_x(8, 4), _x(8, 3)),
        errors.StateError,
        ("compile()", "fit()"),
    ),
    BadInput("no labels", _fit(_x(8, 4)), errors.StateError, ("labels", "y")),
    BadInput(
        "loss's name, where it is given",
        lambda: _model(loss="mean_squred_error"),
        errors.UnknownNameError,
        ("mean_squared_error",),
    ),
    BadInput(
        "keyword of compile",
        lambda: _model(metric=["mae"]),
        errors.ArgumentTypeError,
        ("'metrics'",),
    ),
    BadInput(
        "keyword of fit",
        _fit(_x(8, 4), _x(8, 3), nb_epoch=3),
        errors.ArgumentTypeError,
        ("'epochs'",),
    ),
    BadInput(
        "epochs", _fit(_x(8, 4), _x(8, 3), epochs=1.5), errors.ArgumentError, ("1.5",)
    ),
    BadInput(
        "frequency of validation",
        _fit(_x(8, 4), _x(8, 3), validation_freq=0),
        errors.ArgumentError,
        ("validation_freq", "positive"),
    ),
    BadInput(
        "verbosity",
        _fit(_x(8, 4), _x(8, 3), callbacks=[], verbose="loud"),
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
        "labels that are no class indices",
        _ends_in(3, "softmax", _SPARSE, [0.5, 1.0, 2.0]),
        errors.DataError,
        ("'head'", "whole numbers", "y[0] = 0.5"),
    ),
    BadInput(
        "one column a class",
        _ends_in(3, "softmax", _SPARSE, np.eye(3)),
        errors.ShapeError,
        ("'head'", "argmax"),
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
        "logits, and a loss of chances",
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
        "weight of a class that is none",
        lambda: _model(3, _SPARSE).fit(
            _x(3, 4), np.arange(3), class_weight={7: 2.0}, verbose=0
        ),
        errors.ArgumentError,
        ("7", "0 to 2"),
    ),
    BadInput(
        "class weights in a list",
        _fit(_x(8, 4), _x(8, 3), class_weight=[1.0, 2.0]),
        errors.ArgumentTypeError,
        ("dictionary",),
    ),
    BadInput(
        "index without a vector",
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
        "index that is no whole number",
        _words([[1, 2, 0.5]]),
        errors.DataError,
        ("'words'", "x[0, 2] = 0.5", "Dense"),
    ),
    BadInput(
        "index without a vector in a stream",
        _words([[1, 2, 11]], stream=_of_batches),
        errors.DataError,
        ("'words'", "11"),
    ),
    BadInput(
        "features of validation data",
        _validated(_x(8, 5), _x(8, 3)),
        errors.ShapeError,
        ("(None, 4)", "(8, 5)", "validation data"),
    ),
    BadInput(
        "labels of validation data",
        _validated(_x(8, 4), _x(8, 1)),
        errors.ShapeError,
        ("(8, 1)", "(8, 3)", "validation data"),
    ),
    BadInput(
        "NaN in validation data",
        _validated(_nan(), _x(8, 3)),
        errors.DataError,
        ("x[5, 2]", "validation data"),
    ),
    BadInput(
        "validation stream",
        lambda: _fit(
            _x(8, 4), _x(8, 3), validation_data=_of_batches(_x(8, 5), _x(8, 3))
        )(),
        errors.ShapeError,
        ("(8, 5)", "validation data"),
    ),
    BadInput(
        "NaN in weights",
        _fit(_x(8, 4), _x(8, 3), sample_weight=_nan()[:, 2]),
        errors.DataError,
        ("sample_weight[5]",),
    ),
    BadInput(
        "a single row", lambda: _model().predict(_x(4)), errors.ShapeError, ("x[None]",)
    ),
    BadInput(
        "one axis too many",
        lambda: _model().predict(_x(8, 1, 4)),
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
        lambda: _NoSuper()(_x(2, 4)),
        AttributeError,
        ("_NoSuper", "super().__init__"),
    ),
    BadInput(
        "loss that returns nothing",
        lambda: _model(loss=lambda t, p: None).fit(_x(8, 4), _x(8, 3), verbose=0),
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
        "class as a layer",
        lambda: lamina.Sequential([layers.Flatten]),
        errors.ArgumentTypeError,
        ("Flatten(",),
    ),
    BadInput(
        "no layer", lambda: lamina.Sequential([3]), errors.ArgumentTypeError, ("3",)
    ),
    BadInput(
        "class as a callback",
        _fit(_x(8, 4), _x(8, 3), callbacks=[lamina.callbacks.History]),
        errors.ArgumentTypeError,
        ("History",),
    ),
    BadInput(
        "layer's name",
        lambda: _model().get_layer("haed"),
        errors.ArgumentError,
        ("'head'",),
    ),
    BadInput(
        "number of weights",
        lambda: _model().set_weights([_x(4, 3)]),
        errors.ArgumentError,
        ("2 weights", "1 arrays"),
    ),
    BadInput(
        "shape of a weight",
        lambda: _model().set_weights([_x(4, 2), _x(3)]),
        errors.ShapeError,
        ("(4, 3)", "(4, 2)"),
    ),
)
