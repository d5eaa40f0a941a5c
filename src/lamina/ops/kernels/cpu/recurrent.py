"""Forms of recurrences for CPUs."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from lamina.ops.kernels.table import kernel
from lamina.ops.nn.cells import CellSpec, Loop, Run, Weights, choose, finished

__all__ = ["is_standard", "cached_gates"]

Arrays = list[jax.Array]


def is_standard(
    rule: CellSpec, projected: Any, states: Any, weights: Any, noise: Any, loop: Any
) -> bool:
    """tanh and sigmoid, and no dropout of what is fed back"""
    return rule.standard and rule.kind in _STEPS and not noise


@kernel("recurrence", "cpu", when=is_standard, can=is_standard)
def cached_gates(
    rule: CellSpec,
    projected: jax.Array,
    states: Arrays,
    weights: Weights,
    noise: list[Any],
    loop: Loop,
) -> Run:
    """Gradients from the gates as they were, those of weights by one product.

    A loop's own derivative adds to the weights' gradients at every step; here the
    gates' gradients are kept, and multiplied when the loop is over. As every
    `custom_vjp`, it has no forward-mode derivative.
    """
    how = _How(rule, loop.reverse, loop.unroll, loop.keep_outputs)
    result: Any = _run(how, projected, states, weights, loop.mask)
    outputs, states = result
    return finished(outputs, states, loop)


class _How(NamedTuple):
    """What a loop does, apart from arrays."""

    rule: CellSpec
    reverse: bool
    unroll: bool | int
    keep_outputs: bool


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _run(
    how: _How, projected: jax.Array, states: Arrays, weights: Weights, mask: Any
) -> tuple[Any, Arrays]:
    (outputs, states), _ = _advance(how, projected, states, weights, mask, save=False)
    return outputs, states


def _forward(
    how: _How, projected: jax.Array, states: Arrays, weights: Weights, mask: Any
) -> tuple[Any, Any]:
    result, saved = _advance(how, projected, states, weights, mask, save=True)
    return result, (saved, weights, mask)


def _advance(
    how: _How,
    projected: jax.Array,
    states: Arrays,
    weights: Weights,
    mask: Any,
    save: bool,
) -> tuple[Any, Any]:
    step = _STEPS[how.rule.kind][0]
    to_inputs, to_fed_back = weights.biases(how.rule)

    def body(old: Arrays, now: Any) -> tuple[Arrays, Any]:
        x, keep = now
        new, kept = step(x + to_inputs, old[0] @ weights.kernel + to_fed_back, old)
        if keep is not None:
            new = [choose(keep, n, o) for n, o in zip(new, old, strict=True)]
        output = new[0] if how.keep_outputs else None
        return new, (output, (old[0], *kept) if save else None)

    states, (outputs, saved) = lax.scan(
        body, states, (projected, mask), reverse=how.reverse, unroll=how.unroll
    )
    return (outputs, states), saved


def _backward(how: _How, residuals: Any, slopes: Any) -> tuple[Any, ...]:
    saved, weights, mask = residuals
    step = _STEPS[how.rule.kind][1]
    # Turned once: in the loop each product would take a sixth longer.
    turned = lax.optimization_barrier(weights.kernel.T)

    def body(slope: Arrays, now: Any) -> tuple[Arrays, Any]:
        dy, keep, (h, *kept) = now
        if dy is not None:
            slope = [slope[0] + dy, *slope[1:]]
        of_new = slope
        if keep is not None:
            of_new = [choose(keep, s, jnp.zeros_like(s)) for s in slope]
        dx, du, of_old = step(h, *kept, of_new)
        du = jnp.concatenate(du, -1)
        of_old[0] = of_old[0] + du @ turned
        if keep is not None:
            of_old = [choose(keep, s, o) for s, o in zip(of_old, slope, strict=True)]
        return of_old, (du, None if dx is None else jnp.concatenate(dx, -1))

    dys, dstates = slopes
    dstates, (du, dx) = lax.scan(
        body, dstates, (dys, mask, saved), reverse=not how.reverse, unroll=how.unroll
    )
    dx = du if dx is None else dx
    dkernel = _flat(saved[0]).T @ _flat(du)
    dbias = None
    if weights.bias is not None:
        dbias = jnp.sum(_flat(dx), 0)
        if weights.bias.ndim == 2:
            dbias = jnp.stack([dbias, jnp.sum(_flat(du), 0)])
    return dx, dstates, Weights(dkernel, dbias), None


_run.defvjp(_forward, _backward)


def _flat(x: jax.Array) -> jax.Array:
    return x.reshape(-1, x.shape[-1])


# A step takes both parts of the gates' sums, x and u, and gives the new states and what
# its derivative needs. The derivative takes the old output, these, and the new states'
# slopes; it gives the slopes of x if they
# differ from those of u, those of u, and those of the old states except through u.


def _once(x: Any) -> Any:
    """The same, computed once and not again in each operation that takes it."""
    return lax.optimization_barrier(x)


def _simple(x: jax.Array, u: jax.Array, states: Arrays) -> tuple[Arrays, Any]:
    h = jnp.tanh(x + u)
    return [h], (h,)


def _simple_slopes(old: Any, h: Any, slopes: Arrays) -> tuple[Any, Arrays, Arrays]:
    return None, [slopes[0] * (1 - h * h)], [jnp.zeros_like(h)]


def _lstm(x: jax.Array, u: jax.Array, states: Arrays) -> tuple[Arrays, Any]:
    sums, c = x + u, states[1]
    # The logistic function is a tanh of half the size: one pass makes all gates.
    size = np.repeat([0.5, 0.5, 1, 0.5], c.shape[-1]).astype(sums.dtype)
    gates = _once(jnp.tanh(sums * size) * size + (1 - size))
    i, f, g, o = jnp.split(gates, 4, -1)
    new = _once(f * c + i * g)
    t = _once(jnp.tanh(new))
    return [o * t, new], (c, i, f, g, o, t)


def _lstm_slopes(
    old: Any, c: Any, i: Any, f: Any, g: Any, o: Any, t: Any, slopes: Arrays
) -> tuple[Any, Arrays, Arrays]:
    dh, dc = slopes
    dc = dc + dh * o * (1 - t * t)
    di, df, do = dc * g * i * (1 - i), dc * c * f * (1 - f), dh * t * o * (1 - o)
    return None, [di, df, dc * i * (1 - g * g), do], [jnp.zeros_like(dh), dc * f]


def _gru(x: jax.Array, u: jax.Array, states: Arrays) -> tuple[Arrays, Any]:
    x_z, x_r, x_n = jnp.split(x, 3, -1)
    u_z, u_r, u_n = jnp.split(u, 3, -1)
    z, r = jax.nn.sigmoid(x_z + u_z), jax.nn.sigmoid(x_r + u_r)
    n = jnp.tanh(x_n + r * u_n)
    return [z * states[0] + (1 - z) * n], (z, r, n, u_n)


def _gru_slopes(
    h: Any, z: Any, r: Any, n: Any, u: Any, slopes: Arrays
) -> tuple[Any, Arrays, Arrays]:
    (dh,) = slopes
    dn = dh * (1 - z) * (1 - n * n)
    dz, dr = dh * (h - n) * z * (1 - z), dn * u * r * (1 - r)
    return [dz, dr, dn], [dz, dr, dn * r], [dh * z]


_STEPS: dict[str, Any] = {
    "simple": (_simple, _simple_slopes),
    "lstm": (_lstm, _lstm_slopes),
    "gru": (_gru, _gru_slopes),
}
