"""Findings at the end of `fit`, and that looking for them changes nothing."""

from __future__ import annotations

import numpy as np
import pytest

from lamina import Input, Sequential, config, layers, regularizers
from lamina.data.adapt import adapt
from lamina.errors import AdviceWarning
from lamina.optimizers import SGD, Adam
from lamina.training.checks.after_training import dead_units, update_ratios

X = np.random.default_rng(0).normal(size=(32, 3)).astype("float32")
Y = X @ np.array([[1.0], [-2.0], [0.5]], "float32")


def trained(optimizer, *, epochs=6, hidden=(), verbose=0, **arguments):
    kernel = {"kernel_initializer": "ones", **arguments}
    model = Sequential([Input((3,)), *hidden, layers.Dense(1, **kernel, name="head")])
    model.compile(optimizer, "mse")
    model.fit(X, Y, epochs=epochs, verbose=verbose, seed=0)
    return model


def test_healthy_run_is_silent(capsys):
    model = trained(Adam(0.05), epochs=8, verbose=2)
    assert model.history.findings == ()
    assert "->" not in capsys.readouterr().out.splitlines()[-1]


@pytest.mark.parametrize("verbose", [0, 2])
def test_rate_that_is_too_small_is_named(verbose, capsys):
    model = trained(SGD(1e-6), verbose=verbose)
    codes = [f.code for f in model.history.findings]
    assert codes == ["no-progress", "small-updates"]
    printed = capsys.readouterr().out
    assert [code in printed for code in codes] == [verbose > 0] * 2


def test_dead_units_are_the_cause():
    bias = {"bias_initializer": lambda shape, dtype=None: np.full(shape, -99.0)}
    hidden = layers.Dense(4, "relu", name="hidden", **bias)
    model = trained(SGD(1e-6), hidden=[hidden])
    assert [f.code for f in model.history.findings] == ["no-progress", "dead-units"]


def test_large_penalty_is_found():
    with pytest.warns(AdviceWarning, match="large-penalty"):
        model = trained(Adam(0.01), kernel_regularizer=regularizers.L2(10.0))
    assert "large-penalty" in [f.code for f in model.history.findings]


@pytest.mark.parametrize(
    "silence", [("all", ["no-progress"]), ("errors", []), ("off", [])]
)
def test_findings_can_be_silenced(silence):
    config.set_checks(*silence)
    try:
        codes = [f.code for f in trained(SGD(1e-6)).history.findings]
    finally:
        config.set_checks("all")
    assert codes == (["small-updates"] if silence[0] == "all" else [])


class OwnStep(Sequential):
    def train_step(self, data):
        return super().train_step(data)


def test_own_steps_and_short_runs_say_nothing():
    assert trained(SGD(1e-6), epochs=4).history.findings == ()
    model = OwnStep([Input((3,)), layers.Dense(1)])
    model.compile(SGD(1e-6), "mse")
    assert model.fit(X, Y, epochs=6, verbose=0).findings == ()


def test_model_that_learned_before_may_stand_still():
    model = trained(Adam(0.01), epochs=1)
    model.optimizer.learning_rate = 1e-6
    assert model.fit(X, Y, epochs=6, verbose=0).findings == ()


def test_examination_changes_no_bit():
    examined = trained(SGD(1e-6, momentum=0.9))
    assert examined.history.findings
    config.set_checks("off")
    other = trained(SGD(1e-6, momentum=0.9))
    for one, two in zip(examined.variables, other.variables, strict=True):
        assert one.numpy().tobytes() == two.numpy().tobytes()
    for one, two in zip(
        examined.optimizer.variables, other.optimizer.variables, strict=True
    ):
        assert one.numpy().tobytes() == two.numpy().tobytes()


def test_ratio_is_that_of_the_gradient():
    model = trained(SGD(0.01), epochs=1, use_bias=False)
    kernel = model.layers[0].kernel.numpy()

    ratios = update_ratios(model, model._training.engine("train"), adapt(X, Y))
    gradient = 2 / len(X) * X.T @ (X @ kernel - Y)
    expected = 0.01 * np.linalg.norm(gradient) / np.linalg.norm(kernel)
    assert list(ratios.values()) == [pytest.approx(expected, rel=1e-3)]
    np.testing.assert_array_equal(model.layers[0].kernel.numpy(), kernel)


def test_dead_units_are_counted_by_layer():
    kernel = np.array([[1.0, -1.0, 1.0, 0.0]])
    model = Sequential(
        [
            Input((1,)),
            layers.Dense(4, "relu", use_bias=False, name="first"),
            layers.ReLU(negative_slope=0.1),
            layers.Dense(2, use_bias=False),
            layers.ReLU(name="gate"),
        ]
    )
    model.layers[0].set_weights([kernel])
    model.layers[2].set_weights([np.array([[1.0, -1.0]] * 4)])
    assert dead_units(model, np.ones((8, 1))) == {"first": 0.5, "gate": 0.5}
