"""Names of TensorFlow 1 in programs that run eagerly."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from numpy.testing import assert_allclose

import lamina
from lamina.compat.tensorflow.base import declare, tables
from lamina.errors import ArgumentError

X = np.array([[1.0, 2.0], [3.0, 5.0]], "float32")
X2 = np.repeat(X, 2, axis=0)[None, :, :, None]
CASES = [
    ("div", (X, 2), X / 2),
    ("div", (7, 2), 3),
    ("to_float", (np.array([1, 2]),), [1.0, 2.0]),
    ("to_int32", (X,), X.astype("int32")),
    ("matrix_inverse", (X,), np.linalg.inv(X)),
    ("matrix_determinant", (X,), np.linalg.det(X)),
    ("diag_part", (X,), [1, 5]),
    ("arg_max", (X, 1), [1, 1]),
    ("nn.softmax_cross_entropy_with_logits_v2", ([[0, 1]], X[:1]), [0.3132617]),
    ("losses.sparse_softmax_cross_entropy", ([1, 1], X), 0.2200948),
    ("losses.softmax_cross_entropy", ([[0, 1], [0, 1]], X), 0.2200948),
    ("losses.sigmoid_cross_entropy", ([1], X[0, :1]), np.log1p(np.exp(-1))),
    ("losses.absolute_difference", (X, X + 2, [[1.0], [0.0]]), 2),
    ("losses.huber_loss", (X, X + [0.5, 2.0]), (0.125 + 1.5) / 2),
    ("losses.log_loss", ([1, 0], np.float32([0.5, 0.5])), np.log(2)),
    ("losses.hinge_loss", ([1, 0], np.float32([0.5, 0.5])), 1),
    ("compat.v1.losses.mean_squared_error", (X, X + 2), 4),
    ("losses.sparse_softmax_cross_entropy", ([[1], [1]], X), 0.2200948),
    # Weights of one column are those of the rows.
    (
        "losses.sparse_softmax_cross_entropy",
        ([1, 0], X[[0, 0]], [[1.0], [2.0]]),
        (0.3132617 + 2 * 1.3132617) / 2,
    ),
    ("get_variable", ("a", None, None, [1, 2]), np.array([1, 2])),
    ("get_variable", ("b", [2], "int32"), [0, 0]),
    ("compat.v1.nn.relu", (-X,), 0 * X),
    ("unpack", (X,), X),
    ("image.resize_images", (X[None, :, :, None], (4, 2), "nearest"), X2),
    ("image.rgb_to_yuv", ([[[1.0, 0.0, 0.0]]],), [[[0.299, -0.14714, 0.61498]]]),
    ("image.yuv_to_rgb", ([[[0.5, 0.0, 0.0]]],), [[[0.5, 0.5, 0.5]]]),
    (
        "extract_image_patches",
        (X[None, :, :, None], [1, 2, 2, 1], [1, 1, 1, 1], [1, 1, 1, 1], "VALID"),
        X.reshape(1, 1, 1, 4),
    ),
]


def lookup(name):
    import tensorflow

    found = tensorflow
    for part in name.split("."):
        found = getattr(found, part)
    return found


@pytest.mark.parametrize(("name", "args", "expected"), CASES)
def test_function_of_tensorflow_1(name, args, expected):
    assert_allclose(lookup(name)(*args), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", sorted(tables.VERSION_1))
def test_declared_name_exists(name):
    assert callable(declare.declared("v1", tables.VERSION_1)(name))


OPTIMIZERS = [
    ("GradientDescentOptimizer", (0.1,), "SGD"),
    ("MomentumOptimizer", (0.1, 0.9), "SGD"),
    ("AdamOptimizer", (), "Adam"),
    ("RMSPropOptimizer", (0.1,), "RMSprop"),
    ("AdagradOptimizer", (0.1,), "Adagrad"),
    ("AdadeltaOptimizer", (), "Adadelta"),
    ("FtrlOptimizer", (0.1,), "Ftrl"),
]


@pytest.mark.parametrize(("name", "args", "kind"), OPTIMIZERS)
def test_optimizer_of_tensorflow_1(name, args, kind):
    found = lookup(f"train.{name}")(*args)
    assert isinstance(found, getattr(lamina.optimizers, kind))
    assert float(found.learning_rate) == pytest.approx(args[0] if args else 0.001)


REDUCTIONS = [
    ("none", [2, 0]),
    ("weighted_sum", 2),
    ("weighted_mean", 1),
    ("weighted_sum_over_batch_size", 1),
    ("weighted_sum_by_nonzero_weights", 2),
]


@pytest.mark.parametrize(("reduction", "expected"), REDUCTIONS)
def test_reduction_of_a_loss_of_tensorflow_1(reduction, expected):
    loss = lookup("losses.absolute_difference")
    assert reduction in vars(lookup("compat.v1.losses.Reduction")).values()
    found = loss(X[0], X[0] + [1, 2], weights=[2.0, 0.0], reduction=reduction)
    assert_allclose(found, expected)


def test_unknown_reduction_is_refused():
    loss = lookup("losses.absolute_difference")
    with pytest.raises(ArgumentError, match="weighted_sum"):
        loss(X[0], X[0], reduction="sum")


# Values after three steps down x ** 2 from 1 and 2, by TensorFlow 2.21.
STEPS = [
    ("RMSPropOptimizer", {"momentum": 0.5}, [0.3872, 1.1317]),
    ("RMSPropOptimizer", {"centered": True}, [0.5589, 1.3637]),
    ("AdagradOptimizer", {}, [0.7823, 1.7763]),
]


@pytest.mark.parametrize(("name", "options", "expected"), STEPS)
def test_steps_of_an_optimizer_of_tensorflow_1(name, options, expected):
    import tensorflow as tf

    values, step = tf.Variable([1.0, 2.0]), tf.Variable(0, trainable=False)
    optimizer = lookup(f"train.{name}")(0.1, **options)
    for _ in range(2):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(values**2)
        pairs = [(tape.gradient(loss, values), values)]
        optimizer.apply_gradients(pairs, global_step=step)
    optimizer.minimize(lambda: tf.reduce_sum(values**2), [values], global_step=step)
    assert_allclose(values, expected, atol=1e-4)
    assert int(step) == 3


SCHEDULES = [
    ("exponential_decay", (1.0, 0, 10, 0.5), 0.5),
    ("inverse_time_decay", (1.0, 0, 10, 1.0), 0.5),
    ("polynomial_decay", (1.0, 0, 20, 0.0), 0.5),
    ("cosine_decay", (1.0, 0, 20), 0.5),
    ("piecewise_constant", (0, [5], [1.0, 0.5]), 0.5),
]


@pytest.mark.parametrize(("name", "args", "expected"), SCHEDULES)
def test_schedule_of_tensorflow_1_at_step_10(name, args, expected):
    assert float(lookup(f"train.{name}")(*args)(10)) == pytest.approx(expected)


def test_eager_program_of_tensorflow_1_trains():
    import tensorflow as tf

    tf.enable_eager_execution()
    tf.set_random_seed(7)
    tf.logging.set_verbosity(tf.logging.ERROR)
    weight = tf.Variable(tf.random_normal([2, 1]), name="weight")
    step = tf.train.get_or_create_global_step()
    rate = tf.train.exponential_decay(0.1, step, 10, 0.5)
    optimizer = tf.train.GradientDescentOptimizer(rate)
    errors = []
    for _ in range(2):
        with tf.GradientTape() as tape:
            error = tf.losses.absolute_difference([[1.0], [2.0]], tf.matmul(X, weight))
        gradients = tape.gradient(error, [weight])
        pairs = zip(gradients, [weight], strict=True)
        optimizer.apply_gradients(pairs, global_step=step)
        errors.append(float(error))
    assert errors[1] < errors[0]


def test_session_of_a_program_of_keras_does_nothing_but_compute():
    import tensorflow as tf
    from keras import backend as K

    config = tf.ConfigProto(gpu_options=tf.GPUOptions(allow_growth=True))
    config.gpu_options.per_process_gpu_memory_fraction = 0.3
    with tf.Graph().as_default(), tf.Session(config=config) as session:
        K.set_session(session)
        session.run(tf.global_variables_initializer())
        with tf.variable_scope("part"):
            variable = tf.get_variable("v", (2,), initializer=tf.zeros_initializer())
        tf.assign(variable, [1.0, 2.0])
        assert_allclose(session.run(variable), [1, 2])


def test_values_are_printed_when_a_function_runs(capfd):
    import tensorflow as tf

    def total(x):
        return tf.Print(tf.reduce_sum(x), [x, 2 * x], message="Values: ")

    assert float(total(tf.ones(2))) == 2
    assert float(tf.function(total)(tf.ones(2))) == 2
    jax.effects_barrier()
    out = capfd.readouterr().out
    assert out.count("Values:") == 2 and out.count("[2. 2.]") == 2
