"""Learning rate, batch size and one batch: results, and models left as they were."""

from __future__ import annotations

import math

import jax
import numpy as np
import pytest

import lamina
from lamina import Input, Sequential, layers
from lamina.errors import ArgumentError, ArgumentTypeError, StateError
from lamina.initializers import GlorotUniform
from lamina.optimizers import SGD, Adam
from lamina.tuning import (
    BatchSizes,
    BatchSizeTrial,
    LearningRates,
    OneBatch,
    batch_size,
    find_batch_size,
    lr_find,
    overfit_one_batch,
)

X = np.random.default_rng(0).normal(size=(64, 3)).astype("float32")
Y = X @ np.array([[1.0], [-2.0], [0.5]], "float32")


def compiled(optimizer=None, **arguments):
    model = Sequential(
        [
            Input((3,)),
            layers.Dense(4, "relu", kernel_initializer=GlorotUniform(seed=0)),
            layers.Dropout(0.1, seed=2),
            layers.Dense(1, kernel_initializer=GlorotUniform(seed=1)),
        ]
    )
    model.compile(optimizer or Adam(0.01), "mse", metrics=["mae"], **arguments)
    return model


FUNCTIONS = {
    "lr_find": lambda model: lr_find(model, X, Y, num_it=10),
    "find_batch_size": lambda model: find_batch_size(model, X, Y, init_val=32),
    "overfit_one_batch": lambda model: overfit_one_batch(model, X, Y, max_steps=3),
}


def bits(model):
    values = [*model.weights, *model.optimizer.variables, *model.metrics_variables]
    return [v.numpy().tobytes() for v in values]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_model_is_restored_bit_for_bit(name):
    model, other = compiled(), compiled()
    for each in (model, other):
        each.fit(X, Y, epochs=1, batch_size=32, seed=1, verbose=0)
    before = bits(model)
    FUNCTIONS[name](model)
    assert bits(model) == before
    for each in (model, other):
        each.fit(X, Y, epochs=2, batch_size=32, seed=2, verbose=0)
    assert bits(model) == bits(other)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_model_must_be_compiled(name):
    with pytest.raises(StateError, match=f"before `{name}"):
        FUNCTIONS[name](Sequential([Input((3,)), layers.Dense(1)]))


def test_suggested_rate_trains():
    found = lr_find(compiled(SGD(1e-3)), X, Y)
    assert found.stopped and found.learning_rates[0] == pytest.approx(1e-7)
    assert len(found.losses) == len(found.learning_rates) < 100
    model = compiled(SGD(found.suggestion))
    losses = model.fit(X, Y, epochs=8, verbose=0, seed=0).history["loss"]
    assert losses[-1] < 0.5 * losses[0]


def test_test_does_not_stop_if_told_so():
    found = lr_find(compiled(SGD(1e-3)), X, Y, num_it=20, end_lr=2.0, stop_div=False)
    assert not found.stopped and len(found.losses) == 20
    assert f"{found!r}".endswith("20 steps from 1e-07 to 2>")


def test_stream_of_few_batches_ends_the_test():
    found = lr_find(compiled(), iter([(X, Y)] * 4), num_it=10)
    assert len(found.losses) == 4


def test_loss_that_does_not_fall_has_no_suggestion():
    found = LearningRates(np.array([0.1, 1.0]), np.array([1.0, 2.0]), None, True)
    assert "no suggestion" in repr(found) and "diverged" in repr(found)


@pytest.mark.parametrize("suggestion", [None, 4.0])
def test_figure_has_the_curve(suggestion, tmp_path):
    rates = np.array([1.0, 2.0, 4.0, 8.0])
    found = LearningRates(rates, np.arange(4.0), suggestion, False)
    [axes] = found.plot(tmp_path / "lr.png").axes
    np.testing.assert_array_equal(axes.lines[0].get_xdata(), rates)
    assert len(axes.lines) == (1 if suggestion is None else 2)
    assert (tmp_path / "lr.png").stat().st_size > 0


def test_first_step_that_is_not_finite_ends_the_test():
    model = Sequential([Input((3,)), layers.Lambda(lambda x: x / 0.0)])
    model.compile("sgd", "mse")
    found = lr_find(model, X, X, num_it=10)
    assert found.stopped and "the first step was not finite" in repr(found)


