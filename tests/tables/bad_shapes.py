"""Shapes that do not match, with the line of code that the message must have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import lamina
from lamina import callbacks, errors, layers
from tests.tables.bad_input import BadInput, fit, ones

SPARSE = "sparse_categorical_crossentropy"
ONE_HOT = "categorical_crossentropy"
BINARY = "binary_crossentropy"


def classes(*shape: int, count: int = 3) -> np.ndarray:
    return np.arange(np.prod(shape)).reshape(shape) % count


def one_hot(rows: int, count: int) -> np.ndarray:
    return np.eye(count, dtype="float32")[classes(rows, count=count)]


def trained(shape: Any, stack: list[Any], loss: Any, x: Any, y: Any) -> Any:
    """Return a function that fits a stack of layers."""

    def call() -> Any:
        model = lamina.Sequential([layers.Input(shape, name="x"), *stack])
        model.compile("sgd", loss)
        return model.fit(x, y, verbose=0)

    return call


def image_stack(units: int, last: str | None, *more: Any) -> list[Any]:
    pool = layers.MaxPooling2D(name="pool")
    head = layers.Dense(units, activation=last, name="head")
    return [layers.Conv2D(2, 3), pool, *more, head]


def images(units: int, last: str | None, loss: str, y: Any, *more: Any) -> Any:
    stack = image_stack(units, last, *more)
    return trained((8, 10, 1), stack, loss, ones(8, 8, 10, 1), y)


def steps(recurrent: Any, units: int, loss: str, y: Any) -> Any:
    head = layers.Dense(units, name="head")
    return trained((5, 2), [recurrent, head], loss, ones(8, 5, 2), y)


def head(units: int, last: str | None, loss: str, y: Any, name: str = "head") -> Any:
    dense = layers.Dense(units, activation=last, name=name)
    return trained((4,), [dense], loss, ones(8, 4), y)


def compared(loss: str, metric: str, y: Any, to_validate: Any = None) -> Any:
    stack = [layers.Input((4,)), layers.Dense(3, activation="softmax")]
    model = lamina.Sequential(stack)
    model.compile("sgd", loss, metrics=[metric])
    held_out = None if to_validate is None else (ones(8, 4), to_validate)
    return model.fit(ones(8, 4), y, validation_data=held_out, verbose=0)


class UserModel(lamina.Model):
    """Subclassed model, which has no graph."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = layers.Conv2D(2, 3), layers.Dense(3)

    def call(self, inputs: Any) -> Any:
        return self.head(self.conv(inputs))


def user_model() -> Any:
    model = UserModel()
    model.compile("sgd", SPARSE)
    return model.fit(ones(8, 6, 6, 1), classes(8), verbose=0)


def stacked(*recurrent: Any) -> Callable[[], Any]:
    return lambda: lamina.Sequential([layers.Input((5, 2)), *recurrent])


def called(shape: Any, stack: list[Any], x: Any) -> Callable[[], Any]:
    stack = [layers.Input(shape, name="x"), *stack]
    return lambda: lamina.Sequential(stack).predict(x, verbose=0)


def monitored(callback: Any, **kwargs: Any) -> Callable[[], Any]:
    def call() -> Any:
        model = lamina.Sequential([layers.Input((4,)), layers.Dense(3)])
        model.compile("sgd", "mse", metrics=["mae"])
        return model.fit(
            ones(8, 4), ones(8, 3), callbacks=[callback], verbose=0, **kwargs
        )

    return call


def case(name: str, call: Callable[[], Any], *words: str) -> BadInput:
    return BadInput(name, call, errors.ShapeError, words)


def warned(name: str, call: Callable[[], Any], *words: str) -> BadInput:
    return BadInput(name, call, errors.LikelyMistakeWarning, words)


