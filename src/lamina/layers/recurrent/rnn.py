"""`RNN`: a layer that runs a cell along time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

import jax
import jax.numpy as jnp

from lamina.core.check import Check, boolean
from lamina.core.module import accepted_names
from lamina.core.registry import serialize
from lamina.core.scope import autocast
from lamina.core.untrusted import check_size
from lamina.core.variable import Variable
from lamina.errors import ArgumentError, ShapeError
from lamina.layers.base import Layer, Options
from lamina.layers.recurrent.cells import RecurrentCell
from lamina.layers.recurrent.scan import abstract_eval, stateful_scan
from lamina.layers.recurrent.stack import (
    StackedRNNCells,
    initial_states,
    is_cell,
    pack_states,
    unpack_states,
)
from lamina.ops.nn.cells import Loop, Run, run_states
from lamina.typing import Array, Config, PartialShape, PyTree


class RNN(Layer):
    """Recurrent layer that runs a cell along the time axis.

    A cell is an object, usually a `Layer`, with `state_size`, an integer or a list of
    integers, and `call(inputs, states)`, which returns the output and the new states
    of one step. It may have `output_size` and `get_initial_state(batch_size)`.

    Masked steps leave the states unchanged and repeat the previous output. Stateful
    layers start each batch with the last states of the previous one.

    Args:
        cell: the cell, or a list of cells to stack.
        return_sequences: whether to return the outputs of all steps or only the last.
        return_state: whether to return the last states after the output.
        go_backwards: whether to process the sequence in reverse; the outputs are then
            in reverse order.
        stateful: whether the states of each row carry over to the next batch.
        unroll: whether to unroll the loop; only useful for short sequences.
        zero_output_for_mask: whether masked steps output zeros.

    Shape:
        (batch, time, features) to (batch, units), or (batch, time, units) with
        `return_sequences`; states are (batch, units).

    Raises:
        ShapeError: the batch size of a stateful layer changes or is unknown.

    Example:
        >>> class Decay(Layer):
        ...     state_size = 3
        ...
        ...     def call(self, inputs, states):
        ...         total = inputs + 0.5 * states[0]
        ...         return total, [total]
        >>> RNN(Decay())(jnp.ones((1, 2, 3)))
        Array([[1.5, 1.5, 1.5]], dtype=float32)
    """

    supports_masking = True
    arguments = {
        "cell": Check(
            "a cell, an object with `call` and `state_size`, or a list of cells",
            lambda v: isinstance(v, (list, tuple)) or is_cell(v),
            (3, "lstm", None),
        ),
        "return_sequences": boolean,
        "return_state": boolean,
        "go_backwards": boolean,
        "stateful": boolean,
        "unroll": boolean,
        "zero_output_for_mask": boolean,
    }

    def __init__(
        self,
        cell: Any,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        zero_output_for_mask: bool = False,
        **kwargs: Unpack[Options],
    ) -> None:
        super().__init__(**kwargs)
        self.cell = StackedRNNCells(cell) if isinstance(cell, (list, tuple)) else cell
        self.return_sequences, self.return_state = return_sequences, return_state
        self.go_backwards, self.stateful = go_backwards, stateful
        self.unroll, self.zero_output_for_mask = unroll, zero_output_for_mask
        size = self.cell.state_size
        self.state_size = list(size) if isinstance(size, (list, tuple)) else [size]
        self.states: list[Any] | None = None

    def build(
        self, sequences_shape: PartialShape, initial_state_shape: PyTree = None
    ) -> None:
        """Build the cell, and create the states of a stateful layer."""
        batch, steps, *features = sequences_shape
        if self.unroll and steps is None:
            raise ShapeError(
                f"Layer {self.name!r} ({type(self).__name__}) has `unroll=True`, which "
                "needs a known number of steps. Set it, as in `Input(shape=(10, 3))`, "
                "or omit `unroll`."
            )
        if isinstance(self.cell, Layer) and not self.cell.built:
            self.cell.build((batch, *features))
        if self.stateful and self.states is None:
            self.states = _state_variables(self, batch)
            for state in jax.tree.leaves(self.states):
                state.path = self._path_of(state.name)

    def own_weights(self) -> list[Variable]:
        """Return this layer's own weights, without the states."""
        states = {id(state) for state in jax.tree.leaves(self.states)}
        return [v for v in super().own_weights() if id(v) not in states]

    def get_initial_state(self, batch_size: int) -> list[Any]:
        """Return the default initial states."""
        return initial_states(self.cell, batch_size, self.compute_dtype)

    def reset_state(self) -> None:
        """Reset the states of a stateful layer to zero."""
        for state in jax.tree.leaves(self.states):
            state.assign(jnp.zeros(state.shape))

    def reset_states(self) -> None:
        """Reset the states, as `reset_state` does."""
        self.reset_state()

    def call(
        self,
        sequences: Array,
        initial_state: PyTree = None,
        mask: PyTree = None,
        training: bool | None = None,
    ) -> Any:
        states = _first_states(self, sequences.shape[0], initial_state)
        last, outputs, states = self.inner_loop(sequences, states, mask, training)
        if self.stateful:
            variables, values = map(jax.tree.leaves, (self.states, states))
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)
        output = outputs if self.return_sequences else last
        return (output, *states) if self.return_state else output

    def inner_loop(
        self,
        sequences: Array,
        initial_state: list[Any],
        mask: PyTree,
        training: bool | None = False,
    ) -> tuple[Array, Array, list[Any]]:
        """Run the cell along the sequences, without reading or setting stored states.

        Args:
            sequences: (batch, time, ...).
            initial_state: the states before the first step.
            mask: a mask, (batch, time), or `None`.
            training: whether dropout is active.

        Returns:
            The last output; the outputs of all steps in the order of computation, or
            only the last one, (batch, 1, ...), without `return_sequences`; and the
            last states.
        """
        loop = Loop(
            _time_major_mask(mask, sequences.shape[1]),
            self.go_backwards,
            self.unroll,
            self.zero_output_for_mask,
            self.return_sequences,
        )
        inputs = jnp.swapaxes(sequences, 0, 1)
        run = run_cell(self.cell, inputs, initial_state, loop, training)
        run = jax.tree.map(lambda array: array.astype(self.compute_dtype), run)
        if not self.return_sequences:
            return run.last, run.last[:, None], run.states
        ordered = jnp.flip(run.outputs, 0) if self.go_backwards else run.outputs
        return run.last, jnp.swapaxes(ordered, 0, 1), run.states

    def compute_mask(self, inputs: Array, mask: PyTree) -> Any:
        """Return the input's mask for sequences, and None for other outputs."""
        masks = jax.tree.leaves(mask)
        mask = masks[0] if masks and self.return_sequences else None
        return [mask] + [None] * len(self.state_size) if self.return_state else mask

    def get_config(self) -> Config:
        """Return the constructor's arguments, with the config of the cell."""
        config = super().get_config()
        if "cell" in config:
            config["cell"] = serialize(self.cell)
        known = accepted_names(type(self))
        options = [n for n in ("unroll", "zero_output_for_mask") if n in known]
        return config | {name: getattr(self, name) for name in options}


