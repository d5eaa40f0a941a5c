"""Pooling against loops over windows in NumPy."""

from __future__ import annotations

import itertools

import jax
import numpy as np
import pytest

from lamina import ops
from lamina.errors import ArgumentError, ShapeError
from tests.tables.arrays import floats
from tests.unit.ops.nn.test_convolution import SPACES, same


def pooled(x, size, stride, padding, function):
    rank = x.ndim - 2
    pads = [(0, 0)] * rank
    if padding == "same":
        pads = same(x.shape[1:-1], (size,) * rank, stride, 1)
    x = np.pad(x, [(0, 0), *pads, (0, 0)], constant_values=np.nan)
    lengths = [(n - size) // stride + 1 for n in x.shape[1:-1]]
    y = np.zeros((len(x), *lengths, x.shape[-1]))
    for position in itertools.product(*map(range, lengths)):
        window = tuple(slice(p * stride, p * stride + size) for p in position)
        block = x[(slice(None), *window)].reshape(len(x), -1, x.shape[-1])
        y[(slice(None), *position)] = function(block, axis=1)
    return y


@pytest.mark.parametrize("rank", SPACES)
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("size, stride", [(2, 2), (3, 2), (2, 1)])
@pytest.mark.parametrize(
    "name, function", [("max_pool", np.nanmax), ("average_pool", np.nanmean)]
)
def test_pooling_equals_a_loop_over_windows(
    rank, padding, size, stride, name, function
):
    x = floats(2, *SPACES[rank], 3)
    expected = pooled(x, size, stride, padding, function)
    pool = getattr(ops, name)

    @jax.jit
    def both(last, first):
        options = (size, stride, padding)
        return pool(last, *options), pool(first, *options, "channels_first")

    last, first = both(x, np.moveaxis(x, -1, 1))
    np.testing.assert_allclose(last, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(
        np.moveaxis(first, 1, -1), expected, rtol=1e-5, atol=1e-6
    )


def test_pool_strides_default_to_the_window():
    x = floats(2, 9, 8, 3)
    np.testing.assert_array_equal(
        ops.max_pool(x, (3, 2)), ops.max_pool(x, (3, 2), (3, 2))
    )


def test_pooling_gradients_go_to_maxima_or_all_elements():
    x = floats(1, 4, 4, 1)
    gradient = jax.jit(jax.grad(lambda x: ops.max_pool(x, 2).sum()))(x)
    highest = ops.max_pool(x, 2).repeat(2, 1).repeat(2, 2)
    np.testing.assert_array_equal(gradient, x == highest)
    gradient = jax.jit(jax.grad(lambda x: ops.average_pool(x, 2).sum()))(x)
    np.testing.assert_array_equal(gradient, np.full_like(x, 0.25))


@pytest.mark.parametrize("size, stride", [(2, 2), (3, 3), (3, 2), (1, 2)])
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_average_pool_is_linear_in_both_modes_of_derivatives(size, stride, padding):
    x, dx = floats(2, 7, 8, 3), floats(2, 7, 8, 3, seed=1)

    def pool(x):
        return ops.average_pool(x, size, stride, padding)

    dy = floats(*jax.eval_shape(pool, x).shape, seed=2)

    @jax.jit
    def derivatives(x, dx, dy):
        (transposed,) = jax.vjp(pool, x)[1](dy)
        return jax.jvp(pool, (x,), (dx,))[1], transposed, pool(dx)

    forward, transposed, pooled_dx = derivatives(x, dx, dy)
    np.testing.assert_allclose(forward, pooled_dx, atol=1e-6)
    products = np.vdot(transposed, dx), np.vdot(dy, pooled_dx)
    np.testing.assert_allclose(*products, rtol=1e-4, atol=1e-5)


def test_max_pool_accepts_integers():
    x = np.arange(-6, 6).reshape(1, 12, 1)
    assert ops.max_pool(x, 4).ravel().tolist() == [-3, 1, 5]


@pytest.mark.parametrize(
    "error, call",
    [
        (ShapeError, lambda x: ops.max_pool(x, 7)),
        (ArgumentError, lambda x: ops.max_pool(x, 0)),
        (ArgumentError, lambda x: ops.average_pool(x, (2, 2, 2))),
        (ArgumentError, lambda x: ops.average_pool(x, 2, padding="causal")),
    ],
)
def test_invalid_arguments_name_the_op(error, call):
    with pytest.raises(error, match=r"^(max|average)_pool: "):
        call(floats(2, 6, 5, 3))
