"""Mistakes in callbacks, losses, steps and data sets of users."""

from __future__ import annotations

from collections.abc import Callable
from tempfile import mkdtemp
from typing import Any

import numpy as np

import lamina
from lamina import callbacks, errors, layers, ops, optimizers
from tests.tables.bad_input import (
    BadInput,
    before_the_mistake,
    fit,
    ones,
    small_model,
)
from tests.tables.bad_programs import argument, data, user_model, wrong_type

X, Y = ones(8, 4), ones(8, 3)


def mistake(name: str, call: Callable[[], Any], *words: str) -> BadInput:
    return BadInput(name, call, errors.LikelyMistakeWarning, words)


def _ignore(*_: Any) -> None:
    """Do nothing."""


def with_callback(**methods: Any) -> Callable[[], Any]:
    """Return a function that fits a model with a callback of these methods."""
    cls = type("Watch", (callbacks.Callback,), methods)
    return lambda: fit(X, Y, callbacks=[cls()])()


def with_loss(loss: Any, units: int = 3, y: Any = Y, **kwargs: Any) -> Any:
    """Return a function that fits a model with a user-defined loss."""
    return lambda: small_model(units, loss).fit(X, y, verbose=0, **kwargs)


class _Squares(lamina.losses.Loss):
    def call(self, y_true: Any, y_pred: Any) -> Any:
        return (y_true - y_pred) ** 2


def _share_of_errors(y_true: Any, y_pred: Any) -> Any:
    return ops.mean(ops.argmax(y_true, -1) != ops.argmax(y_pred, -1))


def _rounded(y_true: Any, y_pred: Any) -> Any:
    return ops.mean((y_true - ops.round(y_pred)) ** 2, axis=-1)


def _mean_of_batch(y_true: Any, y_pred: Any) -> Any:
    return ops.mean((y_true - y_pred) ** 2)


def _mean_of_columns(y_true: Any, y_pred: Any) -> Any:
    return ops.mean((y_true - y_pred) ** 2, axis=0)


def _broadcast(y_true: Any, y_pred: Any) -> Any:
    return y_true[:, 0] * y_pred


def _loss_alone(self: Any, data: Any) -> Any:
    x, y = data
    return {"loss": self.compute_loss(x, y, self(x, training=True))}


def _rounded_loss(self: Any, x: Any, y: Any, y_pred: Any, **_: Any) -> Any:
    return ops.mean(ops.round(y_pred) - y)


def _index_of_class() -> Any:
    x = layers.Input((4,))
    classes = ops.argmax(layers.Dense(3, "softmax")(x), axis=-1)
    model = lamina.Model(x, ops.cast(classes, "float32"))
    model.compile("sgd", "mse")
    return model.fit(X, np.arange(8) % 3, verbose=0)


def _vector_step(self: Any, data: Any) -> Any:
    x, y = data
    loss, _ = lamina.value_and_grad(
        lambda: ops.mean((self(x) - y) ** 2, axis=-1), self.trainable_variables
    )
    return {"loss": loss}


def _torch_step(self: Any, data: Any) -> Any:
    x, y = data
    loss: Any = ops.mean((self(x) - y) ** 2)
    loss.backward()
    return {"loss": loss}


class _HalfLoss(lamina.losses.Loss):
    def __init__(self) -> None:
        self.factor = 0.5

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return ops.mean((y_true - y_pred) ** 2, axis=-1) * self.factor


class _Largest(lamina.metrics.Metric):
    def __init__(self) -> None:
        self.largest = self.add_variable((), "zeros")


def _image_alone() -> Any:
    stack = [layers.Input((4, 4, 1)), layers.Flatten(), layers.Dense(1)]
    return lamina.Sequential(stack).predict(ones(4, 4), verbose=0)


def _constant_step(self: Any, data: Any) -> Any:
    variables = self.trainable_variables
    loss, gradients = lamina.value_and_grad(lambda: ops.array(1.0), variables)
    self.optimizer.apply(gradients, variables)
    return {"loss": loss}


class _Halves(lamina.utils.PyDataset):
    def __len__(self) -> Any:
        return len(X) / 4

    def __getitem__(self, index: int) -> Any:
        return X[:4], Y[:4]


