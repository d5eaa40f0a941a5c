"""Each feature of `fit` gives the result of one device on several."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

import lamina
from lamina import layers
from lamina.distribution import DataParallel, FullySharded, list_devices
from tests.unit.distribution.eight_devices.models import (
    CASES,
    CLASSES,
    VECTORS,
    compiled,
    recurrent,
)

pytestmark = pytest.mark.filterwarnings("ignore:.*equal parts")

# Sums of parts round otherwise than the sum of the whole.
TOLERANCE = {"rtol": 5e-4, "atol": 2e-5}
# Rounding of half precision, where sums of parts differ.
HALF = {"rtol": 0.05, "atol": 5e-3}
FIT: dict[str, Any] = {"batch_size": 12, "epochs": 3, "verbose": 0, "seed": 1}
WEIGHTS = np.linspace(0.5, 2, len(CLASSES)).astype("float32")
HELD_OUT = VECTORS[:7], CLASSES[:7], WEIGHTS[:7]
SGD = lamina.optimizers.SGD


def model(optimizer: Any = None, policy: str = "float32", **compile_: Any) -> Any:
    """Return a model with statistics of batches and random numbers."""
    lamina.utils.set_random_seed(3)
    lamina.backend.clear_session()
    found = lamina.Sequential(
        [
            layers.Input((16,)),
            layers.Dense(16, "relu", dtype=policy),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
            layers.Dense(8, "softmax"),
        ]
    )
    loss = "sparse_categorical_crossentropy"
    weighted = ["accuracy"]
    found.compile(
        optimizer or SGD(0.05, 0.9), loss, weighted_metrics=weighted, **compile_
    )
    return found


def fit(found: Any, *data: Any, **arguments: Any) -> Any:
    history = found.fit(*data, **FIT | arguments).history
    return history, found.get_weights(), [v.numpy() for v in found.optimizer.variables]


def arrays(found: Any = None, **arguments: Any) -> Any:
    return fit(found or model(), VECTORS, CLASSES, **arguments)


class Batches(lamina.utils.PyDataset):
    """Batches with weights; the last one is smaller."""

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> Any:
        rows = slice(12 * index, 12 * index + 12)
        return VECTORS[rows], CLASSES[rows], WEIGHTS[rows]


def generator() -> Iterator[Any]:
    while True:
        for i in range(0, 45, 7):
            yield VECTORS[i : i + 7], CLASSES[i : i + 7]


class Losses(lamina.callbacks.Callback):
    """Records the loss after each batch."""

    needs = "batches"

    def __init__(self) -> None:
        super().__init__()
        self.losses: list[float] = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.losses.append(logs["loss"])


class Shrink(lamina.callbacks.Callback):
    """Changes the model after each batch."""

    needs = "model"

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        kernel = self.model.layers[0].kernel
        kernel.assign(kernel * 0.99)


def callbacks(*added: Any, found: Any = None, **arguments: Any) -> Any:
    losses = Losses()
    rates = lamina.callbacks.ReduceLROnPlateau("loss", patience=0, min_delta=1)
    given = {"callbacks": [losses, rates, *added], **arguments}
    return arrays(found, **given), losses.losses


def resumed() -> Any:
    def averaged() -> Any:
        average = {"use_ema": True, "ema_overwrite_frequency": 3}
        return model(SGD(0.05, gradient_accumulation_steps=3, **average))

    with tempfile.TemporaryDirectory() as folder:
        arrays(averaged(), epochs=2, resume=folder)
        return arrays(averaged(), resume=folder)


def not_finite() -> Any:
    x, found = VECTORS.copy(), model()
    x[30] = np.nan
    stop = lamina.callbacks.TerminateOnNaN()
    found.fit(x, CLASSES, callbacks=[stop], shuffle=False, **FIT)
    return found.get_weights(), int(found.optimizer.iterations)


def masked() -> Any:
    lamina.utils.set_random_seed(3)
    lamina.backend.clear_session()
    words = CASES["recurrent"].x
    return fit(recurrent(), words, CLASSES, sample_weight=WEIGHTS)


def data_set() -> Any:
    found = model()
    trained = fit(found, Batches(workers=2), batch_size=None)
    return trained, found.evaluate(Batches(), verbose=0)


def single_batches() -> Any:
    found = model()
    losses = [
        found.train_on_batch(VECTORS[:n], CLASSES[:n], sample_weight=WEIGHTS[:n])
        for n in (11, 1, 8)
    ]
    tested = found.test_on_batch(VECTORS[:3], CLASSES[:3])
    return losses, tested, found.predict_on_batch(VECTORS[:5]), found.get_weights()


class Adversarial(lamina.Model):
    """A generator and a discriminator with an optimizer each."""

    def __init__(self) -> None:
        super().__init__()
        self.generator = lamina.Sequential([layers.Input((4,)), layers.Dense(16)])
        self.discriminator = lamina.Sequential(
            [layers.Input((16,)), layers.Dense(8, "relu"), layers.Dense(1)]
        )
        self.seeds = lamina.random.SeedGenerator(7)
        self.second = SGD(0.05)

    def call(self, x: Any) -> Any:
        return self.discriminator(x)

    def train_step(self, data: Any) -> Any:
        x = data[0] if isinstance(data, tuple) else data
        count = x.shape[0]
        noise = lamina.random.normal((count, 4), seed=self.seeds)
        loss = lamina.losses.BinaryCrossentropy(from_logits=True)
        real, false = jnp.ones((count, 1)), jnp.zeros((count, 1))

        def discrimination() -> Any:
            rows = jnp.concatenate([x, self.generator(noise)])
            labels = jnp.concatenate([real, false])
            return loss(labels, self.discriminator(rows))

        def generation() -> Any:
            return loss(real, self.discriminator(self.generator(noise)))

        logs: dict[str, Any] = {}
        for name, function, part, optimizer in (
            ("d", discrimination, self.discriminator, self.optimizer),
            ("g", generation, self.generator, self.second),
        ):
            variables = part.trainable_variables
            logs[name], gradients = lamina.value_and_grad(function, variables)
            optimizer.apply(gradients, variables)
        return logs


def adversarial() -> Any:
    lamina.utils.set_random_seed(3)
    lamina.backend.clear_session()
    found = compiled(Adversarial(), SGD(0.05))
    return found.fit(VECTORS, **FIT).history, found.get_weights()


# Features that do not disturb each other share a training: each one changes its result.
FEATURES: dict[str, Callable[[], Any]] = {
    "weights of samples, clipping, callbacks of batches": lambda: callbacks(
        found=model(SGD(0.05, global_clipnorm=0.5, weight_decay=0.1)),
        sample_weight=WEIGHTS,
        validation_data=HELD_OUT,
    ),
    "weights of classes, validation split, callbacks of the model": lambda: callbacks(
        Shrink(),
        class_weight={0: 2.0, 3: 0.5},
        validation_split=0.2,
        validation_freq=2,
    ),
    "masks": masked,
    "swapped averages, early stopping": lambda: callbacks(
        lamina.callbacks.SwapEMAWeights(),
        lamina.callbacks.EarlyStopping("loss", restore_best_weights=True),
        found=model(SGD(0.05, use_ema=True, ema_momentum=0.9)),
        validation_data=HELD_OUT,
    ),
    "averages, accumulation, resumed run": resumed,
    "mixed precision": lambda: arrays(model(policy="mixed_bfloat16")),
    "scaled loss": lambda: arrays(
        model(
            lamina.optimizers.LossScaleOptimizer(SGD(0.05), initial_scale=8.0),
            policy="mixed_float16",
        )
    ),
    "two optimizers": adversarial,
    "single batches": single_batches,
    "loss that is not finite": not_finite,
    "data set": data_set,
    "endless stream": lambda: fit(
        model(), generator(), batch_size=None, steps_per_epoch=3
    ),
    # Each operation is a program, so there is one size of batches.
    "eager steps": lambda: fit(
        model(run_eagerly=True), VECTORS[:24], CLASSES[:24], epochs=1
    ),
}
HALF_PRECISION = ("mixed precision", "scaled loss")
# Their state is split too.
SPLIT = ("scaled loss", "averages, accumulation, resumed run", "masks")


@pytest.mark.parametrize("name", FEATURES)
@pytest.mark.filterwarnings("ignore::lamina.training.loop.NonFiniteWarning")
def test_feature_gives_the_result_of_one_device(name: str) -> None:
    expected = FEATURES[name]()
    # Of batches of 12 and 9 rows, 8 devices have 4 parts and 1, and 6 have 6 and 3.
    split = name in SPLIT
    chosen = FullySharded() if split else DataParallel(devices=list_devices()[:6])
    with chosen.scope():
        found = FEATURES[name]()
    tolerance = HALF if name in HALF_PRECISION else TOLERANCE
    jax.tree.map(lambda a, b: assert_allclose(a, b, **tolerance), found, expected)