def _state_variables(layer: RNN, batch_size: int | None) -> list[Any]:
    """Return variables for the states of a stateful layer."""
    if batch_size is None:
        raise ShapeError(
            f"Layer {layer.name!r} ({type(layer).__name__}) has `stateful=True`, which "
            "needs a known batch size, because each row has a state. Set it, as in "
            "`Input(shape=(10, 3), batch_size=32)`."
        )
    wanted = jax.eval_shape(lambda: layer.get_initial_state(batch_size))
    for state in jax.tree.leaves(wanted):
        check_size("rnn_state", state.shape, state.dtype)
    # A variable needs a concrete array, even while a program is traced.
    with jax.ensure_compile_time_eval():
        first = layer.get_initial_state(batch_size)
    values, structure = jax.tree.flatten(first)
    variables: list[Variable] = []
    for i, value in enumerate(values):
        name = f"rnn_state_{i}" if i else "rnn_state"
        state = Variable(value, None, layer.variable_dtype, False, name=name)
        state.ignores_tracers = True
        variables.append(state)
    return jax.tree.unflatten(structure, variables)


def _first_states(layer: RNN, batch: int, given: PyTree) -> list[Any]:
    """Return the states before the first step: given, stored or default ones."""
    if layer.stateful:
        expected = jax.tree.leaves(layer.states)[0].shape[0]
        if batch != expected:
            raise ShapeError(
                f"Layer {layer.name!r} ({type(layer).__name__}) is stateful for "
                f"batches of {expected} rows, but got one of {batch}. Use "
                f"`batch_size={expected}`, and data whose length is a multiple of "
                f"{expected}."
            )
    first = layer.get_initial_state(batch)
    if given is None:
        given = layer.states if layer.stateful else first
    wanted, structure = jax.tree.flatten(first)
    values = jax.tree.leaves(given)
    shapes = [jnp.shape(v) for v in values]
    if shapes != [v.shape for v in wanted]:
        raise ArgumentError(
            f"Layer {layer.name!r} ({type(layer).__name__}) needs an `initial_state` "
            f"of shapes {[v.shape for v in wanted]}. Received: {shapes}."
        )
    values = [v.value if isinstance(v, Variable) else v for v in values]
    states = [jnp.asarray(v, w.dtype) for v, w in zip(values, wanted, strict=True)]
    return jax.tree.unflatten(structure, states)


