"""Trainings that `tools.crash_test` kills and resumes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import lamina
from lamina import callbacks, layers, optimizers

ROWS = 400


def data() -> tuple[np.ndarray, np.ndarray]:
    """Return handwritten digits."""
    (x, y), _ = lamina.datasets.digits.load_data()
    return x[:ROWS].reshape(ROWS, 64).astype("float32") / 16, y[:ROWS].astype("int32")


def stack(*hidden: Any, optimizer: Any = "adam", **compile_with: Any) -> lamina.Model:
    """Return a compiled classifier of digits."""
    model = lamina.Sequential([layers.Input((64,)), *hidden, layers.Dense(10)])
    loss = lamina.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, metrics=["accuracy"], **compile_with)
    return model


def dropout_and_batchnorm() -> tuple[lamina.Model, dict[str, Any]]:
    """Random numbers, moving averages, callbacks that act on metrics."""
    hidden = layers.Dense(32, activation="relu")
    model = stack(hidden, layers.BatchNormalization(), layers.Dropout(0.3))
    watchers = [
        callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=0.05),
        callbacks.EarlyStopping("val_loss", patience=9, restore_best_weights=True),
    ]
    return model, {"callbacks": watchers, "validation_split": 0.2}


def lstm() -> tuple[lamina.Model, dict[str, Any]]:
    """A recurrent layer and a learning rate schedule."""
    decay = optimizers.schedules.ExponentialDecay(0.01, 20, 0.9)
    rows = layers.Reshape((8, 8))
    return stack(rows, layers.LSTM(16), optimizer=optimizers.Adam(decay)), {}


def convolutions() -> tuple[lamina.Model, dict[str, Any]]:
    """Calls of oneDNN where available, with both gradients."""
    image = [layers.Reshape((8, 8, 1)), layers.Conv2D(16, 3, activation="relu")]
    deep = [layers.DepthwiseConv2D(3, padding="same"), layers.Conv2D(24, 3, strides=2)]
    return stack(*image, *deep, layers.Flatten()), {"validation_split": 0.2}


def averages() -> tuple[lamina.Model, dict[str, Any]]:
    """Averaged weights, swapped in for validation, and accumulated gradients."""
    optimizer = optimizers.SGD(
        0.05, momentum=0.9, use_ema=True, ema_momentum=0.9,
        gradient_accumulation_steps=2,
    )  # fmt: skip
    swap = [callbacks.SwapEMAWeights()]
    model = stack(layers.Dense(16, activation="tanh"), optimizer=optimizer)
    return model, {"callbacks": swap, "validation_split": 0.2}


def mixed_precision() -> tuple[lamina.Model, dict[str, Any]]:
    """Half precision with loss scaling, and a learning rate set at each epoch."""
    lamina.mixed_precision.set_global_policy("mixed_float16")
    rate = callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.9)
    model = stack(layers.Dense(32, activation="relu"), layers.Dropout(0.2))
    return model, {"callbacks": [rate]}


def every_batch() -> tuple[lamina.Model, dict[str, Any]]:
    """A callback that receives every batch, and epochs with a smaller last batch."""

    class Sums(callbacks.Callback):
        """Sum of all losses."""

        needs = "batches"
        state_names = ("total",)
        total = 0.0

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self.total += logs["loss"]

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            logs["total"] = self.total

    model = stack(layers.Dense(16, activation="relu"), layers.GaussianNoise(0.1))
    return model, {"callbacks": [Sums()], "batch_size": 27}


def stateful_layers() -> tuple[lamina.Model, dict[str, Any]]:
    """Recurrent state across batches, and an Optax transformation."""
    import optax

    cells = [layers.Reshape((8, 8)), layers.GRU(8, stateful=True)]
    model = lamina.Sequential(
        [layers.Input(batch_shape=(16, 64)), *cells, layers.Dense(10)]
    )
    loss = lamina.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optax.adamw(optax.cosine_decay_schedule(0.01, 500)), loss)
    return model, {"shuffle": False, "batch_size": 16}


def stream() -> tuple[lamina.Model, dict[str, Any]]:
    """Batches from a generator, which is read again up to the position."""

    def batches() -> Iterator[Any]:
        x, y = data()
        generator = np.random.default_rng(1)
        while True:
            rows = generator.integers(0, ROWS, 16)
            yield x[rows], y[rows]

    model = stack(layers.Dense(16, activation="relu"), layers.Dropout(0.1))
    return model, {"x": batches(), **BATCHES}


class Draws:
    """Infinite iterator that can save its position, as grain's can."""

    def __init__(self) -> None:
        self.position = 0

    def __iter__(self) -> Draws:
        return self

    def __next__(self) -> Any:
        self.position += 1
        x, y = data()
        rows = np.random.default_rng(self.position).integers(0, ROWS, 16)
        return x[rows], y[rows]

    def get_state(self) -> dict[str, int]:
        return {"position": self.position}

    def set_state(self, state: dict[str, int]) -> None:
        self.position = state["position"]


