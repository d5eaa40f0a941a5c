"""Custom optimizers as Keras 1 and 2 and tf.keras 2 had them written."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from lamina import constraints, layers, models, optimizers
from lamina.compat.defaults import Release, use
from lamina.errors import StateError

X = np.random.default_rng(0).normal(size=(48, 4)).astype("float32")
Y = np.tanh(X.sum(axis=1, keepdims=True))


def keras1():
    """Return a rule with the arguments of Keras 1, and pairs as updates."""
    from keras import backend as K
    from keras.optimizers import Optimizer

    class Momentum(Optimizer):
        def __init__(self, lr=0.05, momentum=0.9, decay=0.1, **kwargs):
            super(Momentum, self).__init__(**kwargs)  # noqa: UP008
            self.__dict__.update(locals())
            self.iterations = K.variable(0.0)
            self.lr = K.variable(lr)
            self.momentum = K.variable(momentum)
            self.decay = K.variable(decay)

        def get_updates(self, params, constraints, loss):
            lr = self.lr * (1.0 / (1.0 + self.decay * self.iterations))
            self.updates = [(self.iterations, self.iterations + 1.0)]
            for p, g in zip(params, self.get_gradients(loss, params), strict=True):
                m = K.variable(np.zeros(K.get_value(p).shape))
                v = self.momentum * m - lr * g
                self.updates.append((m, v))
                self.updates.append((p, p + v))
            return self.updates

    return Momentum()


def keras2():
    """Return a rule with the arguments of Keras 2, and `K.update`."""
    from keras import backend as K
    from keras.legacy import interfaces
    from keras.optimizers import Optimizer

    class Momentum(Optimizer):
        def __init__(self, lr=0.05, momentum=0.9, decay=0.1, **kwargs):
            super().__init__(**kwargs)
            with K.name_scope(self.__class__.__name__):
                self.iterations = K.variable(0, dtype="int64", name="iterations")
                self.lr = K.variable(lr, name="lr")
                self.momentum = K.variable(momentum, name="momentum")
                self.decay = K.variable(decay, name="decay")
            self.initial_decay = decay

        @interfaces.legacy_get_updates_support
        @K.symbolic
        def get_updates(self, loss, params):
            grads = self.get_gradients(loss, params)
            self.updates = [K.update_add(self.iterations, increment=1)]
            count = K.cast(self.iterations, K.dtype(self.decay))
            lr = self.lr * (1.0 / (1.0 + self.decay * count))
            moments = [K.zeros(K.int_shape(p), dtype=K.dtype(p)) for p in params]
            self.weights = [self.iterations, *moments]
            for p, g, m in zip(params, grads, moments, strict=True):
                v = self.momentum * m - lr * g
                self.updates.append(K.update(m, v))
                new_p = p + v
                if getattr(p, "constraint", None) is not None:
                    new_p = p.constraint(new_p)
                self.updates.append(K.update(p, new_p))
            return self.updates

        def get_config(self):
            config = {"lr": float(K.get_value(self.lr))}
            return {**super().get_config(), **config}

    return Momentum()


def tf_keras():
    """Return a rule of tf.keras 2, whose first argument is a name."""
    import tensorflow as tf

    class Momentum(tf.keras.optimizers.Optimizer):
        def __init__(self, learning_rate=0.05, name="Momentum", **kwargs):
            super().__init__(name, **kwargs)
            self._set_hyper("learning_rate", learning_rate)
            self._set_hyper("decay", self._initial_decay)
            self._set_hyper("momentum", 0.9)

        def _create_slots(self, var_list):
            for var in var_list:
                self.add_slot(var, "moment")

        @tf.function
        def _resource_apply_dense(self, grad, var, apply_state=None):
            dtype = var.dtype.base_dtype
            moment = self.get_slot(var, "moment")
            v = self._get_hyper("momentum", dtype) * moment
            moment.assign(v - self._decayed_lr(dtype) * grad)
            var.assign_add(moment)

        def get_config(self):
            rate = self._serialize_hyperparameter("learning_rate")
            return {**super().get_config(), "learning_rate": rate}

    return Momentum(decay=0.1)


RULES = {
    "keras1": (keras1, Release.KERAS_1),
    "keras2": (keras2, Release.KERAS_2_3),
    "tf_keras": (tf_keras, Release.TF_KERAS_2),
}


def trained(optimizer):
    """Return a model that was trained, and the losses."""
    inner = layers.Dense(5, "tanh", kernel_constraint=constraints.MaxNorm(0.9))
    model = models.Sequential([layers.Input((4,)), inner, layers.Dense(1)])
    model.set_weights(
        [np.linspace(-1, 1, w.size).reshape(w.shape) for w in model.weights]
    )
    model.compile(optimizer, "mse")
    options = {"batch_size": 16, "shuffle": False, "verbose": 0}
    return model, model.fit(X, Y, epochs=3, **options).history["loss"]


@pytest.mark.parametrize(("rule", "release"), RULES.values(), ids=RULES)
def test_custom_rules_train_as_the_rule_of_the_library(rule, release):
    with use(release):
        optimizer = rule()
        model, losses = trained(optimizer)
        known = optimizers.SGD(lr=0.05, momentum=0.9, decay=0.1)
        expected, expected_losses = trained(known)
    assert_allclose(losses, expected_losses, rtol=1e-5)
    for weight, other in zip(model.get_weights(), expected.get_weights(), strict=True):
        assert_allclose(weight, other, rtol=1e-4, atol=1e-6)
    assert int(optimizer.iterations) == 9
    optimizer.lr = 0.0
    for variable in optimizer.variables:
        if variable.shape:  # a moment, without which nothing changes
            variable.assign(np.zeros(variable.shape))
    before = model.get_weights()
    model.fit(X, Y, verbose=0)
    for weight, other in zip(model.get_weights(), before, strict=True):
        assert_allclose(weight, other, rtol=1e-5)


@pytest.mark.parametrize("rule", [keras2, tf_keras])
def test_config_of_a_custom_rule_makes_another_one(rule):
    with use(Release.KERAS_2_3):
        config = rule().get_config()
        rate = config.get("lr", config["learning_rate"])
        assert_allclose(rate, 0.05, rtol=1e-6)


def test_custom_rule_of_a_frozen_layer_leaves_it_alone():
    with use(Release.KERAS_2_3):
        model = models.Sequential(
            [layers.Input((4,)), layers.Dense(3), layers.Dense(1)]
        )
        model.compile(keras2(), "mse")
        model.fit(X, Y, verbose=0)
        model.layers[0].trainable = False
        model.compile(model.optimizer, "mse")
        first, last = (layer.get_weights()[0] for layer in model.layers)
        model.fit(X, Y, verbose=0)
    assert np.array_equal(model.layers[0].get_weights()[0], first)
    assert not np.array_equal(model.layers[1].get_weights()[0], last)


@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_models_share_an_optimizer_until_keras_3(name):
    x, y = np.ones((4, 2), "float32"), np.ones((4, 1))

    def trained(is_shared):
        made = []
        shared = optimizers.get(name)
        for _ in range(2):
            layer = layers.Dense(1, kernel_initializer="ones")
            model = models.Sequential([layers.Input((2,)), layer])
            model.compile(shared if is_shared else optimizers.get(name), "mse")
            made.append(model)
        for model in (*made, *made):
            model.train_on_batch(x, y)
        return made, shared

    with use(Release.KERAS_2_2):
        made, shared = trained(is_shared=True)
        assert int(shared.iterations) == 4
        first, second = (model.get_weights()[0] for model in made)
        # The rate of Adam depends on the number of all steps.
        assert (np.array_equal(first, second)) == (name == "SGD")
        alone, _ = trained(is_shared=False)
        if name == "SGD":
            assert_allclose(first, alone[0].get_weights()[0])
    with pytest.raises(StateError, match="built for other variables"):
        trained(is_shared=True)
