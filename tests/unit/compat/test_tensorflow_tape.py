"""`tf.GradientTape` and `tf.function`, against `jax.grad` and known derivatives."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

import lamina
from lamina.errors import ArgumentError

X = np.array([[0.5, -1.0, 2.0], [1.5, 0.25, -0.75]], "float32")
W = np.array([[0.1, -0.3], [0.4, 0.2], [-0.5, 0.6]], "float32")

# A function of the module `tf` and an array, and the same in JAX.
FUNCTIONS = {
    "operators": (
        lambda tf, x: 2.0 * x**2 - 1.0 / (x + 4.0),
        lambda x: 2 * x**2 - 1 / (x + 4),
    ),
    "matmul": (lambda tf, x: tf.matmul(x, W) @ W.T, lambda x: x @ W @ W.T),
    "reductions": (
        lambda tf, x: tf.reduce_mean(tf.square(x), axis=1),
        lambda x: (x**2).mean(1),
    ),
    "indexing": (lambda tf, x: x[:, 1:] * x[:, :1], lambda x: x[:, 1:] * x[:, :1]),
    "methods": (
        lambda tf, x: x.reshape(3, 2).sum(axis=0) ** 2,
        lambda x: x.reshape(3, 2).sum(0) ** 2,
    ),
    "rows": (lambda tf, x: tf.stack([*x])[0] * 3, lambda x: x[0] * 3),
    "transposed": (lambda tf, x: x.T @ x, lambda x: x.T @ x),
    "softmax": (
        lambda tf, x: tf.nn.softmax(x)[:, 0],
        lambda x: jax.nn.softmax(x)[:, 0],
    ),
    "concat": (
        lambda tf, x: tf.concat([x, tf.exp(x)], 1),
        lambda x: jnp.concatenate([x, jnp.exp(x)], 1),
    ),
    "where": (
        lambda tf, x: tf.where(x > 0, x * x, 0.0),
        lambda x: jnp.where(x > 0, x * x, 0),
    ),
    "gather": (
        lambda tf, x: tf.gather(x, [1, 1], axis=1) ** 3,
        lambda x: x[:, jnp.array([1, 1])] ** 3,
    ),
    "norm": (lambda tf, x: tf.norm(x), lambda x: jnp.sqrt((x**2).sum())),
    "map_fn": (lambda tf, x: tf.map_fn(lambda r: r * r, x), lambda x: x * x),
    "stop": (
        lambda tf, x: x * tf.stop_gradient(x),
        lambda x: x * jax.lax.stop_gradient(x),
    ),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradient_equals_that_of_jax(name):
    import tensorflow as tf

    function, same = FUNCTIONS[name]
    expected = jax.jit(jax.grad(lambda x: same(x).sum()))(X)
    variable, array = tf.Variable(X), tf.constant(X)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(array)
        from_variable, from_array = function(tf, variable[:]), function(tf, array)
    assert_allclose(tape.gradient(from_variable, variable), expected, rtol=1e-5)
    assert_allclose(tape.gradient(from_array, array), expected, rtol=1e-5)
    traced = tf.function(lambda x: _gradient(tf, function, x))
    assert_allclose(traced(array), expected, rtol=1e-5)
    assert not traced._needs_python


def _gradient(tf, function, x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = function(tf, x)
    return tape.gradient(y, x)


def test_calls_that_are_repeated_are_compiled_with_the_same_gradients():
    import tensorflow as tf

    w, found = tf.Variable(W), []
    for n in range(8):
        x = tf.constant(X + n)
        with tf.GradientTape() as tape:
            y = tf.reduce_sum(tf.nn.dropout(tf.tanh(x @ w[:, :1]), 0.5, seed=n))
        gradient = tape.gradient(y, w)
        found.append(float(y))

        def same(w, x=x, n=n):
            return lamina.random.dropout(jnp.tanh(x @ w[:, :1]), 0.5, seed=n).sum()

        assert_allclose(gradient, jax.grad(same)(W), rtol=1e-4, atol=1e-7)
    assert len(set(found)) > 4


def test_minimize_and_updates_follow_the_learning_rate():
    import tensorflow as tf

    w, optimizer = tf.Variable(1.0), tf.keras.optimizers.SGD(0.25)
    assert int(optimizer.minimize(lambda: w * w, [w])) == 1
    assert float(w.value) == 0.5
    optimizer.learning_rate = 0.5
    with tf.GradientTape() as tape:
        loss = w * w
    optimizer.minimize(loss, [w], tape=tape)
    assert float(w.value) == 0.0
    with pytest.raises(ArgumentError, match="tape=tape"):
        optimizer.minimize(loss, [w])


def test_gradients_of_gradients():
    import tensorflow as tf

    x = tf.Variable(2.0)
    with tf.GradientTape() as third, tf.GradientTape() as second:
        with tf.GradientTape() as first:
            y = x**4
        dy = first.gradient(y, x)
        d2y = second.gradient(dy, x)
    assert [float(dy), float(d2y), float(third.gradient(d2y, x))] == [32, 48, 48]


def test_gradient_through_a_penalty_on_gradients_of_a_model():
    import tensorflow as tf

    model = tf.keras.Sequential(
        [tf.keras.layers.Dense(4, "tanh"), tf.keras.layers.Dense(1)]
    )
    model.build((None, 3))
    kernels = [v.value for v in model.trainable_variables]

    def penalty(values):
        def output(x):
            return (jnp.tanh(x @ values[0] + values[1]) @ values[2] + values[3]).sum()

        return (jax.grad(output)(jnp.asarray(X)) ** 2).sum()

    x = tf.constant(X)
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            inner.watch(x)
            output = model(x, training=True)
        loss = tf.reduce_sum(inner.gradient(output, x) ** 2)
    found = outer.gradient(loss, model.trainable_variables)
    expected = jax.jit(jax.grad(penalty))(kernels)
    for ours, theirs in zip(found[:3], expected[:3], strict=True):
        assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)


def test_persistence_and_what_is_watched():
    import tensorflow as tf

    w, frozen = tf.Variable(3.0), tf.Variable(2.0, trainable=False)
    with tf.GradientTape() as tape:
        y = w * frozen
    assert [v is w for v in tape.watched_variables()] == [True]
    found = tape.gradient(y, {"w": w, "frozen": frozen})
    assert float(found["w"]) == 2.0 and found["frozen"] is None
    with pytest.raises(RuntimeError, match="persistent=True"):
        tape.gradient(y, w)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(frozen)
        y = w * frozen
    assert tape.gradient(y, [w, frozen], unconnected_gradients="zero")[0] == 0.0
    with tf.GradientTape(persistent=True) as tape:
        with tape.stop_recording():
            apart = w * w
        y = w * 5.0
        w.assign_add(1.0)
        later = w * w
    assert tape.gradient(apart, w) is None
    assert float(tape.gradient(later, w)) == 8.0
    assert float(tape.gradient([y, later], w)) == 13.0
    assert float(tape.gradient(y, w, output_gradients=2.0)) == 10.0
    with pytest.raises(ArgumentError, match="convert_to_tensor"):
        tape.watch(1.0)


def _model(tf):
    layers = tf.keras.layers
    return tf.keras.Sequential(
        [
            layers.Dense(4, activation="relu", kernel_regularizer="l2"),
            layers.BatchNormalization(),
            layers.Dropout(0.5),
            layers.Dense(2),
        ]
    )


def _own_loop(tf, model, optimizer, loss, compiled):
    """Return the step of a loop that trains a model."""

    def step(x, y):
        with tf.GradientTape() as tape:
            value = loss(y, model(x, training=True)) + sum(model.losses)
        variables = model.trainable_variables
        gradients = tape.gradient(value, variables)
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return value

    return tf.function(step) if compiled else step


@pytest.mark.parametrize("compiled", [False, True])
def test_own_loop_trains_as_fit_does(compiled):
    import tensorflow as tf

    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(16, 3)).astype("float32"), rng.integers(0, 2, 16)
    found = []
    for is_own in (True, False):
        tf.keras.utils.set_random_seed(3)
        model = _model(tf)
        model.build((None, 3))
        model.layers[2].rate = 0.0
        optimizer = tf.keras.optimizers.Adam(0.01)
        loss = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        if is_own:
            step = _own_loop(tf, model, optimizer, loss, compiled)
            values = [float(step(x, y)) for _ in range(3)]
            assert not (compiled and step._needs_python)
        else:
            model.compile(optimizer, loss)
            history = model.fit(x, y, 16, epochs=3, shuffle=False, verbose=0)
            values = history.history["loss"]
        found.append((values, model.get_weights()))
    assert_allclose(found[0][0], found[1][0], rtol=1e-4)
    for ours, theirs in zip(found[0][1], found[1][1], strict=True):
        assert_allclose(ours, theirs, rtol=1e-3, atol=1e-5)


def test_step_of_a_model_with_a_tape_trains_in_the_compiled_loop():
    import tensorflow as tf

    class Halved(tf.keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = tf.keras.layers.Dense(1, use_bias=False)

        def call(self, x):
            return self.dense(x)

        def train_step(self, data):
            x, y = data
            with tf.GradientTape() as tape:
                loss = self.compute_loss(y=y, y_pred=self(x, training=True)) / 2
            gradients = tape.gradient(loss, self.trainable_variables)
            pairs = zip(gradients, self.trainable_variables, strict=True)
            self.optimizer.apply_gradients(pairs)
            return {"loss": loss}

    model = Halved()
    model.compile(tf.keras.optimizers.SGD(0.1), "mse")
    model.build((None, 3))
    kernel = model.get_weights()[0]
    y = np.ones((2, 1), "float32")
    model.fit(X, y, batch_size=2, verbose=0)
    gradient = jax.grad(lambda w: ((X @ w - y) ** 2).mean() / 2)(kernel)
    assert_allclose(model.get_weights()[0], kernel - 0.1 * gradient, rtol=1e-4)


def test_gradient_for_one_output_of_a_model_by_another():
    import tensorflow as tf

    inputs = tf.keras.Input((3,))
    hidden = tf.keras.layers.Dense(4, activation="relu")(inputs)
    outputs = tf.keras.layers.Dense(2)(hidden)
    model = tf.keras.Model(inputs, [hidden, outputs])
    with tf.GradientTape() as tape:
        found, scores = model(X)
        score = scores[:, 1]
    kernel = model.layers[-1].kernel
    expected = np.tile(np.asarray(kernel)[:, 1], (2, 1))
    assert_allclose(tape.gradient(score, found), expected, rtol=1e-5)


def test_random_layers_draw_once_for_a_call_and_its_gradient():
    import tensorflow as tf

    dropout = tf.keras.layers.Dropout(0.5)
    x = tf.Variable(np.ones(64, "float32"))
    with tf.GradientTape() as tape:
        y = dropout(x, training=True)
    assert_allclose(tape.gradient(y, x), y)
    assert not np.array_equal(y, dropout(x, training=True))


def test_function_falls_back_to_python_where_values_select_code():
    import tensorflow as tf

    traces = []

    @tf.function
    def clipped(x, scale=1):
        traces.append(scale)
        return x * scale if tf.reduce_sum(x) > 0 else -x

    @tf.function(jit_compile=True)
    def doubled(x):
        traces.append("doubled")
        return {"y": 2 * x}

    assert clipped(tf.constant(-2.0)) == 2.0 and clipped(tf.constant(2.0), 3) == 6.0
    assert clipped._needs_python and traces[-1] == 3
    del traces[:]
    assert [float(doubled(tf.constant(n))["y"]) for n in (1.0, 2.0)] == [2.0, 4.0]
    assert traces == ["doubled"]
    with pytest.raises(ArgumentError, match="takes a function"):
        tf.function([1])


def test_function_is_compiled_after_an_error_of_its_own():
    import tensorflow as tf

    add = tf.function(lambda x, y: x + y)
    with pytest.raises(TypeError, match="shape"):
        add(tf.ones(2), tf.ones(3))
    assert add(tf.ones(2), tf.ones(2)).tolist() == [2, 2]
    assert not add._needs_python


def test_tape_within_a_function_within_a_tape():
    import tensorflow as tf

    weight, x = tf.Variable(2.0), tf.Variable(3.0)

    @tf.function
    def slope(x):
        with tf.GradientTape() as tape:
            y = weight * x**3
        return tape.gradient(y, weight)

    for _ in range(2):
        assert float(slope(x)) == 27.0
        with tf.GradientTape() as tape:
            found = slope(x)
        assert (float(found), float(tape.gradient(found, x))) == (27.0, 27.0)
    assert not slope._needs_python


def test_operators_are_recorded_after_a_first_tape_within_a_function():
    import tensorflow as tf

    @tf.function
    def slope(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.square(x)
        return tape.gradient(y, x)

    assert float(slope(tf.constant(3.0))) == 6.0
    x = tf.constant(2.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = -(x * 3.0)
    assert float(tape.gradient(y, x)) == -3.0


# A thread may read an entry of JAX's compile cache while another one writes it; JAX
# then warns and compiles.
@pytest.mark.filterwarnings("ignore:Error reading persistent compilation cache")
def test_tapes_of_threads_are_independent():
    import tensorflow as tf

    call = tf.function(lambda model, x: model(x))

    def train(seed):
        model = tf.keras.Sequential([tf.keras.Input((2,)), tf.keras.layers.Dense(1)])
        model.set_weights([np.ones((2, 1)), np.zeros(1)])
        optimizer = tf.keras.optimizers.SGD(0.1)
        x = np.random.default_rng(seed).normal(size=(4, 2)).astype("float32")
        for _ in range(8):
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(tf.square(model(x)))
            gradients = tape.gradient(loss, model.trainable_variables)
            pairs = zip(gradients, model.trainable_variables, strict=True)
            optimizer.apply_gradients(pairs)
        return np.asarray(call(model, x))

    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(train, range(4)))
    for seed, found in enumerate(together):
        assert_allclose(found, train(seed), rtol=1e-5)


def test_compiled_function_sees_new_learning_rates_and_assigns_metrics():
    import tensorflow as tf

    optimizer, mean = tf.keras.optimizers.SGD(1.0), tf.keras.metrics.Mean()
    weight = tf.Variable(0.0)

    @tf.function
    def step():
        optimizer.apply_gradients([(tf.ones(()), weight)])
        mean.update_state(weight)

    step()
    optimizer.learning_rate = 10.0
    step()
    assert not step._needs_python
    assert float(weight.value) == -11.0
    assert float(mean.result()) == -6.0


def test_classes_are_as_before_after_uninstall():
    import tensorflow as tf

    with tf.GradientTape():
        pass
    lamina.compat.uninstall()
    assert lamina.layers.Layer.__call__.__module__ == "lamina.layers.base.layer"
    assert "value" not in vars(type(jnp.zeros(0)))
    lamina.compat.install()