def run_cell(
    cell: Any, inputs: Array, states: list[Any], loop: Loop, training: bool | None
) -> Run:
    """Run a cell along time-major inputs."""
    if type(cell) is StackedRNNCells:
        return _run_stack(cell.cells, inputs, states, loop, training)
    if _can_project(cell):
        return _run_projected(cell, inputs, states, loop, training)
    return _run_generic(cell, inputs, states, loop)


def _run_stack(
    cells: Sequence[Any],
    inputs: Array,
    states: list[Any],
    loop: Loop,
    training: bool | None,
) -> Run:
    # Running one cell at a time lets each project the inputs of all steps at once.
    *before, final = unpack_states(states)
    last = []
    for cell, first in zip(cells[:-1], before, strict=True):
        inner = loop._replace(keep_outputs=True)
        inputs, _, after = run_cell(cell, inputs, first, inner, training)
        last.append(after)
    run = run_cell(cells[-1], inputs, final, loop, training)
    return run._replace(states=pack_states(cells, [*last, run.states]))


def _can_project(cell: object) -> bool:
    # An overridden `call` or an activity regularizer must run at every step.
    return (
        isinstance(cell, RecurrentCell)
        and type(cell).call is RecurrentCell.call
        and cell.activity_regularizer is None
    )


def _run_projected(
    cell: RecurrentCell,
    inputs: Array,
    states: list[Any],
    loop: Loop,
    training: bool | None,
) -> Run:
    with autocast(cell.compute_dtype):
        inputs = cell.project(inputs.astype(cell.compute_dtype), training)
        masks = cell.recurrent_dropout_masks(states, training)
        return cell.run(inputs, states, masks, loop)


def _run_generic(cell: Any, inputs: Array, states: list[Any], loop: Loop) -> Run:
    call: Any = cell if callable(cell) else cell.call

    def advance(before: list[Any], x: object) -> list[Any]:
        old = before[1]
        output, new = call(x, old)
        new = jax.tree.unflatten(jax.tree.structure(old), jax.tree.leaves(new))
        return [output, jax.tree.map(lambda n, o: n.astype(o.dtype), new, old)]

    # The output of a generic cell may not be a state, so it is part of the carry.
    (like, _), _ = abstract_eval(call, inputs[0], states)
    first = jax.tree.leaves(states)[0]
    output = first if first.shape == like.shape else jnp.zeros(like.shape)
    carry = [output.astype(like.dtype), states]
    run = run_states(advance, carry, inputs, loop, stateful_scan)
    return run._replace(states=run.states[1])


def _time_major_mask(mask: PyTree, length: int) -> Array | None:
    """Return a (time, batch) mask; a step counts if any of its elements does.

    Raises:
        ShapeError: the mask is not one of sequences of this length.
    """
    masks = jax.tree.leaves(mask)
    if not masks:
        return None
    steps = jnp.asarray(masks[0], bool)
    if steps.shape[1:2] != (length,):
        raise ShapeError(
            f"The mask has shape {steps.shape}, but the sequences have {length} steps. "
            "It must have the shape (rows, steps)."
        )
    return steps.any(tuple(range(2, steps.ndim))).T