POOL = "axes of sizes 3 and 4 remain from layer 'pool' (MaxPooling2D)"
FLATTEN = "Add after it: layers.Flatten()."
LSTM_KEEPS = "remains from layer 'lstm' (LSTM), which returns all steps"
ALL_STEPS = "layers.LSTM(4, return_sequences=True)"

LEFT_OVER = (
    case("no Flatten", images(3, "softmax", SPARSE, classes(8)), POOL, FLATTEN),
    case("no Flatten, one-hot", images(3, None, ONE_HOT, one_hot(8, 3)), POOL, FLATTEN),
    case("no Flatten, binary", images(1, "sigmoid", BINARY, ones(8)), POOL, FLATTEN),
    case("no Flatten, one number", images(1, None, "mse", ones(8, 1)), POOL, FLATTEN),
    case(
        "no Flatten before hidden layers",
        images(3, None, SPARSE, classes(8), layers.Dense(5), layers.Dropout(0.5)),
        POOL,
        FLATTEN,
    ),
    case(
        "no Flatten, sizes unknown",
        trained(
            (None, None, 1),
            image_stack(3, "softmax"),
            SPARSE,
            ones(8, 8, 10, 1),
            classes(8),
        ),
        "unknown and unknown",
        "Add after it: layers.GlobalAveragePooling2D().",
    ),
    case(
        "no Flatten, first layer",
        trained((6, 5), [layers.Dense(3)], SPARSE, ones(8, 6, 5), classes(8)),
        "axis of size 6 remains from the input",
        "before the first layer: layers.Flatten().",
    ),
    case(
        "words without pooling",
        trained(
            (6,),
            [layers.Embedding(9, 4, name="words"), layers.Dense(1)],
            BINARY,
            classes(8, 6),
            ones(8),
        ),
        "remains from layer 'words' (Embedding)",
        "layers.GlobalAveragePooling1D()",
    ),
    case(
        "transfer without pooling",
        trained(
            (8, 8, 1),
            [
                lamina.Sequential(
                    [layers.Input((8, 8, 1)), layers.Conv2D(2, 3)], name="base"
                ),
                layers.Dense(3),
            ],
            SPARSE,
            ones(8, 8, 8, 1),
            classes(8),
        ),
        "layer 'base' (Sequential)",
        "layers.GlobalAveragePooling2D()",
    ),
    case("no Flatten in a subclassed model", user_model, "4 and 4", "layers.Flatten()"),
    case(
        "all steps, one number",
        steps(layers.LSTM(4, return_sequences=True, name="lstm"), 1, "mse", ones(8, 1)),
        LSTM_KEEPS,
        "Return the last step: layers.LSTM(4).",
    ),
    case(
        "all steps, one class",
        steps(
            layers.LSTM(4, return_sequences=True, name="lstm"), 3, SPARSE, classes(8)
        ),
        LSTM_KEEPS,
        "layers.LSTM(4).",
    ),
    case(
        "all steps in both directions",
        steps(
            layers.Bidirectional(layers.GRU(4, return_sequences=True)),
            1,
            BINARY,
            ones(8),
        ),
        "(Bidirectional), which returns all steps",
        "layers.Bidirectional(layers.GRU(4)).",
    ),
)

TOO_FEW = (
    case(
        "last step, a number for each",
        steps(layers.LSTM(4, name="lstm"), 1, "mse", ones(8, 5, 1)),
        "one for each of 5 steps",
        "layer 'lstm' (LSTM) returns only the last step",
        ALL_STEPS,
    ),
    case(
        "last step, a class for each",
        steps(layers.LSTM(4, name="lstm"), 3, SPARSE, classes(8, 5)),
        "one for each of 5 steps",
        ALL_STEPS,
    ),
)

