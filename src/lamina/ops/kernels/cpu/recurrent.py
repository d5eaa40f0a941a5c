"""Recurrence kernels for CPUs."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from lamina.ops.kernels.table import register_kernel
from lamina.ops.nn.cells import CellSpec, Loop, Run, Weights, collect_run, select_states
from lamina.typing import ArrayLike

Arrays = list[jax.Array]


def is_standard(
    cell: CellSpec, projected: Any, states: Any, weights: Any, noise: Any, loop: Any
) -> bool:
    """Return whether a cell has tanh and sigmoid, and no recurrent dropout."""
    return cell.standard and cell.kind in _STEPS and not noise


@register_kernel(
    "recurrence",
    "cpu",
    "One matrix product computes the gradient of the recurrent weights of all steps.",
    supports=is_standard,
)
def cached_gates(
    cell: CellSpec,
    projected: jax.Array,
    states: Arrays,
    weights: Weights,
    noise: list[Any],
    loop: Loop,
) -> Run:
    """Run a recurrence that stores its gates for the backward pass.

    JAX's derivative of a loop adds to the weights' gradients at every step. Here the
    loop stores the gates' gradients, and one product after it sums them. Like every
    `custom_vjp`, it has no forward-mode derivative.
    """
    options = _LoopOptions(cell, loop.reverse, loop.unroll, loop.keep_outputs)
    result: Any = _run(options, projected, states, weights, loop.mask)
    outputs, states = result
    return collect_run(outputs, states, loop)


class _LoopOptions(NamedTuple):
    """Static options of a loop."""

    cell: CellSpec
    reverse: bool
    unroll: bool | int
    keep_outputs: bool


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _run(
    options: _LoopOptions,
    projected: jax.Array,
    states: Arrays,
    weights: Weights,
    mask: Any,
) -> tuple[Any, Arrays]:
    (outputs, states), _ = _advance(
        options, projected, states, weights, mask, save=False
    )
    return outputs, states


def _forward(
    options: _LoopOptions,
    projected: jax.Array,
    states: Arrays,
    weights: Weights,
    mask: Any,
) -> tuple[Any, Any]:
    result, saved = _advance(options, projected, states, weights, mask, save=True)
    return result, (saved, weights, mask)


def _advance(
    options: _LoopOptions,
    projected: jax.Array,
    states: Arrays,
    weights: Weights,
    mask: Any,
    save: bool,
) -> tuple[Any, Any]:
    step = _STEPS[options.cell.kind][0]
    input_bias, recurrent_bias = weights.biases(options.cell)

    def body(old: Arrays, inputs: Any) -> tuple[Arrays, Any]:
        x, mask = inputs
        u = old[0] @ weights.kernel + recurrent_bias
        new, residuals = step(x + input_bias, u, old)
        if mask is not None:
            new = [select_states(mask, n, o) for n, o in zip(new, old, strict=True)]
        output = new[0] if options.keep_outputs else None
        return new, (output, (old[0], *residuals) if save else None)

    states, (outputs, saved) = lax.scan(
        body, states, (projected, mask), reverse=options.reverse, unroll=options.unroll
    )
    return (outputs, states), saved


def _backward(options: _LoopOptions, residuals: Any, gradients: Any) -> tuple[Any, ...]:
    saved, weights, mask = residuals
    step = _STEPS[options.cell.kind][1]
    # Transposed outside the loop: inside it each product takes a sixth longer.
    transposed = lax.optimization_barrier(weights.kernel.T)

    def body(dstates: Arrays, inputs: Any) -> tuple[Arrays, Any]:
        dy, mask, (h, *residuals) = inputs
        if dy is not None:
            dstates = [dstates[0] + dy, *dstates[1:]]
        dnew = dstates
        if mask is not None:
            dnew = [select_states(mask, d, jnp.zeros_like(d)) for d in dstates]
        dx, du, dold = step(h, *residuals, dnew)
        du = jnp.concatenate(du, -1)
        dold[0] = dold[0] + du @ transposed
        if mask is not None:
            pairs = zip(dold, dstates, strict=True)
            dold = [select_states(mask, d, before) for d, before in pairs]
        return dold, (du, None if dx is None else jnp.concatenate(dx, -1))

    dys, dstates = gradients
    dstates, (du, dx) = lax.scan(
        body,
        dstates,
        (dys, mask, saved),
        reverse=not options.reverse,
        unroll=options.unroll,
    )
    dx = du if dx is None else dx
    dkernel = _flatten_time(saved[0]).T @ _flatten_time(du)
    dbias = None
    if weights.bias is not None:
        dbias = jnp.sum(_flatten_time(dx), 0)
        if weights.bias.ndim == 2:
            dbias = jnp.stack([dbias, jnp.sum(_flatten_time(du), 0)])
    return dx, dstates, Weights(dkernel, dbias), None


_run.defvjp(_forward, _backward)


def _flatten_time(x: jax.Array) -> jax.Array:
    return x.reshape(-1, x.shape[-1])


# A step takes both parts of the gates' sums, x and u, and returns the new states and
# the residuals. Its derivative takes the old output, the residuals, and the gradients
# of the new states. It returns the gradients of x (`None` if they equal those of u),
# those of u, and those of the old states except through u.


def _materialize(x: ArrayLike) -> Any:
    """Keep XLA from computing x again in each operation that reads it."""
    return lax.optimization_barrier(x)


def _simple(x: jax.Array, u: jax.Array, states: Arrays) -> tuple[Arrays, Any]:
    h = jnp.tanh(x + u)
    return [h], (h,)


def _simple_gradients(
    old: Any, h: Any, gradients: Arrays
) -> tuple[Any, Arrays, Arrays]:
    return None, [gradients[0] * (1 - h * h)], [jnp.zeros_like(h)]


def _lstm(x: jax.Array, u: jax.Array, states: Arrays) -> tuple[Arrays, Any]:
    sums, c = x + u, states[1]
    # sigmoid(x) = tanh(x / 2) / 2 + 1 / 2, so one tanh computes all gates.
    scale = np.repeat([0.5, 0.5, 1, 0.5], c.shape[-1]).astype(sums.dtype)
    gates = _materialize(jnp.tanh(sums * scale) * scale + (1 - scale))
    i, f, g, o = jnp.split(gates, 4, -1)
    new = _materialize(f * c + i * g)
    t = _materialize(jnp.tanh(new))
    return [o * t, new], (c, i, f, g, o, t)


def _lstm_gradients(
    old: Any, c: Any, i: Any, f: Any, g: Any, o: Any, t: Any, gradients: Arrays
) -> tuple[Any, Arrays, Arrays]:
    dh, dc = gradients
    dc = dc + dh * o * (1 - t * t)
    di, df, do = dc * g * i * (1 - i), dc * c * f * (1 - f), dh * t * o * (1 - o)
    return None, [di, df, dc * i * (1 - g * g), do], [jnp.zeros_like(dh), dc * f]


def _gru(x: jax.Array, u: jax.Array, states: Arrays) -> tuple[Arrays, Any]:
    x_z, x_r, x_n = jnp.split(x, 3, -1)
    u_z, u_r, u_n = jnp.split(u, 3, -1)
    z, r = jax.nn.sigmoid(x_z + u_z), jax.nn.sigmoid(x_r + u_r)
    n = jnp.tanh(x_n + r * u_n)
    return [z * states[0] + (1 - z) * n], (z, r, n, u_n)


def _gru_gradients(
    h: Any, z: Any, r: Any, n: Any, u: Any, gradients: Arrays
) -> tuple[Any, Arrays, Arrays]:
    (dh,) = gradients
    dn = dh * (1 - z) * (1 - n * n)
    dz, dr = dh * (h - n) * z * (1 - z), dn * u * r * (1 - r)
    return [dz, dr, dn], [dz, dr, dn * r], [dh * z]


_STEPS: dict[str, Any] = {
    "simple": (_simple, _simple_gradients),
    "lstm": (_lstm, _lstm_gradients),
    "gru": (_gru, _gru_gradients),
}
