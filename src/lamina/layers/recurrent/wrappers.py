"""`Bidirectional` and `TimeDistributed`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

import jax
import jax.numpy as jnp

from lamina.core.check import Check
from lamina.core.module import signature
from lamina.core.random.seeds import SeedGenerator
from lamina.core.registry import serialize
from lamina.errors import ArgumentError, ShapeError, invalid
from lamina.layers.base import InputSpec, Layer, Options
from lamina.layers.core.wrapper import Wrapper, layer_check
from lamina.layers.recurrent.scan import abstract_eval, stateful_scan
from lamina.typing import Array, Config, PartialShape, PyTree


def _takes_mask(layer: Layer) -> bool:
    return "mask" in signature(type(layer).call).parameters


def _copy_layer(layer: Layer, prefix: str, **changes: object) -> Any:
    name = prefix + layer.name.removeprefix(prefix)
    return type(layer).from_config({**layer.get_config(), **changes, "name": name})


# Arguments that both layers must have with equal values.
_SHARED = ("stateful", "return_sequences", "return_state")
_MERGE = {
    "concat": lambda y, back: jnp.concatenate([y, back], -1),
    "sum": lambda y, back: y + back,
    "ave": lambda y, back: (y + back) / 2,
    "mul": lambda y, back: y * back,
    None: lambda y, back: (y, back),
}


class Bidirectional(Layer):
    """Bidirectional wrapper, which runs a recurrent layer in both directions.

    Both directions are copies of the layer with new weights. If sequences are
    returned, masked steps output zeros, and the backward outputs are in the order of
    the input.

    Args:
        layer: a recurrent layer.
        merge_mode: how to combine the two outputs: `"concat"`, `"sum"`, `"ave"` (the
            average), `"mul"`, or `None` for a pair.
        weights: initial weights of the forward layer, then of the backward layer.
        backward_layer: the backward layer, if it is not a copy of `layer`.

    Shape:
        (batch, time, features) to the output shape of the layer, with the last axis
        twice as long for `"concat"`.

    Raises:
        ArgumentError: the layer is not recurrent, or the two layers do not match.

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
        **kwargs: Unpack[Options],
    ) -> None:
        super().__init__(**kwargs)
        if not hasattr(layer, "go_backwards"):
            raise invalid("Bidirectional", "layer", layer, "a recurrent layer")
        self.forward_layer: Any = _copy_layer(layer, "forward_")
        self.backward_layer: Any = backward_layer or _copy_layer(
            layer, "backward_", go_backwards=True
        )
        self._check_match()
        self.stateful: bool = self.forward_layer.stateful
        self.return_sequences: bool = self.forward_layer.return_sequences
        self.return_state: bool = self.forward_layer.return_state
        for each in (self.forward_layer, self.backward_layer):
            if hasattr(each, "zero_output_for_mask"):
                each.zero_output_for_mask = self.return_sequences
        self.merge_mode = merge_mode
        self.input_spec = self.forward_layer.input_spec
        # A config describes the layer, not its weights.
        vars(self)["_arguments"].pop("weights", None)
        self._initial_weights = weights

    def _check_match(self) -> None:
        forward, backward = self.forward_layer, self.backward_layer
        if forward.go_backwards == backward.go_backwards:
            raise ArgumentError(
                "Bidirectional: `layer` and `backward_layer` must run in opposite "
                f"directions, but both have go_backwards={forward.go_backwards}. "
                "Set `go_backwards=True` in one of them only."
            )
        for name in _SHARED:
            values = getattr(forward, name), getattr(backward, name)
            if values[0] != values[1]:
                raise ArgumentError(
                    "Bidirectional: `layer` and `backward_layer` must have the same "
                    f"`{name}`. Received: {values[0]} and {values[1]}."
                )

    def build(
        self, sequences_shape: PartialShape, initial_state_shape: PyTree = None
    ) -> None:
        """Build both layers."""
        for layer in (self.forward_layer, self.backward_layer):
            if not layer.built:
                layer.build(sequences_shape)
        self.input_spec = self.forward_layer.input_spec
        if self._initial_weights is not None:
            self.set_weights(self._initial_weights)

    def call(
        self,
        sequences: Array,
        initial_state: Any = None,
        mask: PyTree = None,
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

    def compute_mask(self, inputs: Array, mask: PyTree) -> Any:
        """Return the input's mask for sequences, and None for other outputs."""
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
        """Reset the states of stateful layers to zero."""
        self.forward_layer.reset_state()
        self.backward_layer.reset_state()

    def reset_states(self) -> None:
        """Reset the states, as `reset_state` does."""
        self.reset_state()

    def get_config(self) -> Config:
        """Return the constructor's arguments, with the configs of both layers."""
        layers = {"layer": self.forward_layer, "backward_layer": self.backward_layer}
        return super().get_config() | {k: serialize(v) for k, v in layers.items()}


class TimeDistributed(Wrapper):
    """Wrapper that applies a layer to every time step.

    Args:
        layer: a layer for one step, (batch, ...).

    Shape:
        (batch, time, ...) to (batch, time, ...), with the output shape of the layer.

    Raises:
        ShapeError: the input has no time axis, or the mask does not match it.

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

    def call(
        self, inputs: Array, training: bool | None = None, mask: Array | None = None
    ) -> Any:
        if mask is not None and mask.shape[:2] != inputs.shape[:2]:
            raise ShapeError(
                f"Layer {self.name!r} (TimeDistributed) got a mask of shape "
                f"{mask.shape} for an input of shape {inputs.shape}: a mask needs one "
                "truth value for each row and step, (batch, time)."
            )
        mask = mask if _takes_mask(self.layer) else None
        if self._assigns_variables(inputs, mask):
            return self._scan_steps(inputs, mask)
        # The steps are independent, so that time can be folded into the batch.
        outputs = self._call_step(*jax.tree.map(_fold_time, (inputs, mask)))
        batch_time = inputs.shape[:2]
        return jax.tree.map(lambda y: y.reshape(*batch_time, *y.shape[1:]), outputs)

    def _call_step(self, inputs: Array, mask: Array | None) -> Any:
        return self.layer(inputs, **({} if mask is None else {"mask": mask}))

    def _assigns_variables(self, inputs: Array, mask: Array | None) -> bool:
        """Return whether the layer assigns variables, so that the order matters."""
        modules = self.layer.modules()
        seeds = {id(m.state) for m in modules if isinstance(m, SeedGenerator)}
        if all(id(v) in seeds for v in self.layer.non_trainable_variables):
            return False
        first = jax.tree.map(lambda a: a[:, 0], (inputs, mask))
        _, written = abstract_eval(self._call_step, *first)
        return any(id(v) not in seeds for v in written)

    def _scan_steps(self, inputs: Array, mask: Array | None) -> Any:
        steps = jax.tree.map(lambda a: jnp.swapaxes(a, 0, 1), (inputs, mask))
        _, outputs = stateful_scan(lambda _, x: ((), self._call_step(*x)), (), steps)
        return jax.tree.map(lambda y: jnp.swapaxes(y, 0, 1), outputs)


def _fold_time(array: Array) -> Array:
    return array.reshape(-1, *array.shape[2:])
