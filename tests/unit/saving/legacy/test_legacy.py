"""Old layers, one thing at a time, in files made here; the expected numbers are worked
out from what the old releases did."""

from __future__ import annotations

import numpy as np
import pytest

import lamina
from lamina.errors import FileFormatError
from tests.tables.arrays import floats
from tests.unit.saving.legacy_layout import (
    BIAS,
    KERNEL,
    ROWS,
    dense,
    numbered,
    predicted,
    stack,
    write,
)

STEPS = floats(4, 5, 3, seed=2)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def hard_sigmoid(x):
    return np.clip(0.2 * x + 0.5, 0, 1)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "old.h5"


# Convolutions


def correlated(x, kernel):
    """A valid convolution of one axis, channels last, as today's layers do it."""
    size = kernel.shape[0]
    windows = [x[:, i : i + x.shape[1] - size + 1] for i in range(size)]
    return sum(w @ kernel[i] for i, w in enumerate(windows))


LINE_KERNEL = floats(2, 3, 4, seed=5)
ANCIENT_LINE = {"nb_filter": 4, "filter_length": 2, "bias": False}


@pytest.mark.parametrize(
    ("stored", "suffix", "is_transposed"),
    [
        (LINE_KERNEL[:, None], ":0", False),
        (np.transpose(LINE_KERNEL[:, None], (3, 2, 0, 1)), ":0", False),
        (LINE_KERNEL[:, None], "", True),
    ],
    ids=["tf", "filters_first", "theano"],
)
def test_convolution1d_of_keras_1(path, stored, suffix, is_transposed):
    config = stack(("Convolution1D", ANCIENT_LINE), shape=(None, 5, 3))
    write(path, config, {"l0": numbered([stored], suffix=suffix)})
    kernel = LINE_KERNEL[::-1] if is_transposed else LINE_KERNEL
    np.testing.assert_allclose(
        predicted(path, STEPS), correlated(STEPS, kernel), atol=1e-5
    )


def test_theano_kernels_of_keras_2_are_flipped(path):
    config = stack(
        ("Conv1D", {"filters": 4, "kernel_size": [2], "use_bias": False}),
        shape=(None, 5, 3),
    )
    versions = {"keras_version": "2.2.4", "backend": "theano"}
    write(path, config, {"l0": numbered([LINE_KERNEL])}, **versions)
    np.testing.assert_allclose(
        predicted(path, STEPS), correlated(STEPS, LINE_KERNEL[::-1]), atol=1e-5
    )


ANCIENT_KERNELS = [
    ("Convolution2D", "th", (2, 3, 1, 0), (4, 2, 3, 3)),
    ("Convolution2D", "tf", (0, 1, 2, 3), (3, 3, 2, 4)),
    ("Deconvolution2D", "th", (2, 3, 0, 1), (4, 2, 3, 3)),
    ("Deconvolution2D", "tf", (0, 1, 3, 2), (3, 3, 2, 4)),
    ("Convolution3D", "th", (2, 3, 4, 1, 0), (4, 2, 3, 3, 3)),
]


@pytest.mark.parametrize("case", ANCIENT_KERNELS, ids=lambda c: f"{c[0]}_{c[1]}")
def test_kernels_of_keras_1_are_transposed(path, case):
    written, order, axes, shape = case
    stored = floats(*shape, seed=6)
    sizes = {"nb_row": 3, "nb_col": 3}
    if written == "Convolution3D":
        sizes = {f"kernel_dim{i}": 3 for i in (1, 2, 3)}
    space = [5] * (len(shape) - 2)
    config = {"nb_filter": 4, "dim_ordering": order, "bias": False, **sizes}
    x = (2, *space) if order == "th" else (*space, 2)
    write(path, stack((written, config), shape=(None, *x)), {"l0": numbered([stored])})
    (kernel,) = lamina.models.load_model(path).get_weights()
    np.testing.assert_array_equal(kernel, np.transpose(stored, axes))


