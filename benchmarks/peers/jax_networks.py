"""Hand-written networks in plain JAX: initial weights and forward functions.

Those where the obvious form is a fair one; a convolution's obvious gradient is not. As
in `torch_networks`, the last softmax or sigmoid belongs to the loss.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.workload import Training

Tree = Any


class Network(NamedTuple):
    initial: Callable[..., Tree]
    forward: Callable[..., jax.Array]


def build(training: Training) -> tuple[Tree, Callable[..., jax.Array]]:
    """Return weights on the host, and the function of weights and inputs."""
    network = NETWORKS[training.network]
    rng = np.random.default_rng(0)
    weights = network.initial(rng, **training.options)
    return weights, partial(network.forward, **training.options)


def glorot(rng: np.random.Generator, *shape: int) -> Tree:
    limit = (6 / sum(shape)) ** 0.5
    return rng.uniform(-limit, limit, shape).astype(np.float32)


def small(rng: np.random.Generator, *shape: int) -> Tree:
    return rng.uniform(-0.05, 0.05, shape).astype(np.float32)


def zeros(*shape: int) -> Tree:
    return np.zeros(shape, np.float32)


def affine(rng: np.random.Generator, inputs: int, outputs: int) -> Tree:
    return glorot(rng, inputs, outputs), zeros(outputs)


def apply(weights: Tree, x: jax.Array) -> jax.Array:
    kernel, bias = weights
    return x @ kernel + bias


def dense_weights(
    rng: np.random.Generator, widths: tuple[int, ...], last: str | None = None
) -> Tree:
    pairs = zip(widths[:-1], widths[1:], strict=True)
    return [affine(rng, inputs, outputs) for inputs, outputs in pairs]


def dense(
    weights: Tree, x: jax.Array, widths: Tree = None, last: str | None = None
) -> jax.Array:
    *hidden, outputs = weights
    for layer in hidden:
        x = jax.nn.relu(apply(layer, x))
    return apply(outputs, x)


def recurrent_weights(
    rng: np.random.Generator, layer: str, vocabulary: int, width: int, length: int
) -> Tree:
    gates = {"LSTM": 4, "GRU": 3}[layer] * width
    return {
        "embedding": small(rng, vocabulary, width),
        "inputs": affine(rng, width, gates),
        "state": affine(rng, width, gates)
        if layer == "GRU"
        else glorot(rng, width, gates),
        "output": affine(rng, width, 1),
    }


def recurrent(
    weights: Tree, x: jax.Array, layer: str, vocabulary: int, width: int, length: int
) -> jax.Array:
    """Run an LSTM or GRU; inputs are projected before the scan over time."""
    vectors = weights["embedding"][x].swapaxes(0, 1)
    projected = apply(weights["inputs"], vectors)
    state = jnp.zeros((len(x), width))
    if layer == "LSTM":
        step = partial(lstm_step, weights["state"])
        (state, _), _ = jax.lax.scan(step, (state, state), projected)
    else:
        state, _ = jax.lax.scan(partial(gru_step, weights["state"]), state, projected)
    return apply(weights["output"], state)


def lstm_step(kernel: Tree, carry: Tree, projected: jax.Array) -> tuple[Tree, None]:
    hidden, cell = carry
    gates = jnp.split(projected + hidden @ kernel, 4, axis=1)
    take, forget, output = (jax.nn.sigmoid(gates[i]) for i in (0, 1, 3))
    cell = forget * cell + take * jnp.tanh(gates[2])
    return (output * jnp.tanh(cell), cell), None


def gru_step(weights: Tree, state: Tree, projected: jax.Array) -> tuple[Tree, None]:
    update, reset, new = jnp.split(projected, 3, axis=1)
    from_update, from_reset, from_new = jnp.split(apply(weights, state), 3, axis=1)
    keep = jax.nn.sigmoid(update + from_update)
    new = jnp.tanh(new + jax.nn.sigmoid(reset + from_reset) * from_new)
    return keep * state + (1 - keep) * new, None


def transformer_weights(
    rng: np.random.Generator,
    vocabulary: int,
    length: int,
    width: int,
    heads: int,
    blocks: int,
) -> Tree:
    def norm() -> Tree:
        return np.ones(width, np.float32), zeros(width)

    def block() -> Tree:
        return {
            "before_attention": norm(),
            "project": affine(rng, width, 3 * width),
            "combine": affine(rng, width, width),
            "before_dense": norm(),
            "widen": affine(rng, width, 4 * width),
            "narrow": affine(rng, 4 * width, width),
        }

    return {
        "embedding": small(rng, vocabulary, width),
        "positions": small(rng, length, width),
        "blocks": [block() for _ in range(blocks)],
        "last": norm(),
        "output": affine(rng, width, vocabulary),
    }


def normalized(weights: Tree, x: jax.Array) -> jax.Array:
    scale, shift = weights
    mean = x.mean(axis=-1, keepdims=True)
    variance = jnp.square(x - mean).mean(axis=-1, keepdims=True)
    return (x - mean) * jax.lax.rsqrt(variance + 1e-3) * scale + shift


def transformer(
    weights: Tree, x: jax.Array, length: int, heads: int, **others: int
) -> jax.Array:
    x = weights["embedding"][x] + weights["positions"]
    for block in weights["blocks"]:
        y = apply(block["project"], normalized(block["before_attention"], x))
        x = x + apply(block["combine"], attention(y, heads))
        y = apply(block["widen"], normalized(block["before_dense"], x))
        x = x + apply(block["narrow"], jax.nn.gelu(y, approximate=False))
    return apply(weights["output"], normalized(weights["last"], x))


def attention(projected: jax.Array, heads: int) -> jax.Array:
    batch, length, width = projected.shape
    parts = projected.reshape(batch, length, 3, heads, width // 3 // heads)
    query, key, value = (parts[:, :, part] for part in range(3))
    scores = jnp.einsum("bqhd,bkhd->bhqk", query, key) / query.shape[-1] ** 0.5
    causal = jnp.tril(jnp.ones((length, length), bool))
    attention = jax.nn.softmax(jnp.where(causal, scores, -jnp.inf))
    return jnp.einsum("bhqk,bkhd->bqhd", attention, value).reshape(batch, length, -1)


def tabular_weights(
    rng: np.random.Generator, columns: int, vocabulary: int, width: int, numbers: int
) -> Tree:
    widths = (columns * width + numbers, 256, 128, 1)
    return {
        "embeddings": [small(rng, vocabulary, width) for _ in range(columns)],
        "dense": dense_weights(rng, widths),
    }


def tabular(
    weights: Tree, categories: jax.Array, values: jax.Array, **options: int
) -> jax.Array:
    vectors = [
        table[categories[:, column]]
        for column, table in enumerate(weights["embeddings"])
    ]
    return dense(weights["dense"], jnp.concatenate([*vectors, values], axis=1))


NETWORKS = {
    "dense": Network(dense_weights, dense),
    "recurrent": Network(recurrent_weights, recurrent),
    "transformer": Network(transformer_weights, transformer),
    "tabular": Network(tabular_weights, tabular),
}
