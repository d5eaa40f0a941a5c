"""Core layers: `Input`, `Dense`, `Activation`, `Identity`, `Lambda`, `Maxout`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax.numpy as jnp

from lamina import constraints, initializers, ops, regularizers
from lamina.core.budget import check_output, untrusted_config
from lamina.core.check import (
    Check,
    at_least,
    boolean,
    is_int,
    optional,
    positive_int,
    require_dense,
)
from lamina.core.dtypes import standardize_dtype
from lamina.core.graph import SymbolicTensor
from lamina.core.registry import refuse_code
from lamina.core.tracebacks import filter_traceback
from lamina.errors import ArgumentError, ShapeError
from lamina.layers.base.attributes import ActivationAttribute
from lamina.layers.base.layer import Layer
from lamina.layers.base.spec import InputSpec
from lamina.typing import (
    ActivationLike,
    Array,
    ConstraintLike,
    DTypeLike,
    InitializerLike,
    RegularizerLike,
)

_shape = optional(
    Check(
        "a tuple of sizes without the batch axis, None for those that vary, such as "
        "(28, 28, 1) or (10,)",
        lambda v: (
            isinstance(v, (tuple, list))
            and all(n is None or (is_int(n) and n >= 0) for n in v)
        ),
        (10, (-1,), ("3",)),
    )
)


class InputLayer(Layer):
    """Entry point of a model's data.

    Args:
        shape: shape of one row, without the batch axis; `None` for sizes that vary.
        batch_size: number of rows, if it is fixed.
        dtype: element type; `config.floatx()` by default.
        sparse: must be false; sparse arrays are not supported.
        ragged: must be false; ragged arrays are not supported.
        batch_shape: shape with the batch axis, instead of `shape`.
        input_tensor: an existing symbolic tensor to use as the input.
        optional: whether the model may be called with `None` for this input.
        name: name of the input; data in dictionaries is matched by it.
        input_shape: older name of `shape`.
        batch_input_shape: older name of `batch_shape`.

    Shape:
        (batch_size, *shape) to the same shape.

    Raises:
        ArgumentError: neither or both of `shape` and `batch_shape` are given.

    Example:
        >>> InputLayer((28, 28, 1), name="pixels").output.shape
        (None, 28, 28, 1)
    """

    arguments = {
        "shape": _shape,
        "batch_shape": _shape,
        "batch_size": optional(positive_int),
    }

    def __init__(
        self,
        shape: Sequence[int | None] | None = None,
        batch_size: int | None = None,
        dtype: DTypeLike = None,
        sparse: bool | None = None,
        ragged: bool | None = None,
        batch_shape: Sequence[int | None] | None = None,
        input_tensor: SymbolicTensor | None = None,
        optional: bool = False,
        name: str | None = None,
        input_shape: Sequence[int | None] | None = None,
        batch_input_shape: Sequence[int | None] | None = None,
    ) -> None:
        super().__init__(name=name)
        shape = input_shape if shape is None else shape
        batch_shape = batch_input_shape if batch_shape is None else batch_shape
        require_dense("InputLayer", sparse, ragged)
        if input_tensor is not None:
            batch_shape, dtype = input_tensor.shape, input_tensor.dtype
        elif (shape is None) == (batch_shape is None):
            raise ArgumentError(
                "InputLayer: give either `shape`, the shape of one row such as "
                "(28, 28, 1), or `batch_shape`, which includes the batch axis. "
                f"Received: shape={shape}, batch_shape={batch_shape}."
            )
        if batch_shape is None:
            batch_shape = (batch_size, *(shape or ()))
        self.batch_shape = tuple(batch_shape)
        self.optional = optional
        self._tensor = input_tensor or SymbolicTensor(
            self.batch_shape, standardize_dtype(dtype), name=self.name
        )
        check_output(self.name, self.batch_shape, self._tensor.dtype)
        self._tensor.layer = self
        self.built = True

    @property
    def dtype(self) -> str:
        """The element type of the data."""
        return self._tensor.dtype

    @property
    def output(self) -> SymbolicTensor:
        """The symbolic tensor that represents the data."""
        return self._tensor

    def call(self, inputs: Array) -> Any:
        return inputs

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that create the same input."""
        return {
            "batch_shape": self.batch_shape,
            "dtype": self.dtype,
            "sparse": False,
            "ragged": False,
            "name": self.name,
            "optional": self.optional,
        }


