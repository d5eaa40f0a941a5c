"""Old layers, and old positional arguments of layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import jax

from lamina import (
    activations,
    constraints,
    initializers,
    layers,
    ops,
    regularizers,
    typing,
)
from lamina.compat.arguments import constructor_arguments
from lamina.compat.files import existing_path, load_model
from lamina.compat.keras.backend.neural import output_padding
from lamina.compat.notices import tell
from lamina.config import image_data_format
from lamina.core.graph import SymbolicTensor
from lamina.io.files import StrPath
from lamina.layers import Input, Layer
from lamina.models import Model
from lamina.saving.legacy.names import MERGES

# Arguments that followed the kernel size in Keras 1.
AFTER_KERNEL_SIZE = ("init", "activation", "weights", "border_mode", "subsample")


class Former(NamedTuple):
    """Former name of a layer, whose arguments differed.

    Args:
        new: today's name.
        sizes: number of integers that were the sizes of the kernel.
        fixed: arguments that the former layer had without being asked.
    """

    new: str
    sizes: int = 0
    fixed: Mapping[str, Any] = MappingProxyType({})


FORMER = {
    "Convolution1D": Former("Conv1D", 1),
    "Convolution2D": Former("Conv2D", 2),
    "Convolution3D": Former("Conv3D", 3),
    "AtrousConvolution1D": Former("Conv1D", 1),
    "AtrousConvolution2D": Former("Conv2D", 2),
    "SeparableConvolution2D": Former("SeparableConv2D", 2),
    "Deconvolution2D": Former("Conv2DTranspose", 2),
    "TimeDistributedDense": Former("Dense"),
    "CuDNNLSTM": Former("LSTM"),
    "CuDNNGRU": Former("GRU", fixed={"reset_after": True}),
}


def _convolution(old: str) -> Callable[..., Layer]:
    """Return a function that takes a convolution's kernel sizes as integers."""

    def create(*args: Any, **options: Any) -> Layer:
        return getattr(layers, FORMER[old].new)(**_named(old, args, options))

    create.__name__ = old
    return create


