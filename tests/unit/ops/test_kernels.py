"""Faster forms against reference forms, values and gradients."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lamina.ops import convolution, kernels
from lamina.ops.kernels.cpu import conv


@st.composite
def convolutions(draw):
    rank = draw(st.integers(1, 3))
    kernel = [draw(st.integers(1, 3)) for _ in range(rank)]
    dilation = tuple(draw(st.integers(1, 2)) for _ in range(rank))
    strides = tuple(draw(st.integers(1, 3)) for _ in range(rank))
    space = [
        (k - 1) * d + draw(st.integers(1, 4))
        for k, d in zip(kernel, dilation, strict=True)
    ]
    padding = [(draw(st.integers(0, 3)), draw(st.integers(0, 3))) for _ in range(rank)]
    batch, inputs, outputs = (draw(st.integers(1, 3)) for _ in range(3))
    x_shape, w_shape = (batch, *space, inputs), (*kernel, inputs, outputs)
    return x_shape, w_shape, strides, padding, dilation


@given(convolutions(), st.integers(0, 99))
@settings(max_examples=12)
def test_cpu_conv_equals_reference(case, seed):
    x_shape, w_shape, strides, padding, dilation = case
    random = np.random.RandomState(seed)
    x, w = (random.normal(size=s).astype("float32") for s in (x_shape, w_shape))
    assert conv.fits(x, w, strides, padding, dilation, 1)
    expected, pull = jax.vjp(
        lambda x, w: convolution.reference(x, w, strides, padding, dilation, 1), x, w
    )
    y, fast_pull = jax.vjp(
        lambda x, w: conv.conv(x, w, strides, padding, dilation, 1), x, w
    )
    np.testing.assert_array_equal(y, expected)
    dy = random.normal(size=y.shape).astype("float32")
    for got, wanted in zip(fast_pull(dy), pull(dy), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-4)


def test_cpu_conv_differentiates_twice():
    x = np.linspace(-1, 1, 40, dtype="float32").reshape(1, 5, 4, 2)
    w = np.linspace(-1, 1, 36, dtype="float32").reshape(3, 3, 2, 2)
    args = (1, 1), [(1, 1), (1, 1)], (1, 1), 1

    def penalty(function):
        def slope(w):
            return jax.grad(lambda x: (function(x, w, *args) ** 2).sum())(x)

        return jax.grad(lambda w: (slope(w) ** 2).sum())(w)

    wanted = penalty(convolution.reference)
    np.testing.assert_allclose(penalty(conv.conv), wanted, rtol=1e-3)


def test_cpu_conv_maps_over_batches():
    x, w = np.ones((3, 2, 6, 4), "float32"), np.ones((3, 3, 4, 5), "float32")
    args = (1,), [(1, 1)], (1,), 1
    loss = jax.grad(lambda x, w: conv.conv(x, w, *args).sum(), argnums=(0, 1))
    mapped = jax.vmap(loss)(x, w)
    for i in range(3):
        for got, wanted in zip(mapped, loss(x[i], w[i]), strict=True):
            np.testing.assert_allclose(got[i], wanted, rtol=1e-5)


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="about the CPU's forms")
def test_find():
    args = None, None, (1,), [(0, 0)], (1,)
    assert kernels.find("conv", *args, 1) is conv.conv
    assert kernels.find("conv", *args, 2) is None
    assert kernels.find("no such op") is None
