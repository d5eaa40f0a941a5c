"""`Sequential`: a plain stack of layers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from lamina.core.custom_objects import custom_object_scope
from lamina.core.graph import SymbolicTensor
from lamina.core.module import overridable
from lamina.core.registry import deserialize, serialize
from lamina.core.untrusted import untrusted_config
from lamina.data.adapt import is_array_data
from lamina.data.host import HostFunction
from lamina.errors import ArgumentError, ArgumentTypeError, FileFormatError, shown
from lamina.layers import InputLayer, Layer
from lamina.layers.base.input_shapes import sizes_agree
from lamina.layers.base.shapes import is_shape, shapes_of
from lamina.models.graph_layers import input_layer
from lamina.models.model import Model
from lamina.tracebacks import filter_traceback
from lamina.typing import Config, PartialShape, PyTree


class Sequential(Model):
    """A model of layers in sequence, each with one input and one output.

    With an `Input` as first element, or `input_shape=` on the first layer, weights are
    created at once; otherwise on the first data.

    Args:
        layers: the layers, in order.
        trainable: whether `fit` changes the weights.
        name: a unique name; made from the class's name when `None`.

    Example:
        >>> from lamina import Sequential, layers
        >>> model = Sequential([layers.Input((784,)), layers.Dense(10)])
        >>> model.count_params()
        7850
    """

    is_sequential = True
    unsaved = (*Model.unsaved, "_stack", "_input_layer")

    def __init__(
        self,
        layers: Iterable[Layer | SymbolicTensor] | None = None,
        trainable: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        if isinstance(layers, Layer) or not isinstance(trainable, bool):
            raise ArgumentTypeError("Sequential takes its layers in one list: [...].")
        super().__init__(name=name, trainable=trainable, **kwargs)
        self._stack: list[Layer] = []
        self._input_layer: InputLayer | None = None
        self.is_input_inferred = False
        self._stack, self._input_layer = _extended(self, layers or ())
        self._rebuild()

    @filter_traceback
    def add(self, layer: Layer | SymbolicTensor, rebuild: bool = True) -> None:
        """Append a layer.

        Raises:
            ArgumentError: the model already has a layer of that name, or an input is
                not the first layer.
            ArgumentTypeError: `layer` is not a layer.
        """
        self._stack, self._input_layer = _extended(self, [layer])
        if rebuild:
            self._rebuild()

    @filter_traceback
    def pop(self, rebuild: bool = True) -> Layer:
        """Remove the last layer and return it."""
        if not self._stack:
            raise ArgumentError(f"Sequential {self.name!r} has no layers to pop.")
        layer = self._stack.pop()
        if rebuild:
            self._rebuild()
        return layer

    def _rebuild(self) -> None:
        """Wire the stack into a graph, if its input is known."""
        self.call_graph, self.built = None, False
        self._compiled_call = None
        if self._input_layer is None or not self._stack:
            return
        for layer in self._stack:
            layer._nodes.clear()
        tensor = inputs = self._input_layer.output
        for layer in self._stack:
            tensor = layer(tensor)
        # An inferred input has the sizes of the first data; others may work too.
        self._set_graph(inputs, tensor).exact = not self.is_input_inferred

    def _infer_input(self, shape: Sequence[int | None], dtype: str | None) -> None:
        self._input_layer = InputLayer(batch_shape=tuple(shape), dtype=dtype)
        self.is_input_inferred = True
        self._rebuild()

    @filter_traceback
    def build(self, input_shape: PartialShape | None = None) -> None:
        """Create all weights for inputs of a shape, with the batch axis.

        Raises:
            ArgumentError: the model has an input of another shape.
        """
        if input_shape is None or not self._stack:
            return
        if self.call_graph is None:
            if is_shape(input_shape):
                self._infer_input(input_shape, None)
            else:  # shapes of several inputs, which the first layer takes
                super().build(input_shape)
        elif not (self.is_input_inferred or sizes_agree(self.input_shape, input_shape)):
            raise ArgumentError(
                f"Sequential {self.name!r} already has an input of shape "
                f"{self.input_shape}. Received: input_shape={input_shape}. Make a new "
                "model for another shape."
            )

    @overridable
    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Call the layers in sequence."""
        if self.call_graph is not None:
            return self.call_graph(inputs)
        for layer in self._stack:
            inputs = layer(inputs)
        return inputs

    def _check_and_build(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if not self.built and args and hasattr(args[0], "shape"):
            # `None` means `floatx`, to which numbers are cast.
            dtype = "string" if args[0].dtype == "string" else None
            self._infer_input((None, *args[0].shape[1:]), dtype)
        elif not self.built and args:  # the layers are built as they are called
            self._mark_built(shapes_of(args[0]))
        super()._check_and_build(args, kwargs)

    def _host_function(self, x: PyTree = None) -> HostFunction | None:
        if self.call_graph is None and self._stack and self._stack[0].runs_on_host:
            array = np.asarray(x) if is_array_data(x) else None
            if array is not None and array.ndim:
                dtype = "string" if array.dtype.kind in "USO" else array.dtype.name
                self._infer_input((None, *array.shape[1:]), dtype)
        return super()._host_function(x)

    @property
    def declared_input(self) -> InputLayer | None:
        """The input that was passed, or inferred from the first data."""
        return self._input_layer

    @property
    def layers(self) -> list[Layer]:
        """The layers, without the input."""
        return list(self._stack)

    def get_config(self) -> Config:
        """Return the configs of the layers, that of the input first."""
        layers = [self._input_layer] if self._input_layer is not None else []
        config = {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": serialize(self.dtype_policy),
            "layers": [serialize(layer) for layer in (*layers, *self._stack)],
        }
        if self.built and self._input_layer is not None:
            config["build_input_shape"] = self._input_layer.batch_shape
        return config

    @classmethod
    @overridable
    def from_config(
        cls, config: Config, custom_objects: dict[str, Any] | None = None
    ) -> Any:
        """Return the model that `get_config` describes."""
        with (
            custom_object_scope(custom_objects),
            untrusted_config(config, f"The config of {cls.__name__}"),
        ):
            layers = _layers_of(cls.__name__, config["layers"])
            shape = config.get("build_input_shape")
            model = cls(layers, name=config.get("name"))
            if shape is not None and not model.built:
                model.build(tuple(shape))
            return model


def _extended(
    model: Sequential, values: Iterable[object]
) -> tuple[list[Layer], InputLayer | None]:
    """Return the layers of a model with more of them, and the input.

    Takes time proportional to the number of layers.
    """
    stack, first = list(model.layers), model.declared_input
    names = {layer.name: layer for layer in stack}
    for value in values:
        layer = _as_layer(value)
        if isinstance(layer, InputLayer):
            if stack or first is not None:
                raise ArgumentError(
                    f"Sequential {model.name!r} already has an input or layers, so "
                    f"{layer.name!r} cannot be its input. Put `Input` first."
                )
            first = layer
            continue
        if names.setdefault(layer.name, layer) is not layer:
            raise ArgumentError(
                f"Sequential {model.name!r} already has a layer named {layer.name!r}. "
                "Different layers need different names: rename it with `name=`."
            )
        if not stack and first is None:
            first = _declared_input(layer)
        stack.append(layer)
    return stack, first


def _layers_of(owner: str, configs: Sequence[Any]) -> list[Any]:
    """Return the layers that configs describe; equal ones with a name are one layer."""
    made: dict[str | None, tuple[Any, Any]] = {}
    layers: list[Any] = []
    for config in configs:
        inner = config.get("config") if isinstance(config, dict) else None
        name = inner.get("name") if isinstance(inner, dict) else None
        name = name if isinstance(name, str) else None
        if name is None or made.get(name, (None,))[0] != config:
            made[name] = config, _layer_of(owner, config)
        layers.append(made[name][1])
    return layers


def _layer_of(owner: str, config: object) -> Any:
    """Return the layer that a config in the config of a model describes."""
    if not isinstance(config, dict) or "config" not in config:
        raise FileFormatError(
            f"The config of {owner} has {shown(config)} among its layers. Each must be "
            "a dictionary with a 'config'."
        )
    return deserialize(config)


def _declared_input(layer: Layer) -> InputLayer | None:
    """Return the input that a first layer declares, as with `input_shape`."""
    shape = layer.batch_input_shape
    if isinstance(layer, Model):
        is_single = layer.call_graph and isinstance(layer.input, SymbolicTensor)
        shape = layer.input_shape if is_single else None
    return None if shape is None else InputLayer(batch_shape=tuple(shape))


def _as_layer(value: object) -> Layer:
    if isinstance(value, SymbolicTensor) and value.node is None:
        return input_layer(value)
    if isinstance(value, type) and issubclass(value, Layer):
        raise ArgumentTypeError(
            f"Sequential: got the class {value.__name__} instead of a layer. Create a "
            f"layer: {value.__name__}(...)."
        )
    if isinstance(value, Layer):
        return value
    hint = ""
    if isinstance(value, SymbolicTensor):
        hint = " It is the output of a layer: pass the layer, or make a Model."
    elif callable(value):
        hint = " For a function, use layers.Activation(f) or layers.Lambda(f)."
    raise ArgumentTypeError(
        f"Sequential takes layers. Received: {value!r} of type "
        f"{type(value).__name__}.{hint}"
    )
