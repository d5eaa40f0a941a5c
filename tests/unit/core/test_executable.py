"""Compiling programs, with options that XLA may not know."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from lamina import ops
from lamina.core import executable
from lamina.ops.kernels.cpu.onednn import is_available


@pytest.mark.parametrize("options", [executable._CONVOLUTIONS, {"no_such": "1"}])
def test_convolutions_compile_with_options_or_without(options, monkeypatch):
    monkeypatch.setattr(executable, "_CONVOLUTIONS", options)
    executable.clear_executables()
    x, kernel = np.ones((1, 1, 9), "float32"), np.ones((1, 1, 3), "float32")
    program = executable.Program(
        lambda x, kernel: jax.lax.conv(x, kernel, (1,), "VALID")
    )
    assert program(x, kernel).ravel().tolist() == [3.0] * 7
    expected = {} if "no_such" in options else options
    if jax.default_backend() == "cpu":
        text = "stablehlo.convolution"
        assert executable._options(text, fixed=False) == expected
        assert executable._options("stablehlo.add", fixed=False) == {}


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


def test_only_own_programs_are_own():
    seen = []

    def function(x):
        seen.append(executable.is_own())
        return x

    executable.Program(function)(1.0)
    jax.jit(function)(1.0)
    assert seen == [True, False]
