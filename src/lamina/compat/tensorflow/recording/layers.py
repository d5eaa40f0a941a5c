"""Calls of layers and models on gradient tapes, each as one compiled program."""

from __future__ import annotations

import functools
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import jax

from lamina.compat.tensorflow.recording.record import (
    FlatCall,
    add_call,
    compiled_pullback,
    pull,
    read,
)
from lamina.core.graph import is_symbolic
from lamina.core.masks import get_mask, set_mask
from lamina.core.scope import CallScope, StateScope, local, override
from lamina.core.tracing import stateless
from lamina.core.tracing.attributes import StoredAttributes
from lamina.core.tracing.trace_state import is_tracing
from lamina.core.variable import Variable, structure_version
from lamina.errors import StateError
from lamina.layers import Layer
from lamina.layers.base.call_graph import graph_of
from lamina.runtime.executable import Program
from lamina.runtime.module_state import ModuleState
from lamina.typing import Array

# Programs that are stored: those of two models with several shapes each.
_LIMIT = 32
# A call creates weights once, and a layer in it may then create more.
_ATTEMPTS = 4
_programs: OrderedDict[Hashable, _LayerProgram] = OrderedDict()


def recorded_layer_call(call: Callable[..., Any]) -> Callable[..., Any]:
    """Return the `__call__` of layers or models that records on active tapes."""

    @functools.wraps(call)
    def recorded(layer: Layer, *args: object, **kwargs: object) -> Any:
        is_idle = local.recorder is None or local.infers_shapes
        if is_idle or is_symbolic(args) or is_symbolic(kwargs.values()):
            return call(layer, *args, **kwargs)
        graph = graph_of(layer)
        if graph is None or len(graph.output_leaves) == 1:
            return _call_layer(layer, call, args, kwargs)
        # Outputs of one model may depend on each other: record each layer's call.
        with StateScope() as scope:
            outputs = call(layer, *args, **kwargs)
        for key, variable in scope.assigned.items():
            variable.assign(scope.values[key])
        return outputs

    return recorded


def _call_layer(
    layer: Layer,
    call: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
) -> Any:
    """Call a layer, and record the call with the variables that it uses."""
    extra: list[Variable] = []
    for _ in range(_ATTEMPTS):
        version = structure_version()
        state = own = ModuleState.of([layer])
        if extra:
            state = ModuleState(own.modules, [*own.variables, *extra])
        values = [read(v) for v in state.variables]
        flat = FlatCall((values, state.hyperparameters(), *args), kwargs)
        program, results = _run(layer, call, state, flat)
        # Other threads change the version too.
        is_same = structure_version() == version or ModuleState.of([layer]) == own
        if is_same and not program.captured:
            return program.finish(flat, *results)
        # The call has created weights, or it uses variables of other objects.
        extra = [*extra, *program.captured.values()]
    raise StateError(
        f"Layer {layer.name!r} creates variables each time it is called. Create them "
        "once, in `__init__` or `build`."
    )


def _run(
    layer: Layer, call: Callable[..., Any], state: ModuleState, flat: FlatCall
) -> tuple[_LayerProgram, Any]:
    """Return the program for a call, and its results."""
    program = _LayerProgram(layer, call, state, flat)
    arrays, static = flat.arrays(), flat.key()
    if static is None or not _can_compile(flat):
        return program, program.differentiate(arrays)
    key = state, call, static, local.call and local.call.training
    found = _programs.get(key)
    if found is None:
        jax.eval_shape(program.differentiate, arrays)
        if program.captured:
            return program, None
        found = _programs[key] = program
        if len(_programs) > _LIMIT:
            _programs.popitem(last=False)
    _programs.move_to_end(key)
    smooth, pullback, *rest = found.forward(arrays)
    if pullback is not None:
        pullback = compiled_pullback(found.backward, pullback)
    return found, (smooth, pullback, *rest)


def _can_compile(flat: FlatCall) -> bool:
    if local.state is not None or is_tracing():
        return False
    return all(get_mask(leaf) is None for leaf in flat.leaves)


class _LayerProgram:
    """A layer's call with its pullback, for one kind of arguments.

    Args:
        layer: the layer.
        call: its `__call__`.
        state: its variables and hyperparameters.
        flat: the arguments: values of variables, of hyperparameters, and the call's.
    """

    def __init__(
        self,
        layer: Layer,
        call: Callable[..., Any],
        state: ModuleState,
        flat: FlatCall,
    ) -> None:
        self._layer, self._call, self._state = layer, call, state
        self._flat = flat.template()
        self.captured: dict[int, Variable] = {}
        self._written: list[Variable] = []
        self._stored: list[Callable[..., None]] = []
        self.forward = Program(self.differentiate)
        self.backward = Program(pull)

    def differentiate(self, arrays: Sequence[Any]) -> Any:
        """Return outputs, their pullback, and the effects of the call."""
        leaves = self._flat.filled(arrays)
        pure = self._flat.pure(self._bound, leaves)
        inputs = [leaves[i] for i in self._flat.positions]
        if not inputs:
            smooth, (others, rest) = pure()
            return smooth, None, others, rest
        smooth, pullback, (others, rest) = jax.vjp(pure, *inputs, has_aux=True)
        return smooth, pullback, others, rest

    def finish(
        self,
        flat: FlatCall,
        smooth: list[Array],
        pullback: Callable[..., Any] | None,
        others: Sequence[Any],
        rest: tuple[Any, Any, Any],
    ) -> Any:
        """Record the call, store its effects, and return its outputs."""
        leaves = [*flat.leaves]

        def function(*inputs: Array) -> list[Array]:
            return self._flat.pure(self._bound, leaves)(*inputs)[0]

        if pullback is not None:
            smooth = add_call(function, flat.inputs, smooth, pullback)
        outputs, losses = self._flat.outputs(smooth, others)
        new, stored, masks = rest
        for variable, value in zip(self._written, new, strict=True):
            variable.assign(value)
        for assign, values in zip(self._stored, stored, strict=True):
            assign(values)
        jax.tree.map(set_mask, outputs, masks)
        if local.call is None:
            self._layer._keep_losses(losses)  # pyright: ignore[reportPrivateUsage]
        else:
            local.call.losses.extend(losses)
        return outputs

    def _bound(
        self,
        values: Sequence[Any],
        rates: Sequence[Any],
        *args: object,
        **kwargs: object,
    ) -> tuple[Any, Any]:
        """Call the layer with values bound to its variables and hyperparameters."""
        scope = CallScope(None if local.call is None else local.call.training)
        scope.path = () if local.call is None else local.call.path
        bound = self._state.bind_hyperparameters(rates)
        with (
            StoredAttributes([self._layer]) as attributes,
            stateless.bind(self._state.variables, values, bound) as state,
            override(call=scope),
        ):
            outputs = self._call(self._layer, *args, **kwargs)
        self.captured = state.captured
        self._written[:] = state.assigned.values()
        self._stored[:] = attributes.stored
        new = [state.values[id(v)] for v in self._written]
        masks = jax.tree.map(get_mask, outputs)
        return (outputs, scope.losses), (new, attributes.tracers, masks)
