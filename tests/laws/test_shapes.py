"""A layer's output shape is the same symbolically, by formula and in reality: as
recorded, since that is what the layer returns."""

from __future__ import annotations

import jax
import pytest

import lamina
from tests.oracles.families import outputs_of
from tests.oracles.observe import placeholders
from tests.tables.cases import named
from tests.tables.layers import LAYERS

# Others have more shapes: those of a cell's states, of a query's values, of scores.
MORE_SHAPES = {"states", "value", "return_attention_scores", "reverse"}
SIZED = [case for case in LAYERS if "sized by values" not in case.traits]
OF_ONE_SHAPE = [case for case in SIZED if not MORE_SHAPES & {*case.call}]


def has_arrays(case):
    return any(hasattr(leaf, "shape") for leaf in jax.tree.leaves(dict(case.call)))


def prepared(case):
    layer = case.make(lamina)
    case.prepare(layer)
    return layer


def leaves(tree):
    return jax.tree.leaves(tree, is_leaf=lambda t: hasattr(t, "shape"))


def is_shape(value):
    return isinstance(value, tuple) and all(isinstance(n, int | None) for n in value)


@pytest.mark.parametrize("case", named(SIZED))
def test_symbolic_output_has_the_shape_of_the_real_one(case):
    fixed = has_arrays(case) or "remembers" in case.traits
    batch = case.inputs[0].shape[0] if fixed else None
    symbolic = prepared(case)(placeholders(lamina, case, batch), **case.call)
    known = [(batch, *output.shape[1:]) for output in outputs_of(case)]
    assert [tuple(leaf.shape) for leaf in leaves(symbolic)] == known


@pytest.mark.parametrize("case", named(LAYERS, without={"host"}))
def test_symbolic_output_has_the_type_of_the_real_one(case):
    batch = case.inputs[0].shape[0]
    symbolic = prepared(case)(placeholders(lamina, case, batch), **case.call)
    layer = prepared(case)
    real = jax.eval_shape(lambda x: layer(x, **case.call), case.argument)
    assert [str(t.dtype) for t in leaves(symbolic)] == [
        str(t.dtype) for t in jax.tree.leaves(real)
    ]


@pytest.mark.parametrize("case", named(OF_ONE_SHAPE))
def test_compute_output_shape_agrees_with_a_call(case):
    given = [x.shape for x in case.inputs]
    shape = prepared(case).compute_output_shape(given if len(given) > 1 else given[0])
    real = [output.shape for output in outputs_of(case)]
    assert jax.tree.leaves(shape, is_leaf=is_shape) == real