WIDTHS = (
    case(
        "class indices for one-hot",
        head(3, "softmax", ONE_HOT, classes(8)),
        "Output 'head' has shape (None, 3)",
        "(8,): one value for 3 units",
        f"Compile with loss='{SPARSE}'.",
    ),
    case(
        "class indices for one-hot, in a column",
        head(3, "softmax", ONE_HOT, classes(8, 1)),
        f"Compile with loss='{SPARSE}'.",
    ),
    case(
        "class indices of each step for one-hot",
        steps(layers.LSTM(4, return_sequences=True), 3, ONE_HOT, classes(8, 5)),
        f"Compile with loss='{SPARSE}'.",
    ),
    case(
        "one-hot for class indices",
        head(3, "softmax", SPARSE, one_hot(8, 3)),
        "one-hot classes",
        f"Compile with loss='{ONE_HOT}'.",
    ),
    case(
        "one-hot of another width for class indices",
        head(4, "softmax", SPARSE, one_hot(8, 3)),
        "layers.Dense(3, activation='softmax')",
        f"compile with loss='{ONE_HOT}'.",
    ),
    case(
        "one-hot of another width",
        head(4, None, "mse", one_hot(8, 3)),
        "3 one-hot columns for 4 units",
        "layers.Dense(3).",
    ),
    case(
        "one-hot of another width, softmax",
        head(5, "softmax", ONE_HOT, one_hot(8, 3)),
        "3 one-hot columns for 5 units",
        "layers.Dense(3, activation='softmax').",
    ),
    case(
        "two columns for one sigmoid",
        head(1, "sigmoid", BINARY, one_hot(8, 2)),
        "two one-hot columns",
        "`y.argmax(-1)`",
    ),
    case(
        "several numbers for one unit",
        head(1, None, "mse", ones(8, 4) * 2),
        "4 columns for 1 unit",
        "layers.Dense(4).",
    ),
    case(
        "one measure for several units",
        head(3, None, "mse", ones(8) / 2),
        "one value for 3 units",
        "End the model in layers.Dense(1).",
    ),
    case(
        "yes or no for two units",
        head(2, "softmax", BINARY, classes(8, count=2)),
        "one value for 2 units",
        "layers.Dense(1, activation='sigmoid').",
    ),
)

INPUTS = (
    case(
        "batch in Input",
        trained((32, 7), [layers.Dense(3)], SPARSE, ones(8, 7), classes(8)),
        "(None, 32, 7)",
        "(8, 7)",
        "without the batch axis: Input((7,)).",
    ),
    case(
        "rows in Input",
        trained((8, 7), [layers.Dense(3)], SPARSE, ones(8, 7), classes(8)),
        "without the batch axis: Input((7,)).",
    ),
    case(
        "None in Input",
        trained((None, 7), [layers.Dense(3)], SPARSE, ones(8, 7), classes(8)),
        "without the batch axis: Input((7,)).",
    ),
    case(
        "batch in Input of images",
        lambda: layers.Conv2D(2, 3, name="c")(layers.Input((32, 8, 8, 1))),
        "'c' (Conv2D)",
        "batch axis, as in Input((8, 8, 1)).",
    ),
    case(
        "no channels in Input",
        lambda: layers.Conv2D(2, 3, name="c")(layers.Input((8, 8))),
        "'c' (Conv2D)",
        "Input((8, 8, 1)).",
    ),
    case(
        "no channels in data",
        trained((8, 8, 3), [layers.Flatten()], "mse", ones(8, 8, 8), ones(8, 192)),
        "np.repeat(x[..., None], 3, -1)",
    ),
    case(
        "channels first",
        trained((8, 8, 3), [layers.Flatten()], "mse", ones(8, 3, 8, 8), ones(8, 192)),
        "np.moveaxis(x, 1, -1)",
    ),
    case(
        "flat images",
        trained((8, 8, 1), [layers.Flatten()], "mse", ones(8, 64), ones(8, 64)),
        "x.reshape((-1, 8, 8, 1))",
    ),
    case(
        "features to train on",
        fit(ones(8, 5), ones(8, 3)),
        "(None, 4)",
        "(8, 5)",
        "Make the model for such rows: Input((5,)).",
    ),
    case(
        "features to predict from",
        called((4,), [layers.Dense(2)], ones(8, 5)),
        "Pass rows of shape (4,).",
    ),
    case("one row", called((4,), [layers.Dense(2)], ones(4)), "`x[None]`"),
    case(
        "one image",
        called((8, 8, 1), [layers.Flatten()], ones(8, 8, 1)),
        "(8, 8, 1)",
        "`x[None]`",
    ),
)

