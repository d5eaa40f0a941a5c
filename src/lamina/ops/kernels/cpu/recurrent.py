"""Recurrence kernels for CPUs."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from lamina.ops.kernels.calls import RecurrenceCall
from lamina.ops.kernels.table import register_kernel
from lamina.ops.nn.cells import CellSpec, Loop, Run, Weights, collect_run, select_states

Arrays = list[jax.Array]


def is_standard(call: RecurrenceCall) -> bool:
    """Return whether a cell has tanh and sigmoid, and no recurrent dropout."""
    return call.cell.standard and call.cell.kind in _STEPS and not call.noise


@register_kernel(
    "recurrence",
    "cpu",
    "One matrix product computes the gradient of the recurrent weights of all steps.",
    supports=is_standard,
)
def cached_gates(call: RecurrenceCall) -> Run:
    """Run a recurrence that stores its gates for the backward pass.

    JAX's derivative of a loop adds to the weights' gradients at every step. Here the
    loop stores the gates' gradients, and one product after it sums them. Like every
    `custom_vjp`, it has no forward-mode derivative.
    """
    cell, projected, states, weights, _, loop = call
    inputs = _Inputs(projected, states, weights, loop.mask)
    result: Any = _run(cell, loop._replace(mask=None), inputs)
    outputs, states = result
    return collect_run(outputs, states, loop)


class _Inputs(NamedTuple):
    """Arrays of a recurrence."""

    projected: jax.Array
    states: Arrays
    weights: Weights
    mask: jax.Array | None


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _run(cell: CellSpec, loop: Loop, inputs: _Inputs) -> tuple[Any, Arrays]:
    return _advance(cell, loop, inputs, save=False)[0]


def _forward(cell: CellSpec, loop: Loop, inputs: _Inputs) -> tuple[Any, Any]:
    result, saved = _advance(cell, loop, inputs, save=True)
    return result, (saved, inputs.weights, inputs.mask)


def _advance(
    cell: CellSpec, loop: Loop, inputs: _Inputs, save: bool
) -> tuple[Any, Any]:
    step = _STEPS[cell.kind][0]
    projected, states, weights, mask = inputs
    input_bias, recurrent_bias = weights.biases(cell)

    def body(old: Arrays, inputs: tuple[Any, ...]) -> tuple[Arrays, Any]:
        x, mask = inputs
        u = old[0] @ weights.kernel + recurrent_bias
        new, residuals = step(x + input_bias, u, old)
        new = _select(mask, new, old)
        output = new[0] if loop.keep_outputs else None
        return new, (output, (old[0], *residuals) if save else None)

    states, (outputs, saved) = lax.scan(
        body, states, (projected, mask), reverse=loop.reverse, unroll=loop.unroll
    )
    return (outputs, states), saved


def _select(mask: jax.Array | None, new: Arrays, old: Arrays) -> Arrays:
    """Select the new states where the mask, if there is one, is true."""
    if mask is None:
        return new
    return [select_states(mask, n, o) for n, o in zip(new, old, strict=True)]


def _backward(
    cell: CellSpec, loop: Loop, residuals: tuple[Any, ...], gradients: tuple[Any, ...]
) -> tuple[_Inputs]:
    saved, weights, mask = residuals
    step = _STEPS[cell.kind][1]
    # Transposed outside the loop: inside it each product takes a sixth longer.
    transposed = lax.optimization_barrier(weights.kernel.T)

    def body(dstates: Arrays, inputs: tuple[Any, ...]) -> tuple[Arrays, Any]:
        dy, mask, (h, *residuals) = inputs
        if dy is not None:
            dstates = [dstates[0] + dy, *dstates[1:]]
        dnew = _select(mask, dstates, [jnp.zeros_like(d) for d in dstates])
        dx, du, dold = step(h, residuals, dnew)
        du = jnp.concatenate(du, -1)
        dold[0] = dold[0] + du @ transposed
        dold = _select(mask, dold, dstates)
        return dold, (du, None if dx is None else jnp.concatenate(dx, -1))

    dys, dstates = gradients
    steps = dys, mask, saved
    dstates, (du, dx) = lax.scan(
        body, dstates, steps, reverse=not loop.reverse, unroll=loop.unroll
    )
    dx = du if dx is None else dx
    dkernel = _flatten_time(saved[0]).T @ _flatten_time(du)
    dbias = None
    if weights.bias is not None:
        dbias = jnp.sum(_flatten_time(dx), 0)
        if weights.bias.ndim == 2:
            dbias = jnp.stack([dbias, jnp.sum(_flatten_time(du), 0)])
    return (_Inputs(dx, dstates, Weights(dkernel, dbias), None),)


_run.defvjp(_forward, _backward)


def _flatten_time(x: jax.Array) -> jax.Array:
    return x.reshape(-1, x.shape[-1])


# Keeps XLA from computing an array again in each operation that reads it.
_materialize = lax.optimization_barrier

# A step takes both parts of the gates' sums, x and u, and returns the new states and
# the residuals. Its derivative takes the old output, the residuals, and the gradients
# of the new states. It returns the gradients of x (`None` if they equal those of u),
# those of u, and those of the old states except through u.


def _simple(x: jax.Array, u: jax.Array, states: Arrays) -> tuple[Arrays, Any]:
    h = jnp.tanh(x + u)
    return [h], (h,)


def _simple_gradients(
    old: jax.Array, saved: Arrays, gradients: Arrays
) -> tuple[Any, Arrays, Arrays]:
    (h,) = saved
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
    old: jax.Array, saved: Arrays, gradients: Arrays
) -> tuple[Any, Arrays, Arrays]:
    c, i, f, g, o, t = saved
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
    h: jax.Array, saved: Arrays, gradients: Arrays
) -> tuple[Any, Arrays, Arrays]:
    z, r, n, u = saved
    (dh,) = gradients
    dn = dh * (1 - z) * (1 - n * n)
    dz, dr = dh * (h - n) * z * (1 - z), dn * u * r * (1 - r)
    return [dz, dr, dn], [dz, dr, dn * r], [dh * z]


_STEPS: dict[str, Any] = {
    "simple": (_simple, _simple_gradients),
    "lstm": (_lstm, _lstm_gradients),
    "gru": (_gru, _gru_gradients),
}
