"""Gradients, functions, losses and metrics of symbolic tensors."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from lamina.errors import ArgumentTypeError

X = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")


def two_layers():
    from keras.layers import Dense, Input
    from keras.models import Model

    x = Input((3,))
    hidden = Dense(2, activation="tanh")(x)
    return x, hidden, Model(x, Dense(1)(hidden))


def test_gradients_of_tensors_and_weights_are_those_of_jax():
    from keras import backend as K

    x, hidden, model = two_layers()
    w, b, v, c = map(jnp.asarray, model.get_weights())
    loss = K.sum(K.square(model.output))
    found = K.gradients(loss, [x, hidden, *model.trainable_weights])
    results = K.function([x], [loss, *found])([X])

    def total(x, w, b, v, c):
        return ((jnp.tanh(x @ w + b) @ v + c) ** 2).sum()

    def of_hidden(h):
        return ((h @ v + c) ** 2).sum()

    by_x, *by_weight = jax.grad(total, range(5))(X, w, b, v, c)
    by_hidden = jax.grad(of_hidden)(jnp.tanh(X @ w + b))
    for got, wanted in zip(
        results, [total(X, w, b, v, c), by_x, by_hidden, *by_weight], strict=True
    ):
        assert_allclose(got, wanted, rtol=1e-4, atol=1e-5)
    assert found[0].shape == (None, 3)


def test_function_sees_new_weights_and_assigns_updates():
    from keras import backend as K
    from keras.optimizers import SGD

    x, _, model = two_layers()
    total, last = K.sum(model.output), K.variable(0.0)
    updates = SGD(lr=0.1).get_updates(model.trainable_weights, [], total)
    train = K.function([x], [total], updates=[*updates, K.update(last, total)])
    bias = model.get_weights()[-1]
    first, second = train([X])[0], train([X])[0]
    assert second < first
    assert_allclose(model.get_weights()[-1], bias - 2 * 0.1 * len(X), rtol=1e-5)
    assert_allclose(K.get_value(last), second)


def test_function_computes_in_the_phase_that_it_is_given():
    from keras import backend as K
    from keras.layers import Dropout, Input

    x = Input((3,))
    f = K.function([x, K.learning_phase()], [Dropout(0.5)(x)])
    ones = np.ones((50, 3))
    assert (f([ones, 0])[0] == 1).all()
    assert set(np.unique(f([ones, 1])[0])) == {0, 2}


def test_gradients_of_arrays_are_refused():
    from keras import backend as K

    with pytest.raises(ArgumentTypeError, match=r"jax\.grad"):
        K.gradients(np.ones(3), K.placeholder((3,)))


def autoencoder():
    from keras import backend as K
    from keras.layers import Dense, Input, Lambda

    x = Input((3,))
    mean = Dense(2)(x)
    noisy = Lambda(lambda m: m + K.random_normal(K.shape(m)))(mean)
    return x, mean, noisy, Dense(3)(noisy)


@pytest.mark.parametrize("form", ["function", "added"])
def test_loss_uses_the_same_values_of_tensors_as_the_outputs(form):
    from keras import backend as K
    from keras.models import Model

    x, mean, noisy, _ = autoencoder()
    model = Model(x, noisy)
    # Zero only if the loss sees the random numbers of the output.
    if form == "function":
        model.compile("sgd", lambda t, p: K.square(p - noisy) + K.square(mean))
    else:
        loss = K.square(model.output - noisy) + K.square(mean)
        model.add_loss(K.mean(loss))
        model.compile("sgd")
    expected = np.mean((X @ model.get_weights()[0]) ** 2)
    y = None if form == "added" else X[:, :2]
    assert_allclose(model.evaluate(X, y, verbose=0), expected, rtol=1e-4)
    history = model.fit(X, y, batch_size=4, epochs=2, verbose=0).history["loss"]
    assert_allclose(history[0], expected, rtol=1e-4)
    assert history[1] < history[0]


def test_layers_use_symbolic_tensors_of_the_model():
    from keras import backend as K
    from keras.layers import Lambda, Layer
    from keras.models import Model

    x, mean, noisy, y = autoencoder()

    class Loss(Layer):
        def call(self, inputs):
            same = K.square(inputs[1] - noisy)
            self.add_loss(K.mean(same + K.square(mean)), inputs=inputs)
            return inputs[0]

    model = Model(x, Loss()([x, noisy]))
    model.compile("sgd", loss=None)
    expected = np.mean((X @ model.get_weights()[0]) ** 2)
    assert_allclose(model.evaluate(X, None, verbose=0), expected, rtol=1e-4)
    history = model.fit(X, None, batch_size=4, epochs=2, verbose=0).history["loss"]
    assert_allclose(history[0], expected, rtol=1e-4)
    assert history[1] < history[0]
    doubled = Model(x, Lambda(lambda m: m + mean)(mean))
    encoder = Model(x, mean)
    assert_allclose(doubled.predict(X), 2 * encoder.predict(X), rtol=1e-5)


def test_metrics_use_symbolic_tensors():
    from keras import backend as K
    from keras.models import Model

    x, mean, _, y = autoencoder()
    model = Model(x, y)
    model.add_metric(K.sum(mean), name="total", aggregation="mean")
    model.compile("sgd", "mse", [lambda t, p: K.mean(mean)])
    expected = np.sum(X @ model.get_weights()[0])
    found = model.fit(X, X, batch_size=4, epochs=1, verbose=0).history
    assert_allclose(found["total"], [expected], rtol=1e-3)
    (other,) = found.keys() - {"total", "loss"}
    assert_allclose(found[other], [expected / 8], rtol=1e-3)


@pytest.mark.parametrize("names_first", [True, False])
def test_metrics_are_tensors_that_are_appended_after_compile(names_first):
    from keras import backend as K
    from keras.models import Model

    x, mean, _, y = autoencoder()
    model = Model(x, y)
    model.compile("sgd", "mse", ["mae"])
    for name, tensor in {"total": K.sum(mean), "half": K.sum(mean) / 2}.items():
        if names_first:
            model.metrics_names.append(name)
            assert name in model.metrics_names
        model.metrics_tensors.append(tensor)
        if not names_first:
            model.metrics_names.append(name)
    assert model.metrics_names[-2:] == ["total", "half"]
    expected = np.sum(X @ model.get_weights()[0])
    found = model.evaluate(X, X, batch_size=4, verbose=0, return_dict=True)
    assert_allclose([found["total"], found["half"]], [expected, expected / 2], 1e-3)
    found = model.fit(X, X, batch_size=4, epochs=1, verbose=0).history
    assert_allclose(found["total"], [expected], rtol=1e-3)


def test_gradient_penalty_in_a_loss_function():
    from keras import backend as K
    from keras.layers import Dense, Input, add
    from keras.models import Model

    a, b = Input((3,)), Input((3,))
    mixed = add([a, b])
    model = Model([a, b], Dense(1)(mixed))

    def penalty(y_true, y_pred, samples):
        (slopes,) = K.gradients(y_pred, samples)
        return K.sum(K.square(slopes), axis=1)

    model.compile("sgd", functools.partial(penalty, samples=mixed))
    expected = np.sum(model.get_weights()[0] ** 2)
    assert_allclose(model.train_on_batch([X, X], np.zeros(4)), expected, rtol=1e-4)
    # Gradient descent on the square of the norm shrinks it.
    assert_allclose(
        np.sum(model.get_weights()[0] ** 2), expected * (1 - 2 * 0.01) ** 2, rtol=1e-4
    )


def test_layers_add_metrics_in_their_call():
    from keras import backend as K
    from keras.layers import Layer
    from keras.models import Sequential

    class Watch(Layer):
        def call(self, x):
            self.add_metric(K.mean(x), name="level", aggregation="mean")
            self.add_loss(lambda: K.constant(2.0))
            return x

    model = Sequential([Watch(input_shape=(3,))])
    model.compile("sgd", "mse")
    found = model.evaluate(X, X, verbose=0, return_dict=True)
    assert_allclose(found["level"], X.mean(), rtol=1e-4)
