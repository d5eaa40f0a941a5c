"""Kernels that layers use on a CPU."""

from __future__ import annotations

import jax
import pytest

from lamina import layers
from lamina.ops.kernels import table
from tests.tables.arrays import floats

SEQUENCE, IMAGES = floats(2, 5, 4), floats(2, 3, 3, 4)


def attend(layer, **call):
    return lambda: layer(SEQUENCE, SEQUENCE, **call)


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="about the CPU's forms")
@pytest.mark.parametrize(
    "forms, call",
    [
        (["blockwise_attention"], attend(layers.MultiHeadAttention(2, 3))),
        (
            ["blockwise_attention"],
            attend(layers.GroupQueryAttention(3, 2, 1), use_causal_mask=True),
        ),
        (
            ["blockwise_attention"],
            attend(layers.MultiHeadAttention(2, 3, dropout=0.5), training=True),
        ),
        ([], attend(layers.MultiHeadAttention(2, 3, flash_attention=False))),
        (
            ["fused_backward"],
            lambda: layers.BatchNormalization()(IMAGES, training=True),
        ),
        ([], lambda: layers.BatchNormalization()(IMAGES, training=False)),
        (["fused_backward"], lambda: layers.GroupNormalization(2)(IMAGES)),
        (["reference"], lambda: layers.LayerNormalization()(SEQUENCE)),
        (["cached_gates"], lambda: layers.LSTM(2)(SEQUENCE)),
        (["reference"], lambda: layers.GRU(2, reset_after=False)(SEQUENCE)),
        (["cached_gates"] * 2, lambda: layers.Bidirectional(layers.GRU(2))(SEQUENCE)),
    ],
)
def test_layers_take_their_form(forms, call):
    with table.recording() as found:
        call()
    # The projections of attention are einsums.
    assert [choice.kernel for choice in found if choice.op != "einsum"] == forms
