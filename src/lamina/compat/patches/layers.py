"""Changes of layers, tensors, variables and arrays, which all programs need."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from lamina.compat.defaults import Release, release
from lamina.compat.keras import batch
from lamina.compat.keras.backend.text import get_item
from lamina.compat.notices import tell
from lamina.compat.patches.apply import Changes
from lamina.compat.patches.constructors import mark_built, new_object
from lamina.compat.shapes import TensorShape
from lamina.core.graph import SymbolicTensor
from lamina.core.module import Module
from lamina.core.scope import local
from lamina.core.variable import Variable
from lamina.errors import ShapeError
from lamina.layers import InputLayer, Layer
from lamina.layers.base import call_graph
from lamina.layers.base.building import Buildable
from lamina.lazy import LazyImport
from lamina.typing import Array, PartialShape

# The classes of arrays, and of arrays that are traced. The first is found by its name:
# creating an array takes 65 ms for the start of a backend, and while JAX traces it
# would be a tracer.
ARRAY_CLASSES: list[Any] = [
    *(cls for cls in jax.Array.__subclasses__() if cls.__name__ == "ArrayImpl"),
    Tracer,
]
_slice_of = LazyImport("lamina.compat.tensorflow.base.variables:slice_of")
_metric = LazyImport("lamina.metrics:Metric")


def get_shape(tensor: Array | SymbolicTensor) -> TensorShape:
    """Return the shape of an array or a symbolic tensor."""
    tell("x.get_shape()", "x.shape")
    return TensorShape(tensor.shape)


def _history(tensor: SymbolicTensor) -> tuple[Any, int, int]:
    tell("x._keras_history", "keras.Model and its layers")
    return (tensor.node.operation if tensor.node else tensor.layer), 0, 0


def _node_value(part: str, only_shape: bool) -> Callable[[Layer, int], Any]:
    """Return a method that returns the inputs or outputs of a call of a layer."""

    def method(layer: Layer, node_index: int) -> Any:
        tell(f"layer.get_{part}_at(index)", f"the {part} of each call of the layer")
        node = vars(layer)["_nodes"][node_index]
        found = node.outputs if part == "output" else node.args[0]
        if not only_shape:
            return found
        is_one = isinstance(found, SymbolicTensor)
        return tuple(found.shape) if is_one else [tuple(t.shape) for t in found]

    return method


def _shape_of(part: str) -> property:
    name = f"{part}_shape"

    def get(layer: Layer) -> Any:
        if name in vars(layer):
            return vars(layer)[name]
        if not vars(layer).get("_nodes"):
            raise AttributeError(name)
        return _node_value(part, only_shape=True)(layer, 0)

    return property(get, lambda layer, value: vars(layer).update({name: value}))


def _output_shape_for(layer: Layer, input_shape: PartialShape) -> Any:
    tell("layer.get_output_shape_for", "layer.compute_output_shape")
    return layer.compute_output_shape(input_shape)


def _add_update(layer: Layer, updates: object, inputs: object = None) -> None:
    tell("layer.add_update(update)", "")


def _add_weight(layer: Layer, *args: Any, **kwargs: Any) -> Any:
    """Add a weight; tf.keras took its name first."""
    if args and isinstance(args[0], str):
        name, args = args[0], args[1:]
        tell(f"add_weight({name!r}, shape)", f"add_weight(shape, name={name!r})")
        kwargs["name"] = name
    return _add_weight_of_layers(layer, *args, **kwargs)


_add_weight_of_layers = Layer.add_weight


def _trained(layer: Layer, weights: Iterable[Any]) -> None:
    """Train these variables of a layer, and no others that it has now."""
    tell("self.trainable_weights = weights", "self.add_weight(shape) for each")
    trained = list(weights)
    for variable in layer.own_variables():
        variable.trainable = any(variable is v for v in trained)
    vars(layer)["_assigned_weights"] = trained


def _untrained(layer: Layer, weights: Iterable[Any]) -> None:
    """Do not train these variables of a layer."""
    tell("self.non_trainable_weights = weights", "add_weight(shape, trainable=False)")
    vars(layer)["_assigned_others"] = list(weights)
    for variable in weights:
        variable.trainable = False


def _settable(name: str, assign: Callable[[Any, Any], None]) -> property:
    """Return a property of layers that an assignment changes too."""
    return property(getattr(Layer, name).fget, assign)


def flatten_layers(
    layer: Layer, include_self: bool = True, recursive: bool = True
) -> list[Any]:
    """Return the layers in a layer."""
    below = list(layer.all_layers())[1:] if recursive else layer.sublayers()
    return [layer, *below] if include_self else below


def wrap_fit_input(fit: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that fits an array to an input of a model.

    Until Keras 2.3, a model that was called on a symbolic tensor called its layers on
    it, whatever its shape.
    """

    @functools.wraps(fit)
    def call(value: Any, tensor: SymbolicTensor, exact: bool) -> Any:
        try:
            return fit(value, tensor, exact)
        except ShapeError:
            array = jnp.asarray(value, tensor.dtype)
            ranks = vars(tensor).setdefault("_ranks", set())
            if local.infers_shapes and release() <= Release.KERAS_2_3:
                ranks.add(array.ndim)
            if array.ndim not in ranks:
                raise
            return array

    return call


