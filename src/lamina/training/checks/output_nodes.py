"""Nodes that computed an output, also of models with their own `call`, and its loss."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp

from lamina.core.budget import Budget
from lamina.core.graph import Node, SymbolicTensor
from lamina.core.scope import StateScope, override
from lamina.core.tracing.attributes import StoredAttributes
from lamina.core.tracing.scopes import SymbolicScope
from lamina.layers import Layer
from lamina.layers.base.call_graph import CallGraph, graph_of
from lamina.losses import Loss

# Recording takes about a millisecond for each layer or function, which count twice.
_MOST_CALLS = 200

# An output of a graph, or the shape of another model's output.
Output: TypeAlias = SymbolicTensor | jax.ShapeDtypeStruct


def nodes_of(tensor: object) -> Iterator[Node]:
    """Yield the nodes that computed a tensor from its first inputs, last one first.

    A nested model with one output is replaced by its nodes.
    """
    while (node := getattr(tensor, "node", None)) is not None:
        graph = graph_of(node.operation)
        if graph is not None and isinstance(graph.outputs, SymbolicTensor):
            tensor = graph.outputs
        else:
            yield node
            tensor = node.inputs[0]


def recorded_graph(model: Layer, x: Any) -> CallGraph | None:
    """Return the graph of a user's `call`, recorded on a symbolic input.

    Args:
        model: a model that is built.
        x: its input, an array.

    Returns:
        `None` if `call` needs arrays or several inputs, returns several outputs, or
        calls more than about a hundred layers and functions.
    """
    if not hasattr(x, "dtype"):
        return None
    tensor = SymbolicTensor((None, *x.shape[1:]), x.dtype, name="x")
    budget = Budget(0, "")
    budget.allowed_calls = _MOST_CALLS
    with _restored(model), SymbolicScope(), override(budget=budget):
        try:
            outputs = model.call(tensor)
        except Exception:  # code for arrays may raise anything
            return None
    is_one = isinstance(outputs, SymbolicTensor) and outputs.node is not None
    return CallGraph(tensor, outputs) if is_one else None


@contextmanager
def _restored(model: Layer) -> Iterator[None]:
    """Restore at the end the attributes of a model, and lists and dictionaries in them.

    They are never empty in between, as another thread may call the model.
    """
    before = list(_with_copies([vars(module) for module in model.modules()]))
    try:
        yield
    finally:
        for container, copy in before:
            if isinstance(container, list):
                container[:] = copy
                continue
            for name in container.keys() - copy.keys():
                del container[name]
            container.update(copy)


def _with_copies(containers: list[Any]) -> Iterator[tuple[Any, Any]]:
    """Yield lists and dictionaries, and those in them, each with a copy."""
    seen: set[int] = set()
    stack = list(containers)
    while stack:
        container = stack.pop()
        if type(container) in (list, dict) and id(container) not in seen:
            seen.add(id(container))
            yield container, container.copy()
            stack += container.values() if type(container) is dict else container


class LossCall(NamedTuple):
    """Facts about a user-defined loss, from a trace of it.

    Args:
        true: shape of the targets.
        pred: shape of the predictions.
        values: shape of the losses before their reduction.
        uses_pred: whether the losses depend on the predictions.
        has_gradient: whether their gradient can differ from zero.
    """

    true: tuple[int, ...]
    pred: tuple[int, ...]
    values: tuple[int, ...]
    uses_pred: bool
    has_gradient: bool

    @classmethod
    def traced(
        cls, loss: Loss, true: jax.ShapeDtypeStruct, pred: jax.ShapeDtypeStruct
    ) -> LossCall:
        """Trace a loss for targets and predictions of these shapes."""

        def total(pred: Any, true: Any) -> tuple[Any, Any]:
            with StateScope(), StoredAttributes([loss]):
                values = jnp.asarray(loss.call(true, pred), pred.dtype)
            return values.sum(), values

        gradient = jax.value_and_grad(total, has_aux=True)
        program = jax.make_jaxpr(gradient)(pred, true).jaxpr
        known = {program.invars[0]}
        for line in program.eqns:
            if any(v in known for v in line.invars if not hasattr(v, "val")):
                known.update(line.outvars)
        _, values, slope = program.outvars
        made = next((e for e in program.eqns if slope in e.outvars), None)
        # JAX writes the gradient of what has none as zeros.
        is_zero = (
            made is not None
            and made.primitive.name == "broadcast_in_dim"
            and getattr(made.invars[0], "val", 1) == 0
        )
        shapes = true.shape, pred.shape, values.aval.shape
        return cls(*shapes, values in known, not is_zero)
