"""Programs of many kinds: which findings they have, if any."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import pytest

import lamina
from lamina import Input, Model, Sequential, layers, losses, metrics
from lamina.training.checks.output_nodes import recorded_graph
from lamina.training.checks.rules.repeated_rows import repeats_rows

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 8)).astype("float32")
BINARY = (X[:, 0] > 0).astype("int32")
CLASSES = np.digitize(X[:, 0], [-0.5, 0.5])
SEQUENCES = RNG.normal(size=(40, 5, 3)).astype("float32")
IMAGES = RNG.random((24, 8, 8, 3), dtype="float32")

Program = Callable[[], tuple[Any, Any, Any]]


def stack(*last: Any, hidden: int = 6) -> Sequential:
    return Sequential([Input((8,)), layers.Dense(hidden, "relu"), *last])


def compiled(model: Any, *arguments: Any, **options: Any) -> Any:
    model.compile("adam", *arguments, **options)
    return model


def each_step(unit: Any) -> Any:
    return Sequential(
        [
            Input((5, 3)),
            layers.LSTM(4, return_sequences=True),
            layers.TimeDistributed(unit),
        ]
    )


def frozen_judge() -> Any:
    judge = Sequential([Input((8,)), layers.Dense(4, "relu"), layers.Dense(1)])
    judge.trainable = False
    return stack(layers.Dense(8), judge)


def segmentation() -> Any:
    image = Input((8, 8, 3))
    hidden = layers.Conv2D(4, 3, padding="same", activation="relu")(image)
    return Model(image, layers.Conv2D(1, 1, activation="sigmoid")(hidden))


def frozen_words() -> Any:
    words = layers.Embedding(300, 4, trainable=False)
    return Sequential(
        [Input((6,)), words, layers.Flatten(), layers.Dense(1, "sigmoid")]
    )


def heads() -> Any:
    """Two linear outputs, of which one has a loss."""
    x = Input((8,))
    model = Model(x, {"a": layers.Dense(1)(x), "b": layers.Dense(1)(x)})
    model.compile("adam", {"b": "mse"})
    return model


def bidirectional() -> Any:
    layer = layers.Bidirectional(layers.LSTM(4, activation="relu"))
    return Sequential([Input((5, 3)), layer, layers.Dense(1)])


class Subclass(Model):
    """Model with a `call` of its own."""

    def __init__(self, *last: Any) -> None:
        super().__init__()
        self.hidden = layers.Dense(6, "relu")
        self.last = layers.Dense(*last)
        self.calls: list[Any] = []

    def call(self, x: Any) -> Any:
        self.calls.append(type(x))
        self.seen = x
        return self.last(self.hidden(x))


class Then(Subclass):
    """Subclass whose `call` ends in a function."""

    def __init__(self, function: Callable[[Any], Any], *last: Any) -> None:
        super().__init__(*last)
        self.function = function

    def call(self, x: Any) -> Any:
        return self.function(super().call(x))


LOGITS = losses.BinaryCrossentropy(from_logits=True)
SIGNS = np.where(BINARY, 1, -1)
WRONG: dict[str, tuple[Program, str]] = {
    "softmax of one unit at each step": (
        lambda: (
            compiled(each_step(layers.Dense(1, "softmax")), "binary_crossentropy"),
            SEQUENCES,
            RNG.integers(0, 2, (40, 5, 1)),
        ),
        "softmax-one-unit",
    ),
    "targets out of reach at each step": (
        lambda: (
            compiled(each_step(layers.Dense(1, "sigmoid")), "mse"),
            SEQUENCES,
            30 * SEQUENCES[..., :1],
        ),
        "target-range",
    ),
    "softmax of one unit in a subclass": (
        lambda: (compiled(Subclass(1, "softmax"), "binary_crossentropy"), X, BINARY),
        "softmax-one-unit",
    ),
    "logits of a subclass": (
        lambda: (
            compiled(Subclass(3), "sparse_categorical_crossentropy"),
            X,
            CLASSES,
        ),
        "output-activation",
    ),
    "classes of four rows as numbers": (
        lambda: (
            compiled(stack(layers.Dense(3)), "mae"),
            X[:6],
            np.eye(3)[CLASSES[:6]],
        ),
        "classes-as-numbers",
    ),
    "sigmoid under hinge": (
        lambda: (compiled(stack(layers.Dense(1, "sigmoid")), "hinge"), X, SIGNS),
        "target-range",
    ),
    "one unit under categorical crossentropy": (
        lambda: (
            compiled(stack(layers.Dense(1, "sigmoid")), "categorical_crossentropy"),
            X,
            BINARY,
        ),
        "shape-error",
    ),
    "metric of one-hot labels": (
        lambda: (
            compiled(
                stack(layers.Dense(3, "softmax")),
                "sparse_categorical_crossentropy",
                metrics=[metrics.AUC()],
            ),
            X,
            CLASSES,
        ),
        "shape-error",
    ),
    "precision of logits": (
        lambda: (
            compiled(stack(layers.Dense(1)), LOGITS, metrics=[metrics.Precision()]),
            X,
            BINARY,
        ),
        "threshold-of-logits",
    ),
    "relu in both directions": (
        lambda: (compiled(bidirectional(), "mse"), SEQUENCES, SEQUENCES[:, 0, 0]),
        "recurrent-relu",
    ),
    "logits under a divergence": (
        lambda: (
            compiled(stack(layers.Dense(3)), "kl_divergence"),
            X,
            np.eye(3)[CLASSES],
        ),
        "output-activation",
    ),
    "normalization after the softmax": (
        lambda: (
            compiled(
                stack(layers.Dense(3, "softmax"), layers.BatchNormalization()),
                "categorical_crossentropy",
            ),
            X,
            np.eye(3)[CLASSES],
        ),
        "output-activation",
    ),
}


class Chosen(Model):
    """Layers that are used by name, only in training, or by another method."""

    def __init__(self) -> None:
        super().__init__()
        self.noise = layers.GaussianNoise(0.1)
        self.block_0, self.block_1 = layers.Dense(6, "relu"), layers.Dense(6, "relu")
        self.last, self.spare = layers.Dense(1), layers.Dense(2)
        self.built_once, self.calls = 0, 0

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        if training:
            inputs = self.noise(inputs)
        for i in range(2):
            inputs = getattr(self, f"block_{i}")(inputs)
        return self.last(inputs)

    def features(self, inputs: Any) -> Any:
        self.calls += 1
        return self.spare(self.block_0(inputs))


def refined() -> Any:
    x, shared = Input((8,)), layers.Dense(8, "relu")
    return Model(x, layers.Dense(1)(shared(shared(x))))


def squared(labels: Any, logits: Any) -> Any:
    return lamina.ops.mean((labels - logits) ** 2, axis=-1)


RIGHT: dict[str, Program] = {
    "layers that are chosen": lambda: (compiled(Chosen(), "mse"), X, X[:, :1]),
    "one layer twice": lambda: (compiled(refined(), "mse"), X, X[:, :1]),
    "loss of labels and logits": lambda: (
        compiled(stack(layers.Dense(1)), squared),
        X,
        X[:, :1],
    ),
    "labels under a softmax of pairs": lambda: (
        compiled(stack(layers.Dense(3, "softmax")), "kl_divergence"),
        X,
        np.eye(3)[CLASSES],
    ),
    "output without a loss": lambda: (heads(), X, {"b": X[:, :1]}),
    "generator of a GAN": lambda: (
        compiled(frozen_judge(), LOGITS),
        X,
        np.ones(60),
    ),
    "targets that the loss ignores": lambda: (
        compiled(stack(layers.Dense(1)), lambda y_true, y_pred: y_pred),
        X,
        np.zeros(60),
    ),
    "relu before the convolution of the output": lambda: (
        compiled(segmentation(), "binary_crossentropy"),
        IMAGES,
        RNG.integers(0, 2, (24, 8, 8, 1)),
    ),
    "words of a frozen embedding": lambda: (
        compiled(frozen_words(), "binary_crossentropy"),
        RNG.integers(0, 300, (60, 6)),
        BINARY,
    ),
    "two classes under binary crossentropy": lambda: (
        compiled(stack(layers.Dense(2, "softmax")), "binary_crossentropy"),
        X,
        np.eye(2)[BINARY],
    ),
    "softmax as a function": lambda: (
        compiled(Then(lamina.ops.softmax, 3), "sparse_categorical_crossentropy"),
        X,
        CLASSES,
    ),
    "sigmoid that is scaled to the targets": lambda: (
        compiled(Then(lambda y: 100 * y, 1, "sigmoid"), "mse"),
        X,
        90 * BINARY + X[:, 0] / 9,
    ),
    "advantages as targets": lambda: (
        compiled(stack(layers.Dense(3, "softmax")), "categorical_crossentropy"),
        X,
        np.eye(3)[CLASSES] * X[:, :1],
    ),
    "batches of one class each": lambda: (
        compiled(stack(layers.Dense(3, "softmax")), "sparse_categorical_crossentropy"),
        ((X[:32], np.full(32, c)) for c in range(3)),
        None,
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_mistake_is_found(name: str) -> None:
    program, code = WRONG[name]
    model, x, y = program()
    assert model.check(x, y).codes == [code]


@pytest.mark.parametrize("name", RIGHT)
def test_right_program_has_no_finding(name: str) -> None:
    model, x, y = RIGHT[name]()
    assert model.check(x, y) == ()


@pytest.mark.parametrize(
    ("held_out", "codes"), [(30, ["validation-only-classes"]), (2, [])]
)
def test_class_is_missing_by_chance_or_not(held_out: int, codes: list[str]) -> None:
    model = compiled(
        stack(layers.Dense(3, "softmax")), "sparse_categorical_crossentropy"
    )
    rows, y = CLASSES < 2, np.where(np.arange(60) < held_out, 2, 0)
    found: list[Any] = []
    with lamina.core.scope.override(on_findings=lambda some, _: found.extend(some)):
        model.fit(X[rows], CLASSES[rows], validation_data=(X + 0.1, y))
    assert [each.code for each in found] == codes


def test_rows_between_those_of_training_are_new() -> None:
    model = compiled(stack(layers.Dense(1)), "mse")
    data = X[::2], X[::2, 0]
    assert model.check(*data, validation_data=(X[1::2], X[1::2, 0])) == ()
    found = model.check(*data, validation_data=(X[:40], X[:40, 0]))
    assert found.codes == ["validation-is-training"]


_TABLE = RNG.integers(0, 4, (4000, 4))
_ROWS = RNG.normal(size=(4000, 3))


@pytest.mark.parametrize(
    ("train", "held_out", "is_found"),
    [
        (_ROWS, _ROWS[RNG.permutation(4000)[:300]], True),
        (_ROWS[:3000], np.concatenate([_ROWS[3000:], _ROWS[:300]]), True),
        (_ROWS[:3000], _ROWS[3000:].copy(), False),
        (_TABLE[:3000], _TABLE[3000:].copy(), False),
        (np.zeros((100, 3)), np.zeros((50, 3)), False),
        (_ROWS, _ROWS[:300, :2].copy(), False),
        (_ROWS.astype(str), _ROWS.astype(str), False),
    ],
    ids=["all", "some", "none", "categories", "constant", "other columns", "strings"],
)
def test_copies_of_training_rows_are_found(train: Any, held_out: Any, is_found: bool):
    assert repeats_rows(train, held_out) == is_found


def test_copied_rows_of_training_are_not_new() -> None:
    model = compiled(stack(layers.Dense(1)), "mse")
    held_out = X[:40].copy(), X[:40, 0].copy()
    found = model.check(X, X[:, 0], validation_data=held_out)
    assert found.codes == ["validation-is-training"]


def test_recorded_call_leaves_no_trace() -> None:
    model = compiled(Subclass(1, "sigmoid"), "binary_crossentropy")
    model(X)
    before = [dict(vars(m)) for m in model.modules()], list(model.calls)
    assert recorded_graph(model, X) is not None
    assert ([dict(vars(m)) for m in model.modules()], model.calls) == before
    model.fit(X, BINARY, verbose=0)


class Counting(Subclass):
    """Model whose `call` changes variables, lists and dictionaries."""

    def __init__(self) -> None:
        super().__init__(1)
        self.count = self.add_weight(shape=(), initializer="zeros", trainable=False)
        self.seeds = lamina.random.SeedGenerator(0)
        self.received: dict[str, Any] = {"inputs": [], "shapes": {}}

    def call(self, x: Any) -> Any:
        self.count.assign_add(1.0)
        self.received["inputs"].append(x)
        self.received["shapes"][len(self.received["inputs"])] = x
        noise = lamina.random.normal((8,), seed=self.seeds)
        return super().call(x + noise + lamina.random.normal((8,)))


def test_recorded_call_changes_no_state() -> None:
    lamina.utils.set_random_seed(0)
    model = Counting()
    model(X)
    before = [np.asarray(v).tolist() for v in model.variables]
    model.received = received = {"inputs": [], "shapes": {}}
    assert recorded_graph(model, X) is not None
    assert [np.asarray(v).tolist() for v in model.variables] == before
    assert model.received is received == {"inputs": [], "shapes": {}}
    following = lamina.random.normal(())
    lamina.utils.set_random_seed(0)
    Counting()(X)
    assert following == lamina.random.normal(())


def needing_arrays(x: Any) -> Any:
    return jax.lax.tanh(x)


def with_many_steps(x: Any) -> Any:
    for _ in range(200):
        x = lamina.ops.tanh(x)
    return x


@pytest.mark.parametrize("function", [needing_arrays, with_many_steps])
def test_call_is_not_recorded(function: Callable[[Any], Any]) -> None:
    class Plain(Subclass):
        def call(self, x: Any) -> Any:
            return super().call(function(x))

    model = Plain(1)
    model(X)
    assert recorded_graph(model, X) is None


def test_predictions_can_be_written_to() -> None:
    prediction = stack(layers.Dense(1)).predict(X[:4])
    prediction[0] = 3
    assert prediction[0, 0] == 3
