"""Cases of ops on booleans and complex numbers, with formulas in NumPy and SciPy."""

from __future__ import annotations

import numpy as np
from scipy import special

from tests.tables.arrays import bools, floats
from tests.tables.ops_signal import OpCase

X = floats(3, 4, low=-2.0, high=2.0)
Y = floats(3, 4, low=-2.0, high=2.0, seed=1)
FLAGS = bools(3, 4)
Z, W = X + 1j * Y, Y - 2j * X

COMPLEX = [
    OpCase("abs", (Z,), np.abs),
    OpCase("exp", (Z,), np.exp),
    OpCase("log", (Z,), np.log),
    OpCase("negative", (Z,), np.negative),
    OpCase("reciprocal", (Z,), np.reciprocal),
    OpCase("sqrt", (Z,), np.sqrt),
    OpCase("square", (Z,), np.square),
    OpCase("tanh", (Z,), np.tanh),
    OpCase("isfinite", (np.array([1 + 2j, complex(np.nan, 1)]),), np.isfinite),
    OpCase("add", (Z, X), np.add),
    OpCase("multiply", (Z, W), np.multiply),
    OpCase("divide", (Z, W), np.divide),
    OpCase("power", (Z, 2), np.power),
    OpCase("equal", (Z, np.conj(Z)), np.equal),
    OpCase("sum", (Z, 1), np.sum),
    OpCase("mean", (Z, 0), np.mean),
    OpCase("var", (Z, 0), np.var),
    OpCase("prod", (Z, 1), np.prod),
    OpCase("cumsum", (Z, 1), np.cumsum),
    OpCase("matmul", (Z, W.T), np.matmul),
    OpCase("vdot", (Z, W), np.vdot),
    OpCase("norm", (Z,), np.linalg.norm),
    OpCase("transpose", (Z,), np.transpose),
    OpCase("concatenate", ([Z, W], 1), np.concatenate),
    OpCase("where", (FLAGS, Z, W), np.where),
]

BOOLEAN = [
    OpCase("bitwise_not", (FLAGS,), np.invert),
    OpCase("isnan", (FLAGS,), np.isnan),
    OpCase("add", (FLAGS, 2), np.add),
    OpCase("multiply", (FLAGS, X), np.multiply),
    OpCase("maximum", (FLAGS, FLAGS[::-1]), np.maximum),
    OpCase("equal", (FLAGS, FLAGS[::-1]), np.equal),
    OpCase("bitwise_and", (FLAGS, FLAGS[::-1]), np.bitwise_and),
    OpCase("sum", (FLAGS, 1), np.sum),
    OpCase("mean", (FLAGS, 0), np.mean),
    OpCase("max", (FLAGS, 1), np.max),
    OpCase("prod", (FLAGS, 1), np.prod),
    OpCase("any", (FLAGS, 0), np.any),
    OpCase("all", (FLAGS, 0), np.all),
    OpCase("cumsum", (FLAGS, 1), np.cumsum),
    OpCase("argmax", (FLAGS, 1), np.argmax),
    OpCase("sort", (FLAGS,), np.sort),
    OpCase("clip", (FLAGS, 0, 1), lambda x, low, high: np.clip(x.astype(int), 0, 1)),
    OpCase("where", (FLAGS, FLAGS[::-1], True), np.where),
    OpCase("concatenate", ([FLAGS, FLAGS], 1), np.concatenate),
    OpCase("softmax", (FLAGS,), lambda x: special.softmax(x.astype(float), -1)),
]