def stream_with_state() -> tuple[lamina.Model, dict[str, Any]]:
    """An iterator that restores its position, with arrays for validation."""
    x, y = data()
    model = stack(layers.Dense(16, activation="relu"), layers.BatchNormalization())
    plateau = callbacks.ReduceLROnPlateau("val_loss", patience=1, min_delta=0.1)
    given = {"validation_data": (x[:100], y[:100]), "callbacks": [plateau]}
    return model, {"x": Draws(), **BATCHES, **given}


class Folder(lamina.utils.PyDataset):
    """Batches that workers read, in another order in each epoch."""

    def __init__(self) -> None:
        super().__init__(workers=2, max_queue_size=4)
        self.rows = np.arange(ROWS)

    def __len__(self) -> int:
        return ROWS // 16

    def __getitem__(self, index: int) -> Any:
        x, y = data()
        rows = self.rows[index * 16 : (index + 1) * 16]
        return x[rows], y[rows], 1 + y[rows] / 10

    def on_epoch_end(self) -> None:
        self.rows = np.roll(self.rows, 7)


def data_set_with_workers() -> tuple[lamina.Model, dict[str, Any]]:
    """A `PyDataset` that changes at the end of epochs."""
    model = stack(layers.Dense(16, activation="relu"), layers.Dropout(0.2))
    return model, {"x": Folder(), "y": None, "batch_size": None}


def augmentation() -> tuple[lamina.Model, dict[str, Any]]:
    """Layers that change images at random."""
    images = [
        layers.Reshape((8, 8, 1)),
        layers.RandomFlip("horizontal"),
        layers.RandomRotation(0.1),
        layers.RandomTranslation(0.1, 0.1),
        layers.RandomContrast(0.2),
        layers.GaussianDropout(0.1),
    ]
    convolved = [layers.Conv2D(8, 3, activation="relu"), layers.Flatten()]
    return stack(*images, *convolved), {"validation_split": 0.2}


def accumulation() -> tuple[lamina.Model, dict[str, Any]]:
    """Gradients of three batches at once, which do not divide an epoch."""
    decay = optimizers.schedules.CosineDecay(
        0.01, 200, warmup_target=0.02, warmup_steps=20
    )
    optimizer = optimizers.AdamW(
        decay, global_clipnorm=1.0, gradient_accumulation_steps=3
    )
    hidden = [layers.Dense(16, activation="relu"), layers.BatchNormalization()]
    return stack(*hidden, optimizer=optimizer), {"batch_size": 23}


def two_outputs() -> tuple[lamina.Model, dict[str, Any]]:
    """Losses and metrics by name, weights of rows for one output."""
    inputs = layers.Input((64,))
    shared = layers.Dropout(0.2)(layers.Dense(16, activation="relu")(inputs))
    digit = layers.Dense(10, activation="softmax", name="digit")(shared)
    odd = layers.Dense(1, activation="sigmoid", name="odd")(shared)
    model = lamina.Model(inputs, {"digit": digit, "odd": odd})
    model.compile(
        "rmsprop",
        {"digit": "sparse_categorical_crossentropy", "odd": "binary_crossentropy"},
        loss_weights={"odd": 0.5},
        metrics={"digit": ["accuracy"], "odd": ["AUC"]},
    )
    y = data()[1]
    weights = {"digit": 1 + y / 10, "odd": np.ones(ROWS)}
    return model, {
        "y": {"digit": y, "odd": y % 2},
        "sample_weight": weights,
        "validation_split": 0.2,
    }


BATCHES: dict[str, Any] = {"y": None, "steps_per_epoch": 25, "batch_size": None}
CASES: dict[str, Callable[[], tuple[lamina.Model, dict[str, Any]]]] = {
    case.__name__: case
    for case in (
        dropout_and_batchnorm, lstm, convolutions, averages, mixed_precision,
        every_batch, stateful_layers, stream, stream_with_state, data_set_with_workers,
        augmentation, accumulation, two_outputs,
    )
}  # fmt: skip