# Packages also assign the list.
_metrics = functools.cached_property(
    lambda layer: [m for m in layer.children() if isinstance(m, _metric.load())]
)
_metrics.__set_name__(Layer, "_metrics")
_LAYER = {
    "get_output_shape_for": _output_shape_for,
    "add_metric": batch.add_metric,
    "add_update": _add_update,
    "add_variable": _add_weight,
    "add_weight": _add_weight,
    "get_input_at": _node_value("input", only_shape=False),
    "get_output_at": _node_value("output", only_shape=False),
    "get_input_shape_at": _node_value("input", only_shape=True),
    "get_output_shape_at": _node_value("output", only_shape=True),
    "input_shape": _shape_of("input"),
    "output_shape": _shape_of("output"),
    "losses": property(batch.all_losses),
    "trainable_weights": _settable("trainable_weights", _trained),
    "non_trainable_weights": _settable("non_trainable_weights", _untrained),
    "_flatten_layers": flatten_layers,
    "submodules": property(lambda layer: tuple(flatten_layers(layer, False))),
    "_metrics": _metrics,
}
_SYMBOLIC_TENSOR = {
    "shape": property(
        lambda tensor: TensorShape(vars(tensor)["shape"]),
        lambda tensor, shape: vars(tensor).update(shape=shape),
    ),
    "_keras_shape": property(lambda tensor: tuple(tensor.shape)),
    "_keras_history": property(_history),
    "get_shape": get_shape,
    "__getitem__": get_item,
}
_ARRAY = {
    "numpy": lambda array: np.asarray(array)[()],  # a number has a hash
    "get_shape": get_shape,
    "set_shape": lambda array, shape: None,
}


def changes(module: object) -> Changes:
    """Return the changes of what `import lamina` loads."""
    new = vars(Module)["__new__"].__func__
    yield Module, "__new__", staticmethod(new_object(new))
    yield Buildable, "_mark_built", mark_built(vars(Buildable)["_mark_built"])
    for cls in ARRAY_CLASSES:
        yield from ((cls, name, value) for name, value in _ARRAY.items())
    for name, value in _SYMBOLIC_TENSOR.items():
        yield SymbolicTensor, name, value
    yield Variable, "_value", property(lambda variable: variable.value)
    yield from ((Layer, name, value) for name, value in _LAYER.items())
    # The input of the first layer of a model was that of the model.
    yield InputLayer, "input", property(lambda layer: layer.output)
    yield Layer, "add_loss", batch.add_loss(vars(Layer)["add_loss"])
    graph = call_graph.CallGraph
    yield graph, "run", batch.wrap_run(vars(graph)["run"])
    yield call_graph, "_fit_input", wrap_fit_input(vars(call_graph)["_fit_input"])


def methods_of_tensors() -> Changes:
    """Yield the changes that give arrays and variables the methods of TensorFlow's."""
    yield Variable, "__getitem__", lambda variable, key: _slice_of.load()(variable, key)
    for cls in ARRAY_CLASSES:
        shape = vars(cls)["shape"].__get__
        yield cls, "shape", property(lambda array, of=shape: TensorShape(of(array)))
