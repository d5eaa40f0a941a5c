"""Decompositions that are unique only up to signs."""

from __future__ import annotations

import numpy as np

from lamina import ops
from tests.tables.arrays import floats


def test_qr_factors_multiply_to_x():
    x = floats(5, 3)
    q, r = ops.qr(x)
    np.testing.assert_allclose(q @ r, x, atol=1e-6)
    np.testing.assert_allclose(q.T @ q, np.eye(3), atol=1e-6)
    np.testing.assert_allclose(r, np.triu(r), atol=1e-6)


def test_svd_factors_multiply_to_x():
    x = floats(4, 3)
    u, s, v = ops.svd(x, full_matrices=False)
    np.testing.assert_allclose(u * s @ v, x, atol=1e-6)
