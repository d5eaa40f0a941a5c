"""Mistakes in user-defined code, data sources, files and names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np

import lamina
from lamina import errors, layers, ops
from lamina.models import clone_model, load_model
from tests.tables.bad_input import BadInput, fit, ones, small_model

X, Y = ones(8, 4), ones(8, 3)


def argument(name: str, call: Callable[[], Any], *words: str) -> BadInput:
    return BadInput(name, call, errors.ArgumentError, words)


def wrong_type(name: str, call: Callable[[], Any], *words: str) -> BadInput:
    return BadInput(name, call, errors.ArgumentTypeError, words)


def data(name: str, call: Callable[[], Any], *words: str) -> BadInput:
    return BadInput(name, call, errors.DataError, words)


def state(name: str, call: Callable[[], Any], *words: str) -> BadInput:
    return BadInput(name, call, errors.StateError, words)


def one_argument(y_pred: Any) -> Any:
    return ops.mean(y_pred)


def user_model(**methods: Any) -> Callable[[], Any]:
    """Return a function that fits a subclassed model with these methods."""

    def __init__(self: Any) -> None:
        lamina.Model.__init__(self)
        self.head = layers.Dense(3)

    methods.setdefault("call", lambda self, x: self.head(x))

    def call() -> Any:
        model = type("Net", (lamina.Model,), {"__init__": __init__, **methods})()
        model.compile("sgd", "mse")
        return model.fit(X, Y, verbose=0)

    return call


def user_layer(**methods: Any) -> Callable[[], Any]:
    """Return a function that fits a model with a layer that has these methods."""

    def call() -> Any:
        layer = type("Scale", (layers.Layer,), methods)(name="scale")
        model = lamina.Sequential([layers.Input((4,)), layer, layers.Dense(3)])
        model.compile("sgd", "mse")
        return model.fit(X, Y, epochs=2, verbose=0)

    return call


def _build_whole_shape(self: Any, input_shape: Any) -> None:
    self.factor = self.add_weight(input_shape)


def _weight_in_call(self: Any, x: Any) -> Any:
    return x * self.add_weight((4,), "ones")


def _batches() -> Iterator[Any]:
    yield X, Y


def _without_labels() -> Iterator[Any]:
    yield X


class _Unsized(lamina.utils.PyDataset):
    def __getitem__(self, index: int) -> Any:
        return X, Y


def two_inputs(x: Any) -> Callable[[], Any]:
    def call() -> Any:
        inputs = [layers.Input((4,), name=name) for name in ("left", "right")]
        model = lamina.Model(inputs, layers.Add()(inputs))
        model.compile("sgd", "mse")
        return model.fit(x, X, verbose=0)

    return call


def _condition() -> Any:
    x = layers.Input((4,))
    return x if x > 0 else -x


def _adapted() -> Any:
    layer = layers.Normalization(name="scaled")
    layer.adapt(ones(8, 4))
    return layer(ones(3, 5))


def _embedded() -> Any:
    words = layers.Embedding(5, 2, name="words")
    model = lamina.Sequential([layers.Input((4,)), words, layers.Flatten()])
    model.compile("sgd", "mse")
    return model.fit(X - 1.5, ones(8, 8), verbose=0)


def _unlabelled_metric() -> Any:
    x = layers.Input((4,))
    outputs = [layers.Dense(1, name=name)(x) for name in ("price", "class")]
    model = lamina.Model(x, outputs)
    model.compile("sgd", {"price": "mse"}, metrics={"class": ["accuracy"]})
    return model.fit(X, {"price": ones(8, 1)}, verbose=0)


def _column() -> Any:
    space = lamina.utils.FeatureSpace({"age": "float_normalized"})
    return space.adapt({"agee": [1.0, 2.0]})


def _rate(step: Any) -> Any:
    step + 1  # noqa: B018 - the function forgets to return


def _with_rate(rate: Any) -> Any:
    model = lamina.Sequential([layers.Input((4,)), layers.Dense(3)])
    model.compile(lamina.optimizers.SGD(rate), "mse")
    return model.fit(X, Y, verbose=0)


def _precision() -> Any:
    loss = "sparse_categorical_crossentropy"
    head = layers.Dense(3, activation="softmax")
    model = lamina.Sequential([layers.Input((4,)), head])
    model.compile("sgd", loss, metrics=[lamina.metrics.Precision()])
    return model.fit(X, np.arange(8) % 3, verbose=0)


def file_of(edit: Callable[[bytes], bytes], **kwargs: Any) -> Callable[[], Any]:
    """Return a function that loads a model file whose bytes were changed."""

    def call() -> Any:
        path = Path(mkdtemp(), "model.keras")
        small_model().save(path)
        path.write_bytes(edit(path.read_bytes()))
        return load_model(path, **kwargs)

    return call


def _weights_before_build() -> Any:
    path = Path(mkdtemp(), "model.weights.h5")
    small_model().save_weights(path)
    return lamina.Sequential([layers.Dense(3)], name="late").load_weights(path)


def _config_without_units() -> Any:
    def __init__(self: Any, units: int) -> None:
        layers.Layer.__init__(self)
        self.units = units

    methods = {"__init__": __init__, "get_config": lambda self: {}}
    kind: Any = type("Wide", (layers.Layer,), {**methods, "call": lambda self, x: x})
    path = Path(mkdtemp(), "model.keras")
    lamina.Sequential([layers.Input((4,)), kind(3)]).save(path)
    return load_model(path, custom_objects={"Wide": kind})


CASES = (
    wrong_type(
        "loss of one argument",
        lambda: small_model(loss=one_argument),
        "loss 'one_argument'",
        "(y_true, y_pred)",
    ),
    wrong_type(
        "metric of one argument",
        lambda: small_model(metrics=[one_argument]),
        "metric 'one_argument'",
        "(y_true, y_pred)",
    ),
    argument(
        "array as a loss",
        lambda: small_model(loss=lamina.losses.mean_squared_error(X, X)),
        "as a loss",
        "a function",
    ),
    argument("number as a metric", lambda: small_model(metrics=[5]), "5 as a metric"),
    BadInput(
        "metric as the loss",
        lambda: small_model(loss="accuracy"),
        errors.UnknownNameError,
        ("'accuracy'", "`lamina.metrics`"),
    ),
    BadInput(
        "loss as the optimizer",
        lambda: lamina.Sequential([layers.Dense(1)]).compile("mse", "adam"),
        errors.UnknownNameError,
        ("'mse'", "`lamina.losses`"),
    ),
    wrong_type(
        "step without logs",
        user_model(train_step=lambda self, data: None),
        "Net.train_step",
        "{'loss': loss}",
        "None",
    ),
    wrong_type(
        "step that returns the loss alone",
        user_model(train_step=lambda self, data: ops.sum(self(data[0]))),
        "Net.train_step",
        "dictionary",
    ),
    data(
        "model's call without return",
        user_model(call=lambda self, x: None),
        "no outputs",
        "`return`",
    ),
    state("weight made in call", user_layer(call=_weight_in_call), "`build`"),
    BadInput(
        "weight of the shape of a batch",
        user_layer(build=_build_whole_shape, call=lambda self, x: x * self.factor),
        errors.ShapeError,
        ("'scale' (Scale)", "(None, 4)", "input_shape[1:]"),
    ),
    argument("no layer named", lambda: small_model().get_layer(), "`name` or `index`"),
    wrong_type("function in a stack", lambda: lamina.Sequential([len]), "Lambda(f)"),
    wrong_type(
        "output in a stack",
        lambda: lamina.Sequential([layers.Dense(3)(layers.Input((4,)))]),
        "pass the layer",
    ),
    wrong_type("name of a model to clone", lambda: clone_model("net"), "'net'"),
    wrong_type("condition on an input", _condition, "condition", "ops.where"),
    state(
        "weights before build",
        lambda: layers.Dense(3, name="head").set_weights([ones(4, 3), ones(3)]),
        "'head'",
        "layer.build(input_shape)",
    ),
    BadInput(
        "sizes to reshape",
        lambda: lamina.Sequential([layers.Input((8,)), layers.Reshape((3, 3))]),
        errors.ShapeError,
        ("8 elements, not 9",),
    ),
    BadInput(
        "factor of sizes to reshape",
        lambda: lamina.Sequential([layers.Input((8,)), layers.Reshape((3, -1))]),
        errors.ShapeError,
        ("not a multiple of 3",),
    ),
    BadInput(
        "features of an adapted layer",
        _adapted,
        errors.ShapeError,
        ("'scaled' (Normalization)", "size 4", "(3, 5)"),
    ),
    BadInput(
        "class indices for a metric of columns",
        _precision,
        errors.ShapeError,
        ("Precision", "`to_categorical(y, 3)`"),
    ),
    data(
        "continuous values for an Embedding",
        _embedded,
        "'words'",
        "integer indices",
        "Dense",
    ),
    argument(
        "one array for two inputs", two_inputs(X), "['left', 'right']", "Pass a list"
    ),
    argument(
        "name of an input",
        two_inputs({"left": X, "rigth": X}),
        "'right' is missing",
        "'rigth'",
    ),
    data("function of batches", fit(_batches), "Call it"),
    data("path of a file", fit("train.csv", Y), "x is a str", "pandas.read_csv"),
    data("number as data", fit(3, Y), "x is a int", "Pass arrays"),
    argument("x and y in a tuple", fit((X, Y)), "given: 2", "labels as `y`"),
    data("metric without labels", _unlabelled_metric, "'accuracy'", "Add them to y"),
    data("column that is missing", _column, "'age'", "['agee']"),
    wrong_type(
        "learning rate without return",
        lambda: _with_rate(_rate),
        "_rate",
        "returned None",
    ),
    state("batches without labels", lambda: fit(_without_labels())(), "yield `(x, y)`"),
    BadInput(
        "rows, not batches",
        lambda: fit(iter(X))(),
        errors.ShapeError,
        ("one row", "(rows, ...)"),
    ),
    data("number of batches", fit(_Unsized()), "_Unsized has no `__len__`"),
    argument(
        "number of steps", fit(X, Y, steps_per_epoch=0), "fit: `steps_per_epoch`", "0"
    ),
    argument(
        "steps of validation",
        fit(X, Y, validation_data=(X, Y), validation_steps=-2),
        "`validation_steps`",
        "-2",
    ),
    argument(
        "steps of a prediction",
        lambda: small_model().predict(X, steps="all"),
        "`steps`",
        "'all'",
    ),
    data(
        "parts of validation data",
        fit(X, Y, validation_data=(X, Y, None, None)),
        "4 parts",
        "validation data",
    ),
    data(
        "nothing to validate on",
        fit(X, Y, validation_data=(None, None)),
        "`x` is None",
        "validation data",
    ),
    argument("text as a seed", fit(X, Y, seed="a"), "`seed`", "'a'"),
    argument("text to shuffle", fit(X, Y, shuffle="yes"), "`shuffle`", "'batch'"),
    wrong_type("name of a callback", fit(X, Y, callbacks=["stop"]), "EarlyStopping()"),
    wrong_type(
        "function as a callback", fit(X, Y, callbacks=[print]), "LambdaCallback"
    ),
    wrong_type(
        "custom objects in a list",
        file_of(lambda file: file, custom_objects=[1]),
        "`custom_objects`",
        "dictionary",
    ),
    BadInput(
        "half a file",
        file_of(lambda file: file[: len(file) // 2]),
        errors.FileFormatError,
        ("damaged or incomplete", "again"),
    ),
    BadInput(
        "empty file", file_of(lambda _: b""), errors.FileFormatError, ("is empty",)
    ),
    BadInput(
        "config without an argument",
        _config_without_units,
        errors.FileFormatError,
        ("'units'", "`get_config` should return"),
    ),
    state("file before build", _weights_before_build, "'late'", "model.build"),
)