LSTM_ENDS = "The time axis ends in layer 'first' (LSTM)"
STACKS = (
    case(
        "stacked without sequences",
        stacked(layers.LSTM(4, name="first"), layers.LSTM(3, name="second")),
        "Layer 'second' (LSTM) needs an input of rank 3",
        "(None, 4)",
        LSTM_ENDS,
        ALL_STEPS,
    ),
    case(
        "stacked without sequences, dropout between",
        stacked(layers.LSTM(4, name="first"), layers.Dropout(0.5), layers.GRU(3)),
        LSTM_ENDS,
        ALL_STEPS,
    ),
    case(
        "stacked in both directions",
        stacked(layers.Bidirectional(layers.GRU(4)), layers.LSTM(3)),
        "layers.Bidirectional(layers.GRU(4, return_sequences=True))",
    ),
    case(
        "convolution after Flatten",
        stacked(layers.Flatten(name="flat"), layers.Conv1D(2, 3)),
        "Remove layer 'flat' (Flatten)",
    ),
    case(
        "recurrent after images",
        lambda: lamina.Sequential(
            [layers.Input((8, 8, 1)), layers.Conv2D(2, 3, name="c"), layers.LSTM(3)]
        ),
        "layer 'c' (Conv2D)",
        "layers.Reshape((-1, 2))",
    ),
)

MONITORS = (
    warned(
        "stopping without validation",
        monitored(callbacks.EarlyStopping()),
        "EarlyStopping monitors 'val_loss'",
        "no validation data",
        "fit(..., validation_split=0.2)",
    ),
    warned(
        "plateau without validation",
        monitored(callbacks.ReduceLROnPlateau()),
        "ReduceLROnPlateau monitors 'val_loss'",
        "no validation data",
    ),
    warned(
        "best model without validation",
        monitored(callbacks.ModelCheckpoint("best.keras", save_best_only=True)),
        "ModelCheckpoint monitors 'val_loss'",
        "no validation data",
    ),
    warned(
        "another name of a metric",
        monitored(
            callbacks.EarlyStopping("val_mean_absolute_error"), validation_split=0.5
        ),
        "EarlyStopping(monitor='val_mae')",
    ),
    warned(
        "metric not compiled",
        monitored(callbacks.EarlyStopping("accuracy")),
        "metrics are: loss, mae",
        "metrics=['accuracy']",
    ),
    warned(
        "metric that does not exist",
        monitored(callbacks.EarlyStopping("los", mode="min")),
        "Did you mean 'loss'?",
    ),
)

FORMS = (
    case(
        "one-hot accuracy of class indices",
        lambda: compared(SPARSE, "categorical_accuracy", classes(8)),
        "metrics=['accuracy']",
    ),
    case(
        "class accuracy of one-hot labels",
        lambda: compared(ONE_HOT, "sparse_categorical_accuracy", one_hot(8, 3)),
        "metrics=['accuracy']",
    ),
    case(
        "one-hot labels to validate",
        lambda: compared(SPARSE, "accuracy", classes(8), one_hot(8, 3)),
        "Pass `y.argmax(-1)` as labels.",
        "validation data",
    ),
    case(
        "class indices to validate",
        lambda: compared(ONE_HOT, "accuracy", one_hot(8, 3), classes(8)),
        "Pass `to_categorical(y, 3)` as labels.",
        "validation data",
    ),
)

CASES = (*FORMS, *LEFT_OVER, *TOO_FEW, *WIDTHS, *INPUTS, *STACKS, *MONITORS)
