"""Recurrence and CTC of `keras.backend` in Keras 1 and 2."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp

from lamina import config, ops
from lamina.core.graph import op
from lamina.errors import ArgumentError
from lamina.typing import Array

if TYPE_CHECKING:
    from lamina.ops.types import Tensor


@op
def rnn(
    step_function: Callable[[Any, list[Any]], tuple[Any, Sequence[Any]]],
    inputs: Any,
    initial_states: Sequence[Any],
    go_backwards: bool = False,
    mask: Tensor | None = None,
    constants: Sequence[Any] | None = None,
    unroll: bool = False,
    input_length: int | None = None,
) -> tuple[Any, Any, list[Any]]:
    """Call a function for each step of sequences.

    Args:
        step_function: takes a step's inputs, and a list of the states and constants;
            returns the output and the new states.
        inputs: (batch, steps, ...).
        initial_states: the states before the first step.
        go_backwards: whether to begin with the last step.
        mask: (batch, steps); a masked step repeats the output and the states.
        constants: appended to the states of each call.
        unroll: accepted, and not needed.
        input_length: accepted, and not needed.

    Returns:
        The last output, all outputs (batch, steps, ...), and the last states.
    """
    steps = jnp.swapaxes(inputs, 0, 1)
    masks = None if mask is None else jnp.swapaxes(jnp.asarray(mask, bool), 0, 1)
    if masks is not None:
        masks = masks.reshape(masks.shape[:2])
    fixed = list(constants or [])

    def step(carry: tuple[Any, Any], now: tuple[Any, Any]) -> Any:
        before, states = carry
        x, is_used = now
        output, new = step_function(x, [*states, *fixed])
        new = [jnp.asarray(n, s.dtype) for n, s in zip(new, states, strict=True)]
        if is_used is not None:
            output = _selected(is_used, output, before)
            new = [_selected(is_used, n, s) for n, s in zip(new, states, strict=True)]
        return (output, new), output

    states = [jnp.asarray(s) for s in initial_states]
    first = jax.eval_shape(lambda: step_function(steps[0], [*states, *fixed])[0])
    carry = jnp.zeros(first.shape, first.dtype), states
    (last, states), outputs = jax.lax.scan(
        step, carry, (steps, masks), reverse=go_backwards
    )
    if go_backwards:
        outputs = outputs[::-1]
    return last, jnp.swapaxes(outputs, 0, 1), list(states)


def _selected(is_used: Array, new: Array, old: Array) -> Any:
    return jnp.where(is_used.reshape(-1, *[1] * (new.ndim - 1)), new, old)


def ctc_batch_cost(
    y_true: Tensor, y_pred: Any, input_length: Tensor, label_length: Tensor
) -> Array:
    """Return the CTC loss of each sample, (batch, 1); the last class is the blank.

    Args:
        y_true: class indices, (batch, labels).
        y_pred: probabilities, (batch, steps, classes).
        input_length: number of steps, (batch, 1).
        label_length: number of labels, (batch, 1).
    """
    blank = y_pred.shape[-1] - 1
    scores = ops.log(ops.add(y_pred, config.epsilon()))
    labels = ops.cast(y_true, "int32")
    lengths = [
        ops.cast(ops.reshape(n, (-1,)), "int32") for n in (label_length, input_length)
    ]
    costs = ops.ctc_loss(labels, scores, lengths[0], lengths[1], blank)
    return ops.expand_dims(costs, 1)


def ctc_decode(
    y_pred: Tensor,
    input_length: Tensor,
    greedy: bool = True,
    beam_width: int = 100,
    top_paths: int = 1,
) -> tuple[list[Any], Any]:
    """Decode probabilities of classes; the last class is the blank.

    Returns:
        For each path the labels (batch, steps), padded with -1; the scores.
    """
    if not greedy and top_paths > beam_width:
        raise ArgumentError(
            f"K.ctc_decode: `top_paths` must be at most `beam_width`, {beam_width}. "
            f"Received: {top_paths}."
        )
    paths, scores = ops.ctc_decode(
        ops.log(ops.add(y_pred, config.epsilon())),
        ops.cast(input_length, "int32"),
        "greedy" if greedy else "beam_search",
        beam_width,
        1 if greedy else top_paths,
        mask_index=None,
    )
    count = 1 if greedy else top_paths
    return [paths[i] for i in range(count)], scores
