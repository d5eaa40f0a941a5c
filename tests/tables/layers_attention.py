"""Cases of attention, and of the dense layers around its heads."""

from __future__ import annotations

import numpy as np

from tests.tables.arrays import bools, floats, lengths_mask
from tests.tables.cases import LayerCase

QUERY = floats(4, 5, 6)
VALUE = floats(4, 7, 6, seed=1)
KEY = floats(4, 7, 3, seed=2)
GRID = floats(2, 3, 4, 6)
KEYS_END_EARLY = lengths_mask((7, 3, 1, 2), 7)
QUERIES_END_EARLY = lengths_mask((5, 3, 1, 2), 5)
PAIRS = bools(4, 5, 7) | np.eye(5, 7, dtype=bool)
PENALTIES = {
    "kernel_regularizer": "l2",
    "bias_regularizer": "l1",
    "kernel_constraint": "max_norm",
    "bias_constraint": "non_neg",
}


def headed(name, make, x=QUERY, value=VALUE, **call):
    return LayerCase(name, make, (x,), call={"value": value, **call})


def multi_head(suffix="", arguments=None, x=QUERY, value=VALUE, **call):
    def make(k):
        return k.layers.MultiHeadAttention(2, 3, **(arguments or {}))

    return headed(f"multi_head{suffix}", make, x, value, **call)


MULTI_HEAD = [
    multi_head(),
    multi_head("_itself", value=QUERY),
    multi_head("_key", key=KEY),
    # Keras's fused attention on JAX cannot have another value width.
    multi_head(
        "_widths", {"value_dim": 2, "output_shape": 5}, return_attention_scores=True
    ),
    multi_head("_output_axes", {"output_shape": (2, 3), "use_bias": False}),
    multi_head("_gate", {"use_gate": True}),
    multi_head("_penalties", {**PENALTIES, "activity_regularizer": "l2"}),
    multi_head("_causal", value=QUERY, use_causal_mask=True),
    multi_head("_causal_scores", use_causal_mask=True, return_attention_scores=True),
    multi_head("_window", {"sliding_window": 2}, value=QUERY),
    multi_head(
        "_causal_window", {"sliding_window": 3}, value=QUERY, use_causal_mask=True
    ),
    multi_head("_pairs", attention_mask=PAIRS),
    multi_head("_pairs_of_heads", attention_mask=bools(4, 2, 5, 7)),
    multi_head("_scores", return_attention_scores=True, attention_mask=PAIRS),
    multi_head("_value_mask", value_mask=KEYS_END_EARLY, use_causal_mask=True),
    multi_head("_key_mask", key=KEY, key_mask=KEYS_END_EARLY, attention_mask=PAIRS),
    multi_head("_dropout_left_out", {"dropout": 0.5}, attention_mask=PAIRS),
    multi_head("_all_axes", x=GRID, value=GRID),
    multi_head("_second_axis", {"attention_axes": 2}, x=GRID, value=GRID),
    multi_head("_plain", {"flash_attention": False}),
]


def grouped(suffix="", arguments=None, heads=(4, 2), value=VALUE, **call):
    def make(k):
        return k.layers.GroupQueryAttention(3, *heads, **(arguments or {}))

    return headed(f"group_query{suffix}", make, QUERY, value, **call)


GROUP_QUERY = [
    grouped(),
    grouped("_single", heads=(2, 1), use_causal_mask=True),
    grouped("_gate", {"use_gate": True, "use_bias": False}, attention_mask=PAIRS),
    grouped("_penalties", PENALTIES, key=VALUE[..., ::-1]),
    grouped("_window", {"sliding_window": 2}, value_mask=KEYS_END_EARLY),
    grouped("_scores", return_attention_scores=True),
]


def single(name, make, *inputs, **call):
    return LayerCase(name, make, (QUERY, VALUE, *inputs), call=call)


MASKS = [QUERIES_END_EARLY, KEYS_END_EARLY]
SINGLE = [
    single("attention", lambda k: k.layers.Attention()),
    single("attention_key", lambda k: k.layers.Attention(), VALUE[..., ::-1]),
    single("attention_scaled", lambda k: k.layers.Attention(use_scale=True)),
    single("attention_sums", lambda k: k.layers.Attention(score_mode="concat")),
    single(
        "attention_scaled_sums",
        lambda k: k.layers.Attention(score_mode="concat", use_scale=True, dropout=0.3),
        return_attention_scores=True,
        use_causal_mask=True,
    ),
    single("attention_masked", lambda k: k.layers.Attention(), mask=MASKS),
    single(
        "attention_masked_causal",
        lambda k: k.layers.Attention(),
        mask=MASKS,
        use_causal_mask=True,
    ),
    single("additive_attention", lambda k: k.layers.AdditiveAttention()),
    single(
        "additive_attention_plain",
        lambda k: k.layers.AdditiveAttention(use_scale=False),
        VALUE[..., ::-1],
        mask=[*MASKS, None],
    ),
]


def einsum(suffix, *arguments, x=QUERY, **more):
    return LayerCase(
        f"einsum_dense{suffix}",
        lambda k: k.layers.EinsumDense(*arguments, **more),
        (x,),
    )


EINSUM = [
    einsum("", "abc,cd->abd", (None, 4), activation="relu", bias_axes="d"),
    einsum("_batch", "ab,bc->ac", 3, x=floats(4, 5), bias_axes="c"),
    einsum("_heads", "abc,cde->abde", (None, 2, 3), bias_axes="de"),
    einsum("_two_axes", "abc,bcd->ad", 4),
    einsum("_free_left", "...x,xy->...y", 4, bias_axes="y", x=GRID),
    einsum("_free_right", "ab...,bc->ac...", 4, bias_axes="c", x=GRID),
    einsum("_bias_of_steps", "abc,cd->abd", (5, 4), bias_axes="b"),
    einsum("_penalties", "abc,cd->abd", (5, 4), bias_axes="bd", **PENALTIES),
]

ATTENTION = [*MULTI_HEAD, *GROUP_QUERY, *SINGLE, *EINSUM]
