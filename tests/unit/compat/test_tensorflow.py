"""Functions of `tensorflow`, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import lamina
from lamina.compat.tensorflow import SAME, math, nn
from lamina.errors import ArgumentError

X = np.arange(1.0, 7.0, dtype="float32").reshape(2, 3)
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
    ("nn.l2_normalize", (X, 1), {}, X / np.linalg.norm(X, axis=1, keepdims=True)),
    ("math.log", (X,), {}, np.log(X)),
    ("math.less", (X, 3), {}, X < 3),
    ("math.reduce_variance", (X,), {}, X.var()),
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
        assert_allclose(found, expected, rtol=1e-6)
        assert_allclose(found.numpy(), expected, rtol=1e-6)


def test_new_axis_is_none():
    import tensorflow as tf

    assert X[:, tf.newaxis].shape == (2, 1, 3)


def test_functions_of_ops_exist():
    assert all(hasattr(lamina.ops, name) for name in SAME.values())
    assert math.top_k is nn.top_k is lamina.ops.top_k


def test_text_stays_on_the_host():
    import tensorflow as tf

    words = tf.constant(["a", "b"])
    assert tf.expand_dims(words, -1).shape == (2, 1)
    assert tf.concat([words, words], 0).numpy().tolist() == ["a", "b", "a", "b"]


def test_variable_is_one_of_lamina():
    import tensorflow as tf

    variable = tf.Variable([1, 2], trainable=False)
    variable.assign_add(tf.ones(2, "int32"))
    assert isinstance(variable, lamina.Variable)
    assert (variable.dtype, variable.trainable) == ("int32", False)
    assert_array_equal(variable.numpy(), [2, 3])


def test_random_numbers_follow_the_seed():
    import tensorflow as tf

    draws = []
    for _ in range(2):
        tf.random.set_seed(3)
        draws.append(tf.random.normal((2,)).numpy())
    assert_array_equal(*draws)
    integers = tf.random.uniform((50,), 2, 5, dtype=tf.int32).numpy()
    assert {*integers} == {2, 3, 4}


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

    with pytest.raises(AttributeError, match="does not have tensorflow.GradientTape"):
        _ = tf.GradientTape


def dataset(count: int):
    import tensorflow as tf

    return tf.data.Dataset.range(count)


DATASETS = [
    ("batches", lambda d: d.batch(2), [[0, 1], [2, 3], [4]]),
    ("filter", lambda d: d.filter(lambda n: n % 2 == 0), [0, 2, 4]),
    ("enumerate", lambda d: d.enumerate(3).take(1), [(3, 0)]),
    ("concatenate", lambda d: d.take(1).concatenate(d.skip(4)), [0, 4]),
    ("zip", lambda d: type(d).zip((d.take(2), d.skip(1))), [(0, 1), (1, 2)]),
    (
        "windows",
        lambda d: d.window(3, shift=1, drop_remainder=True).flat_map(
            lambda w: w.batch(3)
        ),
        [[0, 1, 2], [1, 2, 3], [2, 3, 4]],
    ),
    (
        "window of strides",
        lambda d: d.window(2, shift=2, stride=2).take(1).flat_map(lambda w: w),
        [0, 2],
    ),
]


@pytest.mark.parametrize(("name", "derive", "expected"), DATASETS)
def test_dataset_has_these_items(name, derive, expected):
    found = [np.asarray(item).tolist() for item in derive(dataset(5))]
    assert found == [np.asarray(item).tolist() for item in expected]


def test_windows_of_different_lengths_are_refused():
    windows = dataset(5).window(2).flat_map(lambda w: w)
    with pytest.raises(ArgumentError, match="drop_remainder=True"):
        list(windows)


def test_model_trains_on_slices_of_a_frame():
    import pandas as pd
    import tensorflow as tf

    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    slices = tf.data.Dataset.from_tensor_slices((frame, np.array([0, 1])))
    (x, y), *_ = slices.batch(2)
    assert_array_equal(x.numpy(), frame.to_numpy())
    model = tf.keras.Sequential([tf.keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(slices.shuffle(2).batch(2).prefetch(tf.data.AUTOTUNE), verbose=0)
    with pytest.raises(ArgumentError, match="different numbers of rows"):
        tf.data.Dataset.from_tensor_slices((frame, np.array([0])))


def test_modules_of_keras_are_in_tensorflow_too() -> None:
    import tensorflow as tf

    assert tf.optimizers.Adam is lamina.optimizers.Adam
    assert tf.losses.MeanSquaredError is lamina.losses.MeanSquaredError