# Recurrent layers


def old_lstm(x, kernel, recurrent, bias, gate):
    units = recurrent.shape[0]
    h = c = np.zeros((len(x), units), "float32")
    for step in np.moveaxis(x, 1, 0):
        i, f, g, o = np.split(step @ kernel + h @ recurrent + bias, 4, axis=-1)
        c = gate(f) * c + gate(i) * np.tanh(g)
        h = gate(o) * np.tanh(c)
    return h


def old_gru(x, kernel, recurrent, bias, gate):
    """The reset gate before the product with the matrix."""
    units = recurrent.shape[0]
    h = np.zeros((len(x), units), "float32")
    for step in np.moveaxis(x, 1, 0):
        z, r, n = np.split(step @ kernel + bias, 3, axis=-1)
        rz, rr, rn = np.split(recurrent, 3, axis=-1)
        z, r = gate(z + h @ rz), gate(r + h @ rr)
        h = z * h + (1 - z) * np.tanh(n + (r * h) @ rn)
    return h


@pytest.mark.parametrize(
    ("kind", "order", "model"), [("LSTM", "icfo", old_lstm), ("GRU", "zrh", old_gru)]
)
def test_separate_gates_of_keras_1_are_merged(path, kind, order, model):
    parts = {
        f"l0_{what}_{gate}": floats(*shape, seed=10 + i)
        for i, gate in enumerate(order)
        for what, shape in (("W", (3, 2)), ("U", (2, 2)), ("b", (2,)))
    }
    config = {"output_dim": 2, "activation": "tanh", "consume_less": "cpu"}
    write(
        path,
        stack((kind, config), shape=(None, 5, 3)),
        {"l0": numbered(list(parts.values()), list(parts))},
    )
    gates = [
        np.concatenate([parts[f"l0_{what}_{g}"] for g in order], axis=-1)
        for what in "WUb"
    ]
    if kind == "LSTM":  # Keras 1 had the new values before the forget gate
        gates = [
            np.concatenate([parts[f"l0_{what}_{g}"] for g in "ifco"], axis=-1)
            for what in "WUb"
        ]
    expected = model(STEPS, *gates, hard_sigmoid)
    np.testing.assert_allclose(predicted(path, STEPS), expected, atol=1e-5)


def test_gru_defaults_are_those_of_the_version(path):
    arrays = [floats(3, 6, seed=1), floats(2, 6, seed=2), floats(6, seed=3)]
    config = stack(("GRU", {"units": 2}), shape=(None, 5, 3))
    write(path, config, {"l0": numbered(arrays)}, keras_version="2.1.6")
    expected = old_gru(STEPS, *arrays, hard_sigmoid)
    np.testing.assert_allclose(predicted(path, STEPS), expected, atol=1e-5)


def test_a_file_of_tensorflow_has_its_defaults(path):
    arrays = [floats(3, 6, seed=1), floats(2, 6, seed=2), floats(2, 6, seed=3)]
    config = stack(("GRU", {"units": 2, "time_major": False, "implementation": 2}),
                   shape=(None, 5, 3))  # fmt: skip
    write(path, config, {"l0": numbered(arrays)}, keras_version="2.4.0")
    layer = lamina.models.load_model(path).layers[0]
    assert layer.reset_after and layer.recurrent_activation is not None
    expected = lamina.layers.GRU(2)
    expected.build((None, 5, 3))
    expected.set_weights(arrays)
    np.testing.assert_allclose(predicted(path, STEPS), expected(STEPS), atol=1e-6)


