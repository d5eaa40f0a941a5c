"""Values of a model's symbolic tensors for the batch of a step.

Losses and metrics of Keras 1 and 2 may use symbolic tensors of the model besides their
arguments. While a step is traced, the values that the model computes for its tensors
are recorded here, and the rest of such a loss is computed from them.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp

from lamina.compat.notices import tell
from lamina.core.graph import Node, SymbolicTensor, map_symbolic, symbolic_leaves
from lamina.core.scope import StateScope, call_scope, local
from lamina.errors import ArgumentTypeError, OperandShapeError
from lamina.layers import Layer
from lamina.layers.base.call_graph import CallGraph, NodeCall
from lamina.lazy import LazyImport
from lamina.typing import ArrayLike, PyTree

if TYPE_CHECKING:
    from lamina.models import Model


_mean = LazyImport("lamina.metrics:Mean")


class _Values(NamedTuple):
    """Values of the tensors of a graph, by the `id` of the tensor."""

    graph: CallGraph
    training: bool
    found: dict[int, tuple[SymbolicTensor, Any]]


class _Batch(threading.local):
    values: _Values | None = None


_batch = _Batch()


def wrap_run(run: Callable[..., Any]) -> Callable[..., Any]:
    """Return `CallGraph.run` that records the values of the graph of the step."""

    @functools.wraps(run)
    def call(
        graph: CallGraph, values: Sequence[Any], call: NodeCall | None = None
    ) -> Any:
        batch = _batch.values
        if batch is None or graph is not batch.graph:
            return run(graph, values, call)

        def recording(node: Node, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            results = (call or _call)(node, args, kwargs)
            _record(batch, symbolic_leaves(node.outputs), jax.tree.leaves(results))
            return results

        _record(batch, graph.input_leaves, values)
        return run(graph, values, recording)

    return call


def _call(node: Node, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return node.operation(*args, **kwargs)


def _record(
    batch: _Values, tensors: Iterable[SymbolicTensor], values: Iterable[Any]
) -> None:
    pairs = zip(tensors, values, strict=True)
    batch.found.update({id(t): (t, v) for t, v in pairs if v is not None})


def wrap_step(step: Callable[..., Any], training: bool) -> Callable[..., Any]:
    """Return a model's step in which losses may use symbolic tensors."""

    @functools.wraps(step)
    def call(model: Model, *args: object) -> Any:
        graph = model.call_graph
        if graph is None:
            return step(model, *args)
        with _recorded(_Values(graph.program, training, {})):
            return step(model, *args)

    return call


@contextmanager
def _recorded(values: _Values) -> Iterator[None]:
    before, _batch.values = _batch.values, values
    try:
        yield
    finally:
        _batch.values = before


def _tensor_of(batch: _Values, value: jax.Array) -> SymbolicTensor:
    """Return the tensor of the model that has a value, or a new one."""
    for tensor, other in batch.found.values():
        if other is value:
            return tensor
    tensor = SymbolicTensor((None, *value.shape[1:]), str(value.dtype))
    _record(batch, [tensor], [value])
    return tensor


def value_of(tree: PyTree) -> Any:
    """Return values for the symbolic tensors in a tree, if a step is traced."""
    batch, tensors = _batch.values, symbolic_leaves(tree)
    if batch is None or not batch.found or not tensors:
        return tree
    known, values = zip(*batch.found.values(), strict=True)
    graph = CallGraph(list(known), tensors)
    with StateScope(), call_scope("loss", batch.training):
        found = iter(graph.run(values))
    return map_symbolic(lambda _: next(found), tree)


