"""`RNN`: a cell, run along time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from lamina.core.budget import check_size
from lamina.core.check import Check, boolean
from lamina.core.module import accepted_names
from lamina.core.registry import serialize
from lamina.core.scope import autocast, local
from lamina.core.variable import Variable
from lamina.errors import ArgumentError, ShapeError
from lamina.layers.base.layer import Layer
from lamina.layers.recurrent.cells import RecurrentCell
from lamina.layers.recurrent.scan import abstract_eval, stateful_scan
from lamina.layers.recurrent.stack import StackedRNNCells, first_states, is_cell
from lamina.ops.nn.cells import Loop, Run, run_states
from lamina.ops.nn.recurrent import recurrence

__all__ = ["RNN"]


class RNN(Layer):
    """Runs a cell along the time axis of its input.

    A cell is an object with `state_size`, an integer or a list of them, and
    `call(inputs, states)`, which returns the output and the new states of one step;
    a `Layer` as a rule. It may have `output_size` and `get_initial_state(batch_size)`.

    Where the mask is false a row keeps its states, and its output is the one before
    it. Stateful layers begin each batch where the last one ended.

    Args:
        cell: the cell, or a list of cells to stack.
        return_sequences: whether to return the output of each step, not of the last.
        return_state: whether to return the last states too, after the output.
        go_backwards: whether to go from the last step to the first; the outputs then
            come in that order.
        stateful: whether states pass on to the next batch, row by row.
        unroll: whether to write the loop out: for short sequences only.
        zero_output_for_mask: whether masked steps output zeros.

    Shape:
        (batch, time, features) to (batch, units), or (batch, time, units) with
        `return_sequences`; states are (batch, units).

    Raises:
        ShapeError: a stateful layer meets a batch of another or of unknown size.

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
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.cell = StackedRNNCells(cell) if isinstance(cell, (list, tuple)) else cell
        self.return_sequences, self.return_state = return_sequences, return_state
        self.go_backwards, self.stateful = go_backwards, stateful
        self.unroll, self.zero_output_for_mask = unroll, zero_output_for_mask
        size = self.cell.state_size
        self.state_size = list(size) if isinstance(size, (list, tuple)) else [size]
        self.states: list[Any] | None = None

    def build(  # type: ignore[override]
        self, sequences_shape: Any, initial_state_shape: Any = None
    ) -> None:
        """Build the cell, and make the states that pass from batch to batch."""
        batch, steps, *features = sequences_shape
        if self.unroll and steps is None:
            raise ShapeError(
                f"Layer {self.name!r} ({type(self).__name__}) has `unroll=True`, which "
                "needs a known number of steps. Give it, as in `Input(shape=(10, 3))`, "
                "or leave `unroll` out."
            )
        if isinstance(self.cell, Layer) and not self.cell.built:
            self.cell.build((batch, *features))
        if self.stateful and self.states is None:
            self.states = self._make_states(batch)

    def _make_states(self, batch_size: int | None) -> list[Any]:
        if batch_size is None:
            raise ShapeError(
                f"Layer {self.name!r} ({type(self).__name__}) has `stateful=True`: it "
                "keeps a state for each row, so it needs a known batch size. Give it, "
                "as in `Input(shape=(10, 3), batch_size=32)`."
            )
        wanted = jax.eval_shape(lambda: self.get_initial_state(batch_size))
        for state in jax.tree.leaves(wanted):
            check_size("rnn_state", state.shape, state.dtype)
        # Also while a program is traced, a variable begins with a real array.
        with jax.ensure_compile_time_eval():
            first = self.get_initial_state(batch_size)
        values, structure = jax.tree.flatten(first)
        parents = local.call.path if local.call else (self.name,)
        made = []
        for i, value in enumerate(values):
            name = f"rnn_state_{i}" if i else "rnn_state"
            state = Variable(value, None, self.variable_dtype, False, name=name)
            state.ignores_tracers = True
            state.path = "/".join((*parents, name))
            made.append(state)
        return jax.tree.unflatten(structure, made)

    def own_weights(self) -> list[Variable]:
        """This layer's own weights; states are no weights, so no file keeps them."""
        states = {id(state) for state in jax.tree.leaves(self.states)}
        return [v for v in super().own_weights() if id(v) not in states]

    def get_initial_state(self, batch_size: int) -> list[Any]:
        """The states that sequences begin with when they are given none."""
        return first_states(self.cell, batch_size, self.compute_dtype)

    def reset_state(self) -> None:
        """Let a stateful layer begin anew."""
        for state in jax.tree.leaves(self.states):
            state.assign(jnp.zeros(state.shape))

    def reset_states(self) -> None:
        """The same as `reset_state`."""
        self.reset_state()

    def call(
        self,
        sequences: Any,
        initial_state: Any = None,
        mask: Any = None,
        training: bool | None = None,
    ) -> Any:
        states = self._initial_states(sequences.shape[0], initial_state)
        loop = Loop(
            _kept_steps(mask),
            self.go_backwards,
            self.unroll,
            self.zero_output_for_mask,
            self.return_sequences,
        )
        inputs = jnp.swapaxes(sequences, 0, 1)
        run = run_cell(self.cell, inputs, states, loop, training)
        run = jax.tree.map(lambda array: array.astype(self.compute_dtype), run)
        if self.stateful:
            kept = jax.tree.leaves(self.states)
            for variable, state in zip(kept, jax.tree.leaves(run.states), strict=True):
                variable.assign(state)
        output = run.last
        if self.return_sequences:
            ordered = jnp.flip(run.outputs, 0) if self.go_backwards else run.outputs
            output = jnp.swapaxes(ordered, 0, 1)
        return (output, *run.states) if self.return_state else output

    def _initial_states(self, batch: int, given: Any) -> list[Any]:
        if self.stateful:
            expected = jax.tree.leaves(self.states)[0].shape[0]
            if batch != expected:
                raise ShapeError(
                    f"Layer {self.name!r} ({type(self).__name__}) is stateful for "
                    f"batches of {expected} rows, but got one of {batch}. Give data "
                    f"whose length is a multiple of {expected}, in batches of that "
                    "size."
                )
        first = self.get_initial_state(batch)
        if given is None:
            given = self.states if self.stateful else first
        wanted, structure = jax.tree.flatten(first)
        values = jax.tree.leaves(given)
        shapes = [jnp.shape(v) for v in values]
        if shapes != [v.shape for v in wanted]:
            raise ArgumentError(
                f"Layer {self.name!r} ({type(self).__name__}) needs an `initial_state` "
                f"of shapes {[v.shape for v in wanted]}. Received: {shapes}."
            )
        values = [v.value if isinstance(v, Variable) else v for v in values]
        pairs = zip(values, wanted, strict=True)
        return jax.tree.unflatten(
            structure, [jnp.asarray(v, w.dtype) for v, w in pairs]
        )

    def compute_mask(self, inputs: Any, mask: Any) -> Any:
        """The input's mask for sequences; none for a last output and for states."""
        masks = jax.tree.leaves(mask)
        mask = masks[0] if masks and self.return_sequences else None
        return [mask] + [None] * len(self.state_size) if self.return_state else mask

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, the cell in full."""
        config = super().get_config()
        if "cell" in config:
            config["cell"] = serialize(self.cell)
        if "zero_output_for_mask" in accepted_names(type(self)):
            config["zero_output_for_mask"] = self.zero_output_for_mask
        return config


def run_cell(
    cell: Any, inputs: Any, states: list[Any], loop: Loop, training: bool | None
) -> Run:
    """Run a cell along time-major inputs."""
    if type(cell) is StackedRNNCells:
        return _run_stack(cell.cells, inputs, states, loop, training)
    if _can_project(cell):
        return _run_projected(cell, inputs, states, loop, training)
    return _run_any(cell, inputs, states, loop)


def _run_stack(
    cells: Sequence[Any],
    inputs: Any,
    states: list[Any],
    loop: Loop,
    training: bool | None,
) -> Run:
    # Cell after cell along all of time gives what step after step does, and lets each
    # cell project the inputs of all steps at once.
    last = []
    for cell, first in zip(cells[:-1], states, strict=False):
        inner = loop._replace(keep_outputs=True)
        inputs, _, after = run_cell(cell, inputs, first, inner, training)
        last.append(after)
    run = run_cell(cells[-1], inputs, states[-1], loop, training)
    return run._replace(states=[*last, run.states])


def _can_project(cell: Any) -> bool:
    # Whoever overrides `call`, or penalises its outputs, must see every step.
    return (
        isinstance(cell, RecurrentCell)
        and type(cell).call is RecurrentCell.call
        and cell.activity_regularizer is None
    )


def _run_projected(
    cell: RecurrentCell,
    inputs: Any,
    states: list[Any],
    loop: Loop,
    training: bool | None,
) -> Run:
    with autocast(cell.compute_dtype):
        inputs = cell.project(inputs.astype(cell.compute_dtype), training)
        noise = cell.recurrent_noise(states, training)
        return recurrence(cell.rule, inputs, states, cell.fed_back, noise, loop)


def _run_any(cell: Any, inputs: Any, states: list[Any], loop: Loop) -> Run:
    call: Any = cell if callable(cell) else cell.call

    def advance(before: list[Any], x: Any) -> list[Any]:
        old = before[1]
        output, new = call(x, old)
        new = jax.tree.unflatten(jax.tree.structure(old), jax.tree.leaves(new))
        return [output, jax.tree.map(lambda n, o: n.astype(o.dtype), new, old)]

    # The output need not be among such a cell's states, so it is carried as one.
    (like, _), _ = abstract_eval(call, inputs[0], states)
    first = jax.tree.leaves(states)[0]
    output = first if first.shape == like.shape else jnp.zeros(like.shape)
    begin = [output.astype(like.dtype), states]
    run = run_states(advance, begin, inputs, loop, stateful_scan)
    return run._replace(states=run.states[1])


def _kept_steps(mask: Any) -> Any:
    """A mask as (time, batch) truth values; a step counts if any part of it does."""
    masks = jax.tree.leaves(mask)
    if not masks:
        return None
    keep = jnp.asarray(masks[0], bool)
    keep = keep.any(tuple(range(2, keep.ndim)))
    return keep.T
