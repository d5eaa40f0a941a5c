"""Steps of the user's own, in each style, against the built-in one."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lamina
from lamina import layers
from lamina.data.shuffle import permutation
from lamina.errors import LikelyMistakeWarning
from tests.unit.training.helpers import assert_same_bits, blobs, state_of


class Plain(lamina.Model):
    """The built-in step."""


class ObjectStyle(lamina.Model):
    """Variables read and assigned as objects."""

    def train_step(self, data: Any) -> Any:
        x, y = data

        def loss_of_batch() -> Any:
            y_pred = self(x, training=True)
            return self.compute_loss(x, y, y_pred), y_pred

        (loss, y_pred), gradients = lamina.value_and_grad(
            loss_of_batch, self.trainable_variables, has_aux=True
        )
        self.optimizer.apply(gradients, self.trainable_variables)
        self.metrics[0].update_state(loss, sample_weight=len(x))
        return self.compute_metrics(x, y, y_pred)


class StateStyle(lamina.Model):
    """Keras's form for JAX: lists of values in, lists of values out."""

    def loss_and_updates(
        self, trainable: Any, rest: Any, x: Any, y: Any, training: bool = False
    ) -> Any:
        y_pred, rest = self.stateless_call(trainable, rest, x, training=training)
        return self.compute_loss(x, y, y_pred), (y_pred, rest)

    def train_step(self, state: Any, data: Any) -> Any:
        trainable, rest, slots, sums = state
        x, y = data
        gradient_fn = jax.value_and_grad(self.loss_and_updates, has_aux=True)
        (loss, (y_pred, rest)), gradients = gradient_fn(
            trainable, rest, x, y, training=True
        )
        trainable, slots = self.optimizer.stateless_apply(slots, gradients, trainable)
        new: list[Any] = []
        logs = {}
        for metric in self.metrics:
            held = sums[len(new) : len(new) + len(metric.variables)]
            if metric.name == "loss":
                held = metric.stateless_update_state(held, loss, len(x))
            else:
                held = metric.stateless_update_state(held, y, y_pred)
            logs[metric.name] = metric.stateless_result(held)
            new += held
        return logs, (trainable, rest, slots, new)


def trained(style: type[lamina.Model], **compile: Any) -> Any:
    lamina.random.set_seed(3)
    inputs = layers.Input((8,))
    hidden = layers.BatchNormalization()(layers.Dense(16, activation="relu")(inputs))
    model = style(inputs, layers.Dense(3, activation="softmax")(hidden))
    loss = "sparse_categorical_crossentropy"
    model.compile("adam", loss, metrics=["accuracy"], **compile)
    x, y = blobs()
    history = model.fit(x, y, batch_size=16, epochs=2, verbose=0, seed=1)
    return state_of(model), history.history


