"""`clone_model`: copies of a model's architecture, with changed layers if wanted."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeAlias

import jax

from lamina.core.graph import Node, SymbolicTensor, map_symbolic, symbolic_leaves
from lamina.errors import ArgumentError, ArgumentTypeError, shown
from lamina.layers import Input, Layer
from lamina.layers.base.call_graph import CallGraph, graph_of
from lamina.metrics import Metric
from lamina.models.model import Functional, Model
from lamina.models.sequential import Sequential
from lamina.optimizers import Optimizer
from lamina.optimizers.optax import OptaxOptimizer
from lamina.tracebacks import filter_traceback
from lamina.training.state import training_of
from lamina.training.trainer import Trainer
from lamina.typing import PyTree

CloneFunction: TypeAlias = Callable[[Any], Any]
CallFunction: TypeAlias = Callable[..., Any]


@filter_traceback
def clone_model(
    model: Model,
    input_tensors: PyTree = None,
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
    if not isinstance(model, Model):
        raise ArgumentTypeError(
            f"clone_model: `model` must be a Model. Received: {shown(model)}. Clone a "
            "layer by its config: layer.from_config(layer.get_config())."
        )
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
        self.clones: dict[int, Layer] = {}

    def model(self, model: Model, inputs: PyTree = None) -> Model:
        if isinstance(model, Sequential):
            return self.stack(model, inputs)
        has_init = type(model).__init__ not in (Model.__init__, Functional.__init__)
        needs_graph = self.has_functions or inputs is not None
        if model.call_graph is not None and (needs_graph or not has_init):
            kind = Functional if has_init else type(model)
            new = self.graph(model.call_graph, inputs)
            return kind(*new, name=model.name, trainable=model.trainable)
        if needs_graph:
            raise ArgumentError(
                "clone_model: `input_tensors`, `clone_function` and `call_function` "
                f"need a functional or Sequential model; {model.name!r} is a "
                f"{type(model).__name__} with its own `call`. Clone it by its "
                f"config: {type(model).__name__}.from_config(model.get_config())."
            )
        return _rebuild(model)

    def layer(self, layer: Layer) -> Layer:
        if id(layer) not in self.clones:
            has_parts = isinstance(layer, Sequential) or graph_of(layer) is not None
            if self.recursive and has_parts and isinstance(layer, Model):
                self.clones[id(layer)] = self.model(layer)
            else:
                self.clones[id(layer)] = self.clone_function(layer)
        return self.clones[id(layer)]

    def stack(self, model: Sequential, inputs: PyTree) -> Sequential:
        layers: list[Any] = [self.layer(layer) for layer in model.layers]
        first = model.declared_input
        if inputs is not None:
            tensors = symbolic_leaves(inputs)
            if len(tensors) != 1:
                raise ArgumentError(
                    "clone_model: `input_tensors` of a Sequential must be one tensor "
                    f"that `Input` returned. Received: {inputs!r}."
                )
            layers.insert(0, tensors[0])
        elif first is not None and not model.is_input_inferred:
            layers.insert(0, _input_like(first.output))
        clone = Sequential(layers, trainable=model.trainable, name=model.name)
        if first is not None and not clone.built and layers:
            clone.build(first.batch_shape)
        return clone

    def graph(self, graph: CallGraph, inputs: PyTree) -> tuple[PyTree, PyTree]:
        """Call clones of a graph's layers and return inputs and outputs."""
        if inputs is None:
            inputs = map_symbolic(_input_like, graph.inputs)

        def call(node: Node, args: tuple[Any, ...], kwargs: dict[str, Any]) -> PyTree:
            if not isinstance(node.operation, Layer):
                return node.operation(*args, **kwargs)
            layer = self.layer(node.operation)
            if self.call_function is None:
                return layer(*args, **kwargs)
            return self.call_function(layer, *args, **kwargs)

        return inputs, graph.run(_match(inputs, graph.inputs), call)


def _rebuild(item: Any) -> Any:
    """Create a layer from its config, with the program's own functions as they are."""
    arguments = item.constructor_arguments()
    functions = {n: v for n, v in arguments.items() if inspect.isfunction(v)}
    config = item.get_config()
    known = {n: v for n, v in functions.items() if n in config}
    return type(item).from_config({**config, **known})


def _input_like(tensor: SymbolicTensor) -> Any:
    return Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=tensor.name)


def _match(inputs: PyTree, expected: PyTree) -> list[SymbolicTensor]:
    """Return the tensors of `inputs`, which must have the structure of `expected`."""
    got, needed = jax.tree.structure(inputs), jax.tree.structure(expected)
    tensors = symbolic_leaves(inputs)
    if got != needed or len(tensors) < needed.num_leaves:
        raise ArgumentError(
            "clone_model: `input_tensors` must be tensors that `Input` returned, in "
            f"the structure of the model's input, {expected!r}. Received: {inputs!r}."
        )
    return tensors


def _compile_like(clone: Trainer, model: Trainer) -> None:
    arguments = training_of(model).arguments
    if arguments is None or type(model).compile is not Trainer.compile:
        return
    clone.compile(
        _copied(model.optimizer),
        **{name: _copied(value) for name, value in arguments._asdict().items()},
        run_eagerly=model.run_eagerly,
        steps_per_execution=model.steps_per_execution,
        jit_compile=model.jit_compile,
        auto_scale_loss=model.auto_scale_loss,
    )


def _copied(value: object) -> Any:
    """Copy arguments of `compile`, with new state for metrics and optimizers."""
    if isinstance(value, (list, tuple)):
        return [_copied(v) for v in value]
    if isinstance(value, dict):
        return {k: _copied(v) for k, v in value.items()}
    if isinstance(value, (Metric, OptaxOptimizer)):
        # Their arguments may be functions that a config cannot describe.
        return type(value)(**_copied(value.constructor_arguments()))
    return _rebuild(value) if isinstance(value, Optimizer) else value