def two_tensors(self: Any, left: Any, right: Any) -> Any:
    return self.head(left + right)


def resumed(**changed: Any) -> Callable[[], Any]:
    """Return a function that resumes a run with other arguments."""

    def call() -> Any:
        folder = mkdtemp()
        given: dict[str, Any] = {"x": X, "y": Y, "resume": folder, "verbose": 0}
        with before_the_mistake():
            small_model().fit(**given)
        return small_model().fit(**given | changed, epochs=2)

    return call


def _plateau_and_schedule() -> Any:
    rate = optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
    model = small_model()
    model.compile(optimizers.SGD(rate), "mse")
    plateau = callbacks.ReduceLROnPlateau("loss")
    return model.fit(X, Y, verbose=0, callbacks=[plateau])


def _old_name_of_rate() -> None:
    small_model().optimizer.lr = 0.1


def _unknown_metric() -> Any:
    with before_the_mistake():
        history = small_model().fit(X, Y, verbose=0).history
    return history["los"]


def _wrong_matmul(self: Any, x: Any) -> Any:
    return ops.matmul(x, ops.ones((3, 4)))


def in_stack(call: Any) -> Callable[[], Any]:
    """Return a function that stacks a layer with this `call`."""
    kind: Any = type("Custom", (layers.Layer,), {"call": call})
    return lambda: lamina.Sequential([layers.Input((4,)), kind(name="custom")])


def _two_outputs_one_metric() -> Any:
    x = layers.Input((4,))
    model = lamina.Model(x, [layers.Dense(1, name=name)(x) for name in "ab"])
    model.compile("sgd", "mse", metrics=["mae"])
    return model.fit(X, [X[:, :1]] * 2, verbose=0)


def _steps_lost() -> Any:
    stack = [layers.Input((4, 2)), layers.LSTM(3), layers.Dense(5)]
    model = lamina.Sequential(stack)
    model.compile("sgd", "ctc")
    return model.fit(ones(8, 4, 2), ones(8, 2), verbose=0)


def _indices_for_auc() -> Any:
    model = small_model(3, "sparse_categorical_crossentropy", metrics=["AUC"])
    return model.fit(X, np.arange(8) % 3, verbose=0, check="errors")


class _Sum(lamina.metrics.Metric):
    total = 0.0

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        self.total = self.total + ops.sum(y_pred)

    def result(self) -> Any:
        return self.total


def _fit_with_sum() -> Any:
    return small_model(metrics=[_Sum(name="total")]).fit(X, Y, verbose=0)


def _not_adapted() -> Any:
    stack = [layers.Input((4,)), layers.Normalization(name="scale"), layers.Dense(3)]
    model = lamina.Sequential(stack)
    model.compile("sgd", "mse")
    return model.fit(X, Y, verbose=0)


