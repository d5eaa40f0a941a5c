"""`clone_model`: copies of a model's architecture, with changed layers if wanted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import jax

from lamina.core.graph import SymbolicTensor, map_symbolic, symbolic_leaves
from lamina.core.tracebacks import filter_traceback
from lamina.errors import ArgumentError
from lamina.layers import Input, Layer
from lamina.metrics import Metric
from lamina.models.model import Functional, Model
from lamina.models.sequential import Sequential
from lamina.optimizers import Optimizer
from lamina.optimizers.optax import OptaxOptimizer
from lamina.training.trainer import Trainer

CloneFunction: TypeAlias = Callable[[Any], Any]
CallFunction: TypeAlias = Callable[..., Any]


@filter_traceback
def clone_model(
    model: Model,
    input_tensors: Any = None,
    clone_function: CloneFunction | None = None,
    call_function: CallFunction | None = None,
    recursive: bool = False,
) -> Model:
    """Clone a model: the same architecture with new weights.

    A layer that is called several times is cloned once. The clone of a compiled model
    is compiled in the same way.

    Args:
        model: the model.
        input_tensors: tensors of `Input`, in the structure of `model.input`, as inputs
            of the clone; inputs like those of the model by default.
        clone_function: makes a layer from each layer except inputs. The default makes
            a layer from the config; a function that returns the layer shares it.
        call_function: `call_function(layer, *args, **kwargs)` calls a cloned layer and
            returns its outputs; it can add other layers before and after.
        recursive: whether nested models are cloned by the same functions; otherwise
            `clone_function` gets them as layers.

    Raises:
        ArgumentError: an argument needs a graph, and the model is a Sequential or a
            subclass with its own `call`.

    Example:
        >>> from lamina import Input, Sequential, layers
        >>> model = Sequential([Input((4,)), layers.Dense(8), layers.Dense(1)])
        >>> clone_model(model).count_params() == model.count_params()
        True
    """
    if call_function is not None and isinstance(model, Sequential):
        raise ArgumentError(
            "clone_model: a Sequential does not call its layers when it is made, so "
            "`call_function` cannot be used. Let `clone_function` return the new "
            "layers, or wire the layers with `Model(inputs, outputs)`."
        )
    clone = _Cloner(clone_function, call_function, recursive).model(
        model, input_tensors
    )
    _compile_like(clone, model)
    return clone


class _Cloner:
    """The functions that clone, and the clone of each layer."""

    def __init__(
        self,
        clone_function: CloneFunction | None,
        call_function: CallFunction | None,
        recursive: bool,
    ) -> None:
        self.clone_function = clone_function or _rebuild
        self.call_function = call_function
        self.has_functions = bool(clone_function or call_function)
        self.recursive = recursive
        self.clones: dict[int, Any] = {}

    def model(self, model: Any, inputs: Any = None) -> Any:
        if _is_stack(model):
            return self.stack(model, inputs)
        has_init = type(model).__init__ not in (Model.__init__, Functional.__init__)
        needs_graph = self.has_functions or inputs is not None
        if model._graph is not None and (needs_graph or not has_init):
            kind: Any = Functional if has_init else type(model)
            return self.graph(model, kind, inputs)
        if needs_graph:
            raise ArgumentError(
                "clone_model: `input_tensors`, `clone_function` and `call_function` "
                f"need a functional or Sequential model; {model.name!r} is a "
                f"{type(model).__name__} with its own `call`. Clone it by its "
                f"config: {type(model).__name__}.from_config(model.get_config())."
            )
        return _rebuild(model)

    def layer(self, layer: Any) -> Any:
        if id(layer) not in self.clones:
            is_model = _is_stack(layer) or getattr(layer, "_graph", None) is not None
            clone = self.model if self.recursive and is_model else self.clone_function
            self.clones[id(layer)] = clone(layer)
        return self.clones[id(layer)]

    def stack(self, model: Any, inputs: Any) -> Sequential:
        layers = [self.layer(layer) for layer in model.layers]
        first = model._input_layer
        if inputs is not None:
            tensors = symbolic_leaves(inputs)
            if len(tensors) != 1:
                raise ArgumentError(
                    "clone_model: `input_tensors` of a Sequential must be one tensor "
                    f"that `Input` returned. Received: {inputs!r}."
                )
            layers.insert(0, tensors[0])
        elif first is not None and not model._input_inferred:
            layers.insert(0, _input_like(first.output))
        clone = Sequential(layers, trainable=model.trainable, name=model.name)
        if first is not None and not clone.built and layers:
            clone.build(first.batch_shape)
        return clone

    def graph(self, model: Any, kind: Any, inputs: Any) -> Model:
        graph = model._graph
        if inputs is None:
            inputs = map_symbolic(_input_like, graph.inputs)
        tensors = dict(
            zip(map(id, graph.input_leaves), _match(inputs, graph.inputs), strict=True)
        )
        for node in graph.nodes:
            args, kwargs = map_symbolic(
                lambda t: tensors[id(t)], (node.args, node.kwargs)
            )
            operation: Any = node.operation
            if isinstance(operation, Layer):
                operation = self.layer(operation)
                if self.call_function is not None:
                    args, operation = (operation, *args), self.call_function
            outputs = symbolic_leaves(operation(*args, **kwargs))
            for old, new in zip(symbolic_leaves(node.outputs), outputs, strict=True):
                tensors[id(old)] = new
        outputs = map_symbolic(lambda t: tensors[id(t)], graph.outputs)
        return kind(inputs, outputs, name=model.name, trainable=model.trainable)


def _is_stack(layer: Any) -> bool:
    return isinstance(layer, Sequential)


def _rebuild(layer: Any) -> Any:
    return type(layer).from_config(layer.get_config())


def _input_like(tensor: SymbolicTensor) -> Any:
    return Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=tensor.name)


def _is_symbolic(value: Any) -> bool:
    return isinstance(value, SymbolicTensor)


def _match(inputs: Any, expected: Any) -> list[SymbolicTensor]:
    """Return the tensors of `inputs`, which must have the structure of `expected`."""
    got, needed = (
        jax.tree.structure(t, is_leaf=_is_symbolic) for t in (inputs, expected)
    )
    tensors = symbolic_leaves(inputs)
    if got != needed or len(tensors) < needed.num_leaves:
        raise ArgumentError(
            "clone_model: `input_tensors` must be tensors that `Input` returned, in "
            f"the structure of the model's input, {expected!r}. Received: {inputs!r}."
        )
    return tensors


def _compile_like(clone: Any, model: Any) -> None:
    if model._compiled is None or type(model).compile is not Trainer.compile:
        return
    clone.compile(
        _copied(model.optimizer),
        **{name: _copied(value) for name, value in model._compiled._asdict().items()},
        run_eagerly=model.run_eagerly,
        steps_per_execution=model.steps_per_execution,
        jit_compile=model.jit_compile,
        auto_scale_loss=model.auto_scale_loss,
    )


def _copied(value: Any) -> Any:
    """Copy arguments of `compile`, with new state for metrics and optimizers."""
    if isinstance(value, (list, tuple)):
        return [_copied(v) for v in value]
    if isinstance(value, dict):
        return {k: _copied(v) for k, v in value.items()}
    if isinstance(value, (Metric, OptaxOptimizer)):
        # Their arguments may be functions that a config cannot describe.
        return type(value)(**_copied(value.constructor_arguments()))
    return _rebuild(value) if isinstance(value, Optimizer) else value
