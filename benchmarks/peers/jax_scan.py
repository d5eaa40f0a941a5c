"""Plain JAX, written by hand for one network: the time that fit is measured against.

The whole `fit` is one program: a scan over epochs around a scan over batches, data on
the device, weights donated, and the cheapest shuffle, a permutation that NumPy draws.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from time import perf_counter
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.claim import Round
from benchmarks.workload import Training

Tree = Any


def fit(quick: bool, training: Training, quick_epochs: int | None = None) -> Round:
    """A whole `fit` a round."""
    if quick and quick_epochs:
        training = replace(training, epochs=quick_epochs)
    rng = np.random.default_rng(0)
    x, y = (jnp.asarray(array) for array in training.data(training))
    weights = initial_weights(training, rng)
    zeros = jax.tree.map(np.zeros_like, weights)
    state = jax.device_put((weights, (zeros, zeros), np.float32(0)))
    run = jax.jit(partial(run_epochs, training), donate_argnums=0)

    def one_round() -> dict[str, float]:
        nonlocal state
        start = perf_counter()
        orders = np.tile(np.arange(training.rows, dtype=np.int32), (training.epochs, 1))
        state, logs = run(state, x, y, rng.permuted(orders, axis=1, out=orders))
        jax.device_get(logs)
        seconds = perf_counter() - start
        return {"step": seconds / training.steps, "epoch": seconds / training.epochs}

    return one_round


def predict(quick: bool, training: Training, calls: int) -> Round:
    """One row through the jitted network, from NumPy and back."""
    weights = jax.device_put(initial_weights(training, np.random.default_rng(0)))
    row = training.data(training)[0][:1]
    network = jax.jit(lambda weights, x: jax.nn.softmax(forward(weights, x)))

    def one_round() -> dict[str, float]:
        start = perf_counter()
        for _ in range(calls):
            np.asarray(network(weights, row))
        seconds = (perf_counter() - start) / calls
        return {"predict": seconds, "call": seconds}

    return one_round


def initial_weights(training: Training, rng: np.random.Generator) -> Tree:
    """Glorot uniform kernels and zero biases."""

    def dense(inputs: int, outputs: int) -> Tree:
        limit = (6 / (inputs + outputs)) ** 0.5
        kernel = rng.uniform(-limit, limit, (inputs, outputs)).astype(np.float32)
        return kernel, np.zeros(outputs, np.float32)

    pairs = zip(training.widths[:-1], training.widths[1:], strict=True)
    return [dense(inputs, outputs) for inputs, outputs in pairs]


def forward(weights: Tree, x: jax.Array) -> jax.Array:
    *hidden, (kernel, bias) = weights
    for hidden_kernel, hidden_bias in hidden:
        x = jax.nn.relu(x @ hidden_kernel + hidden_bias)
    return x @ kernel + bias


def classifier_loss(weights: Tree, x: jax.Array, y: jax.Array) -> Tree:
    """Mean crossentropy and the number of rows that were right."""
    logits = forward(weights, x)
    chosen = jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], axis=1)
    return -chosen.mean(), {"accuracy": jnp.sum(logits.argmax(axis=1) == y)}


def regression_loss(weights: Tree, x: jax.Array, y: jax.Array) -> Tree:
    error = forward(weights, x) - y
    square = jnp.square(error)
    return square.mean(), {"mae": jnp.abs(error).sum(), "mse": square.sum()}


def adam(weights: Tree, gradients: Tree, slots: Tree, step: jax.Array) -> Tree:
    mean, square = slots
    mean = jax.tree.map(lambda m, g: m + 0.1 * (g - m), mean, gradients)
    square = jax.tree.map(lambda v, g: v + 0.001 * (g * g - v), square, gradients)
    rate = 0.001 * jnp.sqrt(1 - 0.999**step) / (1 - 0.9**step)
    weights = jax.tree.map(
        lambda w, m, v: w - rate * m / (jnp.sqrt(v) + 1e-7), weights, mean, square
    )
    return weights, (mean, square)


def rmsprop(weights: Tree, gradients: Tree, slots: Tree, step: jax.Array) -> Tree:
    unused, square = slots
    square = jax.tree.map(lambda v, g: 0.9 * v + 0.1 * g * g, square, gradients)
    weights = jax.tree.map(
        lambda w, g, v: w - 0.001 * g / jnp.sqrt(v + 1e-7), weights, gradients, square
    )
    return weights, (unused, square)


def train_step(training: Training, state: Tree, x: jax.Array, y: jax.Array) -> Tree:
    """One optimizer step; the logs are sums over rows."""
    weights, slots, step = state
    loss_fn = classifier_loss if training.is_classifier else regression_loss
    update: Callable[..., Tree] = adam if training.optimizer == "adam" else rmsprop
    (loss, logs), gradients = jax.value_and_grad(loss_fn, has_aux=True)(weights, x, y)
    weights, slots = update(weights, gradients, slots, step + 1)
    return (weights, slots, step + 1), logs | {"loss": loss * len(x)}


def run_epochs(
    training: Training, state: Tree, x: jax.Array, y: jax.Array, orders: jax.Array
) -> Tree:
    """Every epoch of one `fit`: each takes its batches in the order of its row."""
    whole = training.rows // training.batch * training.batch

    def step(state: Tree, index: jax.Array) -> Tree:
        return train_step(training, state, x[index], y[index])

    def epoch(state: Tree, order: jax.Array) -> Tree:
        state, logs = jax.lax.scan(
            step, state, order[:whole].reshape(-1, training.batch)
        )
        logs = jax.tree.map(partial(jnp.sum, axis=0), logs)
        if whole < training.rows:
            state, last = step(state, order[whole:])
            logs = jax.tree.map(jnp.add, logs, last)
        return state, jax.tree.map(lambda total: total / training.rows, logs)

    return jax.lax.scan(epoch, state, orders)