def test_cudnn_lstm_by_its_own_formula(path):
    """Eight matrices one after the other, each the other way round, and two biases."""
    units = 2
    inputs = [floats(units, 3, seed=i) for i in range(4)]
    states = [floats(units, units, seed=10 + i) for i in range(4)]
    biases = floats(8 * units, seed=20)
    kernel = np.hstack([m.reshape(3, units) for m in inputs])
    recurrent = np.hstack(states)
    config = {"units": units, "return_sequences": False, "kernel_initializer": "zeros"}
    write(
        path,
        stack(("CuDNNLSTM", config), shape=(None, 5, 3)),
        {"l0": numbered([kernel, recurrent, biases])},
        keras_version="2.2.4",
        backend="tensorflow",
    )
    both = biases.reshape(2, -1).sum(0)
    expected = old_lstm(
        STEPS,
        np.hstack([m.T for m in inputs]),
        np.hstack([m.T for m in states]),
        both,
        sigmoid,
    )
    np.testing.assert_allclose(predicted(path, STEPS), expected, atol=1e-5)


# Arguments


@pytest.mark.parametrize("key", ["activation", "nested"])
def test_hard_sigmoid_of_keras_2_is_kept(path, tmp_path, key):
    layer = dense(activation="hard_sigmoid")
    if key == "nested":
        layer = "Activation", {"activation": "hard_sigmoid"}
    config = stack(dense(), layer) if key == "nested" else stack(layer)
    write(path, config, {"l0": numbered([KERNEL, BIAS])}, keras_version="2.2.4")
    expected = hard_sigmoid(ROWS @ KERNEL + BIAS)
    model = lamina.models.load_model(path)
    np.testing.assert_allclose(model.predict_on_batch(ROWS), expected, atol=1e-6)
    model.save(tmp_path / "new.keras")
    again = lamina.models.load_model(tmp_path / "new.keras")
    np.testing.assert_allclose(again.predict_on_batch(ROWS), expected, atol=1e-6)


POLICY = {"class_name": "Policy", "config": {"name": "mixed_float16"}}


@pytest.mark.parametrize(
    "extra",
    [
        {"dtype": "float32"},
        {"dtype": {"class_name": "Policy", "config": {"name": "float32"}}},
        {"quantization_config": None, "weights": None, "input_dim": 3},
        {"kernel_initializer": {"class_name": "VarianceScaling",
                                "config": {"scale": 1.0, "mode": "fan_avg",
                                           "distribution": "uniform", "seed": None}}},
        {"kernel_regularizer": {"class_name": "L1L2",
                                "config": {"l1": 0.0, "l2": 0.1}}},
        {"bias_constraint": {"class_name": "MaxNorm",
                             "config": {"max_value": 2, "axis": 0}}},
    ],
    ids=["dtype", "policy", "inert", "initializer", "regularizer", "constraint"],
)  # fmt: skip
def test_layer_config_of_keras_2_is_converted(path, extra):
    write(path, stack(dense(**extra)), {"l0": numbered([KERNEL, BIAS])},
          keras_version="2.3.1")  # fmt: skip
    np.testing.assert_allclose(predicted(path, ROWS), ROWS @ KERNEL + BIAS, atol=1e-6)


def test_a_policy_of_mixed_precision_is_kept(path):
    write(path, stack(dense(dtype=POLICY)), {"l0": numbered([KERNEL, BIAS])},
          keras_version="2.4.0")  # fmt: skip
    layer = lamina.models.load_model(path).layers[0]
    assert (layer.compute_dtype, layer.variable_dtype) == ("float16", "float32")


def test_groups_of_a_depthwise_convolution_are_no_argument(path):
    kernel = floats(2, 2, 3, 1, seed=1)
    config = {"kernel_size": [2, 2], "groups": 1, "use_bias": False}
    write(path, stack(("DepthwiseConv2D", config), shape=(None, 4, 4, 3)),
          {"l0": numbered([kernel])}, keras_version="2.9.0")  # fmt: skip
    (read,) = lamina.models.load_model(path).get_weights()
    np.testing.assert_array_equal(read, kernel)


