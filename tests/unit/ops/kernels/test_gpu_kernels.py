"""Kernel selection on GPUs, tested without a GPU."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lamina
from lamina import config, ops
from lamina.errors import ArgumentError
from lamina.ops.kernels import table
from lamina.ops.kernels.calls import AttentionCall
from lamina.ops.kernels.gpu import attention
from lamina.ops.nn.attention import reference_attention
from lamina.ops.nn.attention_mask import AttentionConfig
from lamina.runtime import executable
from tests.laws.close import assert_close
from tests.tables.arrays import bools, floats
from tests.tables.tolerances import KERNELS

HEADS = jnp.asarray(floats(2, 64, 3, 16), "bfloat16")
plain = jax.nn.dot_product_attention


@pytest.fixture
def on_gpu(monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")


@pytest.fixture
def cudnn(monkeypatch):
    """Replace cuDNN by a function with its restrictions that runs on any device."""

    def call(q, k, v, *, implementation, **options):
        assert implementation == "cudnn"
        if q.dtype not in (jnp.bfloat16, jnp.float16) or q.shape[-1] > 128:
            raise NotImplementedError
        return plain(q, k, v, implementation="xla", **options)

    monkeypatch.setattr(jax.nn, "dot_product_attention", call)


def kernels_used(call):
    with table.recording() as found:
        jax.eval_shape(call)
    return [choice.kernel for choice in found]


def attend(x, **options):
    return lambda: ops.dot_product_attention(x, x, x, **options)


def test_attention_selects_cudnn_where_supported(on_gpu, cudnn):
    assert kernels_used(attend(HEADS, is_causal=True)) == ["cudnn"]
    assert kernels_used(attend(HEADS, mask=np.ones((64, 64), bool))) == ["cudnn"]
    assert kernels_used(attend(HEADS.astype("float32"))) == ["reference"]
    assert kernels_used(attend(jnp.ones((2, 8, 1, 256), "bfloat16"))) == ["reference"]
    assert kernels_used(attend(HEADS, attn_logits_soft_cap=3.0)) == ["reference"]
    assert kernels_used(attend(HEADS, bias=np.ones((64, 64)))) == ["reference"]


@pytest.mark.skipif(jax.default_backend() == "gpu", reason="has cuDNN")
def test_attention_falls_back_to_the_reference_without_cudnn(on_gpu):
    assert kernels_used(attend(HEADS)) == ["reference"]


@pytest.mark.parametrize("window", [None, 3])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_cudnn_gets_the_same_mask_as_the_reference(cudnn, window, causal, masked):
    q, k, v = (jnp.asarray(floats(2, 9, 2, 4, seed=s), "bfloat16") for s in range(3))
    masks = (jnp.asarray(bools(2, 1, 1, 9)), jnp.asarray(bools(1, 2, 9, 1, seed=1)))
    attention_config = AttentionConfig(0.7, causal, window)
    masks = masks if masked else ()
    call = AttentionCall(q, k, v, None, masks, attention_config, None)
    found, expected = attention.cudnn(call), reference_attention(call)
    assert_close(found, expected, KERNELS["bfloat16"])


def test_recurrences_are_unrolled(on_gpu):
    layers = lamina.layers
    for kind in (layers.SimpleRNN, layers.LSTM, layers.GRU):
        layer = kind(2)
        assert kernels_used(lambda layer=layer: layer(floats(2, 9, 3))) == ["unrolled"]
    softer = layers.LSTM(2, activation="relu")
    assert kernels_used(lambda: softer(floats(2, 9, 3))) == ["reference"]


@pytest.fixture
def precision():
    yield
    config.set_matmul_precision(None)


@pytest.mark.parametrize(
    "name, expected",
    [
        ("float32", "Precision.HIGHEST"),
        ("tensorfloat32", "Precision.HIGH)"),
        ("bfloat16", "BF16_BF16_F32"),
    ],
)
def test_matmul_uses_the_configured_precision(precision, name, expected):
    config.set_matmul_precision(name)
    assert config.matmul_precision() == name
    program = jax.make_jaxpr(ops.matmul)(floats(2, 3), floats(3, 100))
    (product,) = (e for e in program.eqns if e.primitive.name == "dot_general")
    assert expected in str(product.params["precision"])


def test_unknown_precision_is_an_error():
    with pytest.raises(ArgumentError, match="tensorfloat32"):
        config.set_matmul_precision("tf32")


def test_gpu_programs_are_compiled_as_cuda_graphs(on_gpu):
    graphs, fixed = executable._GRAPHS, executable._DETERMINISTIC
    assert executable._options("", fixed=False) == [graphs]
    assert executable._options("", fixed=True) == [fixed, graphs]
