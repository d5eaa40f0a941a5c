"""Cases of products and decompositions of matrices against NumPy and SciPy."""

from __future__ import annotations

import numpy as np
from scipy import linalg, spatial

from tests.tables.arrays import floats
from tests.tables.ops_signal import OpCase

X = floats(3, 4, low=-2.0, high=2.0)
Y = floats(3, 4, low=-2.0, high=2.0, seed=1)
BOX = floats(2, 3, 4, low=-2.0, high=2.0, seed=3)
SQUARE = floats(3, 3, low=-2.0, high=2.0, seed=4) + 3 * np.eye(3, dtype="float32")
SINGULAR = np.stack([SQUARE, np.ones((3, 3), "float32")])
FACTORS = np.tril(np.stack([SQUARE, SQUARE.T]))


def inverse_of_product(factor, upper=False):
    product = (
        np.swapaxes(factor, -1, -2) @ factor
        if upper
        else (factor @ np.swapaxes(factor, -1, -2))
    )
    return np.linalg.inv(product)


MATRICES = [
    OpCase("cholesky", (SQUARE @ SQUARE.T,), np.linalg.cholesky),
    OpCase("cdist", (X, Y[:2]), spatial.distance.cdist),
    OpCase("cholesky_inverse", (FACTORS,), inverse_of_product),
    OpCase("cholesky_inverse", (FACTORS[0].T, True), inverse_of_product),
    OpCase("corrcoef", (X,), np.corrcoef),
    *[
        OpCase("correlate", (X[0], Y[0, :3], mode), np.correlate)
        for mode in ("valid", "same", "full")
    ],
    OpCase("cross", (X[:, :3], Y[:, :3]), np.cross),
    OpCase("det", (SQUARE,), np.linalg.det),
    OpCase("dot", (BOX, X.T), np.dot),
    OpCase("eigh", (SQUARE @ SQUARE.T,), lambda x: np.linalg.eigh(x)),
    OpCase("einsum", ("ij,kj->ik", X, Y), np.einsum),
    OpCase("inner", (X, Y), np.inner),
    OpCase("inv", (SQUARE,), np.linalg.inv),
    OpCase("kron", (X[:2], Y), np.kron),
    OpCase("logdet", (SQUARE,), lambda x: np.linalg.slogdet(x)[1]),
    OpCase("lstsq", (X.T, Y[0]), lambda a, b: np.linalg.lstsq(a, b)[0]),
    OpCase("lstsq", (X, Y[:, :2], 0.5), lambda a, b, r: np.linalg.lstsq(a, b, r)[0]),
    OpCase("lu_factor", (SQUARE,), linalg.lu_factor),
    OpCase("lu_factor", (FACTORS,), linalg.lu_factor),
    OpCase("matmul", (BOX, X.T), np.matmul),
    OpCase("matrix_rank", (SINGULAR,), np.linalg.matrix_rank),
    OpCase("matrix_rank", (SQUARE, 3.0), lambda x, tol: np.linalg.matrix_rank(x, tol)),
    OpCase("norm", (X, 1, 1), np.linalg.norm),
    OpCase("norm", (X,), np.linalg.norm),
    OpCase("outer", (X, Y), np.outer),
    OpCase("pinv", (BOX,), np.linalg.pinv),
    OpCase("pinv", (X, 0.5), np.linalg.pinv),
    OpCase(
        "rearrange",
        (BOX, "a b (c d) -> (b d) (a c)"),
        lambda x, _: x.reshape(2, 3, 2, 2).transpose(1, 3, 0, 2).reshape(6, 4),
        {"d": 2},
    ),
    OpCase("slogdet", (SQUARE,), lambda x: tuple(np.linalg.slogdet(x))),
    OpCase("solve", (SQUARE, X), np.linalg.solve),
    OpCase("solve_triangular", (np.triu(SQUARE), X), np.linalg.solve),
    OpCase("svd", (X, False, False), lambda x, *_: np.linalg.svd(x)[1]),
    OpCase("tensordot", (BOX, BOX, [[1, 2], [1, 2]]), np.tensordot),
    OpCase("trace", (SQUARE,), np.trace),
    OpCase("vdot", (X, Y), np.vdot),
]
