"""Sampling functions: distributions, element types, arguments that are refused."""

from __future__ import annotations

from functools import partial

import jax
import numpy as np
import pytest

from lamina import random, utils
from lamina.errors import ArgumentError, ShapeError

COUNT = 20_000
# The sampler, its parameters, and mean and variance of the distribution.
SAMPLERS = [
    ("normal", (2.0, 3.0), 2.0, 9.0),
    ("truncated_normal", (2.0, 3.0), 2.0, 9.0 * 0.7737),
    ("uniform", (1.0, 3.0), 2.0, 1 / 3),
    ("gamma", (2.5,), 2.5, 2.5),
    ("beta", (2.0, 3.0), 0.4, 0.04),
    ("binomial", (10, 0.3), 3.0, 2.1),
    ("randint", (0, 5), 2.0, 2.0),
]
FLOATS = [s for s in SAMPLERS if s[0] != "randint"]


@pytest.mark.parametrize(("name", "parameters", "mean", "variance"), SAMPLERS)
def test_samples_have_the_moments_of_their_distribution(
    name, parameters, mean, variance
):
    sample = np.asarray(getattr(random, name)((COUNT,), *parameters, seed=1))
    np.testing.assert_allclose(sample.mean(), mean, atol=5 * (variance / COUNT) ** 0.5)
    np.testing.assert_allclose(sample.var(), variance, rtol=0.1)
    again = getattr(random, name)((COUNT,), *parameters, seed=1)
    np.testing.assert_array_equal(again, sample)


@pytest.mark.parametrize("sampler", FLOATS, ids=lambda s: s[0])
def test_samples_have_the_requested_dtype(sampler):
    sample = getattr(random, sampler[0])
    for dtype in ("bfloat16", "float16", "float32"):
        draw = partial(sample, (2, 3), *sampler[1], dtype=dtype, seed=1)
        assert jax.eval_shape(draw).dtype == dtype
    with pytest.raises(ArgumentError, match="floating-point"):
        sample((2, 3), *sampler[1], dtype="int32")


@pytest.mark.parametrize("name", ["gamma", "beta", "binomial"])
def test_parameters_may_be_arrays(name):
    parameters = {"gamma": (2.0,), "beta": (2.0, 3.0), "binomial": (10, 0.3)}[name]
    rows = [np.array([p, 2 * p]) for p in parameters]
    sample = np.asarray(getattr(random, name)((COUNT, 2), *rows, seed=1))
    first = np.asarray(getattr(random, name)((COUNT,), *parameters, seed=2))
    assert sample.shape == (COUNT, 2)
    np.testing.assert_allclose(sample[:, 0].mean(), first.mean(), rtol=0.05)


def test_randint_and_categorical_refuse_other_types_and_ranks():
    with pytest.raises(ArgumentError, match=r"random\.uniform"):
        random.randint((2,), 0, 3, dtype="float32")
    for shape in ((5,), (2, 3, 5)):
        with pytest.raises(ShapeError, match="reshape"):
            random.categorical(np.ones(shape), 5)


def test_seed_must_be_an_integer():
    for seed in (1.5, "a"):
        with pytest.raises(ArgumentError, match="`seed` must be an integer"):
            random.SeedGenerator(seed)
        with pytest.raises(ArgumentError, match="`seed` must be an integer"):
            random.normal((2,), seed=seed)
    assert random.SeedGenerator(3, "n").get_config() == {"seed": 3, "name": "n"}


@pytest.mark.parametrize("seed", ["abc", -1, 2**32, 1.5, None])
def test_seed_of_the_process_is_checked(seed):
    with pytest.raises(ArgumentError, match="from 0 to 2"):
        utils.set_random_seed(seed)