def _named(old: str, args: Sequence[Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a former convolution by their names."""
    name, sizes, _ = FORMER[old]
    found = dict(options)
    positional = list(args)
    if positional:
        found["filters"] = filters = positional.pop(0)
        given = positional[:sizes]
        if len(given) == sizes and all(isinstance(n, int) for n in given):
            shape = ", ".join(map(str, given))
            found["kernel_size"] = tuple(given)
            tell(f"{old}({filters}, {shape})", f"{name}({filters}, ({shape}))")
            positional = positional[sizes:]
        elif positional:
            found["kernel_size"] = positional.pop(0)
    return {**found, **dict(zip(AFTER_KERNEL_SIZE, positional, strict=False))}


Convolution1D = _convolution("Convolution1D")
Convolution2D = _convolution("Convolution2D")
Convolution3D = _convolution("Convolution3D")
AtrousConvolution1D = _convolution("AtrousConvolution1D")
AtrousConvolution2D = _convolution("AtrousConvolution2D")
SeparableConvolution2D = _convolution("SeparableConvolution2D")


def Deconvolution2D(
    *args: Any, output_shape: Sequence[int | None] | None = None, **options: Any
) -> Layer:
    """Create a `Conv2DTranspose` with the output padding that leads to a shape."""
    if len(args) > 3 and isinstance(args[3], (tuple, list)):
        output_shape, args = args[3], (*args[:3], *args[4:])
    cls = layers.Conv2DTranspose
    _, found = constructor_arguments(cls, (), _named("Deconvolution2D", args, options))
    if output_shape is not None and "kernel_size" in found:
        order = found.get("data_format") or image_data_format()
        first = 1 if order == "channels_last" else 2
        lengths = tuple(output_shape)[first : first + 2]
        window = (
            found["kernel_size"],
            found.get("strides", 1),
            found.get("padding", "valid"),
        )
        extra = output_padding(lengths, *window)
        if extra != output_padding((None, None), *window):
            found["output_padding"] = extra
    return cls(**found)


def TimeDistributedDense(output_dim: int, **options: Any) -> Layer:
    """Create a `Dense` layer, which applies to each step."""
    tell("TimeDistributedDense", "Dense")
    options.pop("input_length", None)
    return layers.Dense(output_dim, **options)


def _cell(old: str) -> Callable[..., Layer]:
    name, _, fixed = FORMER[old]

    def create(units: int, **options: object) -> Layer:
        tell(old, name)
        return getattr(layers, name)(units, **options, **fixed)

    create.__name__ = old
    return create


CuDNNLSTM = _cell("CuDNNLSTM")
CuDNNGRU = _cell("CuDNNGRU")


def merge(
    inputs: Sequence[SymbolicTensor],
    mode: str | Callable[..., Any] = "sum",
    dot_axes: int | Sequence[int] = -1,
    concat_axis: int = -1,
    output_shape: object = None,
    name: str | None = None,
    **_: object,
) -> SymbolicTensor:
    """Merge tensors by a mode of Keras 1, or by a function of their list."""
    return _merge_layer(mode, dot_axes, concat_axis, name)(list(inputs))


def _merge_layer(
    mode: str | Callable[..., Any],
    dot_axes: int | Sequence[int] = -1,
    concat_axis: int = -1,
    name: str | None = None,
) -> Layer:
    """Return the layer that merges by a mode of Keras 1."""
    if callable(mode):
        tell("merge(mode=function)", "layers.Lambda(function)(inputs)")
        return layers.Lambda(mode, name=name)
    options: dict[str, Any] = {"name": name}
    if mode == "concat":
        options["axis"] = concat_axis
    if mode in ("dot", "cos"):
        options.update(axes=dot_axes, normalize=mode == "cos")
    tell(f"merge(mode={mode!r})", f"layers.{MERGES[mode]}()(inputs)")
    return getattr(layers, MERGES[mode])(**options)


def Merge(
    branches: Sequence[Any] | None = None,
    mode: str | Callable[..., Any] = "sum",
    dot_axes: int | Sequence[int] = -1,
    concat_axis: int = -1,
    output_shape: object = None,
    name: str | None = None,
    **_: object,
) -> Model | Layer:
    """Create a model that merges the outputs of models or layers.

    Args:
        branches: models, or layers that have `input_shape`. Without them, the layer
            that merges is returned.
        mode: as for `merge`, like the other arguments.
        dot_axes: axes of a dot product.
        concat_axis: axis of a concatenation.
        output_shape: not used.
        name: name of the layer that merges.
    """
    layer = _merge_layer(mode, dot_axes, concat_axis, name)
    if branches is None:
        return layer
    inputs: list[Any] = []
    outputs: list[Any] = []
    for branch in branches:
        if isinstance(branch, Model) and branch.built:
            inputs += branch.inputs
            outputs += branch.outputs
        else:
            inputs.append(Input(batch_shape=branch.batch_input_shape))
            outputs.append(branch(inputs[-1]))
    return Model(inputs, layer(outputs))


class MergeBase(Layer):
    """Base of layers of Keras 2 that merge a list of tensors."""

    def call(self, inputs: Sequence[typing.Array]) -> Any:
        """Merge the tensors."""
        return self._merge_function(inputs)

    def _merge_function(self, inputs: Sequence[typing.Array]) -> Any:
        raise NotImplementedError


class MaxoutDense(Layer):
    """Largest of several linear functions of the input.

    Args:
        output_dim: number of outputs.
        nb_feature: number of linear functions.
        init: initializer of the kernel.
        W_regularizer: penalty on the kernel.
        b_regularizer: penalty on the bias.
        W_constraint: constraint of the kernel.
        b_constraint: constraint of the bias.
        bias: whether there is a bias.
        **kwargs: options of every layer.
    """

    def __init__(
        self,
        output_dim: int,
        nb_feature: int = 4,
        init: typing.InitializerLike = "glorot_uniform",
        W_regularizer: typing.RegularizerLike = None,
        b_regularizer: typing.RegularizerLike = None,
        W_constraint: typing.ConstraintLike = None,
        b_constraint: typing.ConstraintLike = None,
        bias: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.output_dim, self.nb_feature, self.bias = output_dim, nb_feature, bias
        self.init = initializers.get(init)
        self.W_regularizer = regularizers.get(W_regularizer)
        self.b_regularizer = regularizers.get(b_regularizer)
        self.W_constraint = constraints.get(W_constraint)
        self.b_constraint = constraints.get(b_constraint)

    def build(self, input_shape: typing.Shape) -> None:
        """Create the kernel and the bias."""
        self.kernel = self.add_weight(
            (self.nb_feature, input_shape[-1], self.output_dim),
            self.init,
            regularizer=self.W_regularizer,
            constraint=self.W_constraint,
        )
        self.b = None
        if self.bias:
            self.b = self.add_weight(
                (self.nb_feature, self.output_dim),
                "zeros",
                regularizer=self.b_regularizer,
                constraint=self.b_constraint,
            )

    def call(self, inputs: typing.Array) -> Any:
        """Return the largest value of the functions."""
        values = ops.einsum("bi,kio->bko", inputs, self.kernel)
        return ops.max(values if self.b is None else ops.add(values, self.b), axis=1)


class Highway(Layer):
    """Densely connected highway layer: a gate mixes the input and its transform.

    Args:
        init: initializer of both kernels.
        activation: activation of the transform.
        W_regularizer: penalty on the kernel of the transform.
        b_regularizer: penalty on its bias.
        W_constraint: constraint of its kernel.
        b_constraint: constraint of its bias.
        bias: whether the transform and the gate have a bias.
        transform_bias: initial bias of the gate.
        **kwargs: options of every layer.
    """

    def __init__(
        self,
        init: typing.InitializerLike = "glorot_uniform",
        activation: typing.ActivationLike = None,
        W_regularizer: typing.RegularizerLike = None,
        b_regularizer: typing.RegularizerLike = None,
        W_constraint: typing.ConstraintLike = None,
        b_constraint: typing.ConstraintLike = None,
        bias: bool = True,
        transform_bias: float = -1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.init, self.transform_bias = initializers.get(init), transform_bias
        self.activation, self.bias = activations.get(activation), bias
        self.W_regularizer = regularizers.get(W_regularizer)
        self.b_regularizer = regularizers.get(b_regularizer)
        self.W_constraint = constraints.get(W_constraint)
        self.b_constraint = constraints.get(b_constraint)

    def build(self, input_shape: typing.Shape) -> None:
        """Create the layers of the transform and of its gate."""
        size = input_shape[-1]
        self.gate = layers.Dense(
            size,
            "sigmoid",
            self.bias,
            kernel_initializer=self.init,
            bias_initializer=initializers.Constant(self.transform_bias),
        )
        self.transform = layers.Dense(
            size,
            self.activation,
            self.bias,
            kernel_initializer=self.init,
            kernel_regularizer=self.W_regularizer,
            bias_regularizer=self.b_regularizer,
            kernel_constraint=self.W_constraint,
            bias_constraint=self.b_constraint,
        )
        self.gate.build(input_shape)
        self.transform.build(input_shape)

    def call(self, inputs: typing.Array) -> Any:
        """Return the mixture."""
        gate = self.gate(inputs)
        return gate * self.transform(inputs) + (1 - gate) * inputs


class TFSMLayer(Layer):
    """Layer that computes a model saved with `model.export` or without an ending.

    Args:
        filepath: the path that the model was saved to.
        call_endpoint: "serve" for outputs like those of the model; other endpoints
            return them in a dictionary, by name.
        call_training_endpoint: endpoint for training; by default the layer always
            computes what `predict` does.
        **kwargs: name, dtype and other arguments of a layer.
    """

    def __init__(
        self,
        filepath: StrPath,
        call_endpoint: str = "serve",
        call_training_endpoint: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if existing_path(filepath, ".keras") == filepath:
            layers.TFSMLayer(filepath)  # refuses the folder of TensorFlow
        self.model = load_model(filepath)
        self.call_endpoint = call_endpoint
        self.call_training_endpoint = call_training_endpoint

    def call(self, inputs: typing.PyTree, training: bool | None = None) -> Any:
        """Return the outputs of the model, without dropout unless it is trained."""
        is_training = bool(training and self.call_training_endpoint)
        outputs = self.model(inputs, training=is_training)
        if self.call_endpoint == "serve":
            return outputs
        leaves = jax.tree.leaves(outputs)
        numbered = [f"output_{i}" for i, _ in enumerate(leaves, 1)]
        names = self.model.output_names or numbered
        return dict(zip(names, leaves, strict=True))