CASES = (
    *(
        mistake(f"callback {name}", with_callback(**{name: _ignore}), f"def {right}")
        for name, right in (
            ("on_epoch_ends", "on_epoch_end"),
            ("on_batch_ends", "on_batch_end"),
            ("on_train_start", "on_train_begin"),
            ("on_validation_epoch_end", "on_test_end"),
            ("on_train_epoch_start", "on_epoch_begin"),
            ("on_eopch_end", "on_epoch_end"),
        )
    ),
    wrong_type(
        "callback without logs",
        with_callback(on_epoch_end=lambda self, epoch: None),
        "Watch.on_epoch_end",
        "(epoch, logs=None)",
    ),
    wrong_type(
        "function of a callback without logs",
        fit(
            X, Y, callbacks=[callbacks.LambdaCallback(on_epoch_end=lambda epoch: None)]
        ),
        "LambdaCallback.on_epoch_end",
        "(epoch, logs=None)",
    ),
    mistake(
        "no epochs left", fit(X, Y, initial_epoch=5, epochs=5), "nothing", "epochs=10"
    ),
    mistake("loss of classes", with_loss(_share_of_errors), "'_share_of_errors'"),
    mistake("loss of rounded values", with_loss(_rounded), "gradient", "zero"),
    mistake("loss of pairs", with_loss(_Squares(), 1, ones(8)), "y.reshape(-1, 1)"),
    mistake(
        "loss of a batch with weights",
        with_loss(_mean_of_batch, sample_weight=ones(8)),
        "'_mean_of_batch'",
        "`sample_weight`",
        "axis=-1",
    ),
    BadInput(
        "loss of columns with weights",
        with_loss(_mean_of_columns, sample_weight=ones(8)),
        errors.ShapeError,
        ("(8,)", "(3,)", "one value for each row"),
    ),
    BadInput(
        "loss of wrong shapes",
        with_loss(_broadcast, y=ones(8, 3)),
        ValueError,
        ("the loss '_broadcast'", "y_true (8, 3)", "y_pred (8, 3)"),
    ),
    mistake("step without an update", user_model(train_step=_loss_alone), "no weight"),
    *(
        mistake(f"constant loss of {name}", user_model(**methods), "gradient", "zero")
        for name, methods in (
            ("compute_loss", {"compute_loss": lambda *_, **__: ops.array(1.0)}),
            ("rounded predictions", {"compute_loss": _rounded_loss}),
            ("train_step", {"train_step": _constant_step}),
        )
    ),
    mistake("predictions that are indices", _index_of_class, "gradient", "argmax"),
    BadInput(
        "loss of each row in a step",
        user_model(train_step=_vector_step),
        errors.ShapeError,
        ("(8,)", "ops.mean(loss)"),
    ),
    BadInput(
        "method of another library's tensors",
        user_model(train_step=_torch_step),
        AttributeError,
        ("'backward'", "lamina.value_and_grad"),
    ),
    BadInput(
        "loss without super().__init__",
        with_loss(_HalfLoss()),
        AttributeError,
        ("_HalfLoss.__init__", "super().__init__"),
    ),
    BadInput(
        "metric without super().__init__",
        _Largest,
        AttributeError,
        ("_Largest.__init__", "super().__init__"),
    ),
    BadInput(
        "image without batch and channels",
        _image_alone,
        errors.ShapeError,
        ("`x[None, ..., None]`",),
    ),
    argument(
        "class of a schedule",
        lambda: optimizers.Adam(optimizers.schedules.ExponentialDecay),  # type: ignore[arg-type]
        "`learning_rate`",
    ),
    BadInput(
        "call of two tensors",
        lambda: user_model(call=two_tensors)(),
        TypeError,
        ("'right'",),
    ),
    wrong_type("number of batches of a data set", fit(_Halves()), "_Halves.__len__"),
    argument("resumed with other data", resumed(x=X + 1), "data has other values"),
    argument("resumed with other batches", resumed(batch_size=4), "None", "now 4"),
    argument("resumed without a folder", resumed(resume=True), "`resume`", "folder"),
    mistake("plateau and schedule", _plateau_and_schedule, "ReduceLROnPlateau"),
    wrong_type("old name of the learning rate", _old_name_of_rate, "`learning_rate`"),
    BadInput("metric in a history", _unknown_metric, KeyError, ("'los'", "'loss'")),
    BadInput(
        "sizes of a product",
        in_stack(_wrong_matmul),
        errors.ShapeError,
        ("'custom' (Custom)", "(None, 4)"),
    ),
    argument("one metric for two outputs", _two_outputs_one_metric, "1 entry for 2"),
    BadInput(
        "steps of ctc",
        _steps_lost,
        errors.ShapeError,
        ("'ctc'", "layers.LSTM(3, return_sequences=True)"),
    ),
    BadInput(
        "class indices for AUC",
        _indices_for_auc,
        errors.ShapeError,
        ("AUC", "`to_categorical(y, 3)`", "'accuracy'"),
    ),
    mistake("state of a metric", _fit_with_sum, "`total`", "add_variable"),
    BadInput(
        "averages that are not computed",
        fit(X, Y, callbacks=[callbacks.SwapEMAWeights()]),
        errors.StateError,
        ("`use_ema=True`",),
    ),
    mistake("layer that is not adapted", _not_adapted, "'scale'", "layer.adapt(x)"),
    data("complex numbers", fit(X.astype("complex64"), Y), "complex", "x.imag"),
    argument(
        "two tensors for a layer",
        lambda: layers.Dense(3)([layers.Input((4,)), layers.Input((4,))]),
        "one input",
        "layers.Concatenate()",
    ),
)