def test_batches_of_a_stream_have_no_other_sizes():
    with pytest.raises(ArgumentTypeError, match="`x` must be arrays, not a list_iter"):
        find_batch_size(compiled(), iter([(X, Y)]))


def test_lists_have_batch_sizes():
    found = find_batch_size(compiled(), X.tolist(), Y.tolist(), init_val=64)
    assert [t.batch_size for t in found.trials] == [64]


@pytest.mark.parametrize(
    ("search", "argument", "expected"),
    [
        (find_batch_size, {"init_val": 65}, "at most 64, the number of rows"),
        (find_batch_size, {"init_val": True}, "a positive integer"),
        (lr_find, {"start_lr": "a"}, "a number greater than 0"),
    ],
)
def test_wrong_arguments_are_refused(search, argument, expected):
    with pytest.raises(ArgumentError, match=expected):
        search(compiled(), X, Y, **argument)


@pytest.mark.parametrize("end_lr", [1e-8, 1e-7])
def test_last_rate_must_be_larger(end_lr):
    with pytest.raises(ArgumentError, match="larger than start_lr=1e-07"):
        lr_find(compiled(), X, Y, end_lr=end_lr)


def test_schedule_is_refused():
    schedule = lamina.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
    with pytest.raises(StateError, match="is not a number"):
        lr_find(compiled(SGD(schedule)), X, Y)


def test_step_without_loss_is_refused():
    class Silent(Sequential):
        def train_step(self, data):
            super().train_step(data)
            return {"other": 0.0}

    model = Silent([Input((3,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(StateError, match="returns no 'loss'"):
        overfit_one_batch(model, X, Y)


def test_learnable_batch_is_learned():
    model = Sequential([Input((3,)), layers.Dense(1)])
    model.compile(Adam(0.1), "mse")
    found = overfit_one_batch(model, X, Y)
    assert found.learned and found.steps < 500 and "learned, loss" in repr(found)


def test_blind_model_does_not_learn():
    model = Sequential([Input((3,)), layers.Rescaling(0.0), layers.Dense(1)])
    model.compile(Adam(0.1), "mse")
    found = overfit_one_batch(model, X, Y, max_steps=60)
    assert not found.learned and found.steps == 60
    assert "check that the labels" in repr(found)


def test_diverged_batch_names_the_rate():
    found = overfit_one_batch(compiled(SGD(1e20)), X, Y)
    assert math.isnan(found.last_loss) and not found.learned
    assert "smaller learning rate" in repr(found)


def test_smaller_numbers_of_steps_are_exact():
    assert OneBatch(1.0, 0.5, 3, 0.1).learned is False
    assert overfit_one_batch(compiled(), X, Y, max_steps=3).steps == 3


# Rows a second by size, and the sizes that are tried and suggested.
SPEEDS = {
    "gain ends": ([100, 200, 400, 410, 420], [2, 4, 8, 16, 32], 8),
    "rows end": ([100, 200, 400, 800, 1600, 3200], [2, 4, 8, 16, 32, 64], 64),
    "one slow size": ([100, 90, 200, 400, 390, 380], [2, 4, 8, 16, 32, 64], 16),
    "memory ends": ([100, 200, None], [2, 4, 8], 4),
    "nothing fits": ([None], [2], None),
}


@pytest.mark.parametrize("case", SPEEDS)
def test_search_ends_where_it_gains_nothing(case, monkeypatch):
    speeds, tried, suggestion = SPEEDS[case]
    rest = iter(zip(tried, speeds, strict=True))

    def seconds(steps, count):
        size, speed = next(rest)
        if speed is None:
            raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: out of memory")
        return size / speed

    monkeypatch.setattr(batch_size, "_seconds", seconds)
    found = find_batch_size(compiled(), X, Y)
    assert [t.batch_size for t in found.trials] == tried
    assert found.suggestion == suggestion
    assert ("out of memory" in repr(found)) == (None in speeds)


def test_table_of_sizes():
    found = BatchSizes([BatchSizeTrial(1024, 2.0, 512000.0)], 1024)
    assert repr(found).splitlines() == [
        "batch size  ms / step  rows / s",
        "     1,024       2.00   512,000",
        "suggestion: 1024",
    ]
    assert ">512,000</td>" in found._repr_html_()
