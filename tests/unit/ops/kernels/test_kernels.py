"""Which forms convolutions and pooling take on a CPU, and what one may do with them."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from lamina import ops
from lamina.ops.kernels import table
from lamina.ops.kernels.cpu import onednn
from lamina.ops.kernels.cpu.bias import gradient_by_product
from lamina.ops.kernels.cpu.conv import forward_convolutions
from lamina.ops.kernels.cpu.onednn import is_available
from lamina.ops.nn.conv_params import ConvParams
from lamina.runtime.executable import Program, in_process_compile
from tests.laws.close import assert_trees_close
from tests.tables.arrays import floats
from tests.tables.tolerances import KERNELS

IMAGE = np.ones((2, 8, 8, 16), "float32")
KERNEL = np.ones((3, 3, 16, 8), "float32")
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
        (
            ["pointwise_matmul"],
            lambda: ops.conv(IMAGE, np.ones((1, 1, 16, 4)), strides=2),
        ),
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


@ON_CPU
@pytest.mark.skipif(not is_available(), reason="oneDNN is not there")
@pytest.mark.parametrize(
    "forms, call",
    [
        (["onednn"], lambda: ops.conv(IMAGE, KERNEL)),
        (["onednn"], lambda: ops.conv(IMAGE, KERNEL, strides=2)),
        (["onednn"], lambda: ops.conv(IMAGE[:, 0], KERNEL[0])),
        (["pointwise_matmul"], lambda: ops.conv(IMAGE, KERNEL[:1, :1])),
        (["per_group", *["onednn"] * 2], lambda: ops.conv(IMAGE, KERNEL[:, :, :8])),
        (
            ["depth_in_channels", "onednn"],
            lambda: ops.conv(VOLUME, np.ones((3, 3, 3, 8, 4), "float32")),
        ),
        (
            ["forward_convolutions"],
            lambda: ops.conv(IMAGE.astype("float16"), KERNEL.astype("float16")),
        ),
        (["forward_convolutions"], lambda: ops.conv(IMAGE[:0], KERNEL)),
        (["onednn_depthwise"], lambda: ops.conv(IMAGE, KERNEL[:, :, :1, [0] * 16])),
        (["onednn"], lambda: ops.conv_transpose(IMAGE, KERNEL.swapaxes(2, 3), 2)),
    ],
)
def test_own_programs_call_onednn(forms, call):
    with in_process_compile(), table.recording() as found:
        jax.eval_shape(call)
    assert [choice.form for choice in found] == forms


def test_convolutions_differentiate_twice():
    x = np.linspace(-1, 1, 40, dtype="float32").reshape(1, 5, 4, 2)
    w = np.linspace(-1, 1, 36, dtype="float32").reshape(3, 3, 2, 2)
    sliding = ConvParams((1, 1), ((1, 1), (1, 1)), (1, 1))

    def penalty(function):
        def slope(w):
            return jax.grad(lambda x: (function(x, w, sliding) ** 2).sum())(x)

        return jax.grad(lambda w: (slope(w) ** 2).sum())(w)

    wanted = penalty(table.kernels_of("conv")[-1].run)
    np.testing.assert_allclose(penalty(forward_convolutions), wanted, rtol=1e-3)


def test_a_hessian_is_that_of_the_reference():
    kernel, sliding = floats(2, 2, 1, 2), ConvParams((1, 1), ((0, 0), (0, 1)), (1, 1))

    def hessian(run):
        return jax.hessian(lambda x: (run(x, kernel, sliding) ** 3).sum())

    x = floats(1, 3, 2, 1)
    wanted = hessian(table.kernels_of("conv")[-1].run)(x)
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


def gradient_penalty(f):
    def slope(x, w):
        return jax.grad(lambda x: (f(x, w) ** 2).sum())(x)

    return jax.grad(lambda x, w: (slope(x, w) ** 2).sum(), (0, 1))


X, W = floats(3, 4, 3, 2), floats(2, 2, 2, 2)
DEPTHWISE = floats(2, 2, 1, 2)


@ON_CPU
@pytest.mark.skipif(not is_available(), reason="oneDNN is not there")
@pytest.mark.parametrize(
    "way, many",
    [
        (gradient_penalty, (False, False)),
        (lambda f: jax.hessian(lambda x, w: (f(x, w) ** 3).sum(), (0, 1)), (0, 0)),
        (lambda f: jax.vmap(f, (0, None)), (True, False)),
        (lambda f: jax.vmap(f, (None, 0)), (False, True)),
        (lambda f: jax.vmap(gradient_penalty(f)), (True, True)),
    ],
    ids=["gradient of a gradient", "hessian", "batches", "kernels", "mapped gradients"],
)
@pytest.mark.parametrize(
    "op, name, strides, kernel",
    [
        ("conv", "onednn", (2, 1), W),
        ("conv", "onednn_depthwise", (1, 1), DEPTHWISE),
        ("conv_transpose", "onednn", (2, 1), W),
    ],
)
def test_calls_of_onednn_are_transformed(op, name, strides, kernel, way, many):
    groups = 2 if kernel is DEPTHWISE else 1
    sliding = ConvParams(strides, ((0, 1), (1, 0)), (1, 1), groups)
    arrays = [
        np.stack([a, -2 * a]) if several else a
        for a, several in zip((X, kernel), many, strict=True)
    ]

    def result(run):
        return Program(way(lambda x, w: run(x, w, sliding)))(*arrays)

    found = result(next(f for f in table.kernels_of(op) if f.name == name).run)
    wanted = result(table.kernels_of(op)[-1].run)
    assert_trees_close(found, wanted, KERNELS["float32"])


@ON_CPU
@pytest.mark.skipif(not is_available(), reason="oneDNN is not there")
@pytest.mark.parametrize("filters", [2, 5])
@pytest.mark.parametrize("images", [7, 8, 16, 21, 24])
def test_a_few_images_at_a_time_give_the_whole_gradient(images, filters, monkeypatch):
    monkeypatch.setattr(onednn, "_CACHE_BYTES", 0)  # the minimum: eight images
    x, kernel = floats(images, 5, 4, 3), floats(3, 2, 3, filters)
    sliding = ConvParams((1, 1), ((1, 0), (0, 1)), (1, 1))
    dy = floats(images, 4, 4, filters, seed=1)

    def gradient(run):
        def of_kernel(kernel, dy):
            return jax.vjp(lambda k: run(x, k, sliding), kernel)[1](dy)

        return Program(of_kernel)(kernel, dy)

    found = gradient(onednn.ONEDNN.convolve)
    wanted = gradient(table.kernels_of("conv")[-1].run)
    assert_trees_close(found, wanted, KERNELS["float32"])


@ON_CPU
@pytest.mark.skipif(not is_available(), reason="oneDNN is not there")
def test_onednn_computes_what_a_trace_needs_at_once():
    seen = []

    def function(x):
        with jax.ensure_compile_time_eval():
            seen.append(float(ops.conv(IMAGE, KERNEL).max()))
        return x

    Program(function)(1.0)
    assert seen == [144.0]
