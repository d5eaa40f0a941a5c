"""Write `.h5` files with Keras 1, and record predictions and training.

    KERAS_BACKEND=theano python -m tools.golden.keras1 FOLDER

Run it with Keras 1.2.2, which needs an old Python: use no newer syntax here.
"""

import os
import sys

import keras
import numpy as np
from keras import layers, optimizers
from keras.models import Model, Sequential

THEANO = os.environ.get("KERAS_BACKEND") == "theano"
if THEANO:
    import theano.ifelse  # noqa: F401  (Keras forgets it)


def floats(*shape, seed=0):
    return np.random.RandomState(seed).uniform(-1, 1, shape).astype("float32")


ROWS, STEPS = floats(16, 4, seed=1), floats(6, 5, 3, seed=2)
PICTURES, FIRST = floats(4, 8, 7, 2, seed=3), floats(4, 2, 8, 7, seed=4)
VOLUMES = floats(3, 4, 4, 3, 2, seed=5)
WORDS = np.random.RandomState(6).randint(0, 7, (6, 5)).astype("int32")
REALS = (ROWS.dot([[1.0], [-2.0], [0.5], [0.1]]) + 0.3).astype("float32")


def stack():
    return Sequential(
        [
            layers.Dense(5, init="uniform", activation="relu", input_dim=4, name="a"),
            layers.BatchNormalization(mode=0, name="b"),
            layers.Dropout(0.1, name="c"),
            layers.Dense(
                4, activation="hard_sigmoid", W_regularizer="l2", bias=False, name="d"
            ),
            layers.LeakyReLU(alpha=0.2, name="e"),
            layers.PReLU(name="f"),
            layers.Dense(3, activation="softmax", W_constraint="maxnorm", name="h"),
        ]
    )


def pictures():
    """Channels where the backend of the day had them."""
    shape = (2, 8, 7) if THEANO else (8, 7, 2)
    order = {"dim_ordering": "th" if THEANO else "tf"}
    axis = 1 if THEANO else -1
    return Sequential(
        [
            layers.Convolution2D(
                4, 3, 2, activation="relu", input_shape=shape, name="a", **order
            ),
            layers.BatchNormalization(axis=axis, name="b"),
            layers.Convolution2D(3, 3, 3, border_mode="same", name="c", **order),
            layers.Convolution2D(3, 2, 2, subsample=(2, 2), name="g", **order),
            layers.ZeroPadding2D((1, 1), name="z", **order),
            layers.UpSampling2D((2, 2), name="u", **order),
            layers.MaxPooling2D((2, 2), name="d", **order),
            layers.Flatten(name="e"),
            layers.Dense(2, name="f"),
        ]
    )


def lines():
    return Sequential(
        [
            layers.Convolution1D(4, 3, input_shape=(5, 3), name="a"),
            layers.MaxPooling1D(pool_length=2, name="b"),
            layers.GlobalMaxPooling1D(name="c"),
        ]
    )


def recurrent():
    words = layers.Input((5,), dtype="int32", name="words")
    y = layers.Embedding(7, 3, input_length=5, mask_zero=True, name="a")(words)
    y = layers.Bidirectional(layers.LSTM(3, return_sequences=True), name="b")(y)
    y = layers.GRU(4, return_sequences=True, consume_less="mem", name="c")(y)
    y = layers.TimeDistributed(layers.Dense(3), name="d")(y)
    return Model(words, layers.SimpleRNN(2, name="e")(y))


def fused():
    """The arrays of the gates in one, as for graphics cards."""
    steps = layers.Input((5, 3), name="steps")
    y = layers.LSTM(3, consume_less="gpu", return_sequences=True, name="a")(steps)
    return Model(steps, layers.GRU(2, consume_less="gpu", name="b")(y))


def wired():
    left, right = layers.Input((4,), name="left"), layers.Input((4,), name="right")
    shared = layers.Dense(3, activation="tanh", name="shared")
    both = layers.merge([shared(left), shared(right)], mode="concat", name="both")
    dot = layers.merge([left, right], mode="cos", dot_axes=1, name="dot")
    added = layers.merge([left, right], mode="sum", name="added")
    most = layers.merge([left, right], mode="max", name="most")
    y = layers.merge([both, added, most], mode="concat", name="all")
    out = layers.Dense(2, name="out")(layers.Reshape((14,))(y))
    return Model(input=[left, right], output=[out, dot])


