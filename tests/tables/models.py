"""Small models that take ten training steps: two epochs of five batches. Where 36 rows
are used instead of 40, the last batch is a smaller one."""

from __future__ import annotations

from tests.tables.arrays import floats, ints, one_hot
from tests.tables.cases import ModelCase

ROWS = floats(40, 3, seed=1)
REALS = (ROWS @ [[1.0], [-2.0], [0.5]] + 0.3).astype("float32")
LABELS = ints(40, below=3, seed=2)
BITS = (ROWS.sum(-1) > 0).astype("int32")
ROW_WEIGHTS = floats(40, low=0, high=2, seed=3)
WORDS = ints(40, 5, below=6, seed=4)
PICTURES = floats(40, 6, 6, 1, seed=5)
SEQUENCES = floats(40, 4, 3, seed=6) * (floats(40, 4, 1, seed=7) > -0.4)


def perceptron(k, units=1, activation=None, **options):
    return k.Sequential(
        [
            k.Input((3,)),
            k.layers.Dense(4, activation="tanh", **options),
            k.layers.Dense(units, activation=activation),
        ]
    )


def penalised(k):
    return perceptron(
        k,
        kernel_regularizer="l2",
        activity_regularizer=k.regularizers.L1(0.01),
        kernel_constraint="unit_norm",
    )


def convolutional(k):
    return k.Sequential(
        [
            k.Input((6, 6, 1)),
            k.layers.Conv2D(3, 3, activation="relu"),
            k.layers.BatchNormalization(momentum=0.8),
            k.layers.MaxPooling2D(),
            k.layers.Flatten(),
            k.layers.Dense(3, activation="softmax"),
        ]
    )


def recurrent(k):
    return k.Sequential(
        [
            k.Input((5,), dtype="int32"),
            k.layers.Embedding(6, 3, mask_zero=True),
            k.layers.LSTM(4),
            k.layers.Dense(1, activation="sigmoid"),
        ]
    )


def tagger(k):
    return k.Sequential(
        [
            k.Input((4, 3)),
            k.layers.Masking(),
            k.layers.Bidirectional(k.layers.GRU(2, return_sequences=True)),
            k.layers.TimeDistributed(k.layers.Dense(1)),
        ]
    )


def normalised(k):
    normalization = k.layers.Normalization()
    normalization.adapt(ROWS * 3 + 1)
    return k.Sequential([k.Input((3,)), normalization, k.layers.Dense(1)])


def two_headed(k):
    left, right = k.Input((3,), name="left"), k.Input((3,), name="right")
    shared = k.layers.Dense(3, activation="tanh", name="shared")
    both = k.layers.Concatenate()([shared(left), shared(right)])
    number = k.layers.Dense(1, name="number")(both)
    kind = k.layers.Dense(3, activation="softmax", name="kind")(both)
    return k.Model([left, right], [number, kind])


def named_heads(k):
    left, right = k.Input((3,), name="left"), k.Input((3,), name="right")
    both = k.layers.Average()([left, right])
    return k.Model(
        {"left": left, "right": right},
        {
            "number": k.layers.Dense(1, name="number")(both),
            "kind": k.layers.Dense(3, activation="softmax", name="kind")(both),
        },
    )


def residual(k):
    x = k.Input((3,))
    h = k.layers.Dense(3, activation="relu")(x)
    return k.Model(x, k.layers.Dense(1)(k.layers.Add()([x, h]) * 0.5))


def told_when_wired(k):
    """Layers and a model that pass another `training` to their layers."""
    inner = k.Sequential([k.Input((3,)), k.layers.BatchNormalization(momentum=0.6)])
    x = k.Input((3,))
    h = k.layers.BatchNormalization(momentum=0.8)(x * 2 + 1, training=True)
    h = k.layers.Dense(3, activation="tanh")(h)
    return k.Model(x, k.layers.Dense(1)(inner(h, training=False)))