REFUSED = [
    (("BatchNormalization", {"mode": 1}), "nonzero `mode`"),
    (("LSTM", {"units": 2, "time_major": True}), "time_major"),
    (dense(swing=3), "swing=3"),
    (("Highway", {}), "'Highway'"),
    (("Lambda", {"function": ["4wEAAAA=", None, None], "function_type": "lambda"}),
     "never runs code"),
    (("Merge", {"mode": "telepathy", "layers": []}), "has the mode 'telepathy'"),
]  # fmt: skip


@pytest.mark.parametrize(("layer", "reason"), REFUSED, ids=lambda v: str(v)[:24])
def test_unsupported_arguments_are_refused(path, layer, reason):
    write(path, stack(layer, shape=(None, 5, 3)), {}, keras_version="2.2.4")
    with pytest.raises(FileFormatError, match=reason):
        lamina.models.load_model(path)


def test_a_function_is_taken_from_the_caller(path):
    layer = "Lambda", {"function": "twice", "function_type": "function"}
    write(path, stack(dense(), layer), {"l0": numbered([KERNEL, BIAS])},
          keras_version="2.2.4")  # fmt: skip
    with pytest.raises(FileFormatError, match="'twice'"):
        lamina.models.load_model(path)
    found = predicted(path, ROWS, custom_objects={"twice": lambda x: x * 2})
    np.testing.assert_allclose(found, 2 * (ROWS @ KERNEL + BIAS), atol=1e-5)


@lamina.saving.register_keras_serializable("legacy")
class Scaled(lamina.layers.Layer):
    def __init__(self, by=1.0, **kwargs):
        super().__init__(**kwargs)
        self.by = by

    def call(self, inputs):
        return inputs * self.by


def test_the_users_own_layer_is_known_by_its_registered_name(path):
    layer = "legacy>Scaled", {"by": 3.0, "trainable": True, "dtype": POLICY}
    write(path, stack(dense(), layer), {"l0": numbered([KERNEL, BIAS])},
          keras_version="2.4.0")  # fmt: skip
    found = predicted(path, ROWS)
    np.testing.assert_allclose(found, 3 * (ROWS @ KERNEL + BIAS), rtol=2e-2)


def calling(function, **keywords):
    """A graph that calls one of TensorFlow's functions on its input."""
    layers = [
        {"class_name": "InputLayer", "name": "x", "inbound_nodes": [],
         "config": {"batch_input_shape": [None, 3], "name": "x"}},
        {"class_name": "TFOpLambda", "name": "f", "config": {"function": function},
         "inbound_nodes": [["x", 0, 0, keywords]]},
    ]  # fmt: skip
    ends = {"input_layers": [["x", 0, 0]], "output_layers": [["f", 0, 0]]}
    return {"class_name": "Functional", "config": {"layers": layers, **ends}}


@pytest.mark.parametrize(
    ("function", "keywords", "expected"),
    [
        ("math.reduce_sum", {"axis": -1, "keepdims": False}, ROWS.sum(-1)),
        ("__operators__.getitem",
         {"slice_spec": [{"start": None, "stop": None, "step": None}, 0]}, ROWS[:, 0]),
        ("math.multiply", {"y": ["x", 0, 0], "name": None}, ROWS * ROWS),
    ],
    ids=["reduce_sum", "getitem", "multiply"],
)  # fmt: skip
def test_supported_tensorflow_functions_are_converted(
    path, function, keywords, expected
):
    write(path, calling(function, **keywords), {}, keras_version="2.9.0")
    np.testing.assert_allclose(predicted(path, ROWS), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("function", "keywords", "reason"),
    [
        ("io.read_file", {}, "TensorFlow function 'io.read_file'"),
        ("__operators__.__class__", {}, "lamina does not support"),
        (["math.abs"], {}, "lamina does not support"),
        ("math.reduce_sum", {"swing": 3}, "swing=3"),
    ],
)
def test_other_functions_of_tensorflow_are_refused(path, function, keywords, reason):
    write(path, calling(function, **keywords), {}, keras_version="2.9.0")
    with pytest.raises(FileFormatError, match=reason):
        lamina.models.load_model(path)
