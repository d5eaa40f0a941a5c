"""Every activation, with defaults and with its options."""

from __future__ import annotations

from functools import partial

import numpy as np

from tests.tables.arrays import floats
from tests.tables.cases import ActivationCase

EXTREMES = np.array([[-100.0, -30.0, 0.0, 1e-4, 30.0, 100.0]], "float32")
INPUTS = np.concatenate([floats(5, 6, low=-4, high=4), EXTREMES])


def plain(name: str):
    return ActivationCase(name, lambda k: getattr(k.activations, name))


def bound(name: str, suffix: str, **options):
    return ActivationCase(
        f"{name}_{suffix}", lambda k: partial(getattr(k.activations, name), **options)
    )


PLAIN = [
    "celu",
    "elu",
    "exponential",
    "gelu",
    "glu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "squareplus",
    "swish",
    "tanh",
    "tanh_shrink",
]

ACTIVATIONS = [
    *map(plain, PLAIN),
    bound("celu", "alpha", alpha=0.5),
    bound("elu", "alpha", alpha=0.5),
    bound("gelu", "approximate", approximate=True),
    bound("glu", "axis", axis=0),
    bound("hard_shrink", "threshold", threshold=1.0),
    bound("leaky_relu", "slope", negative_slope=0.1),
    bound("log_softmax", "axis", axis=0),
    bound("relu", "slope", negative_slope=0.1),
    bound("relu", "bounded", max_value=1.5),
    bound("relu", "threshold", threshold=0.5),
    bound("relu", "everything", negative_slope=0.1, max_value=1.5, threshold=0.5),
    bound("soft_shrink", "threshold", threshold=1.0),
    bound("softmax", "axis", axis=0),
    bound("softmax", "axes", axis=(0, 1)),
    bound("squareplus", "b", b=1.0),
    bound("threshold", "default", threshold=0.5, default_value=-2.0),
]


def project_onto_simplex(x: np.ndarray) -> np.ndarray:
    """Project each row onto the simplex, by bisection for the threshold.

    Reference: Martins & Astudillo 2016, https://arxiv.org/abs/1602.02068
    """
    low, high = x.min(-1, keepdims=True) - 1.0, x.max(-1, keepdims=True)
    for _ in range(60):
        middle = (low + high) / 2
        exceeds = np.maximum(x - middle, 0.0).sum(-1, keepdims=True) > 1.0
        low, high = np.where(exceeds, middle, low), np.where(exceeds, high, middle)
    return np.maximum(x - low, 0.0)


# Keras 3.15.1 sums the sorted logits twice, so that rows do not sum to one.
SPARSEMAX = [plain("sparsemax"), bound("sparsemax", "axis", axis=0)]
