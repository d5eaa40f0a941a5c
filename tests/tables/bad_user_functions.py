"""Mistakes in functions, attributes and paths that users pass, and in files."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np

import lamina
from lamina import (
    callbacks,
    constraints,
    errors,
    layers,
    losses,
    metrics,
    mixed_precision,
    ops,
    optimizers,
    regularizers,
    utils,
)
from lamina.distribution import DeviceMesh
from lamina.models import model_from_json
from tests.tables.bad_input import (
    BadInput,
    before_the_mistake,
    fit,
    ones,
    small_model,
    with_nan,
)
from tests.tables.bad_programs import argument, data, user_model, wrong_type
from tests.tables.bad_user_code import mistake

X, Y = ones(8, 4), ones(8, 3)
TABLE = np.random.default_rng(0).normal(size=(200, 4)).astype("float32")
CLASSES = np.arange(200) % 3
SPARSE = "sparse_categorical_crossentropy"


def shape(name: str, call: Callable[[], Any], *words: str) -> BadInput:
    return BadInput(name, call, errors.ShapeError, words)


def trained(
    *stack: Any,
    y: Any = CLASSES,
    optimizer: Callable[[], Any] = optimizers.SGD,
    **given: Any,
) -> Any:
    """Return a function that fits a classifier on a table."""
    metric = given.pop("metric", None)

    def call() -> Any:
        hidden = stack or (layers.Dense(8, activation="relu"),)
        last = layers.Dense(3, activation="softmax")
        model = lamina.Sequential([layers.Input((4,)), *hidden, last])
        model.compile(optimizer(), SPARSE, metrics=[metric] if metric else None)
        return model.fit(TABLE, y, verbose=0, **given)

    return call


def initial(function: Any) -> Callable[[], Any]:
    dense = layers.Dense(3, kernel_initializer=function)
    return lambda: lamina.Sequential([layers.Input((4,)), dense])


def _transposed(shape: Any, dtype: Any = None) -> Any:
    return np.zeros(shape[::-1])


def _nothing(shape: Any, dtype: Any = None) -> Any:
    """Return nothing."""


def _of_shape(shape: Any) -> Any:
    return np.zeros(shape)


def penalized(**given: Any) -> Callable[[], Any]:
    def call() -> Any:
        model = lamina.Sequential([layers.Input((4,)), layers.Dense(3, **given)])
        model.compile("sgd", "mse")
        return model.fit(X, Y, verbose=0)

    return call


class _NoPenalty(regularizers.Regularizer):
    def __call__(self, x: Any) -> Any:
        0.1 * ops.sum(x)  # noqa: B018 - the method forgets to return


class _NoValue(constraints.Constraint):
    def __call__(self, w: Any) -> Any:
        ops.clip(w, -1, 1)


def _two_arguments(self: Any, y: Any, y_pred: Any) -> Any:
    return ops.mean((y - y_pred) ** 2)


def _rows(self: Any, x: Any, y: Any, y_pred: Any, sample_weight: Any) -> Any:
    return ops.mean((y - y_pred) ** 2, axis=-1)


def _no_loss(self: Any, x: Any, y: Any, y_pred: Any, sample_weight: Any) -> Any:
    ops.mean((y - y_pred) ** 2)


def _numpy_noise(self: Any, x: Any) -> Any:
    return x + np.random.normal(size=4).astype("float32")


def _random_half(self: Any, x: Any) -> Any:
    return x * 0 if random.random() < 0.5 else x


def _noisy_loss(y_true: Any, y_pred: Any) -> Any:
    return ops.mean((y_true + np.random.rand() - y_pred) ** 2, axis=-1)


def _of_targets(y_true: Any, y_pred: Any) -> Any:
    return ops.mean(ops.abs(y_true), axis=-1)


def user_layer(call: Any) -> Any:
    return type("Custom", (layers.Layer,), {"call": call})(name="custom")


def misspelt(**attributes: Any) -> Callable[[], Any]:
    """Return a function that fits a model whose first layer has these attributes."""
    dense = layers.Dense(8, activation="relu", name="hidden")
    for name, value in attributes.items():
        setattr(dense, name, value)
    return trained(dense)


def _rate_misspelt() -> Any:
    model = small_model()
    model.optimizer.learning_rat = 0.1  # type: ignore[attr-defined]
    return model.fit(X, Y, verbose=0)


class _Stops(callbacks.Callback):
    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.model.stop_trainning = True


def _two_losses_of_weight_zero() -> Any:
    x = layers.Input((4,))
    model = lamina.Model(x, [layers.Dense(1)(x), layers.Dense(1)(x)])
    model.compile("sgd", "mse", loss_weights=[0, 0.0])
    return model.fit(X, [X[:, :1]] * 2, verbose=0)


class _Weightless(layers.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.factors = np.ones((4, 3), "float32")

    def call(self, x: Any) -> Any:
        return x @ self.factors


def _no_weights() -> Any:
    model = lamina.Sequential([layers.Input((4,)), _Weightless(), layers.Softmax()])
    model.compile("sgd", SPARSE)
    return model.fit(TABLE, CLASSES, verbose=0)


def saved(path: str, **given: Any) -> Callable[[], Any]:
    """Return a function that fits with a checkpoint of this path."""

    def call() -> Any:
        folder = Path(mkdtemp())
        (folder / "file").write_text("")
        (folder / "folder.keras").mkdir()
        callback = callbacks.ModelCheckpoint(folder / path, **given)
        return fit(X, Y, callbacks=[callback])()

    return call


def _logits(metric: Any) -> Callable[[], Any]:
    def call() -> Any:
        model = lamina.Sequential([layers.Input((4,)), layers.Dense(1)])
        loss = losses.BinaryCrossentropy(from_logits=True)
        model.compile("sgd", loss, metrics=[metric])
        return model.fit(TABLE, CLASSES % 2, verbose=0)

    return call


def _adapted_to_nan() -> Any:
    layers.Normalization(name="scale").adapt(with_nan())


def _unfrozen_after_compile() -> Any:
    dense = layers.Dense(3)
    dense.trainable = False
    model = lamina.Sequential([layers.Input((4,)), dense, layers.Dense(3)])
    model.compile("sgd", "mse")
    with before_the_mistake():
        model.fit(X, Y, verbose=0)
    dense.trainable = True
    return model.fit(X, Y, verbose=0)


def _embedded_texts() -> Any:
    stack = [layers.Input((1,), dtype="string"), layers.Embedding(5, 2, name="words")]
    return lamina.Sequential(stack)


def two_inputs(*given: Any, **named: Any) -> Callable[[], Any]:
    def call() -> Any:
        inputs = [layers.Input((4,), name=name) for name in ("left", "right")]
        model = lamina.Model(inputs, layers.Dense(3)(layers.Add()(inputs)))
        model.compile("sgd", "mse")
        return model.fit(*given, verbose=0, **named)

    return call


def _rows_of_data() -> Any:
    yield X[0], Y[0, :1]


def _adapt_texts() -> Any:
    space = utils.FeatureSpace({"age": "float_normalized"})
    space.adapt({"age": np.array(["12", "x"])})


def masked(*shape: int) -> Callable[[], Any]:
    x = ones(2, 6, 4)
    layer = layers.MultiHeadAttention(2, 4, name="attention")
    return lambda: layer(x, x, attention_mask=np.ones(shape))


CASES = (
    shape("transposed initial value", initial(_transposed), "'_transposed'", "(3, 4)"),
    wrong_type("initializer without return", initial(_nothing), "'_nothing'", "(4, 3)"),
    wrong_type("initializer without dtype", initial(_of_shape), "(shape, dtype=None)"),
    wrong_type(
        "regularizer without return",
        penalized(kernel_regularizer=_NoPenalty()),
        "'_NoPenalty'",
        "returned None",
    ),
    wrong_type(
        "constraint without return",
        penalized(kernel_constraint=_NoValue()),
        "'_NoValue'",
        "returned None",
    ),
    wrong_type(
        "compute_loss of two arguments",
        user_model(compute_loss=_two_arguments),
        "Net.compute_loss",
        "(x, y, y_pred, sample_weight, training)",
    ),
    wrong_type(
        "compute_loss of rows", user_model(compute_loss=_rows), "one number", "(8,)"
    ),
    wrong_type(
        "compute_loss without return", user_model(compute_loss=_no_loss), "not None"
    ),
    mistake(
        "NumPy's random numbers in call",
        trained(user_layer(_numpy_noise), layers.Dense(8, activation="relu")),
        "Custom.call calls np.random.normal",
        "lamina.random",
    ),
    mistake(
        "Python's random numbers in call",
        trained(user_layer(_random_half), layers.Dense(8, activation="relu")),
        "random.random",
    ),
    mistake(
        "random numbers in a function",
        trained(
            layers.Lambda(lambda x: x * np.random.rand(), name="noise"),
            layers.Dense(8, activation="relu"),
        ),
        "'noise'",
    ),
    mistake(
        "random numbers in a loss",
        lambda: small_model(loss=_noisy_loss).fit(X, Y, verbose=0),
        "'_noisy_loss'",
    ),
    mistake(
        "loss of the targets alone",
        lambda: small_model(loss=_of_targets).fit(X, Y, verbose=0),
        "'_of_targets'",
        "predictions",
    ),
    mistake("trainabel", misspelt(trainabel=False), "'hidden'", "trainable = False"),
    mistake("name of PyTorch", misspelt(requires_grad=False), "trainable = False"),
    mistake("frozen", misspelt(frozen=True), "trainable = False"),
    mistake("learning rate misspelt", _rate_misspelt, "learning_rate = 0.1"),
    mistake(
        "stop_training misspelt",
        fit(X, Y, callbacks=[_Stops()]),
        "model.stop_trainning",
        "stop_training = True",
    ),
    mistake("losses of weight 0", _two_losses_of_weight_zero, "`loss_weights` is 0"),
    mistake("array for a weight", _no_weights, "`factors`", "add_weight(shape=(4, 3))"),
    mistake(
        "schedule of epochs",
        trained(
            optimizer=lambda: optimizers.SGD(optimizers.schedules.CosineDecay(0.1, 10)),
            epochs=10,
        ),
        "after 10 of 70 steps",
        "decay_steps=70",
    ),
    mistake(
        "schedule that decays at once",
        trained(
            optimizer=lambda: optimizers.SGD(
                optimizers.schedules.ExponentialDecay(0.1, 1, 0.1)
            ),
            epochs=10,
        ),
        "after 4 of 70 steps",
    ),
    mistake(
        "weight decay",
        trained(optimizer=lambda: optimizers.AdamW(weight_decay=100.0)),
        "10% smaller",
    ),
    mistake(
        "highest loss",
        trained(
            validation_split=0.2,
            callbacks=[callbacks.EarlyStopping("val_loss", mode="max")],
        ),
        "mode='min'",
    ),
    mistake(
        "class weights of values",
        lambda: small_model(1).fit(
            TABLE, TABLE[:, 0], class_weight={0: 1, 1: 5}, verbose=0
        ),
        "continuous",
        "`sample_weight`",
    ),
    mistake(
        "negative class weight",
        trained(class_weight={0: 1, 1: -2, 2: 1}),
        "negative for class 1",
    ),
    mistake(
        "batches of a class",
        trained(y=np.sort(CLASSES), shuffle=False, batch_size=10),
        "Remove shuffle=False",
    ),
    mistake(
        "three of three classes",
        trained(metric=metrics.SparseTopKCategoricalAccuracy(k=3)),
        "always 1",
    ),
    mistake("AUC of logits", _logits(metrics.AUC()), "AUC(from_logits=True)"),
    mistake("data with NaN to adapt to", _adapted_to_nan, "'scale'", "nan_to_num"),
    mistake(
        "metric in a path",
        saved("{epoch}-{val_acc:.2f}.keras"),
        "'val_acc'",
        "the metrics are loss",
    ),
    argument("braces of a path", saved("{epoch.keras"), "`filepath`"),
    argument("ending of a path", saved("best.model"), "`.keras`"),
    BadInput(
        "path through a file",
        saved("file/best.keras"),
        errors.SaveError,
        ("is a file", "`filepath`"),
    ),
    BadInput(
        "path of a folder", saved("folder.keras"), errors.SaveError, ("a folder",)
    ),
    BadInput(
        "trainable after compile",
        _unfrozen_after_compile,
        errors.StateError,
        ("`compile` again",),
    ),
    wrong_type(
        "texts for an Embedding", _embedded_texts, "strings", "TextVectorization"
    ),
    data("rows in a list", fit(list(X), Y[:, 0]), "np.array(x)"),
    data("inputs in an array", two_inputs(np.stack([X, X]), Y), "list(x)"),
    argument("inputs as arguments", two_inputs(X, X, Y), "<ndarray of shape (8, 3)>"),
    data(
        "NaN in an input",
        two_inputs({"left": X, "right": with_nan()}, Y),
        "np.nan_to_num(x['right'])",
    ),
    data("single rows", lambda: fit(_rows_of_data())(), ".batch(32)"),
    data("texts as weights", fit(X, Y, sample_weight="balanced"), "one for each row"),
    data("labels of None", fit(X, [None] * 8), "y holds None"),
    argument(
        "validation data by name",
        fit(X, Y, validation_data={"x": X, "y": Y}),
        "use a tuple",
    ),
    data("texts for a feature of numbers", _adapt_texts, "'string_categorical'"),
    wrong_type(
        "names of classes", lambda: utils.to_categorical(["cat", "dog"]), "np.unique"
    ),
    wrong_type(
        "texts to pad",
        lambda: utils.pad_sequences([["a", "b"], ["c"]]),
        "TextVectorization",
    ),
    argument(
        "window of a series",
        lambda: utils.timeseries_dataset_from_array(TABLE, None, sequence_length=500),
        "`sequence_length`",
    ),
    argument("class index", lambda: utils.to_categorical([0, 5], 3), "from 0 to 2"),
    argument(
        "name of a policy",
        lambda: mixed_precision.set_global_policy("mixed_fp16"),
        "'mixed_float16'",
    ),
    argument("axes of a mesh", lambda: DeviceMesh((2,), ["a", "b"]), "axis_names"),
    argument(
        "output of a feature space",
        lambda: utils.FeatureSpace({"age": "float"}, output_mode="list"),
        "`output_mode`",
    ),
    argument("path of a config", lambda: model_from_json("m.json"), "open("),
    shape("mask of keys", masked(2, 6), "'attention'", "mask[:, None, :]"),
    shape(
        "widths of queries and keys",
        lambda: layers.Attention()([ones(2, 3, 4), ones(2, 5, 6)]),
        "the same last axis",
    ),
)