def branches():
    """Models side by side, merged at the bottom of a stack."""
    left = Sequential([layers.Dense(3, input_dim=4, name="i")])
    right = Sequential([layers.Dense(3, input_dim=4, name="j")])
    return Sequential(
        [layers.Merge([left, right], mode="mul"), layers.Dense(2, name="k")]
    )


def nested():
    inner = Sequential(
        [
            layers.Dense(3, activation="relu", input_dim=4, name="i"),
            layers.BatchNormalization(name="j"),
            layers.Reshape((1, 3), name="r"),
            layers.LSTM(3, name="l"),
        ],
        name="inner",
    )
    x = layers.Input((4,), name="x")
    y = layers.BatchNormalization(name="m")(inner(x))
    return Model(x, layers.Dense(2, name="n")(y))


STRUCTURES = {
    "stack": (stack, ROWS),
    "pictures": (pictures, FIRST if THEANO else PICTURES),
    "lines": (lines, STEPS),
    "recurrent": (recurrent, WORDS),
    "fused": (fused, STEPS),
    "wired": (wired, [ROWS, ROWS[::-1].copy()]),
    "branches": (branches, [ROWS, ROWS[::-1].copy()]),
    "nested": (nested, ROWS),
}
OPTIMIZERS = {
    "sgd": lambda: optimizers.SGD(lr=0.1, decay=0.1, momentum=0.5, clipnorm=0.3),
    "rmsprop": lambda: optimizers.RMSprop(lr=0.01),
    "adagrad": lambda: optimizers.Adagrad(lr=0.05),
    "adadelta": lambda: optimizers.Adadelta(),
    "adam": lambda: optimizers.Adam(lr=0.05),
    "adamax": lambda: optimizers.Adamax(lr=0.05),
    "nadam": lambda: optimizers.Nadam(lr=0.05),
}


def draw(model, rng=None):
    """Set weights to random values, positive ones where a variance may be."""
    rng = rng or np.random.RandomState(8)
    for layer in model.layers:
        if hasattr(layer, "layers"):
            draw(layer, rng)
            continue
        drawn = []
        for variable, value in zip(layer.weights, layer.get_weights()):  # noqa: B905
            new = rng.uniform(0.1, 0.8, value.shape)
            signs = 1 if "std" in variable.name else rng.choice([-1, 1], value.shape)
            drawn.append(new * signs)
        layer.set_weights(drawn)


def structures(folder, kept):
    for name, (make, x) in STRUCTURES.items():
        model = make()
        draw(model)
        model.save(os.path.join(folder, name + ".h5"))
        outputs = model.predict(x)
        outputs = outputs if isinstance(outputs, list) else [outputs]
        for i, output in enumerate(outputs):
            kept[f"{name}/predicted.{i}"] = output
        for i, array in enumerate(x if isinstance(x, list) else [x]):
            kept[f"{name}/x.{i}"] = array


def trained(folder, kept):
    for name, make in OPTIMIZERS.items():
        model = Sequential(
            [
                layers.Dense(3, activation="tanh", input_dim=4, name="a"),
                layers.Dense(1, name="b"),
            ]
        )
        draw(model)
        model.compile(make(), "mse", metrics=["mean_absolute_error"])
        options = {"batch_size": 8, "shuffle": False, "verbose": 0}
        model.fit(ROWS, REALS, nb_epoch=2, **options)
        model.save(os.path.join(folder, f"trained_{name}.h5"))
        model.fit(ROWS, REALS, nb_epoch=3, **options)
        for i, weight in enumerate(model.get_weights()):
            kept[f"trained_{name}/after.{i}"] = weight
    kept["trained/x"], kept["trained/y"] = ROWS, REALS


def main(folder):
    if not os.path.isdir(folder):
        os.makedirs(folder)
    kept = {}
    structures(folder, kept)
    trained(folder, kept)
    np.savez_compressed(os.path.join(folder, "recorded.npz"), **kept)
    print(f"Keras {keras.__version__}: {len(kept)} arrays")


if __name__ == "__main__":
    main(sys.argv[1])
