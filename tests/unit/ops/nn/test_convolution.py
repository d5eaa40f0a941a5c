"""Convolutions against loops over windows in NumPy."""

from __future__ import annotations

import itertools

import jax
import numpy as np
import pytest

from lamina import ops
from lamina.errors import ArgumentError, ShapeError
from tests.tables.arrays import floats

SPACES = {1: (9,), 2: (7, 6), 3: (5, 4, 6)}
STEPS = [(1, 1), (2, 1), (1, 2)]  # strides, dilation


def convolve(x, kernel, pads, stride, dilation):
    """Correlate (batch, *space, in) with (*window, in, out)."""
    rank = kernel.ndim - 2
    x = np.pad(x.astype("float64"), [(0, 0), *pads, (0, 0)])
    window = kernel.shape[:-2]
    lengths = [
        (n - (k - 1) * dilation - 1) // stride + 1
        for n, k in zip(x.shape[1:-1], window, strict=True)
    ]
    y = np.zeros((len(x), *lengths, kernel.shape[-1]))
    for position in itertools.product(*map(range, lengths)):
        for offset in itertools.product(*map(range, window)):
            at = tuple(
                p * stride + o * dilation for p, o in zip(position, offset, strict=True)
            )
            y[(slice(None), *position)] += x[(slice(None), *at)] @ kernel[offset]
    assert rank == len(lengths)
    return y


