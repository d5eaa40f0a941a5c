"""lamina computes what Keras 3 computes: outputs, gradients, states, ten steps."""

from __future__ import annotations

import jax
import pytest

import lamina
from tests.laws.close import assert_close
from tests.oracles.families import FAMILIES, recorded
from tests.tables.tolerances import tolerance

CASES = [
    pytest.param(name, case, id=f"{name}-{case.name}")
    for name, family in FAMILIES.items()
    for case in family.cases
]


# Compiled without optimizations, as tests are, XLA newer than that of jaxlib 0.10
# computes NaN for the gradients of these.
EAGER = ("mel_spectrogram_range",)


@pytest.mark.parametrize(("family", "case"), CASES)
def test_does_what_keras_does(family, case):
    with jax.disable_jit(case.name in EAGER):
        observed = FAMILIES[family].observe(lamina, case)
    expected = recorded(family)[case.name]
    assert observed.keys() == expected.keys()
    for key, value in expected.items():
        assert_close(observed[key], value, tolerance(family, case.name), key)


@pytest.mark.parametrize("family", FAMILIES)
def test_no_recorded_case_is_forgotten(family):
    names = [case.name for case in FAMILIES[family].cases]
    assert len(set(names)) == len(names), "two cases of one name"
    assert recorded(family).keys() == set(names)