@filter_traceback
def Input(  # noqa: N802
    shape: Sequence[int | None] | None = None,
    batch_size: int | None = None,
    dtype: DTypeLike = None,
    sparse: bool | None = None,
    ragged: bool | None = None,
    batch_shape: Sequence[int | None] | None = None,
    name: str | None = None,
    tensor: SymbolicTensor | None = None,
    optional: bool = False,
) -> SymbolicTensor:
    """Create the symbolic tensor of a model's input.

    Args:
        shape: shape of one row, without the batch axis; `None` for sizes that vary.
        batch_size: number of rows, if it is fixed.
        dtype: element type; `config.floatx()` by default.
        sparse: must be false; sparse arrays are not supported.
        ragged: must be false; ragged arrays are not supported.
        batch_shape: shape with the batch axis, instead of `shape`.
        name: name of the input; data in dictionaries is matched by it.
        tensor: an existing symbolic tensor to use as the input.
        optional: whether the model may be called with `None` for this input.

    Example:
        >>> Input(shape=(784,), name="pixels")
        <SymbolicTensor shape=(None, 784), dtype=float32, name=pixels>
    """
    return InputLayer(
        shape, batch_size, dtype, sparse, ragged, batch_shape, tensor, optional, name
    ).output


class Dense(Layer):
    """Fully connected layer: `activation(inputs @ kernel + bias)`.

    Args:
        units: number of outputs.
        activation: an activation function or its name; linear when `None`.
        use_bias: whether there is a bias.
        kernel_initializer: initializer of the kernel, (features, units).
        bias_initializer: initializer of the bias, (units,).
        kernel_regularizer: penalty on the kernel.
        bias_regularizer: penalty on the bias.
        activity_regularizer: penalty on the output.
        kernel_constraint: projection of the kernel after each update.
        bias_constraint: projection of the bias after each update.

    Shape:
        (batch, ..., features) to (batch, ..., units).

    Example:
        >>> Dense(4, activation="relu")(jnp.ones((2, 3))).shape
        (2, 4)
    """

    activation = ActivationAttribute()
    supports_masking = True
    arguments = {"units": positive_int, "use_bias": boolean}

    def __init__(
        self,
        units: int,
        activation: ActivationLike = None,
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.units = units
        self.activation = activation
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.input_spec = InputSpec(min_ndim=2)

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Create the kernel and the bias."""
        features = input_shape[-1]
        self.kernel = self.add_weight(
            (features, self.units),
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                (self.units,),
                self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )
        self.input_spec = InputSpec(min_ndim=2, axes={-1: features})

    def call(self, inputs: Array) -> Any:
        outputs = ops.matmul(inputs, self.kernel)
        if self.bias is not None:
            outputs = outputs + self.bias.value
        return self.activation(outputs)


class Activation(Layer):
    """Activation function as a layer.

    Args:
        activation: an activation function, or its name such as `"relu"`.

    Shape:
        Any shape to the same shape.

    Example:
        >>> Activation("relu")(jnp.array([-1.0, 2.0]))
        Array([0., 2.], dtype=float32)
    """

    activation = ActivationAttribute()
    supports_masking = True

    def __init__(self, activation: ActivationLike, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.activation = activation

    def call(self, inputs: Array) -> Any:
        return self.activation(inputs)


class ActivityRegularization(Layer):
    """Identity that adds a penalty on its input to the loss.

    Args:
        l1: factor of the sum of absolute values.
        l2: factor of the sum of squares.

    Shape:
        Any shape to the same shape.

    Example:
        >>> layer = ActivityRegularization(l1=0.5)
        >>> _ = layer(jnp.array([[1.0, -2.0]]))
        >>> [float(loss) for loss in layer.losses]
        [1.5]
    """

    supports_masking = True
    arguments = {"l1": at_least(0), "l2": at_least(0)}

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **kwargs: Any) -> None:
        kwargs.setdefault("activity_regularizer", regularizers.L1L2(l1, l2))
        super().__init__(**kwargs)
        self.l1, self.l2 = l1, l2

    def call(self, inputs: Array) -> Any:
        return inputs


class Identity(Layer):
    """Identity layer, which returns its input; it can name a tensor in a model.

    Shape:
        Any shape to the same shape.

    Example:
        >>> Identity(name="features")(jnp.array([1.0, 2.0]))
        Array([1., 2.], dtype=float32)
    """

    supports_masking = True

    def call(self, inputs: Array) -> Any:
        return inputs


def _parameter_names(function: Callable[..., Any]) -> set[str]:
    try:
        return set(inspect.signature(function).parameters)
    except ValueError:  # some functions written in C have no signature
        return set()


class Lambda(Layer):
    """Function as a layer.

    Weights that the function uses are not tracked: subclass `Layer` for those. A file
    stores only the function's name, so a function must be registered before a model
    with it is saved, and again before it is loaded.

    Args:
        function: function of the input, and of `mask` or `training` if it has
            parameters of these names.
        output_shape: accepted for Keras; the shape is always inferred.
        mask: mask of the output, or a function of `(inputs, mask)` that returns it.
        arguments: further keyword arguments of the function.

    Shape:
        As the function defines it.

    Example:
        >>> Lambda(lambda x, power: x**power, arguments={"power": 2})(jnp.array([3.0]))
        Array([9.], dtype=float32)
    """

    arguments = {
        "function": Check("a function", callable, (3, "relu", None)),
    }

    def __init__(
        self,
        function: Callable[..., Any],
        output_shape: Any = None,
        mask: Any = None,
        arguments: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.function, self.output_shape, self.mask = function, output_shape, mask
        self.keywords = dict(arguments or {})
        self.supports_masking = mask is not None
        self._extra = _parameter_names(function) & {"mask", "training"}

    def call(
        self, inputs: Array, mask: Any = None, training: bool | None = None
    ) -> Any:
        given = {"mask": mask, "training": training}
        extra = {name: given[name] for name in self._extra}
        return self.function(inputs, **self.keywords, **extra)

    def compute_mask(self, inputs: Array, mask: Any = None) -> Any:
        """Return the mask that the argument `mask` defines."""
        return self.mask(inputs, mask) if callable(self.mask) else self.mask

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Create the layer that `get_config` describes."""
        with untrusted_config(config, f"The config of {cls.__name__}"):
            if isinstance(config.get("function"), (list, tuple)):
                refuse_code(config)  # bytecode, which Keras 2 wrote for lambdas
            return super().from_config(config)


class Maxout(Layer):
    """Maxout: the maximum of each group of `pieces` channels.

    After a dense or convolutional layer without activation, each output is the
    maximum of `pieces` affine functions of the input, `max_j(x @ W[:, j] + b[j])`.

    Args:
        pieces: number of channels in a group.
        axis: the channel axis.

    Shape:
        (..., channels, ...) to (..., channels // pieces, ...).

    Raises:
        ShapeError: `pieces` does not divide the number of channels.

    Example:
        >>> dense, maxout = Dense(3 * 4), Maxout(4)
        >>> maxout(dense(jnp.ones((2, 5)))).shape
        (2, 3)
        >>> Maxout(2)(jnp.array([[1.0, 5.0, 2.0, -3.0]]))
        Array([[5., 2.]], dtype=float32)

    Reference: Goodfellow et al. 2013, https://arxiv.org/abs/1302.4389
    """

    arguments = {"pieces": positive_int}

    def __init__(self, pieces: int, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pieces, self.axis = pieces, axis

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Check that the channels can be grouped."""
        channels = input_shape[self.axis]
        if channels is not None and channels % self.pieces:
            raise ShapeError(
                f"Layer {self.name!r} (Maxout) takes the maximum of {self.pieces} "
                f"channels, but axis {self.axis} of its input {tuple(input_shape)} has "
                f"{channels}, which is not a multiple of {self.pieces}. Give the "
                f"previous layer {self.pieces} times as many units as you want outputs."
            )

    def call(self, inputs: Array) -> Any:
        axis = self.axis % inputs.ndim
        shape = inputs.shape
        groups = (shape[axis] // self.pieces, self.pieces)
        grouped = inputs.reshape(*shape[:axis], *groups, *shape[axis + 1 :])
        return jnp.max(grouped, axis + 1)
