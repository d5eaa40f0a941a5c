"""Kernels of convolution and pooling on CPUs: selection and transformations."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from lamina import ops
from lamina.ops.kernels import table
from lamina.ops.kernels.calls import BiasCall, ConvCall
from lamina.ops.kernels.cpu import onednn
from lamina.ops.kernels.cpu.bias import gradient_by_product
from lamina.ops.kernels.cpu.conv import forward_convolutions
from lamina.ops.kernels.cpu.onednn import is_available
from lamina.ops.nn.conv_params import ConvParams
from lamina.runtime.executable import Program, in_process_compile
from tests.events import COMPILATION, recorded_events
from tests.laws.close import assert_trees_close
from tests.tables.arrays import floats
from tests.tables.kernels import QUICKLY
from tests.tables.tolerances import KERNELS

IMAGE = np.ones((2, 8, 8, 16), "float32")
KERNEL = np.ones((3, 3, 16, 8), "float32")
VOLUME = np.ones((2, 5, 5, 5, 8), "float32")
ON_CPU = pytest.mark.skipif(jax.default_backend() != "cpu", reason="tests CPU kernels")


@ON_CPU
@pytest.mark.parametrize(
    "kernels, call",
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
def test_shapes_select_their_kernel(kernels, call):
    with table.recording() as found:
        jax.eval_shape(call)
    assert [choice.kernel for choice in found] == kernels


@ON_CPU
@pytest.mark.skipif(not is_available(), reason="oneDNN is not available")
@pytest.mark.parametrize(
    "kernels, call",
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
def test_in_process_programs_select_onednn(kernels, call):
    with in_process_compile(), table.recording() as found:
        jax.eval_shape(call)
    assert [choice.kernel for choice in found] == kernels


def test_convolution_has_second_derivatives():
    x = np.linspace(-1, 1, 40, dtype="float32").reshape(1, 5, 4, 2)
    w = np.linspace(-1, 1, 36, dtype="float32").reshape(3, 3, 2, 2)
    params = ConvParams((1, 1), ((1, 1), (1, 1)), (1, 1))

    def penalty(function):
        def gradient(w):
            return jax.grad(lambda x: (function(ConvCall(x, w, params)) ** 2).sum())(x)

        return jax.jit(jax.grad(lambda w: (gradient(w) ** 2).sum()))(w)

    expected = penalty(table.kernels_of("conv")[-1].run)
    np.testing.assert_allclose(penalty(forward_convolutions), expected, rtol=1e-3)


def test_convolution_hessian_equals_the_reference():
    kernel, params = floats(2, 2, 1, 2), ConvParams((1, 1), ((0, 0), (0, 1)), (1, 1))

    def hessian(run):
        total = lambda x: (run(ConvCall(x, kernel, params)) ** 3).sum()  # noqa: E731
        return jax.jit(jax.hessian(total))

    x = floats(1, 3, 2, 1)
    expected = hessian(table.kernels_of("conv")[-1].run)(x)
    np.testing.assert_allclose(
        hessian(forward_convolutions)(x), expected, rtol=1e-4, atol=1e-5
    )


def test_bias_supports_forward_mode():
    x, bias = floats(4, 32, 32, 3), floats(3)
    _, gradient = jax.jvp(
        lambda *arrays: gradient_by_product(BiasCall(*arrays)), (x, bias), (x, bias)
    )
    np.testing.assert_allclose(gradient, x + bias, rtol=1e-6)


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
def test_gradients_of_kernels_can_be_vmapped(call):
    gradient = jax.grad(lambda x: (call(x) ** 2).sum())
    x = floats(3, 2, 6, 5, 2)
    mapped = np.asarray(jax.jit(jax.vmap(gradient))(x))
    gradient = jax.jit(gradient)
    for i in range(3):
        np.testing.assert_allclose(mapped[i], gradient(x[i]), rtol=1e-4, atol=1e-5)


def test_first_of_equal_maxima_gets_the_gradient():
    x = np.zeros((1, 4, 4, 1), "float32")
    gradient = jax.grad(lambda x: ops.max_pool(x, 2).sum())(x)
    assert gradient[0, :, :, 0].tolist() == [[1, 0, 1, 0], [0] * 4] * 2


def test_max_pool_propagates_nan():
    x = np.array([[[1.0], [np.nan], [3.0], [2.0]]], "float32")
    np.testing.assert_array_equal(ops.max_pool(x, 2).ravel(), [np.nan, 3.0])


def gradient_penalty(f):
    def gradient(x, w):
        return jax.grad(lambda x: (f(x, w) ** 2).sum())(x)

    return jax.grad(lambda x, w: (gradient(x, w) ** 2).sum(), (0, 1))


X, W = floats(3, 4, 3, 2), floats(2, 2, 2, 2)
DEPTHWISE = floats(2, 2, 1, 2)


@ON_CPU
@pytest.mark.skipif(not is_available(), reason="oneDNN is not available")
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
def test_onednn_supports_jax_transformations(op, name, strides, kernel, way, many):
    groups = 2 if kernel is DEPTHWISE else 1
    params = ConvParams(strides, ((0, 1), (1, 0)), (1, 1), groups)
    arrays = [
        np.stack([a, -2 * a]) if several else a
        for a, several in zip((X, kernel), many, strict=True)
    ]

    def function(run):
        return way(lambda x, w: run(ConvCall(x, w, params)))

    tested = next(f for f in table.kernels_of(op) if f.name == name)
    reference = function(table.kernels_of(op)[-1].run)
    found = Program(function(tested.run))(*arrays)
    expected = jax.jit(reference, compiler_options=QUICKLY)(*arrays)
    assert_trees_close(found, expected, KERNELS["float32"])


@ON_CPU
@pytest.mark.skipif(not is_available(), reason="oneDNN is not available")
@pytest.mark.parametrize("filters", [2, 5])
@pytest.mark.parametrize("images", [7, 8, 16, 21, 24])
def test_onednn_kernel_gradient_is_independent_of_the_step_size(
    images, filters, monkeypatch
):
    monkeypatch.setattr(onednn, "_CACHE_BYTES", 0)  # the minimum: eight images
    x, kernel = floats(images, 5, 4, 3), floats(3, 2, 3, filters)
    params = ConvParams((1, 1), ((1, 0), (0, 1)), (1, 1))
    dy = floats(images, 4, 4, filters, seed=1)

    def gradient(run):
        def of_kernel(kernel, dy):
            return jax.vjp(lambda k: run(ConvCall(x, k, params)), kernel)[1](dy)

        return of_kernel

    reference = gradient(table.kernels_of("conv")[-1].run)
    found = Program(gradient(onednn.onednn))(kernel, dy)
    expected = jax.jit(reference, compiler_options=QUICKLY)(kernel, dy)
    assert_trees_close(found, expected, KERNELS["float32"])


@ON_CPU
@pytest.mark.skipif(not is_available(), reason="oneDNN is not available")
def test_onednn_runs_eagerly_inside_a_trace():
    results = []

    def function(x):
        with jax.ensure_compile_time_eval():
            results.append(float(ops.conv(IMAGE, KERNEL).max()))
        return x

    Program(function)(1.0)
    assert results == [144.0]


@ON_CPU
@pytest.mark.skipif(not is_available(), reason="needs oneDNN")
def test_onednn_takes_no_negative_padding():
    kernels = {k.name: k for k in table.kernels_of("conv_transpose")}
    for after, supported in ((0, True), (-1, False)):
        params = ConvParams((2, 2), ((0, after), (0, after)), (1, 1))
        call = ConvCall(IMAGE, KERNEL, params)  # pyright: ignore
        assert kernels["onednn"].supports(call) == supported


@ON_CPU
@pytest.mark.parametrize(
    "call",
    [
        lambda: ops.conv(np.ones((2, 305, 1)), np.ones((61, 1, 4)), strides=30),
        lambda: ops.average_pool(IMAGE, (7, 5), 1, padding="same"),
    ],
    ids=["conv", "average_pool"],
)
def test_windows_outside_of_programs_are_no_programs_of_their_own(call):
    with recorded_events(COMPILATION) as compiled:
        call()
    # No other test has these shapes, so that nothing was compiled before.
    assert 0 < len(compiled) < 12
