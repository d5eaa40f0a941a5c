"""Masked time steps have no effect on the output of the others."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import lamina
from tests.laws.close import assert_close
from tests.oracles.observe import ready
from tests.tables.cases import named
from tests.tables.layers import LAYERS

MASKED = [
    case
    for case in LAYERS
    if "mask" in case.call and len(case.inputs) == 1 and case.inputs[0].ndim == 3
]


def seen(case, layer, outputs):
    """The part of the outputs that no masked step may influence: whole sequences of a
    recurrent layer, which skips masked steps, and the unmasked steps of others."""
    first = np.asarray(outputs[0] if isinstance(outputs, (list, tuple)) else outputs)
    recurrent = hasattr(layer, "return_sequences") or hasattr(layer, "merge_mode")
    return first if recurrent else first[case.call["mask"]]


@pytest.mark.parametrize("case", named(MASKED))
def test_masked_steps_have_no_effect(case):
    layer = ready(lamina, case)
    mask = case.call["mask"][..., None]
    other = np.where(mask, case.inputs[0], 9.0).astype("float32")
    before = seen(case, layer, layer(case.inputs[0], **case.call))
    assert_close(seen(case, layer, layer(other, **case.call)), before)


@pytest.mark.parametrize("case", named(MASKED))
def test_a_mask_that_hides_nothing_changes_nothing(case):
    layer = ready(lamina, case)
    call = {name: value for name, value in case.call.items() if name != "mask"}
    everything = np.ones(case.inputs[0].shape[:2], bool)
    bare = layer(case.inputs[0], **call)
    masked = layer(case.inputs[0], mask=everything, **call)
    assert_close(seen(case, layer, masked), seen(case, layer, bare))


@pytest.mark.parametrize("case", named(LAYERS))
def test_compute_mask_takes_the_inputs_and_a_mask(case):
    layer = case.make(lamina)
    names = list(inspect.signature(layer.compute_mask).parameters)
    overridden = type(layer).compute_mask is not lamina.layers.Layer.compute_mask
    assert names == ["inputs", "mask" if overridden else "previous_mask"]
