"""Write `.h5` files with Keras 2 or tf.keras; record predictions and training.

    KERAS_BACKEND=theano python -m tools.golden.keras2 keras FOLDER
    python -m tools.golden.keras2 tensorflow.keras FOLDER

Run it with that release, which needs an old Python: use no newer syntax here.
"""

import importlib
import os
import subprocess
import sys

import numpy as np

k = importlib.import_module(sys.argv[1])
layers = importlib.import_module(sys.argv[1] + ".layers")
optimizers = importlib.import_module(sys.argv[1] + ".optimizers")
TENSORFLOW = sys.argv[1] != "keras"
THEANO = os.environ.get("KERAS_BACKEND") == "theano"


def floats(*shape, seed=0):
    return np.random.RandomState(seed).uniform(-1, 1, shape).astype("float32")


ROWS, STEPS = floats(16, 4, seed=1), floats(6, 5, 3, seed=2)
PICTURES, FIRST = floats(4, 8, 7, 2, seed=3), floats(4, 2, 8, 7, seed=4)
VOLUMES = floats(3, 4, 4, 3, 2, seed=5)
WORDS = np.random.RandomState(6).randint(0, 7, (6, 5)).astype("int32")
REALS = (ROWS.dot([[1.0], [-2.0], [0.5], [0.1]]) + 0.3).astype("float32")
LABELS = np.random.RandomState(7).randint(0, 3, (16, 1)).astype("int32")


def stack():
    return k.models.Sequential(
        [
            layers.Dense(5, activation="relu", input_shape=(4,), name="a"),
            layers.BatchNormalization(name="b"),
            layers.Dropout(0.1, name="c"),
            layers.Dense(4, activation="hard_sigmoid", name="d"),
            layers.LeakyReLU(alpha=0.2, name="e"),
            layers.PReLU(name="f"),
            layers.ELU(alpha=0.5, name="g"),
            layers.ThresholdedReLU(theta=0.01, name="i"),
            layers.Dense(3, activation="softmax", name="h"),
        ]
    )


def pictures():
    shape = {"input_shape": (8, 7, 2)}
    middle = [
        layers.Conv2D(3, 3, padding="same", strides=2, name="b"),
        layers.Conv2D(2, 2, dilation_rate=2, name="c"),
    ]
    if not THEANO:  # whose convolutions use other strides
        middle = [
            layers.SeparableConv2D(3, 3, depth_multiplier=2, name="b"),
            layers.DepthwiseConv2D(2, depth_multiplier=1, name="c"),
        ]
    return k.models.Sequential(
        [
            layers.Conv2D(4, (3, 2), activation="relu", name="a", **shape),
            layers.Conv2DTranspose(3, 2, padding="valid", name="t"),
            *middle,
            layers.ZeroPadding2D(name="z"),
            layers.UpSampling2D(2, name="u"),
            layers.MaxPooling2D(name="d"),
            layers.Flatten(name="e"),
            layers.Dense(2, name="f"),
        ]
    )


def channels_first():
    options = {"data_format": "channels_first"}
    return k.models.Sequential(
        [
            layers.Conv2D(3, 3, input_shape=(2, 8, 7), name="a", **options),
            layers.BatchNormalization(axis=1, name="b"),
            layers.MaxPooling2D(name="c", **options),
            layers.Flatten(name="d"),
            layers.Dense(2, name="e"),
        ]
    )


def flattened_first():
    """Flatten puts the channels last here, so that the rows of Dense are ordered so."""
    options = {"data_format": "channels_first"}
    return k.models.Sequential(
        [
            layers.Conv2D(3, 3, input_shape=(2, 8, 7), name="a", **options),
            layers.Flatten(name="d", **options),
            layers.Dense(2, name="e"),
        ]
    )


def lines():
    return k.models.Sequential(
        [
            layers.Conv1D(4, 3, padding="causal", input_shape=(5, 3), name="a"),
            layers.MaxPooling1D(2, name="b"),
            layers.GlobalMaxPooling1D(name="c"),
        ]
    )


def volumes():
    return k.models.Sequential(
        [
            layers.Conv3D(3, 2, input_shape=(4, 4, 3, 2), name="a"),
            layers.GlobalAveragePooling3D(name="b"),
        ]
    )


