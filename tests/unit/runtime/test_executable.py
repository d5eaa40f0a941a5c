"""Compiling programs, with options that XLA may not know."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from lamina import ops
from lamina.ops.kernels.cpu.onednn import is_available
from lamina.runtime import executable

LACKING = (("xla_no_such_option", "1"),)


@pytest.mark.parametrize("options", [executable._CONVOLUTIONS, LACKING])
def test_convolutions_compile_with_options_or_without(options, monkeypatch):
    monkeypatch.setattr(executable, "_CONVOLUTIONS", options)
    executable._executables.clear()
    x, kernel = np.ones((1, 1, 9), "float32"), np.ones((1, 1, 3), "float32")
    program = executable.Program(
        lambda x, kernel: jax.lax.conv(x, kernel, (1,), "VALID")
    )
    assert program(x, kernel).ravel().tolist() == [3.0] * 7
    if jax.default_backend() == "cpu":
        of = executable._options
        assert of("stablehlo.convolution", False) == [options]
        assert of("stablehlo.add", False) == []


# Shapes of a product, and its multiplications.
PRODUCTS = {
    "matrices": ((32, 9), (9, 64), 32 * 9 * 64),
    "a vector": ((9,), (9, 64), 9 * 64),
    "two vectors": ((81,), (81,), 81),
    "two blocks": ((4, 32, 9), (4, 9, 64), 2 * 4 * 32 * 9 * 64),
}


@pytest.mark.parametrize(("x", "y", "count"), PRODUCTS.values(), ids=PRODUCTS)
def test_multiplications_of_a_product_are_read_from_the_text(x, y, count):
    def run(x, y):
        return jax.numpy.matmul(x, y), x.ravel()[:2] @ y.ravel()[:2]

    text = jax.jit(run).lower(np.ones(x, "float32"), np.ones(y, "float32")).as_text()
    assert executable.largest_product(text) == count


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="a scheduler for CPUs")
def test_only_programs_of_small_products_run_depth_first():
    def scheduler(units: int) -> bool:
        x, y = np.ones((32, units), "float32"), np.ones((units, units), "float32")
        text = jax.jit(jax.numpy.dot).lower(x, y).as_text()
        return executable._SMALL_KERNELS in executable._options(text, False)

    assert scheduler(64)
    assert not scheduler(512)
    assert executable._is_known(executable._SMALL_KERNELS)


def test_unknown_compiler_options_are_omitted():
    assert not executable._is_known(LACKING)
    lowered = jax.jit(lambda x: x + 1).lower(0.0)
    for wanted in ([LACKING], [executable._DETERMINISTIC, LACKING]):
        assert executable._optimized(lowered, wanted)(0.0) == 1.0


def test_a_program_that_cannot_be_compiled_is_reported():
    class Lowered:
        def compile(self, options):
            raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED")

    with pytest.raises(jax.errors.JaxRuntimeError, match="RESOURCE"):
        executable._optimized(Lowered(), [executable._DETERMINISTIC])


@pytest.mark.skipif(not is_available(), reason="oneDNN is not there")
def test_calls_of_onednn_are_not_written_into_the_cache(recwarn):
    """XLA can't, and JAX would warn at each."""
    image, kernel = np.ones((1, 6, 6, 2), "float32"), np.ones((3, 3, 2, 4), "float32")
    setting = "jax_persistent_cache_min_compile_time_secs"
    before = getattr(jax.config, setting)
    program = executable.Program(lambda x, kernel: ops.conv(x, kernel))
    assert "__onednn$convolution" in program._jitted.lower(image, kernel).as_text()
    assert program(image, kernel).max() == 18.0
    assert not recwarn
    assert getattr(jax.config, setting) == before


def test_weakly_typed_results_are_programs_of_their_own():
    def weak(x):
        return jax.numpy.sin(1.0)

    def strong(x):
        return jax.numpy.float32(weak(x))

    x = np.zeros(2, "float32")
    types = [executable.Program(f)(x).weak_type for f in (weak, strong)]
    assert types == [True, False]


def test_only_traces_of_programs_are_in_process_compiles():
    seen = []

    def function(x):
        seen.append(executable.is_in_process_compile())
        return x

    executable.Program(function)(1.0)
    jax.jit(function)(1.0)
    assert seen == [True, False]