SINGLE = [
    ModelCase(
        "regression",
        perceptron,
        lambda k: {"optimizer": "rmsprop", "loss": "mse", "metrics": ["mae", "mse"]},
        ROWS[:36],
        REALS[:36],
    ),
    ModelCase(
        "flat_targets",
        perceptron,
        lambda k: {"optimizer": "sgd", "loss": "huber", "metrics": ["mae"]},
        ROWS,
        REALS[:, 0],
    ),
    ModelCase(
        "classification",
        lambda k: perceptron(k, 3, "softmax"),
        lambda k: {
            "optimizer": k.optimizers.Adam(0.05),
            "loss": "sparse_categorical_crossentropy",
            "metrics": ["accuracy"],
        },
        ROWS[:36],
        LABELS[:36],
    ),
    ModelCase(
        "logits",
        lambda k: perceptron(k, 3),
        lambda k: {
            "optimizer": k.optimizers.Nadam(0.05),
            "loss": k.losses.CategoricalCrossentropy(
                from_logits=True, label_smoothing=0.1
            ),
            "metrics": ["acc", k.metrics.TopKCategoricalAccuracy(2, name="top")],
        },
        ROWS,
        one_hot(40, 3, seed=2),
    ),
    ModelCase(
        "penalised",
        penalised,
        lambda k: {
            "optimizer": k.optimizers.SGD(0.1, momentum=0.9, clipnorm=0.5),
            "loss": "mse",
        },
        ROWS,
        REALS,
    ),
    ModelCase(
        "convolutional",
        convolutional,
        lambda k: {
            "optimizer": k.optimizers.SGD(
                k.optimizers.schedules.CosineDecay(0.1, 10), momentum=0.9
            ),
            "loss": "sparse_categorical_crossentropy",
            "metrics": ["accuracy"],
        },
        PICTURES,
        LABELS,
    ),
    ModelCase(
        "recurrent",
        recurrent,
        lambda k: {
            "optimizer": k.optimizers.AdamW(0.05, weight_decay=0.01),
            "loss": "binary_crossentropy",
            "metrics": ["accuracy", "AUC", k.metrics.Precision(name="precision")],
        },
        WORDS,
        BITS[:, None],
    ),
    ModelCase(
        "masked_steps",
        tagger,
        lambda k: {"optimizer": k.optimizers.Adam(0.05), "loss": "mse"},
        SEQUENCES.astype("float32"),
        floats(40, 4, 1, seed=8),
    ),
    ModelCase(
        "normalised",
        normalised,
        lambda k: {"optimizer": "adagrad", "loss": "mae"},
        ROWS,
        REALS,
        {"validation_split": 0.25},
    ),
    ModelCase(
        "residual",
        residual,
        lambda k: {
            "optimizer": k.optimizers.Adam(
                0.05,
                use_ema=True,
                ema_momentum=0.7,
                gradient_accumulation_steps=2,
            ),
            "loss": "log_cosh",
        },
        ROWS,
        REALS,
    ),
    ModelCase(
        "told_when_wired",
        told_when_wired,
        lambda k: {"optimizer": k.optimizers.SGD(0.1), "loss": "mse"},
        ROWS[:36],
        REALS[:36],
        {"validation_data": (ROWS[:9], REALS[:9])},
    ),
    ModelCase(
        "average_overwriting",
        perceptron,
        lambda k: {
            "optimizer": k.optimizers.SGD(
                0.1, use_ema=True, ema_momentum=0.7, ema_overwrite_frequency=3
            ),
            "loss": "mse",
        },
        ROWS,
        REALS,
    ),
]

WEIGHTED = [
    ModelCase(
        "sample_weights",
        perceptron,
        lambda k: {
            "optimizer": k.optimizers.Lion(0.01),
            "loss": "mse",
            "metrics": ["mae"],
            "weighted_metrics": ["mse"],
        },
        ROWS[:36],
        REALS[:36],
        {"sample_weight": ROW_WEIGHTS[:36]},
    ),
    ModelCase(
        "class_weights",
        lambda k: perceptron(k, 3, "softmax"),
        lambda k: {
            "optimizer": k.optimizers.Adadelta(1.0),
            "loss": "sparse_categorical_crossentropy",
            "metrics": ["accuracy"],
            "weighted_metrics": ["accuracy"],
        },
        ROWS,
        LABELS,
        {"class_weight": {0: 1.0, 1: 2.0, 2: 0.5}},
    ),
    ModelCase(
        "validation",
        lambda k: perceptron(k, 1, "sigmoid"),
        lambda k: {
            "optimizer": k.optimizers.Adamax(0.05),
            "loss": "binary_crossentropy",
            "metrics": ["accuracy", "Recall"],
        },
        ROWS[:36],
        BITS[:36],
        {"validation_data": (floats(11, 3, seed=11), ints(11, below=2, seed=11))},
    ),
]

MANY = [
    ModelCase(
        "two_heads",
        two_headed,
        lambda k: {
            "optimizer": k.optimizers.Adam(0.05),
            "loss": ["mse", "sparse_categorical_crossentropy"],
            "loss_weights": [1.0, 0.2],
            "metrics": [["mae"], ["accuracy"]],
        },
        [ROWS, ROWS[::-1].copy()],
        [REALS, LABELS],
    ),
    ModelCase(
        "two_heads_by_name",
        two_headed,
        lambda k: {
            "optimizer": k.optimizers.RMSprop(0.05, momentum=0.5),
            "loss": {"number": "mae", "kind": "sparse_categorical_crossentropy"},
            "metrics": {"kind": ["accuracy"]},
        },
        {"left": ROWS, "right": ROWS[::-1].copy()},
        [REALS, LABELS],
    ),
    ModelCase(
        "dictionaries",
        named_heads,
        lambda k: {
            "optimizer": k.optimizers.SGD(0.1),
            "loss": {"number": "mse", "kind": "sparse_categorical_crossentropy"},
            "loss_weights": {"number": 0.5, "kind": 2.0},
            "metrics": {"number": "mae", "kind": ["accuracy"]},
        },
        {"left": ROWS, "right": ROWS[::-1].copy()},
        {"number": REALS, "kind": LABELS},
    ),
]

MODELS = [*SINGLE, *WEIGHTED, *MANY]