def wrap_loss(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a loss or metric that may use symbolic tensors of the model."""

    @functools.wraps(function)
    def call(*args: Any, **options: object) -> Any:
        batch = _batch.values
        if batch is None or not batch.found:
            return function(*args, **options)
        # Arrays have a number of rows, which symbolic tensors may not go with.
        with suppress(OperandShapeError, ArgumentTypeError):
            result = function(*args, **options)
            if not symbolic_leaves(result):
                return result
        tensors = [_tensor_of(batch, value) for value in args]
        return value_of(function(*tensors, **options))

    return call


def add_loss(add: Callable[..., None]) -> Callable[..., None]:
    """Return `Layer.add_loss` that takes symbolic tensors and functions too."""

    @functools.wraps(add)
    def call(layer: Layer, losses: PyTree, inputs: object = None) -> None:
        leaves = losses if isinstance(losses, (list, tuple)) else [losses]
        if local.call is not None:
            # The tensors of the model that the call of a layer uses have values in a
            # step; shapes can be inferred without the loss.
            values = [value_of(v() if callable(v) else v) for v in leaves]
            add(layer, [jnp.mean(v) for v in values if not symbolic_leaves(v)])
            return
        late = [v for v in leaves if isinstance(v, SymbolicTensor) or callable(v)]
        if late:
            tell("add_loss(symbolic tensor)", "add_loss in the `call` of a layer")
            vars(layer).setdefault("_graph_losses", []).extend(late)
        now = [v for v in leaves if all(v is not other for other in late)]
        if now:
            add(layer, now)

    return call


def all_losses(layer: Layer) -> list[Any]:
    """Return the losses of a layer with those that are symbolic tensors."""
    parts = [vars(part).get("_graph_losses", []) for part in layer.all_layers()]
    values = [value_of(v() if callable(v) else v) for part in parts for v in part]
    return [
        *_layer_losses(layer),
        *(v if isinstance(v, SymbolicTensor) else jnp.mean(v) for v in values),
    ]


_layer_losses: Any = Layer.losses.fget


def add_metric(
    layer: Layer,
    value: ArrayLike | SymbolicTensor,
    aggregation: str | None = None,
    name: str | None = None,
) -> None:
    """Add the mean of a value to the metrics of a model.

    Args:
        layer: a layer, in its `call`, or a model.
        value: an array in `call`; of a model, a symbolic tensor.
        aggregation: "mean" or `None`, for which the mean is taken too.
        name: the name in logs.
    """
    tell("add_metric(value, name)", "an attribute metrics.Mean(name), updated in call")
    attribute = f"_metric_{name or 'value'}"
    if not hasattr(layer, attribute):
        setattr(layer, attribute, _mean.load()(name))
    metric = getattr(layer, attribute)
    if isinstance(value, SymbolicTensor):
        vars(layer).setdefault("_graph_metrics", []).append((metric, value))
    else:
        metric.update_state(value)


class _Additions(list[Any]):
    """Names or tensors of a model's metrics, to which programs append others.

    Args:
        values: those that the model has.
        new: the appended ones that wait for their tensor or name.
        added: called when there is another.
    """

    def __init__(
        self, values: Iterable[Any], new: list[Any], added: Callable[[], None]
    ) -> None:
        super().__init__(values)
        self._new, self._added = new, added

    def append(self, value: Any) -> None:
        """Append a name or a tensor."""
        super().append(value)
        self._new.append(value)
        self._added()


def metrics_names(names: property) -> property:
    """Return a property `metrics_names` to whose list programs append."""

    def get(model: Model) -> list[str]:
        new, _ = _new_metrics(model)
        known: list[str] = names.__get__(model)
        return _Additions([*known, *new], new, lambda: _add_named(model))

    return property(get)


def metrics_tensors(model: Model) -> list[SymbolicTensor]:
    """Return a list to which programs append the tensors of further metrics."""
    tell("model.metrics_tensors", "a layer with an attribute metrics.Mean(name)")
    _, new = _new_metrics(model)
    return _Additions(new, new, lambda: _add_named(model))


def _new_metrics(model: Model) -> tuple[list[str], list[SymbolicTensor]]:
    return vars(model).setdefault("_new_metrics", ([], []))


def _add_named(model: Model) -> None:
    """Add the metrics whose names and tensors have been appended."""
    names, tensors = _new_metrics(model)
    while names and tensors:
        add_metric(model, tensors.pop(0), name=names.pop(0))


def wrap_compute_metrics(compute: Callable[..., Any]) -> Callable[..., Any]:
    """Return `compute_metrics` that also updates those of symbolic tensors."""

    @functools.wraps(compute)
    def call(
        model: Model, x: PyTree, y: PyTree, y_pred: PyTree, sample_weight: PyTree = None
    ) -> Any:
        batch = _batch.values
        # Own steps of tf.keras update the metrics without the inputs.
        if batch is None or x is None:
            return compute(model, x, y, y_pred, sample_weight)
        # The values in the loss are not valid outside of its gradient.
        inputs = zip(batch.graph.input_leaves, batch.graph.match(x), strict=True)
        outputs = zip(batch.graph.output_leaves, jax.tree.leaves(y_pred), strict=True)
        pairs = [(t, v) for t, v in [*inputs, *outputs] if v is not None]
        found = {id(t): (t, jnp.asarray(v, t.dtype)) for t, v in pairs}
        with _recorded(batch._replace(found=found)):
            for metric, tensor in vars(model).get("_graph_metrics", ()):
                metric.update_state(value_of(tensor))
            return compute(model, x, y, y_pred, sample_weight)

    return call
