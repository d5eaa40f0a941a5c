"""Which forms convolutions and pooling take on a CPU, and what one may do with them."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from lamina import ops
from lamina.ops.kernels import table
from lamina.ops.kernels.cpu.bias import gradient_by_product
from lamina.ops.kernels.cpu.conv import forward_convolutions
from lamina.ops.windows import Sliding
from tests.tables.arrays import floats

IMAGE = np.ones((2, 8, 8, 16), "float32")
VOLUME = np.ones((2, 5, 5, 5, 8), "float32")
ON_CPU = pytest.mark.skipif(
    jax.default_backend() != "cpu", reason="about the CPU's forms"
)


@ON_CPU
@pytest.mark.parametrize(
    "forms, call",
    [
        (["forward_convolutions"], lambda: ops.conv(IMAGE, np.ones((3, 3, 16, 4)))),
        (["patches"], lambda: ops.conv(IMAGE, np.ones((3, 3, 16, 4)), strides=2)),
        (["patches"], lambda: ops.conv(IMAGE[..., :3], np.ones((3, 3, 3, 4)))),
        (
            ["shifted_results"],
            lambda: ops.conv(IMAGE, np.ones((3, 3, 16, 1)), padding="same"),
        ),
        (["one_product"], lambda: ops.conv(IMAGE, np.ones((1, 1, 16, 4)), strides=2)),
        (
            ["per_group", *["forward_convolutions"] * 2],
            lambda: ops.conv(IMAGE, np.ones((3, 3, 8, 4))),
        ),
        (
            ["depth_in_channels", "forward_convolutions"],
            lambda: ops.conv(VOLUME, np.ones((3, 3, 3, 8, 4))),
        ),
        (["shifted_products"], lambda: ops.conv(IMAGE, np.ones((3, 3, 1, 16)))),
        (
            ["shifted_products"],
            lambda: ops.depthwise_conv(IMAGE, np.ones((3, 3, 16, 2))),
        ),
        (
            ["stride_phases"],
            lambda: ops.conv_transpose(IMAGE, np.ones((3, 3, 4, 16)), 2),
        ),
        (["maxima"], lambda: ops.max_pool(IMAGE, 3, 2)),
        (["maxima_by_axis"], lambda: ops.max_pool(IMAGE, 5, 1)),
        (["reference"], lambda: ops.max_pool(np.ones((1, 40, 2)), 20)),
        (["sums_by_axis"], lambda: ops.average_pool(IMAGE, 2)),
        (["reference"], lambda: ops.average_pool(np.ones((1, 9, 2), int), 2)),
    ],
)
def test_shapes_get_their_form(forms, call):
    with table.recording() as found:
        jax.eval_shape(call)
    assert [choice.form for choice in found] == forms


def test_convolutions_differentiate_twice():
    x = np.linspace(-1, 1, 40, dtype="float32").reshape(1, 5, 4, 2)
    w = np.linspace(-1, 1, 36, dtype="float32").reshape(3, 3, 2, 2)
    sliding = Sliding((1, 1), ((1, 1), (1, 1)), (1, 1))

    def penalty(function):
        def slope(w):
            return jax.grad(lambda x: (function(x, w, sliding) ** 2).sum())(x)

        return jax.grad(lambda w: (slope(w) ** 2).sum())(w)

    wanted = penalty(table.forms("conv")[-1].run)
    np.testing.assert_allclose(penalty(forward_convolutions), wanted, rtol=1e-3)


def test_a_hessian_is_that_of_the_reference():
    kernel, sliding = floats(2, 2, 1, 2), Sliding((1, 1), ((0, 0), (0, 1)), (1, 1))

    def hessian(run):
        return jax.hessian(lambda x: (run(x, kernel, sliding) ** 3).sum())

    x = floats(1, 3, 2, 1)
    wanted = hessian(table.forms("conv")[-1].run)(x)
    np.testing.assert_allclose(
        hessian(forward_convolutions)(x), wanted, rtol=1e-4, atol=1e-5
    )


def test_forward_mode_passes_a_bias():
    x, bias = floats(4, 32, 32, 3), floats(3)
    _, slope = jax.jvp(gradient_by_product, (x, bias), (x, bias))
    np.testing.assert_allclose(slope, x + bias, rtol=1e-6)


@pytest.mark.parametrize(
    "call",
    [
        lambda x: ops.conv(x, floats(3, 3, 2, 4), padding="same"),
        lambda x: ops.depthwise_conv(x, floats(3, 3, 2, 2), strides=2),
        lambda x: ops.conv_transpose(x, floats(3, 3, 4, 2), strides=2),
        lambda x: ops.max_pool(x, 3, 2, padding="same"),
        lambda x: ops.average_pool(x, 2),
    ],
)
def test_forms_map_over_batches(call):
    slope = jax.grad(lambda x: (call(x) ** 2).sum())
    x = floats(3, 2, 6, 5, 2)
    mapped = jax.vmap(slope)(x)
    for i in range(3):
        np.testing.assert_allclose(mapped[i], slope(x[i]), rtol=1e-4, atol=1e-5)


def test_the_first_of_equal_maxima_gets_the_gradient():
    x = np.zeros((1, 4, 4, 1), "float32")
    slope = jax.grad(lambda x: ops.max_pool(x, 2).sum())(x)
    assert slope[0, :, :, 0].tolist() == [[1, 0, 1, 0], [0] * 4] * 2


def test_not_a_number_is_passed_on():
    x = np.array([[[1.0], [np.nan], [3.0], [2.0]]], "float32")
    np.testing.assert_array_equal(ops.max_pool(x, 2).ravel(), [np.nan, 3.0])
