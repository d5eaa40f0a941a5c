"""`MultiOptimizer` and `OptimizerMap`."""

from __future__ import annotations

import numpy as np
import pytest

import lamina
from lamina.core.variable import Variable
from lamina.errors import ArgumentError
from lamina.optimizers import (
    SGD,
    Adam,
    LossScaleOptimizer,
    MultiOptimizer,
    OptimizerMap,
    RMSprop,
    deserialize,
    serialize,
)


def variables(*paths: str) -> list[Variable]:
    made = [Variable([2.0]) for _ in paths]
    for variable, path in zip(made, paths, strict=True):
        variable.path = path
    return made


def test_map_prefers_exact_paths_and_falls_back():
    adam, sgd, default = Adam(), SGD(), RMSprop()
    optimizers = OptimizerMap(default, {"encoder/.*": sgd})
    optimizers["encoder/dense"] = adam
    assert optimizers["encoder/dense"] is adam
    assert optimizers["encoder/other"] is sgd
    assert optimizers["decoder"] is default
    assert list(optimizers) == ["encoder/.*", "encoder/dense"]
    del optimizers["encoder/dense"]
    assert optimizers["encoder/dense"] is sgd and len(optimizers) == 1


@pytest.mark.parametrize(
    ("key", "optimizer", "message"),
    [
        ("encoder/.*", SGD(), "already has the key"),
        ("(a+)+", SGD(), "regular expressions"),
        ("decoder", "sgd", "an optimizer that does not wrap others"),
        ("decoder", LossScaleOptimizer(SGD()), "an optimizer that does not wrap"),
        ("decoder", MultiOptimizer(OptimizerMap(SGD())), "an optimizer that does not"),
    ],
)
def test_map_refuses(key, optimizer, message):
    optimizers = OptimizerMap(SGD(), {"encoder/.*": SGD()})
    with pytest.raises(ArgumentError, match=message):
        optimizers[key] = optimizer


def test_map_refuses_path_that_matches_two_keys():
    optimizers = OptimizerMap(SGD(), {".*kernel": SGD(), "dense/.*": SGD()})
    with pytest.raises(ArgumentError, match="matches several keys"):
        optimizers["dense/kernel"]


@pytest.mark.parametrize("arguments", [("sgd",), (SGD(), [SGD()])])
def test_map_refuses_arguments_of_wrong_types(arguments):
    with pytest.raises(TypeError, match="OptimizerMap"):
        OptimizerMap(*arguments)


def test_function_selects_optimizers():
    adam, sgd = Adam(0.1), SGD(0.5)
    a, b, c = variables("a", "b", "c")
    optimizer = MultiOptimizer(lambda v: adam if v.path == "a" else sgd)
    optimizer.apply([[1.0], [1.0], [2.0]], [a, b, c])
    assert optimizer.optimizers == [adam, sgd]
    np.testing.assert_allclose(
        [a.numpy()[0], b.numpy()[0], c.numpy()[0]], [1.9, 1.5, 1], rtol=1e-5
    )
    assert [int(o.iterations) for o in (optimizer, adam, sgd)] == [1, 1, 1]


def test_one_optimizer_trains_all_variables():
    a, b = variables("a", "b")
    optimizer = MultiOptimizer(SGD(0.5))
    optimizer.apply([[1.0], [2.0]], [a, b])
    assert [a.numpy()[0], b.numpy()[0]] == [1.5, 1.0]


def test_loss_scale_factor_replaces_those_of_the_optimizers():
    sgd = SGD(0.1, loss_scale_factor=2.0)
    optimizer = MultiOptimizer(OptimizerMap(sgd), loss_scale_factor=5.0)
    (weight,) = variables("a")
    assert float(optimizer.scale_loss(np.float32(2.0))) == 10.0
    optimizer.apply([[10.0]], [weight])
    np.testing.assert_allclose(weight.numpy(), [1.8])


def test_config_has_the_map():
    optimizer = MultiOptimizer(OptimizerMap(SGD(0.5), {"a": Adam(0.25)}), 2.0)
    again = deserialize(serialize(optimizer))
    assert again.get_config() == optimizer.get_config()
    assert [type(o) for o in again.optimizers] == [Adam, SGD]


def test_learning_rate_is_that_of_each_optimizer():
    optimizer = MultiOptimizer(OptimizerMap(SGD()))
    assert not hasattr(optimizer, "learning_rate")
    with pytest.raises(AttributeError, match="of its `optimizers`"):
        optimizer.learning_rate = 0.1


def test_averages_of_the_optimizers_replace_the_weights():
    sgd = SGD(1.0, use_ema=True, ema_momentum=0.5)
    a, b = variables("a", "b")
    optimizer = MultiOptimizer(OptimizerMap(SGD(1.0), {"a": sgd}))
    for _ in range(2):
        optimizer.apply([[1.0], [1.0]], [a, b])
    optimizer.finalize_variable_values([a, b])
    assert (a.numpy()[0], b.numpy()[0]) == (0.5, 0.0)


def test_weight_decay_is_excluded_in_all_optimizers():
    optimizer = MultiOptimizer(OptimizerMap(SGD(1.0, weight_decay=0.5)))
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    kernel, bias = Variable([2.0], name="kernel"), Variable([2.0], name="bias")
    optimizer.apply([[0.0], [0.0]], [kernel, bias])
    assert (kernel.numpy()[0], bias.numpy()[0]) == (1.0, 2.0)


def test_model_trains_saves_and_follows_callbacks(tmp_path):
    dense = [
        lamina.layers.Dense(2, kernel_initializer="ones", name="first"),
        lamina.layers.Dense(1, kernel_initializer="ones", name="second"),
    ]
    model = lamina.Sequential([lamina.Input((1,)), *dense])
    first, rest = SGD(1e-3, name="slow"), SGD(1e-2, name="fast")
    model.compile(MultiOptimizer(OptimizerMap(rest, {".*first/.*": first})), "mse")
    halve = lamina.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
    x = np.ones((4, 1), "float32")
    history = model.fit(x, 0 * x, epochs=2, callbacks=[halve], verbose=0).history
    np.testing.assert_allclose(history["learning_rate_slow"], [5e-4, 2.5e-4])
    np.testing.assert_allclose(history["learning_rate_fast"], [5e-3, 2.5e-3])
    model.save(tmp_path / "model.keras")
    again = lamina.saving.load_model(tmp_path / "model.keras")
    for saved, loaded in zip(
        model.optimizer.variables, again.optimizer.variables, strict=True
    ):
        np.testing.assert_array_equal(saved.numpy(), loaded.numpy())
    again.fit(x, 0 * x, verbose=0)
    assert int(again.optimizer.iterations) == 3