def recurrent():
    words = layers.Input((5,), dtype="int32", name="words")
    y = layers.Embedding(7, 3, mask_zero=True, name="a")(words)
    y = layers.Bidirectional(layers.LSTM(3, return_sequences=True), name="b")(y)
    y = layers.GRU(4, return_sequences=True, name="c")(y)
    y = layers.TimeDistributed(layers.Dense(3), name="d")(y)
    return k.models.Model(words, layers.SimpleRNN(2, name="e")(y))


def hard_gates():
    steps = layers.Input((5, 3), name="steps")
    y = layers.LSTM(3, recurrent_activation="hard_sigmoid", name="a")(steps)
    z = layers.GRU(3, recurrent_activation="hard_sigmoid", reset_after=True, name="b")
    return k.models.Model(steps, layers.Multiply(name="c")([y, z(steps)]))


def convolved_steps():
    return k.models.Sequential(
        [layers.ConvLSTM2D(2, 2, input_shape=(4, 4, 3, 2), name="a")]
    )


def wired():
    left = layers.Input((4,), name="left")
    right = layers.Input((4,), name="right")
    shared = layers.Dense(3, activation="tanh", name="shared")
    both = layers.Concatenate(name="both")([shared(left), shared(right)])
    dot = layers.Dot(axes=1, normalize=True, name="dot")([left, right])
    added = layers.Add(name="added")([left, right])
    out = layers.Dense(2, name="out")(layers.Concatenate(name="all")([both, added]))
    return k.models.Model(inputs=[left, right], outputs=[out, dot])


def functions():
    """TensorFlow's functions and operators on symbolic tensors."""
    import tensorflow as tf

    x, y = layers.Input((4,), name="left"), layers.Input((4,), name="right")
    z = 2.0 / ((x + y) * 0.5 - 1.0) ** 2 + tf.nn.relu(x - y)
    z = tf.concat([layers.Dense(4, name="a")(z), x], axis=-1)[:, 1:7]
    z = tf.transpose(tf.reshape(z, (-1, 2, 3)), [0, 2, 1])
    z = tf.reduce_mean(z, axis=-1, keepdims=True) - tf.reduce_max(z, [1], keepdims=True)
    z = tf.squeeze(tf.expand_dims(tf.sqrt(tf.abs(-z)), 1), [1])
    z = tf.clip_by_value(tf.nn.softmax(tf.stack([z, z * 3.0], axis=1)), 0.1, 0.9)
    z = tf.matmul(tf.cast(z, "float32"), tf.maximum(z, 0.2)[..., :2, :])
    return k.models.Model([x, y], z)


def nested():
    inner = k.models.Sequential(
        [
            layers.Dense(3, activation="relu", input_shape=(4,), name="i"),
            layers.BatchNormalization(name="j"),
            layers.Dense(3, name="k"),
        ],
        name="inner",
    )
    x = layers.Input((4,), name="x")
    y = layers.BatchNormalization(name="m")(inner(x))
    middle = k.models.Model(x, y, name="middle")
    middle.get_layer("inner").layers[0].trainable = False
    z = layers.Input((4,), name="z")
    return k.models.Model(z, layers.Dense(2, name="n")(middle(z)))


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
            signs = (
                1 if "variance" in variable.name else rng.choice([-1, 1], value.shape)
            )
            drawn.append(new * signs)
        layer.set_weights(drawn)


STRUCTURES = {
    "stack": (stack, ROWS),
    "pictures": (pictures, PICTURES),
    "channels_first": (channels_first, FIRST),
    "flattened_first": (flattened_first, FIRST),
    "lines": (lines, STEPS),
    "volumes": (volumes, VOLUMES),
    "recurrent": (recurrent, WORDS),
    "hard_gates": (hard_gates, STEPS),
    "wired": (wired, [ROWS, ROWS[::-1].copy()]),
    "nested": (nested, ROWS),
}
if TENSORFLOW:
    STRUCTURES["functions"] = (functions, [ROWS, ROWS[::-1].copy()])