@pytest.mark.parametrize("style", [ObjectStyle, StateStyle])
def test_own_steps_train_like_the_built_in_one(style: type[lamina.Model]) -> None:
    expected, expected_logs = trained(Plain)
    got, logs = trained(style)
    for a, b in zip(expected, got, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    assert logs.keys() == expected_logs.keys()
    for name, values in logs.items():
        np.testing.assert_allclose(values, expected_logs[name], rtol=1e-5)


def test_running_eagerly_gives_the_same_numbers() -> None:
    expected, expected_logs = trained(Plain)
    got, logs = trained(Plain, run_eagerly=True)
    for a, b in zip(expected, got, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    assert logs["accuracy"] == expected_logs["accuracy"]


def test_a_step_may_return_any_logs() -> None:
    class Own(lamina.Model):
        def train_step(self, data: Any) -> Any:
            x, y = data
            loss, gradients = lamina.value_and_grad(
                lambda: ((self(x, training=True) - y) ** 2).mean(),
                self.trainable_variables,
            )
            self.optimizer.apply(gradients, self.trainable_variables)
            return {"mine": loss}

    inputs = layers.Input((8,))
    model = Own(inputs, layers.Dense(1)(inputs))
    model.compile("sgd")
    x, _ = blobs()
    logs = model.fit(x, x[:, :1], batch_size=100, epochs=3, verbose=0).history
    assert list(logs) == ["mine"]
    assert logs["mine"][2] < logs["mine"][0]


def test_a_variable_that_the_model_does_not_own_is_still_trained_on() -> None:
    outside = lamina.Variable(2.0, trainable=False, name="outside")

    def loss(y_true: Any, y_pred: Any) -> Any:
        return (y_pred - outside.value * y_true) ** 2

    model = lamina.Sequential([layers.Dense(1, use_bias=False, input_shape=(1,))])
    model.compile(lamina.optimizers.SGD(0.1), loss)
    x = np.ones((32, 1), "float32")
    model.fit(x, x, epochs=50, verbose=0)
    np.testing.assert_allclose(model.get_weights()[0], [[2.0]], rtol=1e-3)
    outside.assign(5.0)
    model.fit(x, x, epochs=50, verbose=0)
    np.testing.assert_allclose(model.get_weights()[0], [[5.0]], rtol=1e-3)


def test_one_batch_at_a_time_trains_like_fit() -> None:
    expected, _ = trained(Plain)
    lamina.random.set_seed(3)
    inputs = layers.Input((8,))
    hidden = layers.BatchNormalization()(layers.Dense(16, activation="relu")(inputs))
    model = Plain(inputs, layers.Dense(3, activation="softmax")(hidden))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    x, y = blobs()
    for epoch in range(2):
        order = permutation(1, epoch, len(x))
        for start in range(0, len(x), 16):
            rows = order[start : start + 16]
            logs = model.train_on_batch(x[rows], y[rows], return_dict=True)
    assert set(logs) == {"loss", "accuracy"}
    assert_same_bits(expected, state_of(model))


def test_a_call_need_not_take_training() -> None:
    class Simple(lamina.Model):
        def __init__(self) -> None:
            super().__init__()
            self.drop = layers.Dropout(0.5)
            self.head = layers.Dense(1)

        def call(self, inputs: Any) -> Any:
            return self.head(self.drop(inputs))

    model = Simple()
    model.compile("sgd", "mse")
    x, _ = blobs()
    model.fit(x, x[:, :1], verbose=0)
    x = x[:4]
    np.testing.assert_array_equal(model.predict(x), model(x, training=False))
    assert (np.asarray(model(x, training=True)) != model.predict(x)).any()


@pytest.mark.parametrize("start", [None, 1.0])
def test_a_hyperparameter_that_is_set_between_fits_counts(start: float | None) -> None:
    model = lamina.Sequential([layers.Dense(1, use_bias=False, input_shape=(1,))])
    model.compile(lamina.optimizers.SGD(1.0, clipnorm=start), "mse")
    model.set_weights([np.zeros((1, 1))])
    x = np.ones((4, 1), "float32")
    model.fit(x, 10 * x, verbose=0)
    model.set_weights([np.zeros((1, 1))])
    model.optimizer.clipnorm = np.float32(0.5)
    model.fit(x, 10 * x, verbose=0)
    np.testing.assert_allclose(model.get_weights()[0], [[0.5]], rtol=1e-6)


@pytest.mark.parametrize("eager", [False, True])
def test_metrics_of_one_batch_are_of_that_batch_alone(eager: bool) -> None:
    model = lamina.Sequential([layers.Dense(1, use_bias=False, input_shape=(1,))])
    model.compile(lamina.optimizers.SGD(0.15), "mse", metrics=["mae"])
    model.run_eagerly = eager
    model.set_weights([np.zeros((1, 1))])
    x = np.ones((2, 1), "float32")
    y = 2 * x
    # As Keras 3.15.1: the error of the weight goes 2, 1.4, 0.98.
    trained = [model.train_on_batch(x, y) for _ in range(3)]
    np.testing.assert_allclose(trained, [(4, 2), (1.96, 1.4), (0.9604, 0.98)], 1e-5)
    model.fit(x, y, verbose=0)
    expected = model.evaluate(x, y, verbose=0)
    model.evaluate(x, 5 * y, verbose=0)
    np.testing.assert_allclose(model.test_on_batch(x, y), expected, rtol=1e-5)
    # What a call returned is what the metrics hold.
    result = list(model.get_metrics_result().values())
    np.testing.assert_allclose(result, expected, rtol=1e-5)


class OldLoss(lamina.Model):
    """`compute_loss` as it was before it took `training`."""

    def compute_loss(self, x: Any, y: Any, y_pred: Any, sample_weight: Any) -> Any:  # type: ignore[override]
        return 2 * super().compute_loss(x, y, y_pred, sample_weight)


def test_compute_loss_need_not_take_training() -> None:
    inputs = layers.Input((2,))
    model = OldLoss(inputs, layers.Flatten()(inputs))
    model.compile("sgd", "mse")
    x = np.ones((4, 2), "float32")
    assert model.evaluate(x, 0 * x, verbose=0) == 2.0
    assert model.fit(x, 0 * x, verbose=0).history["loss"] == [2.0]


def test_metric_objects_are_listed_before_the_model_is_built():
    model = lamina.Sequential([lamina.layers.Dense(2)])
    error = lamina.metrics.MeanSquaredError()
    model.compile("adam", "mse", metrics=[error, "mae"])
    assert model.metrics_names == ["loss", "mean_squared_error"]
    assert model.metrics[-1] is error


class StatelessSteps(lamina.Sequential):
    def train_step(self, state, data):
        logs, state = super().train_step(state, data)
        return {**logs, "extra": 1.0}, state

    def test_step(self, state, data):
        logs, state = super().test_step(state=state, data=data)
        return {**logs, "extra": 2.0}, state


@pytest.mark.parametrize("run_eagerly", [False, True])
def test_stateless_steps_may_call_those_of_the_base_class(run_eagerly):
    x = np.linspace(-1, 1, 24, dtype="float32").reshape(8, 3)
    results = []
    for cls in (lamina.Sequential, StatelessSteps):
        first = [layers.BatchNormalization(), layers.Dropout(0.5)]
        model = cls([lamina.Input((3,)), *first, layers.Dense(1)])
        model.layers[-1].kernel.assign(np.ones((3, 1), "float32"))
        model.compile("adam", "mse", metrics=["mae"], run_eagerly=run_eagerly)
        logs = model.fit(x, x.sum(1), batch_size=4, epochs=2, seed=1, verbose=0).history
        fixed = {"batch_size": 4, "verbose": 0, "return_dict": True}
        test = model.evaluate(x, x.sum(1), **fixed)
        results.append((logs, test, model.get_weights()))
    (plain, plain_test, weights), (logs, test, same_weights) = results
    assert logs.pop("extra") == [1.0, 1.0] and test.pop("extra") == 2.0
    assert logs == plain and test == plain_test
    for one, other in zip(weights, same_weights, strict=True):
        np.testing.assert_array_equal(one, other)


class LastMetricOnly(lamina.Sequential):
    def train_step(self, state, data):
        logs, state = super().train_step(state, data)
        return logs["mae"], state


def test_stateless_step_without_names_has_the_logs_of_the_metrics():
    x = np.ones((4, 2), "float32")
    model = LastMetricOnly([lamina.Input((2,)), layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"])
    assert set(model.fit(x, x[:, :1], verbose=0).history) == {"loss", "mae"}


def model_of_ones():
    penalised = layers.Dense(1, kernel_initializer="ones", kernel_regularizer="l2")
    model = lamina.Sequential([lamina.Input((3,)), penalised])
    model.compile("sgd", "mse", metrics=["mae"])
    return model, np.ones((4, 3), "float32"), np.zeros((4, 1), "float32")


def test_losses_and_metrics_exist_without_fit():
    model, x, y = model_of_ones()
    np.testing.assert_allclose(model.compute_loss(x, y, model(x)), 9.03, rtol=1e-6)
    assert float(model.compute_metrics(x, y, model(x))["mae"]) == 3


def test_stateless_loss_is_a_function_of_the_values():
    model, x, y = model_of_ones()
    groups = (
        model.trainable_variables,
        model.non_trainable_variables,
        model.metrics_variables,
    )

    @jax.jit
    def loss_of(trainable, rest, metrics):
        y_pred, rest = model.stateless_call(trainable, rest, x)
        loss, after = model.stateless_compute_loss(
            trainable, rest, metrics, x=x, y=y, y_pred=y_pred
        )
        assert [len(group) for group in after] == [len(group) for group in groups]
        return loss

    values = [[v.value for v in group] for group in groups]
    np.testing.assert_allclose(loss_of(*values), 9.03, rtol=1e-6)
    kernel, _ = jax.grad(loss_of)(*values)
    np.testing.assert_allclose(kernel, np.full((3, 1), 6.02), rtol=1e-6)


class Autoencoder(lamina.Sequential):
    def train_step(self, x):
        def loss_of_batch():
            y_pred = self(x, training=True)
            return self.compute_loss(x=x, y=x, y_pred=y_pred), y_pred

        variables = self.trainable_variables
        (_, y_pred), gradients = lamina.value_and_grad(
            loss_of_batch, variables, has_aux=True
        )
        self.optimizer.apply(gradients, variables)
        return self.compute_metrics(x, x, y_pred)


def test_step_may_use_losses_and_metrics_of_data_without_labels():
    model = Autoencoder([lamina.Input((3,)), layers.Dense(3)])
    model.compile("sgd", "mse", metrics=["mae"])
    x = np.ones((4, 3), "float32")
    first, second = model.fit(x, epochs=2, verbose=0).history["mae"]
    assert 0 < second < first


class WithLoss(lamina.Model):
    """Model with an attribute that `compile` has too."""

    def __init__(self):
        super().__init__()
        self.loss = lamina.metrics.Mean(name="own")
        self.dense = layers.Dense(1)

    def call(self, inputs):
        self.loss.update_state(inputs)
        return self.dense(inputs)


def test_models_may_have_an_attribute_loss_until_they_are_compiled():
    model, x = WithLoss(), np.full((4, 2), 3.0, "float32")
    model(x)
    assert float(model.loss.result()) == 3
    assert WithLoss().loss is not model.loss
    model = Autoencoder([lamina.Input((3,)), layers.Dense(3)])
    assert model.loss is None
    model.loss = "mae"
    model.compile("sgd", "mse")
    assert model.loss == "mse"


class Rounded(lamina.Sequential):
    """Model whose loss has no gradient."""

    def compute_loss(self, x: Any, y: Any, y_pred: Any, sample_weight: Any) -> Any:
        return lamina.ops.mean(lamina.ops.round(y_pred) - y)


@pytest.mark.parametrize("eager", [False, True])
def test_loss_of_the_model_without_gradient_warns_unless_silenced(eager: bool) -> None:
    x = np.ones((4, 2), "float32")
    model = Rounded([layers.Input((2,)), layers.Dense(2)])
    model.compile("sgd", run_eagerly=eager)
    lamina.config.set_checks(silence=["loss-without-gradient"])
    try:
        model.fit(x, x, verbose=0)
    finally:
        lamina.config.set_checks()
    model.compile("sgd", run_eagerly=eager)
    with pytest.warns(LikelyMistakeWarning, match="gradient of the loss is zero"):
        model.fit(x, x, verbose=0)


class Recorder(lamina.Model):
    """Model that is built, whose `call` is not used in training."""

    def __init__(self):
        super().__init__()
        self.scale = layers.Dense(1)
        self.scale.build((None, 3))
        self.built, self.received = True, None

    def call(self, inputs):
        raise NotImplementedError

    def train_step(self, data):
        self.received = jax.tree.map(lambda a: a.shape, data)
        return {"loss": jnp.float32(0)}


@pytest.mark.parametrize(
    "data",
    [
        np.ones((2, 3), "float32"),
        {"a": np.ones((2, 3), "float32")},
        [np.ones((2, 3), "float32")] * 2,
    ],
    ids=["array", "dictionary", "list"],
)
@pytest.mark.filterwarnings("ignore:The training step changes no weight")
def test_own_step_gets_x_as_pack_x_y_sample_weight_returns_it(data):
    model = Recorder()
    model.compile("sgd")
    model.fit(data, verbose=0)
    expected = lamina.utils.pack_x_y_sample_weight(data)
    assert model.received == jax.tree.map(lambda a: a.shape, expected)


def test_losses_that_layers_add_are_summed() -> None:
    class Penalty(layers.Layer):
        def call(self, x: Any) -> Any:
            self.add_loss(lamina.ops.mean(x, axis=-1))
            return x

    x = np.arange(8, dtype="float32").reshape(4, 2)
    model = lamina.Sequential([layers.Input((2,)), Penalty(), layers.Dense(2)])
    model.compile("sgd", lambda y_true, y_pred: 0 * y_pred)
    assert model.evaluate(x, x, verbose=0) == x.mean(axis=-1).sum()
