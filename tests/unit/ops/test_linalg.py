"""Decompositions that are unique only up to signs, and refused shapes."""

from __future__ import annotations

import numpy as np
import pytest

from lamina import ops
from lamina.errors import ArgumentError, ShapeError
from tests.tables.arrays import floats


def test_qr_factors_multiply_to_x():
    x = floats(5, 3)
    q, r = ops.qr(x)
    np.testing.assert_allclose(q @ r, x, atol=1e-6)
    np.testing.assert_allclose(q.T @ q, np.eye(3), atol=1e-6)
    np.testing.assert_allclose(r, np.triu(r), atol=1e-6)


def test_unknown_mode_of_qr_is_an_error():
    with pytest.raises(ArgumentError, match="qr: `mode` must be one of 'reduced'"):
        ops.qr(np.eye(2), "raw")


def test_svd_factors_multiply_to_x():
    x = floats(4, 3)
    u, s, v = ops.svd(x, full_matrices=False)
    np.testing.assert_allclose(u * s @ v, x, atol=1e-6)


def test_eigenvectors_are_scaled_by_their_eigenvalues():
    x = floats(3, 3)
    values, vectors = ops.eig(x)
    np.testing.assert_allclose(x @ vectors, values * vectors, atol=1e-5)


def test_jvp_of_two_arguments_with_other_data():
    value, derivative, data = ops.jvp(
        lambda x, y: (x * y, x), (2.0, 3.0), (1.0, 0.5), has_aux=True
    )
    assert [float(v) for v in (value, derivative, data)] == [6, 4, 2]


SQUARE_ONLY = "cholesky cholesky_inverse det eig eigh inv"
ANY_MATRIX = "lu_factor matrix_rank pinv qr svd"


@pytest.mark.parametrize("name", SQUARE_ONLY.split())
def test_matrix_that_is_not_square_is_an_error(name):
    with pytest.raises(ShapeError, match=f"{name}: matrices must be square"):
        getattr(ops, name)(np.ones((2, 3)))


@pytest.mark.parametrize("name", f"{SQUARE_ONLY} {ANY_MATRIX}".split())
def test_vector_is_not_a_matrix(name):
    with pytest.raises(ShapeError, match=f"{name}: matrices must have a rank"):
        getattr(ops, name)(np.ones(3))
