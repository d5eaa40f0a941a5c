"""Functions of `tensorflow`, against NumPy."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pandas
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import fft, linalg, signal, special

import lamina
from lamina.compat.tensorflow.base import declare, tables
from lamina.errors import ArgumentError, ArgumentTypeError, ShapeError

X = np.arange(1.0, 7.0, dtype="float32").reshape(2, 3)
# Sums of the squares of each value and its neighbors in a row.
NEIGHBORS = np.array([[5.0, 14.0, 13.0], [41.0, 77.0, 61.0]])
SQUARE = np.array([[3.0, 1.0], [1.0, 2.0]], "float32")
EXPECTED = [
    ("reduce_mean", (X,), {"axis": 0}, X.mean(0)),
    ("reduce_sum", (X,), {"axis": 1, "keepdims": True}, X.sum(1, keepdims=True)),
    ("cast", (X, "int32"), {}, X.astype("int32")),
    ("concat", ([X, X],), {"axis": 1}, np.concatenate([X, X], 1)),
    ("expand_dims", (X,), {"axis": 0}, X[None]),
    ("squeeze", (X[None],), {}, X),
    ("transpose", (X,), {"perm": [1, 0]}, X.T),
    ("gather", (X, [1, 0]), {"axis": 1}, X[:, [1, 0]]),
    ("one_hot", ([1, 0],), {"depth": 3}, [[0, 1, 0], [1, 0, 0]]),
    ("fill", ([2], 3.0), {}, [3, 3]),
    ("clip_by_value", (X, 2), {"clip_value_max": 3}, X.clip(2, 3)),
    ("range", (3,), {}, [0, 1, 2]),
    ("linspace", (0.0, 1.0, 3), {}, [0, 0.5, 1]),
    ("constant", ([1, 2],), {"dtype": "float32"}, [1, 2]),
    ("split", (X, [1, 2]), {"axis": 1}, None),
    ("nn.softmax", (X,), {}, np.exp(X) / np.exp(X).sum(1, keepdims=True)),
    ("nn.leaky_relu", (-X,), {}, -0.2 * X),
    ("nn.crelu", (X - 3,), {}, np.concatenate([(X - 3).clip(0), (3 - X).clip(0)], 1)),
    ("nn.gelu", (np.float32([-1, 1]),), {}, [-0.15865526, 0.8413447]),
    (
        "nn.depth_to_space",
        (np.arange(4.0).reshape(1, 1, 1, 4), 2),
        {"data_format": "NHWC"},
        np.arange(4.0).reshape(1, 2, 2, 1),
    ),
    (
        "nn.conv1d",
        (X[None], np.ones((1, 3, 1), "float32"), 1, "SAME"),
        {"data_format": "NWC"},
        X.sum(1)[None, :, None],
    ),
    ("nn.l2_normalize", (X, 1), {}, X / np.linalg.norm(X, axis=1, keepdims=True)),
    ("math.log", (X,), {}, np.log(X)),
    ("math.less", (X, 3), {}, X < 3),
    ("math.reduce_variance", (X,), {}, X.var()),
    ("reduce_sum", (X,), {"reduction_indices": 1, "keep_dims": True}, [[6], [15]]),
    ("argmax", (X,), {"dimension": 1}, [2, 2]),
    ("ones_like", (), {"tensor": X}, X**0),
    ("nn.embedding_lookup", (X,), {"ids": [1]}, X[1:]),
    ("nn.dropout", (X,), {"keep_prob": 1.0}, X),
    ("nn.weighted_cross_entropy_with_logits", ([1.0], [0.0], 3.0), {}, [3 * np.log(2)]),
    ("nn.lrn", (X[None, None], 1, 0.0, 1.0, 1.0), {}, (X / NEIGHBORS)[None, None]),
    (
        "nn.atrous_conv2d",
        (X[None, ..., None], np.ones((1, 2, 1, 1), "float32"), 2, "VALID"),
        {},
        X[None, :, :1, None] + X[None, :, 2:, None],
    ),
    (
        "nn.separable_conv2d",
        (
            X[None, ..., None],
            np.ones((1, 1, 1, 2), "float32"),
            np.ones((1, 1, 2, 1), "float32"),
            1,
            "SAME",
        ),
        {},
        2 * X[None, ..., None],
    ),
    (
        "nn.pool",
        (X[None, ..., None], [2, 2], "AVG"),
        {},
        np.array([3.0, 4.0]).reshape(1, 1, 2, 1),
    ),
    ("math.asinh", (X,), {}, np.arcsinh(X)),
    ("math.erfc", (X,), {}, special.erfc(X)),
    ("math.xlogy", (X - 1, X), {}, special.xlogy(X - 1, X)),
    ("math.xdivy", (X - 1, X - 1), {}, [[0, 1, 1], [1, 1, 1]]),
    ("math.multiply_no_nan", (np.inf * X, 0 * X), {}, 0 * X),
    ("math.reduce_euclidean_norm", (X,), {"axis": 1}, np.linalg.norm(X, axis=1)),
    ("math.segment_min", (X, [0, 0]), {}, X[:1]),
    ("math.segment_mean", (X, [0, 0]), {}, X.mean(0)[None]),
    ("math.unsorted_segment_max", (X, [1, 0]), {"num_segments": 2}, X[::-1]),
    ("math.unsorted_segment_mean", (X, [1, 1], 2), {}, [0 * X[0], X.mean(0)]),
    ("math.is_non_decreasing", (X,), {}, True),
    ("math.invert_permutation", ([2, 0, 1],), {}, [1, 2, 0]),
    ("math.cumulative_logsumexp", (X[0],), {}, np.log(np.exp(X[0]).cumsum())),
    ("bitwise.bitwise_xor", (6, 3), {}, 5),
    ("bitwise.left_shift", (3, 2), {}, 12),
    ("truncatediv", (-7, 2), {}, -3),
    ("truncatemod", (-7, 2), {}, -1),
    ("linalg.slogdet", (SQUARE,), {}, np.linalg.slogdet(SQUARE)),
    ("linalg.logdet", (SQUARE,), {}, np.log(np.linalg.det(SQUARE))),
    ("linalg.expm", (SQUARE,), {}, linalg.expm(SQUARE)),
    ("linalg.eigvalsh", (SQUARE,), {}, np.linalg.eigvalsh(SQUARE)),
    (
        "linalg.cholesky_solve",
        (np.linalg.cholesky(SQUARE), X[:, :2]),
        {},
        np.linalg.solve(SQUARE, X[:, :2]),
    ),
    (
        "linalg.triangular_solve",
        (SQUARE, X[:, :2]),
        {"adjoint": True},
        np.linalg.solve(np.tril(SQUARE).T, X[:, :2]),
    ),
    ("reverse_sequence", (X, [2, 3], 1, 0), {}, [[2, 1, 3], [6, 5, 4]]),
    ("histogram_fixed_width", (X, [0.0, 4.0]), {"nbins": 2}, [1, 5]),
    ("dynamic_stitch", ([[0, 2], [1]], [X, X[:1]]), {}, X[[0, 0, 1]]),
    ("foldr", (np.subtract, X[0]), {}, 3 - 2 - 1),
    ("broadcast_static_shape", ((2, 1), (3,)), {}, (2, 3)),
    ("signal.hann_window", (4,), {}, signal.get_window("hann", 4)),
    ("signal.hamming_window", (4,), {}, signal.get_window("hamming", 4)),
    ("signal.frame", (X[0], 2, 1), {}, [[1, 2], [2, 3]]),
    ("signal.frame", (X[0], 2, 2, True), {}, [[1, 2], [3, 0]]),
    ("signal.overlap_and_add", (X, 2), {}, [1, 2, 7, 5, 6]),
    ("signal.dct", (X,), {"norm": "ortho"}, fft.dct(X, norm="ortho")),
    ("signal.rfft", (pandas.Series(X[0]),), {}, np.fft.rfft(X[0])),
    ("signal.fftshift", (X,), {"axes": 1}, np.fft.fftshift(X, 1)),
]


@pytest.mark.parametrize(
    ("name", "args", "options", "expected"), EXPECTED, ids=[c[0] for c in EXPECTED]
)
def test_function_equals_numpy(name, args, options, expected):
    import tensorflow as tf

    function = tf
    for part in name.split("."):
        function = getattr(function, part)
    found = function(*args, **options)
    if expected is None:
        assert_array_equal(found[0], X[:, :1])
        assert_array_equal(found[1], X[:, 1:])
    else:
        assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_tensors_have_values_of_numpy():
    import tensorflow as tf

    assert_array_equal(tf.cast(X, "int32").numpy(), X)


def test_short_time_transforms_are_inverted():
    import tensorflow as tf

    wave = np.random.default_rng(0).normal(size=(2, 70)).astype("float32")
    spectra = tf.signal.stft(wave, 16, 4)
    assert spectra.shape == (2, 14, 9)
    _, _, expected = signal.stft(wave, window="hann", nperseg=16, noverlap=12)
    found = np.moveaxis(np.asarray(spectra), 1, 2)[..., 1:] / 8
    assert_allclose(np.abs(found), np.abs(expected[..., 3:-3]), atol=1e-5)
    restored = tf.signal.inverse_stft(
        spectra, 16, 4, window_fn=tf.signal.inverse_stft_window_fn(4)
    )
    assert_allclose(restored[:, 16:48], wave[:, 16:48], atol=1e-5)


def test_mel_weights_are_triangles():
    import tensorflow as tf

    weights = tf.signal.linear_to_mel_weight_matrix(8, 65, 8000)
    assert weights.shape == (65, 8) and float(weights.max()) <= 1
    peaks = np.asarray(weights).argmax(0)
    assert (np.diff(peaks) > 0).all() and float(weights[0].sum()) == 0
    assert tf.signal.mfccs_from_log_mel_spectrograms(weights).shape == (65, 8)


def test_branch_of_an_index():
    import tensorflow as tf

    branches = [lambda: tf.constant(1), lambda: tf.constant(2)]
    assert tf.switch_case(0, branches) == 1 and tf.switch_case(7, branches) == 2
    found = tf.function(lambda i: tf.switch_case(i, branches))(tf.constant(-1))
    assert found == 2
    values, index, counts = tf.unique_with_counts([5, 3, 5])
    assert (values.tolist(), index.tolist()) == ([5, 3], [0, 1, 0])
    assert counts.tolist() == [2, 1]


TRANSPOSED = [
    (rows, window, stride, padding, data_format)
    for rows in (6, 7)
    for window in (2, 3)
    for stride in (2, 3)
    for padding in ("SAME", "VALID")
    for data_format in ("NHWC", "NCHW")
]


def test_transposed_convolution_is_the_gradient_for_each_shape():
    import tensorflow as tf

    draw = np.random.default_rng(0).normal
    for rows, window, stride, padding, data_format in TRANSPOSED:
        is_last = data_format == "NHWC"
        shape = (2, rows, 5, 3) if is_last else (2, 3, rows, 5)
        kernel = draw(size=(window, 2, 3, 4)).astype("float32")
        step = (1, stride, 1, 1) if is_last else (1, 1, stride, 1)
        options = {"strides": step, "padding": padding, "data_format": data_format}
        forward = partial(tf.nn.conv2d, filters=kernel, **options)
        given = {"filters": kernel, "output_shape": shape, **options}
        transpose = partial(tf.nn.conv2d_transpose, **given)

        @jax.jit
        def both(y, forward=forward, transpose=transpose, shape=shape):
            _, pull = jax.vjp(forward, jnp.zeros(shape))
            return transpose(y), pull(y)[0]

        y = jax.eval_shape(forward, np.zeros(shape, "float32"))
        found, expected = both(draw(size=y.shape).astype("float32"))
        assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    with pytest.raises(
        ShapeError, match=r"does not lead to an output of shape \(1, 9, 9, 3\)"
    ):
        tf.nn.conv2d_transpose(np.ones((1, 2, 2, 4)), kernel, (1, 9, 9, 3), 2)


def test_sizes_of_windows_are_those_of_axes_or_of_all():
    import tensorflow as tf

    x = np.ones((1, 4, 6, 1), "float32")
    for size in (2, [2], [2, 2], [1, 2, 2, 1]):
        assert tf.nn.max_pool(x, size, size, "VALID").shape == (1, 2, 3, 1)
    volume = np.ones((1, 2, 4, 6, 1), "float32")
    kernel = np.ones((1, 1, 1, 1, 2), "float32")
    assert tf.nn.convolution(volume, kernel, [1, 2, 3]).shape == (1, 2, 2, 2, 2)
    with pytest.raises(ArgumentError, match="Pad the input first"):
        tf.nn.conv2d(x, np.ones((1, 1, 1, 1)), 1, [[0, 0], [1, 1], [1, 1], [0, 0]])


def test_new_axis_is_none():
    import tensorflow as tf

    assert X[:, tf.newaxis].shape == (2, 1, 3)


@pytest.mark.parametrize("table", ["ROOT", "NN", "LINALG", "SIGNAL"])
def test_targets_of_declarations_exist(table):
    declarations = getattr(tables, table)
    names = declare.declared("tf", declarations)
    assert all(callable(names(name)) for name in declarations)


def test_argument_that_a_function_lacks_is_refused():
    import tensorflow as tf

    with pytest.raises(ArgumentTypeError, match="no argument 'axes'.*keepdims"):
        tf.reduce_sum(X, axes=0)
    with pytest.raises(ArgumentTypeError, match="takes 2 arguments"):
        tf.add(X, X, X)


def test_text_stays_on_the_host():
    import tensorflow as tf

    words = tf.constant(["a", "b"])
    assert tf.expand_dims(words, -1).shape == (2, 1)
    assert tf.concat([words, words], 0).numpy().tolist() == [b"a", b"b"] * 2
    assert (words[0] + "c").numpy() == b"ac"
    assert tf.equal(words, "a").numpy().tolist() == [True, False]


def test_variable_is_one_of_lamina():
    import tensorflow as tf

    variable = tf.Variable([1, 2], trainable=False)
    variable.assign_add(tf.ones(2, "int32"))
    assert isinstance(variable, lamina.Variable)
    assert (variable.dtype, variable.trainable) == ("int32", False)
    assert variable.dtype.name == "int32" and variable.shape.as_list() == [2]
    assert_array_equal(variable.numpy(), [2, 3])


def test_slice_of_a_variable_is_assigned_to():
    import tensorflow as tf

    variable = tf.Variable([[1.0, 2.0], [3.0, 4.0]])
    variable[0, 1].assign(5.0)
    variable[1].assign([6.0, 7.0])
    assert variable.numpy().tolist() == [[1, 5], [6, 7]]
    weight = tf.keras.layers.Layer().add_weight(shape=(2,), initializer="zeros")
    weight[1].assign(weight[1] + 3.0)
    assert weight.numpy().tolist() == [0, 3]
    with pytest.raises(AttributeError, match="cannot be assigned to"):
        tf.constant([1.0])[0].assign(2.0)


def test_sizes_are_tensors_and_types_may_be_numbers():
    import tensorflow as tf

    assert tf.size(X).numpy() == 6 and tf.rank(X).numpy() == 2
    size = tf.shape(X)
    assert size[0].numpy() == 2 and tf.zeros((size[0] // 2, size[1])).shape == (1, 3)
    assert (size * 2).numpy().tolist() == (size + size).numpy().tolist() == [4, 6]
    assert tf.keras.Input((3,)).shape == tf.shape(tf.keras.Input((3,))) == (None, 3)
    assert tf.reshape(X, [tf.size(X)]).shape == (6,)
    assert tf.zeros(1, 1).dtype == tf.float32


def test_model_may_pass_itself_to_the_constructor_of_its_base():
    import tensorflow as tf

    class Own(tf.keras.Model):
        def __init__(self):
            super().__init__(self)

    assert Own().layers == []


def test_random_numbers_follow_the_seed():
    import tensorflow as tf

    draws = []
    for _ in range(2):
        tf.random.set_seed(3)
        draws.append(tf.random.normal((2,)).numpy())
    assert_array_equal(*draws)
    integers = tf.random.uniform((50,), 2, 5, dtype=tf.int32).numpy()
    assert {*integers} == {2, 3, 4}


def test_concrete_function_takes_the_tensors_only():
    import tensorflow as tf

    @tf.function
    def scale(x, factor=2, *, negate=False):
        return -factor * x if negate else factor * x

    x = tf.constant(4.0)
    assert scale.get_concrete_function(tf.TensorSpec([]), 3)(x) == 12
    assert scale.get_concrete_function(x=x, negate=True)(x=x) == -8

    class Scale(tf.Module):
        def __init__(self):
            self.factor = tf.Variable(3.0)

        @tf.function(input_signature=[tf.TensorSpec([])])
        def scale(self, x):
            return self.factor * x

        @tf.function
        def total(self, *values):
            return self.factor * sum(values)

    module = Scale()
    assert module.scale.get_concrete_function()(x) == module.scale(x) == 12
    assert module.total.get_concrete_function(x, x)(x, x) == 24


def test_modules_in_a_model_are_listed():
    import tensorflow as tf

    dense = tf.keras.layers.Dense(1)
    assert tf.keras.Sequential([dense]).submodules == (dense,)


def test_decorated_function_is_called():
    import tensorflow as tf

    @tf.function
    def double(x):
        return 2 * x

    with tf.device("/cpu:0"):
        assert tf.function(reduce_retracing=True)(double)(2) == 4
    assert tf.config.list_physical_devices("CPU")[0].device_type == "CPU"


def test_missing_function_is_refused():
    import tensorflow as tf

    with pytest.raises(AttributeError, match="does not have tensorflow.estimator"):
        _ = tf.estimator


def test_modules_of_keras_are_in_tensorflow_too() -> None:
    import tensorflow as tf

    assert tf.optimizers.Adam is lamina.optimizers.Adam
    assert tf.losses.MeanSquaredError is lamina.losses.MeanSquaredError