def kept_optimizers():
    rate = {"learning_rate" if TENSORFLOW else "lr": 0.05}
    table = {
        "sgd": lambda o: o.SGD(momentum=0.9, nesterov=True, **rate),
        "rmsprop": lambda o: o.RMSprop(**rate),
        "adagrad": lambda o: o.Adagrad(**rate),
        "adadelta": lambda o: o.Adadelta(rho=0.9, **rate),
        "adam": lambda o: o.Adam(amsgrad=True, **rate),
        "adamax": lambda o: o.Adamax(**rate),
        "nadam": lambda o: o.Nadam(**rate),
    }
    if not TENSORFLOW:
        table["sgd_decay"] = lambda o: o.SGD(
            lr=0.1, decay=0.1, momentum=0.5, clipnorm=0.3
        )
        return {n: (make, optimizers) for n, make in table.items()}
    table["ftrl"] = lambda o: o.Ftrl(**rate)
    table["rmsprop_all"] = lambda o: o.RMSprop(centered=True, momentum=0.5, **rate)
    old = {n + "_v2": (make, optimizers.legacy) for n, make in table.items()}
    old["sgd_decay_v2"] = (
        lambda o: o.SGD(learning_rate=0.1, decay=0.1, momentum=0.5, clipnorm=0.3),
        optimizers.legacy,
    )
    return {**{n: (make, optimizers) for n, make in table.items()}, **old}


def structures(folder, kept):
    for name, (make, x) in STRUCTURES.items():
        if name in sys.argv[3:]:
            continue
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
    for name, (make, module) in kept_optimizers().items():
        model = k.models.Sequential(
            [
                layers.Dense(3, activation="tanh", input_shape=(4,), name="a"),
                layers.Dense(1, name="b"),
            ]
        )
        draw(model)
        model.compile(make(module), "mse", metrics=["mae"])
        options = {"batch_size": 8, "shuffle": False, "verbose": 0}
        model.fit(ROWS, REALS, epochs=2, **options)
        model.save(os.path.join(folder, f"trained_{name}.h5"))
        model.fit(ROWS, REALS, epochs=3, **options)
        for i, weight in enumerate(model.get_weights()):
            kept[f"trained_{name}/after.{i}"] = weight
    kept["trained/x"], kept["trained/y"] = ROWS, REALS


def stand_in(self, inputs, initial_state):
    """Something of the right shape for what only a graphics card computes."""
    steps = k.backend.repeat_elements(inputs[:, :, :1], self.units, 2)
    return (steps if self.return_sequences else steps[:, 0]), [steps[:, 0]]


def cudnn(folder, kept):
    """Made for GPUs only; the release itself turns their weights into the others'."""
    layers.CuDNNLSTM._process_batch = layers.CuDNNGRU._process_batch = stand_in
    x = layers.Input((5, 3), name="x")
    y = layers.CuDNNLSTM(3, return_sequences=True, name="a")(x)
    model = k.models.Model(x, layers.Bidirectional(layers.CuDNNGRU(2), name="b")(y))
    draw(model)
    model.save(os.path.join(folder, "cudnn.h5"))
    subprocess.check_call([sys.executable, __file__, "keras", folder, "plain"])
    kept["cudnn/x.0"] = STEPS
    kept["cudnn/predicted.0"] = np.load(os.path.join(folder, "plain.npy"))
    os.remove(os.path.join(folder, "plain.npy"))


def plain(folder):
    x = layers.Input((5, 3), name="x")
    options = {"recurrent_activation": "sigmoid"}
    y = layers.LSTM(3, return_sequences=True, name="a", **options)(x)
    gru = layers.GRU(2, reset_after=True, **options)
    model = k.models.Model(x, layers.Bidirectional(gru, name="b")(y))
    model.load_weights(os.path.join(folder, "cudnn.h5"))
    np.save(os.path.join(folder, "plain.npy"), model.predict(STEPS))


def main(folder):
    if not os.path.isdir(folder):
        os.makedirs(folder)
    kept = {}
    structures(folder, kept)
    trained(folder, kept)
    if not THEANO and not TENSORFLOW:
        cudnn(folder, kept)
    model = stack()
    draw(model)
    model.save_weights(os.path.join(folder, "only_weights.h5"))
    np.savez_compressed(os.path.join(folder, "recorded.npz"), **kept)
    print(f"{len(kept)} arrays")


if __name__ == "__main__":
    (plain if "plain" in sys.argv else main)(sys.argv[2])
