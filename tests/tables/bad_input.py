"""Mistakes in data, arguments and names, with the error that each must raise."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

import lamina
from lamina import errors, layers


class BadInput(NamedTuple):
    """Call that must fail, the class of its error, and words of its message."""

    name: str
    call: Callable[[], Any]
    error: type[Exception]
    words: tuple[str, ...]


# Not empty while a program does what precedes its mistake.
earlier_training: list[bool] = []


@contextmanager
def before_the_mistake() -> Iterator[None]:
    """Allow training steps in this block."""
    earlier_training.append(True)
    try:
        yield
    finally:
        earlier_training.pop()


def ones(*shape: int) -> np.ndarray:
    return np.ones(shape, "float32")


def small_model(units: int = 3, loss: Any = "mse", **kwargs: Any) -> lamina.Model:
    model = lamina.Sequential([layers.Input((4,)), layers.Dense(units, name="head")])
    model.compile("sgd", loss, **kwargs)
    return model


def fit(x: Any, y: Any = None, **kwargs: Any) -> Callable[[], Any]:
    kwargs.setdefault("verbose", 0)
    return lambda: small_model().fit(x, y, **kwargs)


def _classes(labels: list[int]) -> Any:
    model = small_model(3, "sparse_categorical_crossentropy")
    return model.fit(ones(len(labels), 4), np.array(labels), verbose=0)


def with_nan() -> np.ndarray:
    x = ones(8, 4)
    x[5, 2] = np.nan
    return x


def _nothing() -> Any:
    yield from ()


def _images(shape: tuple[int, ...]) -> Any:
    conv = layers.Conv2D(2, 3, name="conv")
    return lamina.Sequential([layers.Input((8, 8, 1)), conv]).predict(ones(*shape))


CASES = (
    BadInput(
        "features",
        fit(ones(8, 5), ones(8, 3)),
        errors.ShapeError,
        ("(None, 4)", "(8, 5)"),
    ),
    BadInput(
        "rank",
        fit(ones(8, 4, 2), ones(8, 3)),
        errors.ShapeError,
        ("(None, 4)", "(8, 4, 2)"),
    ),
    BadInput(
        "no channel axis",
        lambda: layers.Conv2D(2, 3, name="conv")(ones(8, 28, 28)),
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
        "length of y", fit(ones(8, 4), ones(7, 3)), errors.DataError, ("8 rows", "7")
    ),
    BadInput(
        "length of weights",
        fit(ones(8, 4), ones(8, 3), sample_weight=ones(6)),
        errors.DataError,
        ("8 rows", "6"),
    ),
    BadInput(
        "(n,) against (n, k)",
        fit(ones(8, 4), ones(8)),
        errors.ShapeError,
        ("(8,)", "(None, 3)", "layers.Dense(1)"),
    ),
    BadInput(
        "(n, 1) against (n, k)",
        fit(ones(8, 4), ones(8, 1)),
        errors.ShapeError,
        ("(8, 1)", "(None, 3)", "layers.Dense(1)"),
    ),
    BadInput(
        "NaN in x",
        fit(with_nan(), ones(8, 3)),
        errors.DataError,
        ("x[5, 2]", "nan_to_num"),
    ),
    BadInput(
        "NaN in y", fit(ones(8, 4), with_nan()[:, :3]), errors.DataError, ("y[5, 2]",)
    ),
    BadInput("empty x", fit(ones(0, 4), ones(0, 3)), errors.DataError, ("empty",)),
    BadInput("no x", fit(None), errors.DataError, ("no data",)),
    BadInput(
        "class too high", lambda: _classes([0, 1, 3]), errors.DataError, ("0 to 2", "3")
    ),
    BadInput("negative class", lambda: _classes([0, -1, 2]), errors.DataError, ("-1",)),
    BadInput(
        "ragged x",
        fit(np.array([[1, 2], [3]], dtype=object), ones(2, 3)),
        errors.DataError,
        ("x",),
    ),
    BadInput(
        "text",
        fit(np.array([["a"] * 4] * 2), ones(2, 3)),
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
        lambda: small_model(metrics=["acuracy"]).fit(ones(8, 4), ones(8, 3), verbose=0),
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
        fit(ones(8, 4), ones(8, 3), batch_size=0),
        errors.ArgumentError,
        ("batch_size", "0"),
    ),
    BadInput(
        "no batches",
        lambda: small_model().fit(_nothing(), verbose=0),
        errors.DataError,
        ("no batch",),
    ),
    BadInput(
        "validation share",
        fit(ones(8, 4), ones(8, 3), validation_split=1.5),
        errors.ArgumentError,
        ("1.5",),
    ),
    BadInput(
        "fit before compile",
        lambda: lamina.Sequential([layers.Dense(3)]).fit(ones(8, 4), ones(8, 3)),
        errors.StateError,
        ("compile()", "fit()"),
    ),
    BadInput("no labels", fit(ones(8, 4)), errors.StateError, ("labels", "y")),
    BadInput(
        "class as a layer",
        lambda: lamina.Sequential([layers.Flatten]),
        errors.ArgumentTypeError,
        ("Flatten(",),
    ),
    BadInput(
        "object that is not a layer",
        lambda: lamina.Sequential([3]),
        errors.ArgumentTypeError,
        ("3",),
    ),
    BadInput(
        "class as a callback",
        fit(ones(8, 4), ones(8, 3), callbacks=[lamina.callbacks.History]),
        errors.ArgumentTypeError,
        ("History",),
    ),
    BadInput(
        "layer's name",
        lambda: small_model().get_layer("haed"),
        errors.ArgumentError,
        ("'head'",),
    ),
    BadInput(
        "number of weights",
        lambda: small_model().set_weights([ones(4, 3)]),
        errors.ArgumentError,
        ("2 weights", "1 arrays"),
    ),
    BadInput(
        "shape of a weight",
        lambda: small_model().set_weights([ones(4, 2), ones(3)]),
        errors.ShapeError,
        ("(4, 3)", "(4, 2)"),
    ),
)
