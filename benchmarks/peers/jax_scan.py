"""Hand-written training loop in plain JAX: the reference time for `fit`.

The whole `fit` is one program: a scan over epochs around a scan over batches, data on
the device, weights donated, and the cheapest shuffle, a permutation that NumPy draws.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from time import perf_counter
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.claim import Round
from benchmarks.peers.jax_networks import build
from benchmarks.workload import BINARY, CLASSES, Training

Tree = Any


def fit(quick: bool, training: Training) -> Round:
    """Return a round that runs a whole `fit`."""
    training = training.at(quick)
    rng = np.random.default_rng(0)
    inputs, truth = jax.device_put(training.data(training.rows))
    weights, forward = build(training)
    size = sum(leaf.size for leaf in jax.tree.leaves(weights))
    zeros = jax.tree.map(np.zeros_like, weights)
    state = jax.device_put((weights, (zeros, zeros), np.float32(0)))
    run = jax.jit(partial(run_epochs, training, forward), donate_argnums=0)

    def one_round() -> dict[str, float]:
        nonlocal state
        start = perf_counter()
        orders = np.tile(np.arange(training.rows, dtype=np.int32), (training.epochs, 1))
        orders = rng.permuted(orders, axis=1, out=orders)
        state, logs = run(state, inputs, truth, orders)
        loss = float(jax.device_get(logs)["loss"][-1])
        times = training.times(perf_counter() - start)
        return {**times, "parameters": size, "loss": loss}

    return one_round


def predict(quick: bool, training: Training, calls: int) -> Round:
    """Return a round that predicts one row, from NumPy and back."""
    weights, forward = build(training)
    weights = jax.device_put(weights)
    row = training.data(1)[0][0]
    network = jax.jit(lambda weights, x: jax.nn.softmax(forward(weights, x)))

    def one_round() -> dict[str, float]:
        start = perf_counter()
        for _ in range(calls):
            np.asarray(network(weights, row))
        seconds = (perf_counter() - start) / calls
        return {"predict": seconds, "call": seconds}

    return one_round


def loss_of(training: Training, outputs: jax.Array, truth: jax.Array) -> jax.Array:
    if training.loss == CLASSES:
        logs = jax.nn.log_softmax(outputs)
        return -jnp.take_along_axis(logs, truth[..., None], axis=-1).mean()
    if training.loss == BINARY:
        return (jax.nn.softplus(outputs) - truth * outputs).mean()
    return jnp.square(outputs - truth).mean()


def measures(training: Training, outputs: jax.Array, truth: jax.Array) -> Tree:
    """Return the metrics' sums over rows."""
    forms: dict[str, Callable[[], jax.Array]] = {
        "accuracy": lambda: jnp.sum(
            outputs.argmax(axis=-1) == truth
            if training.loss == CLASSES
            else (outputs > 0) == (truth > 0.5)
        ),
        "mae": lambda: jnp.abs(outputs - truth).sum(),
        "mse": lambda: jnp.square(outputs - truth).sum(),
    }
    return {name: forms[name]() for name in training.metrics}


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


def train_step(
    training: Training, forward: Callable[..., jax.Array], state: Tree, rows: Tree
) -> Tree:
    """Run one optimizer step; the logs are sums over rows."""
    inputs, truth = rows

    def loss_fn(weights: Tree) -> Tree:
        outputs = forward(weights, *inputs)
        return loss_of(training, outputs, truth), measures(training, outputs, truth)

    weights, slots, step = state
    update: Callable[..., Tree] = adam if training.optimizer == "adam" else rmsprop
    (loss, logs), gradients = jax.value_and_grad(loss_fn, has_aux=True)(weights)
    weights, slots = update(weights, gradients, slots, step + 1)
    return (weights, slots, step + 1), logs | {"loss": loss * len(truth)}


def run_epochs(
    training: Training,
    forward: Callable[..., jax.Array],
    state: Tree,
    inputs: Tree,
    truth: jax.Array,
    orders: jax.Array,
) -> Tree:
    """Run all epochs of one `fit`, each in the order of its row."""
    whole = training.rows // training.batch * training.batch

    def step(state: Tree, index: jax.Array) -> Tree:
        rows = jax.tree.map(lambda array: array[index], (inputs, truth))
        return train_step(training, forward, state, rows)

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
