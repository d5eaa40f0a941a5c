"""Initializers sample from the distributions that they name."""

from __future__ import annotations

import numpy as np
import pytest

import lamina
from tests.tables.cases import named
from tests.tables.initializers import ORTHOGONAL, RANDOM

DEVIATIONS = 4.5  # tolerance, in standard errors of the mean


@pytest.mark.parametrize("case", named(RANDOM))
def test_samples_have_the_moments_and_bounds_of_the_distribution(case):
    values = np.asarray(case.make(lamina)(case.shape), "float64")
    assert values.shape == case.shape
    step = DEVIATIONS / np.sqrt(values.size)
    centered = (values - case.mean) / case.deviation
    assert abs(centered.mean()) < step
    assert abs(centered.std() - 1) < step
    assert abs((centered**4).mean() / case.kurtosis - 1) < 4 * step
    assert np.abs(values - case.mean).max() <= case.bound * (1 + 1e-6)


@pytest.mark.parametrize("case", named([*RANDOM, *ORTHOGONAL]))
def test_equal_seeds_give_equal_values(case):
    first = np.asarray(case.make(lamina)((4, 3)))
    np.testing.assert_array_equal(first, case.make(lamina)((4, 3)))


@pytest.mark.parametrize("case", named([*RANDOM, *ORTHOGONAL]))
def test_values_have_the_requested_dtype(case):
    initializer = case.make(lamina)
    assert initializer((4, 3)).dtype == "float32"
    assert initializer((4, 3), dtype="bfloat16").dtype == "bfloat16"


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (2, 3, 4), (5, 5)])
@pytest.mark.parametrize("case", named(ORTHOGONAL))
def test_orthogonal_matrices_are_orthogonal(case, shape):
    initializer = case.make(lamina)
    matrix = np.asarray(initializer(shape), "float64").reshape(-1, shape[-1])
    tall = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T
    product = tall.T @ tall / initializer.gain**2
    np.testing.assert_allclose(product, np.eye(len(product)), atol=1e-6)


def test_unseeded_initializers_differ():
    one, other = lamina.initializers.HeNormal(), lamina.initializers.HeNormal()
    assert not np.array_equal(one((4, 3)), other((4, 3)))
