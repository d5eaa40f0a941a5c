"""Gradients and functions of symbolic tensors, as `keras.backend` had them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lamina.compat.keras.backend.rules import RuleStep
from lamina.compat.notices import tell
from lamina.core.graph import SymbolicTensor, record, symbolic_leaves
from lamina.core.scope import StateScope
from lamina.core.tracing.stateless import value_and_grad
from lamina.core.variable import Variable
from lamina.errors import ArgumentTypeError
from lamina.layers.base.call_graph import CallGraph
from lamina.lazy import LazyImport
from lamina.typing import PyTree

if TYPE_CHECKING:
    from lamina.optimizers import Optimizer

# Imported when a graph is used: many programs only import `keras.backend`.
_get_source_inputs = LazyImport("lamina.models.function:get_source_inputs")
_model = LazyImport("lamina.models:Model")


class OptimizerStep(NamedTuple):
    """Update that an optimizer makes in a `K.function`."""

    optimizer: Optimizer
    variables: Sequence[Variable]
    gradients: list[Any]  # symbolic tensors


def gradients(
    loss: object, variables: SymbolicTensor | Variable | Sequence[Any]
) -> list[Any]:
    """Return symbolic tensors: gradients of a loss, which is summed.

    Args:
        loss: a symbolic tensor.
        variables: a symbolic tensor or a variable, or a list of them.

    Raises:
        ArgumentTypeError: the loss is an array, so that there is no graph.
    """
    several = isinstance(variables, (list, tuple))
    wanted: list[Any] = list(variables) if several else [variables]
    if isinstance(loss, RuleStep):
        return loss.gradients(wanted)
    tell("K.gradients(loss, x)", "jax.grad(function)(x)")
    if not isinstance(loss, SymbolicTensor):
        raise ArgumentTypeError(
            "K.gradients: `loss` must be a symbolic tensor, such as an output of a "
            f"layer. Received: {type(loss).__name__}. For arrays, write a function of "
            "them and use `jax.grad(function)(x)`."
        )
    weights = [v for v in wanted if isinstance(v, Variable)]
    by_weight = dict(
        zip(map(id, weights), _weight_gradients(loss, weights), strict=True)
    )
    return [
        by_weight[id(v)] if isinstance(v, Variable) else _tensor_gradient(loss, v)
        for v in wanted
    ]


def _tensor_gradient(loss: SymbolicTensor, tensor: SymbolicTensor) -> Any:
    """Record the gradient of a loss with respect to one tensor."""
    sources = _get_source_inputs.load()
    inputs = _distinct([tensor, *sources(loss), *sources(tensor)])
    graph = CallGraph(inputs, loss)

    def gradient(values: list[Any]) -> Any:
        def total(value: jax.Array) -> Any:
            # The graph was run before: assignments happen once.
            with StateScope():
                return jnp.sum(graph.run([value, *values[1:]]))

        return jax.grad(total)(jnp.asarray(values[0]))

    return record(
        gradient, (inputs,), {}, spec=lambda _: _like(tensor.shape, tensor.dtype)
    )


def _weight_gradients(loss: SymbolicTensor, weights: list[Variable]) -> list[Any]:
    """Record the gradients of a loss with respect to variables."""
    if not weights:
        return []
    graph = CallGraph(_get_source_inputs.load()(loss), loss)

    def gradient(values: list[Any]) -> list[Any]:
        with StateScope():
            _, found = value_and_grad(lambda: jnp.sum(graph.run(values)), weights)
        return found

    return record(
        gradient,
        (graph.input_leaves,),
        {},
        spec=lambda _: [_like(w.shape, w.dtype) for w in weights],
    )


def _like(shape: Sequence[int | None], dtype: str) -> SymbolicTensor:
    return SymbolicTensor(shape, dtype)


def _distinct(tensors: Sequence[SymbolicTensor]) -> list[SymbolicTensor]:
    return list({id(t): t for t in tensors}.values())


def get_updates(
    optimizer: Optimizer,
    *args: Any,
    loss: object = None,
    params: Any = None,
    **_: object,
) -> list[OptimizerStep]:
    """Return the update of variables by the gradients of a loss.

    The positional arguments are `(loss, params)`, in Keras 1 `(params, constraints,
    loss)`.
    """
    tell("optimizer.get_updates", "model.compile and model.fit")
    if len(args) == 3:
        params, _, loss = args
    elif args:
        loss, params = (*args, params)[:2]
    variables = list(params)
    return [OptimizerStep(optimizer, variables, gradients(loss, variables))]


def get_gradients(
    optimizer: Optimizer,
    loss: object,
    params: SymbolicTensor | Variable | Sequence[Any],
) -> list[Any]:
    """Return the gradients of a loss with respect to variables."""
    return gradients(loss, params)


def function(
    inputs: Sequence[Any],
    outputs: Any,
    updates: Sequence[Any] | None = None,
    **_: object,
) -> Callable[..., Any]:
    """Return a function of NumPy arrays that computes symbolic tensors.

    Args:
        inputs: symbolic tensors; the value for `K.learning_phase()` among them is 1
            for training.
        outputs: symbolic tensors that depend on them, or variables.
        updates: assignments at each call: pairs of a variable and a symbolic tensor,
            or what `optimizer.get_updates` returns.
    """
    tell("K.function(inputs, outputs)", "keras.Model(inputs, outputs).predict")
    wanted: list[Any] = list(outputs) if _is_list(outputs) else [outputs]
    changes = [u for u in updates or [] if isinstance(u, tuple)]
    computed: list[Any] = [*wanted, *(_change_value(c) for c in changes)]
    program = _program(list(inputs), symbolic_leaves(computed))

    def call(values: Sequence[Any]) -> Any:
        results = program(list(values))
        found = [next(results) if isinstance(v, SymbolicTensor) else v for v in wanted]
        arrays = [np.asarray(v) for v in found]
        for change in changes:
            _apply(change, results)
        return arrays if _is_list(outputs) else arrays[0]

    return call


def _is_list(value: object) -> bool:
    return isinstance(value, (list, tuple))


def _change_value(change: OptimizerStep | tuple[Any, ...]) -> PyTree:
    return change.gradients if isinstance(change, OptimizerStep) else change[1]


def _apply(change: OptimizerStep | tuple[Any, ...], results: Iterator[Any]) -> None:
    """Assign what a change of `K.function` computes."""
    if isinstance(change, OptimizerStep):
        found = [next(results) for _ in change.gradients]
        if not change.optimizer.built:
            change.optimizer.build(change.variables)
        change.optimizer.apply(found, change.variables)
    else:
        variable, value = change
        is_computed = isinstance(value, SymbolicTensor)
        variable.assign(next(results) if is_computed else value)


def _program(inputs: list[Any], outputs: list[SymbolicTensor]) -> Any:
    """Return a function of the inputs' values that yields the outputs' values."""
    used = [x for x in inputs if isinstance(x, SymbolicTensor)]
    if not outputs:
        return lambda values: iter(())
    model = _model.load()(used, outputs)

    def run(values: list[Any]) -> Any:
        pairs = list(zip(inputs, values, strict=True))
        arrays = [np.asarray(v) for x, v in pairs if isinstance(x, SymbolicTensor)]
        phases = [v for x, v in pairs if not isinstance(x, SymbolicTensor)]
        training = bool(phases[0]) if phases else None
        results = model(arrays, training=training)
        return iter(results if _is_list(results) else [results])

    return run
