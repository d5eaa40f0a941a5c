"""Layers around a layer: in both directions, and at every step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from lamina.core.check import Check
from lamina.core.module import signature
from lamina.core.random import SeedGenerator
from lamina.core.registry import serialize
from lamina.errors import ArgumentError, ShapeError, invalid
from lamina.layers.base.layer import Layer
from lamina.layers.base.spec import InputSpec
from lamina.layers.recurrent.scan import abstract_eval, stateful_scan
from lamina.layers.wrapper import Wrapper, layer_check

__all__ = ["Bidirectional", "TimeDistributed"]


def _takes_mask(layer: Layer) -> bool:
    return "mask" in signature(type(layer).call).parameters


def _copy(layer: Any, prefix: str, **changed: Any) -> Any:
    name = prefix + layer.name.removeprefix(prefix)
    return type(layer).from_config({**layer.get_config(), **changed, "name": name})


_MERGE = {
    "concat": lambda y, back: jnp.concatenate([y, back], -1),
    "sum": lambda y, back: y + back,
    "ave": lambda y, back: (y + back) / 2,
    "mul": lambda y, back: y * back,
    None: lambda y, back: (y, back),
}


class Bidirectional(Layer):
    """Runs a recurrent layer forwards and a twin of it backwards along time.

    Both start with fresh weights, whatever the given layer has. Where sequences are
    returned, masked steps output zeros, and the backward outputs are put in the order
    of the input.

    Args:
        layer: a recurrent layer.
        merge_mode: how the two outputs become one: `"concat"`, `"sum"`, `"ave"` (the
            average), `"mul"`, or `None` for a pair.
        weights: first weights of both, the forward layer's first.
        backward_layer: the layer that goes backwards, if it is to be another.

    Shape:
        That of the layer, the last axis twice as long with `"concat"`.

    Raises:
        ArgumentError: the layer is not recurrent, or the two do not match.

    Example:
        >>> from lamina.layers import LSTM
        >>> Bidirectional(LSTM(4, return_sequences=True))(jnp.ones((2, 5, 3))).shape
        (2, 5, 8)

    Reference: Schuster & Paliwal 1997, https://doi.org/10.1109/78.650093
    """

    supports_masking = True
    arguments = {
        "layer": layer_check,
        "merge_mode": Check(
            f"one of {', '.join(map(repr, _MERGE))}",
            lambda v: v is None or v in _MERGE,
            ("stack", "CONCAT"),
            tuple(mode for mode in _MERGE if mode),
        ),
    }

    def __init__(
        self,
        layer: Layer,
        merge_mode: str | None = "concat",
        weights: Sequence[Any] | None = None,
        backward_layer: Layer | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not hasattr(layer, "go_backwards"):
            raise invalid("Bidirectional", "layer", layer, "a recurrent layer")
        self.forward_layer: Any = _copy(layer, "forward_")
        self.backward_layer: Any = backward_layer or _copy(
            layer, "backward_", go_backwards=True
        )
        self._check_match()
        self.stateful = self.forward_layer.stateful
        self.return_sequences = self.forward_layer.return_sequences
        self.return_state = self.forward_layer.return_state
        for each in (self.forward_layer, self.backward_layer):
            if hasattr(each, "zero_output_for_mask"):
                each.zero_output_for_mask = self.return_sequences
        self.merge_mode = merge_mode
        self.input_spec = self.forward_layer.input_spec
        # A config describes the layer, not its weights.
        vars(self)["_arguments"].pop("weights", None)
        self._first_weights = weights

    def _check_match(self) -> None:
        forward, backward = self.forward_layer, self.backward_layer
        if forward.go_backwards == backward.go_backwards:
            raise ArgumentError(
                "Bidirectional: `layer` and `backward_layer` must go in opposite "
                f"directions, but both have go_backwards={forward.go_backwards}. Give "
                "one of them the other value."
            )
        for name in ("stateful", "return_sequences", "return_state"):
            if getattr(forward, name) != getattr(backward, name):
                raise ArgumentError(
                    f"Bidirectional: `layer` and `backward_layer` must have the same "
                    f"`{name}`. Received: {getattr(forward, name)} and "
                    f"{getattr(backward, name)}."
                )

    def build(  # type: ignore[override]
        self, sequences_shape: Any, initial_state_shape: Any = None
    ) -> None:
        """Build both layers."""
        for layer in (self.forward_layer, self.backward_layer):
            if not layer.built:
                layer.build(sequences_shape)
        self.input_spec = self.forward_layer.input_spec
        if self._first_weights is not None:
            self.set_weights(self._first_weights)

    def call(
        self,
        sequences: Any,
        initial_state: Any = None,
        mask: Any = None,
        training: bool | None = None,
    ) -> Any:
        extra = {"mask": mask} if _takes_mask(self.forward_layer) else {}
        forward_state = backward_state = None
        if initial_state is not None:
            half = len(initial_state) // 2
            forward_state, backward_state = initial_state[:half], initial_state[half:]
        y = self.forward_layer(sequences, initial_state=forward_state, **extra)
        back = self.backward_layer(sequences, initial_state=backward_state, **extra)
        states: tuple[Any, ...] = ()
        if self.return_state:
            states = (*y[1:], *back[1:])
            y, back = y[0], back[0]
        if self.return_sequences:
            back = jnp.flip(back, 1)
        dtype = self.compute_dtype
        output = _MERGE[self.merge_mode](y.astype(dtype), back.astype(dtype))
        if not self.return_state:
            return output
        return (*output, *states) if self.merge_mode is None else (output, *states)

    def compute_mask(self, inputs: Any, mask: Any) -> Any:
        """The input's mask for sequences; none for last outputs and for states."""
        masks = jax.tree.leaves(mask)
        mask = masks[0] if masks and self.return_sequences else None
        outputs = [mask, mask] if self.merge_mode is None else [mask]
        if self.return_state:
            return outputs + [None] * 2 * len(self.forward_layer.state_size)
        return outputs if self.merge_mode is None else mask

    @property
    def states(self) -> list[Any] | None:
        """The states of both layers, if they are stateful and built."""
        forward, backward = self.forward_layer.states, self.backward_layer.states
        return [*forward, *backward] if forward and backward else None

    def reset_state(self) -> None:
        """Let stateful layers begin anew."""
        self.forward_layer.reset_state()
        self.backward_layer.reset_state()

    def reset_states(self) -> None:
        """The same as `reset_state`."""
        self.reset_state()

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, both layers in full."""
        config = super().get_config()
        config["layer"] = serialize(self.forward_layer)
        config["backward_layer"] = serialize(self.backward_layer)
        return config


class TimeDistributed(Wrapper):
    """Applies a layer to every step of a sequence, with the same weights.

    Args:
        layer: takes one step, (batch, ...).

    Shape:
        (batch, time, ...) to (batch, time, ...), the rest as the layer makes it.

    Raises:
        ShapeError: the input has no time axis, or the mask does not fit it.

    Example:
        >>> from lamina.layers import Conv2D
        >>> frames = jnp.ones((2, 5, 8, 8, 3))
        >>> TimeDistributed(Conv2D(4, 3))(frames).shape
        (2, 5, 6, 6, 4)
    """

    supports_masking = True
    input_spec = InputSpec(min_ndim=3)

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Build the layer for one step."""
        if not self.layer.built:
            self.layer.build((input_shape[0], *input_shape[2:]))

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        if mask is not None and mask.shape[:2] != inputs.shape[:2]:
            raise ShapeError(
                f"Layer {self.name!r} (TimeDistributed) got a mask of shape "
                f"{mask.shape} for an input of shape {inputs.shape}: a mask needs one "
                "truth value for each row and step, (batch, time)."
            )
        keep = mask if _takes_mask(self.layer) else None
        if self._remembers(inputs, keep):
            return self._step_by_step(inputs, keep)
        # A step does not touch the next, so time can be part of the batch.
        outputs = self._on_step(*jax.tree.map(_fold, (inputs, keep)))
        lead = inputs.shape[:2]
        return jax.tree.map(lambda y: y.reshape(*lead, *y.shape[1:]), outputs)

    def _on_step(self, inputs: Any, mask: Any) -> Any:
        return self.layer(inputs, **({} if mask is None else {"mask": mask}))

    def _remembers(self, inputs: Any, mask: Any) -> bool:
        """Whether the layer writes variables, and so must see step after step."""
        modules = self.layer.modules()
        seeds = {id(m.state) for m in modules if isinstance(m, SeedGenerator)}
        if all(id(v) in seeds for v in self.layer.non_trainable_variables):
            return False
        first = jax.tree.map(lambda a: a[:, 0], (inputs, mask))
        _, written = abstract_eval(self._on_step, *first)
        return any(id(v) not in seeds for v in written)

    def _step_by_step(self, inputs: Any, mask: Any) -> Any:
        steps = jax.tree.map(lambda a: jnp.swapaxes(a, 0, 1), (inputs, mask))
        _, outputs = stateful_scan(lambda _, x: ((), self._on_step(*x)), (), steps)
        return jax.tree.map(lambda y: jnp.swapaxes(y, 0, 1), outputs)


def _fold(array: Any) -> Any:
    return array.reshape(-1, *array.shape[2:])
