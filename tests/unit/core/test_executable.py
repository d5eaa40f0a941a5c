"""Compiling programs, with options that XLA may not know."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from lamina.core import executable


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
