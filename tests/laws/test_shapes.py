"""A layer's output shape is the same symbolically, by formula and in reality."""

from __future__ import annotations

import jax
import numpy as np
import pytest

import lamina
from tests.oracles.observe import placeholders
from tests.tables.cases import named
from tests.tables.layers import LAYERS


def has_arrays(case):
    return any(hasattr(leaf, "shape") for leaf in jax.tree.leaves(dict(case.call)))


def leaves(tree):
    return jax.tree.leaves(tree, is_leaf=lambda t: hasattr(t, "shape"))


def shapes(tree):
    return [tuple(leaf.shape) for leaf in leaves(tree)]


def is_shape(value):
    return isinstance(value, tuple) and all(isinstance(n, int | None) for n in value)


@pytest.mark.parametrize("case", named(LAYERS))
def test_symbolic_output_has_the_shape_and_type_of_the_real_one(case):
    real = case.make(lamina)
    case.prepare(real)
    outputs = leaves(real(case.argument, **case.call))
    fixed = has_arrays(case) or "remembers" in case.traits
    batch = case.inputs[0].shape[0] if fixed else None
    layer = case.make(lamina)
    case.prepare(layer)
    symbolic = leaves(layer(placeholders(lamina, case, batch), **case.call))
    known = [(batch, *output.shape[1:]) for output in outputs]
    assert shapes(symbolic) == known
    types = [np.dtype(output.dtype).name for output in outputs]
    assert [str(output.dtype) for output in symbolic] == types


@pytest.mark.parametrize("case", named(LAYERS))
def test_compute_output_shape_agrees_with_a_call(case):
    layer = case.make(lamina)
    case.prepare(layer)
    given = [x.shape for x in case.inputs]
    computed = layer.compute_output_shape(given if len(given) > 1 else given[0])
    real = shapes(layer(case.argument, **case.call))
    assert jax.tree.leaves(computed, is_leaf=is_shape) == real
