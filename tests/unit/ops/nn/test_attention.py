"""Attention: memory, masked rows, dropout and shape errors."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lamina
from lamina import config, ops
from lamina.errors import ArgumentError, ShapeError
from lamina.ops.kernels.calls import AttentionCall
from lamina.ops.kernels.cpu.attention import blockwise_attention
from lamina.ops.kernels.table import recording
from lamina.ops.nn.attention_mask import AttentionConfig, AttentionDropout
from lamina.saving.records import metadata_of, module_records
from tests.tables.arrays import bools, floats


def temporary_bytes(length, causal, dropout):
    """Return the temporary memory of a forward and backward pass."""

    def loss(q, k, v):
        options = AttentionConfig(0.5, causal)
        call = AttentionCall(q, k, v, None, (), options, dropout)
        return blockwise_attention(call).sum()

    x = jax.ShapeDtypeStruct((1, length, 2, 8), "float32")
    compiled = jax.jit(jax.grad(loss, (0, 1, 2))).lower(x, x, x).compile()
    return compiled.memory_analysis().temp_size_in_bytes


@pytest.mark.parametrize(
    "dropout", [None, AttentionDropout(jnp.array([1, 2], "uint32"), 0.2)]
)
@pytest.mark.parametrize("causal", [False, True])
def test_memory_grows_with_the_length_and_not_with_its_square(causal, dropout):
    few, most = (temporary_bytes(length, causal, dropout) for length in (1024, 4096))
    assert most < 4.5 * few


@pytest.mark.parametrize("masked", [False, True])
def test_dropout_mask_is_independent_of_the_kernel(masked):
    layer = lamina.layers.MultiHeadAttention(2, 4, dropout=0.4, seed=3)
    x = floats(2, 300, 8)
    seen = bools(2, 300, 300) & (np.arange(300) > 1)[:, None] if masked else None
    layer(x, x)
    found = []
    for scores in (False, True):
        layer.seed_generator.state.assign([5, 0])
        options = {"attention_mask": seen, "return_attention_scores": scores}
        found.append(layer(x, x, training=True, **options))
    np.testing.assert_allclose(found[0], found[1][0], atol=2e-6)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("length", [5, 200])  # one block, and several
def test_batch_without_rows_has_an_output_without_rows(length, causal):
    def attend(x):
        call = AttentionCall(x, x, x, None, (), AttentionConfig(0.5, causal), None)
        return blockwise_attention(call).sum()

    x = jnp.zeros((0, length, 1, 3))
    assert jax.jit(jax.value_and_grad(attend))(x)[1].shape == x.shape


def test_fully_masked_query_gets_the_mean_of_all_values():
    x = floats(1, 4, 1, 2)
    nothing = np.zeros((4, 4), bool)
    for flash in (None, False):
        y = ops.dot_product_attention(x, x, x, mask=nothing, flash_attention=flash)
        np.testing.assert_allclose(y, np.broadcast_to(x.mean(1), x.shape), rtol=1e-5)


def test_gradients_of_extreme_scores_are_finite():
    x = 1e4 * jnp.asarray(floats(1, 130, 1, 2))
    total = lambda x: ops.dot_product_attention(x, x, x).sum()  # noqa: E731
    gradients = jax.jit(jax.grad(total))(x)
    assert np.isfinite(gradients).all()


@pytest.mark.parametrize(
    "query, key, value",
    [
        ((2, 3, 4), (2, 3, 4), (2, 3, 4)),
        ((2, 3, 4, 5), (2, 3, 3, 5), (2, 3, 3, 5)),
        ((2, 3, 4, 5), (2, 6, 4, 5), (2, 7, 4, 5)),
        ((2, 3, 4, 5), (2, 6, 4, 6), (2, 6, 4, 6)),
        ((2, 3, 4, 5), (1, 6, 4, 5), (1, 6, 4, 5)),
    ],
)
def test_shape_mismatch_is_an_error(query, key, value):
    with pytest.raises(ShapeError, match="Received"):
        ops.dot_product_attention(np.ones(query), np.ones(key), np.ones(value))


def attended(**arguments):
    layer = lamina.layers.MultiHeadAttention(2, 3, **arguments)
    return lambda x, **call: layer(x, x, **call)


def test_dropout_applies_in_training_only():
    x, attend = floats(3, 5, 6), attended(dropout=0.5, seed=1)
    np.testing.assert_array_equal(attend(x), attend(x, training=False))
    first, second = attend(x, training=True), attend(x, training=True)
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, attend(x))


@pytest.mark.parametrize("kind", ["Attention", "AdditiveAttention"])
def test_dropout_of_single_head_attention_preserves_the_mean(kind):
    layer = getattr(lamina.layers, kind)(dropout=0.5, seed=1)
    x = [np.zeros((100, 8, 2), "float32"), np.ones((100, 8, 2), "float32")]
    kept = layer(x, training=True)
    assert abs(float(kept.mean()) - 1) < 0.1
    assert float(kept.std()) > 0.1


def test_flash_attention_with_dropout_or_scores_is_an_error():
    with pytest.raises(ArgumentError, match="dropout"):
        attended(dropout=0.5, flash_attention=True)
    with pytest.raises(ArgumentError, match="scores"):
        attended(flash_attention=True)(floats(1, 2, 3), return_attention_scores=True)


def test_causal_mask_over_several_axes_is_an_error():
    with pytest.raises(ArgumentError, match="need exactly one"):
        attended()(floats(2, 3, 4, 5), use_causal_mask=True)


def test_mask_of_a_keyword_query_is_propagated():
    x = lamina.Input((5, 3))
    masked = lamina.layers.Masking()(x)
    layer = lamina.layers.MultiHeadAttention(1, 2)
    assert layer(query=masked, value=masked).mask == (None, 5)
    assert layer(masked, value=masked).mask == (None, 5)


def test_attention_inputs_must_be_a_list():
    layer = lamina.layers.Attention()
    for wrong in (floats(2, 3, 4), [floats(2, 3, 4)]):
        with pytest.raises(ArgumentError, match="must be called on a list"):
            layer(wrong)


def test_keys_and_values_must_have_the_same_length():
    x, y = floats(2, 3, 4), floats(2, 5, 4)
    with pytest.raises(ShapeError, match="one key for each value"):
        lamina.layers.MultiHeadAttention(1, 2)(x, x, y)


def test_key_heads_must_divide_query_heads():
    with pytest.raises(ArgumentError, match="divisor"):
        lamina.layers.GroupQueryAttention(3, 4, 3)


def test_weight_paths_equal_those_of_keras(tmp_path):
    """The paths that Keras 3.15.1 writes."""
    x = lamina.Input((5, 3))
    y = lamina.layers.MultiHeadAttention(2, 4, use_gate=True)(x, x)
    y = lamina.layers.GroupQueryAttention(4, 4, 2)(y, x)
    model = lamina.Model(x, y)
    stored = {*metadata_of([*module_records(model)])["variables"]}
    names = ("query", "key", "value", "output")
    heads = [f"multi_head_attention/{name}_dense" for name in names]
    heads += ["multi_head_attention/_gate_dense"]
    heads += [f"grouped_query_attention/_{name}_dense" for name in names]
    assert stored == {f"layers/{h}/vars/{i}" for h in heads for i in (0, 1)}


def test_flash_attention_setting_decides_whether_a_fused_kernel_may_run():
    x = floats(1, 600, 1, 4)
    layer = lamina.layers.MultiHeadAttention(1, 4)
    config.set_kernel("attention", "blockwise_attention")

    def kernels(flash_attention=None):
        with recording() as choices:
            ops.dot_product_attention(x, x, x, flash_attention=flash_attention)
        return [choice.kernel for choice in choices if choice.op == "attention"]

    assert kernels() == kernels(True) == ["blockwise_attention"]
    config.disable_flash_attention()
    assert not config.is_flash_attention_enabled()
    assert kernels() == kernels(False) == []
    assert kernels(True) == ["blockwise_attention"]
    with recording() as choices:
        layer(x[:, :, 0], x[:, :, 0])
    assert "attention" not in [choice.op for choice in choices]
    config.enable_flash_attention()
    assert config.is_flash_attention_enabled()


def test_attention_masks_must_be_a_list():
    query, value = floats(1, 3, 4), floats(1, 5, 4)
    layer = lamina.layers.Attention()
    for mask in (np.ones((1, 3), bool), [np.ones((1, 3), bool)]):
        with pytest.raises(ArgumentError, match="`mask` must be a list"):
            layer([query, value], mask=mask)


def test_compute_output_shape_needs_a_key_for_each_value():
    layer = lamina.layers.MultiHeadAttention(4, 2)
    with pytest.raises(ShapeError, match="one key for each"):
        layer.compute_output_shape((2, 4, 8), (2, 2, 8), (2, 1, 7))
    with pytest.raises(ArgumentError, match="output_shape"):
        lamina.layers.MultiHeadAttention(2, 16, output_shape=8.0)