def same(lengths, window, stride, dilation):
    pads = []
    for n, k in zip(lengths, window, strict=True):
        total = max((-(-n // stride) - 1) * stride + (k - 1) * dilation + 1 - n, 0)
        pads.append((total // 2, total - total // 2))
    return pads


@pytest.mark.parametrize("rank", SPACES)
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("stride, dilation", STEPS)
def test_conv_equals_a_loop_over_windows(rank, padding, stride, dilation):
    x, kernel = floats(2, *SPACES[rank], 3), floats(*(3, 2, 2)[:rank], 3, 5, seed=1)
    pads = [(0, 0)] * rank
    if padding == "same":
        pads = same(SPACES[rank], kernel.shape[:rank], stride, dilation)
    expected = convolve(x, kernel, pads, stride, dilation)
    options = {"strides": stride, "padding": padding, "dilation_rate": dilation}

    @jax.jit
    def both(last, first):
        return (
            ops.conv(last, kernel, **options),
            ops.conv(first, kernel, data_format="channels_first", **options),
        )

    last, first = both(x, np.moveaxis(x, -1, 1))
    np.testing.assert_allclose(last, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        np.moveaxis(first, 1, -1), expected, rtol=1e-4, atol=1e-5
    )


def test_causal_conv_does_not_depend_on_later_steps():
    x, kernel = floats(2, 8, 3), floats(3, 3, 4, seed=1)
    later = x.copy()
    later[:, 5:] += 1
    before = ops.conv(x, kernel, padding="causal", dilation_rate=2)
    after = ops.conv(later, kernel, padding="causal", dilation_rate=2)
    assert before.shape == (2, 8, 4)
    np.testing.assert_array_equal(before[:, :5], after[:, :5])
    assert np.all(before[:, 5:] != after[:, 5:])


def test_grouped_conv_equals_a_conv_for_each_group():
    x, kernel = floats(2, 6, 5, 4), floats(3, 2, 2, 6, seed=1)
    parts = [
        ops.conv(x[..., i : i + 2], kernel[..., j : j + 3], padding="same")
        for i, j in [(0, 0), (2, 3)]
    ]
    y = ops.conv(x, kernel, padding="same")
    np.testing.assert_allclose(y, np.concatenate(parts, -1), rtol=1e-5, atol=1e-6)


def test_depthwise_conv_equals_a_conv_for_each_channel():
    x, kernel = floats(2, 6, 5, 3), floats(3, 2, 3, 2, seed=1)
    parts = [
        ops.conv(x[..., i : i + 1], kernel[:, :, i : i + 1], strides=2)
        for i in range(3)
    ]
    y = ops.depthwise_conv(x, kernel, strides=2)
    np.testing.assert_allclose(y, np.concatenate(parts, -1), rtol=1e-5, atol=1e-6)


def test_separable_conv_is_depthwise_then_pointwise():
    x, depthwise = floats(2, 6, 5, 3), floats(3, 3, 3, 2, seed=1)
    pointwise = floats(1, 1, 6, 4, seed=2)
    y = ops.separable_conv(x, depthwise, pointwise, padding="same")
    middle = ops.depthwise_conv(x, depthwise, padding="same")
    np.testing.assert_allclose(y, middle @ pointwise[0, 0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("stride, dilation", [(1, 1), (2, 1), (3, 1), (1, 2)])
def test_conv_transpose_is_the_transpose(padding, stride, dilation):
    kernel, y = floats(3, 3, 2, 4, seed=1), floats(2, 4, 5, 4, seed=2)
    options = {"strides": stride, "padding": padding, "dilation_rate": dilation}
    x = ops.conv_transpose(y, kernel, **options)
    assert x.shape[1:3] == tuple(
        n * stride if padding == "same" else (n - 1) * stride + 2 * dilation + 1
        for n in (4, 5)
    )

    @jax.jit
    def transposed(x, y):
        return jax.vjp(lambda v: ops.conv(v, kernel, **options), x)[1](y)[0]

    np.testing.assert_allclose(x, transposed(x, y), rtol=1e-4, atol=1e-5)


def test_output_padding_adds_to_the_output_length():
    y, kernel = floats(1, 4, 2), floats(3, 3, 2, seed=1)
    for padding, extra, length in [("valid", 1, 10), ("same", 0, 7), ("same", 1, 8)]:
        x = ops.conv_transpose(y, kernel, 2, padding, output_padding=extra)
        assert x.shape == (1, length, 3)


def test_conv_casts_inputs_to_the_dtype_of_the_kernel():
    y = ops.conv(floats(1, 5, 2), ops.cast(floats(3, 2, 4), "bfloat16"))
    assert y.dtype == "bfloat16"


WINDOW = np.ones((3, 3, 3, 4))


@pytest.mark.parametrize(
    "error, call",
    [
        (ShapeError, lambda x: ops.conv(x, np.ones((3, 3, 2, 4)))),
        (ShapeError, lambda x: ops.conv(x, np.ones((9, 9, 3, 4)))),
        (ShapeError, lambda x: ops.conv(x, np.ones((3, 3, 4)))),
        (ShapeError, lambda x: ops.depthwise_conv(x, np.ones((3, 3, 2, 1)))),
        (ShapeError, lambda x: ops.conv_transpose(x, np.ones((3, 3, 4, 2)))),
        (ArgumentError, lambda x: ops.conv(x, WINDOW, padding="half")),
        (ArgumentError, lambda x: ops.conv(x, WINDOW, padding="causal")),
        (ArgumentError, lambda x: ops.conv(x, WINDOW, padding=1)),
        (ArgumentError, lambda x: ops.conv(x, WINDOW, strides=0)),
        (ArgumentError, lambda x: ops.conv(x, WINDOW, strides="2")),
        (ArgumentError, lambda x: ops.conv(x, WINDOW, strides=(1, 1.5))),
        (ArgumentError, lambda x: ops.conv(x, WINDOW, strides=(1, 2, 1))),
        (ArgumentError, lambda x: ops.conv(x, WINDOW, data_format="x")),
    ],
)
def test_invalid_arguments_name_the_op(error, call):
    with pytest.raises(error, match=r"^(conv|depthwise_conv|conv_transpose): "):
        call(floats(2, 6, 5, 3))


def test_sizes_may_be_integers_of_numpy():
    x, kernel = np.ones((1, 4, 4, 2)), np.ones((2, 2, 2, 3))
    for strides in (np.int64(2), np.array([2, 2])):
        assert ops.conv(x, kernel, strides=strides).shape == (1, 2, 2, 3)
