"""Layers without weights that apply a function to their input."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Self, Unpack

import jax.numpy as jnp

from lamina import activations, regularizers
from lamina.core.check import Check, at_least, positive_int
from lamina.core.registry import refuse_code
from lamina.core.untrusted import untrusted_config
from lamina.errors import ShapeError
from lamina.layers.base import Converted, Layer, Options
from lamina.typing import ActivationLike, Array, ArrayLike, Config, PartialShape


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

    activation = Converted(activations.get)
    supports_masking = True

    def __init__(self, activation: ActivationLike, **kwargs: Unpack[Options]) -> None:
        super().__init__(**kwargs)
        self._store_arguments(locals())

    def call(self, inputs: Array) -> Array:
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

    def __init__(
        self, l1: float = 0.0, l2: float = 0.0, **kwargs: Unpack[Options]
    ) -> None:
        kwargs.setdefault("activity_regularizer", regularizers.L1L2(l1, l2))
        super().__init__(**kwargs)
        self.l1, self.l2 = l1, l2

    def call(self, inputs: Array) -> Array:
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

    def call(self, inputs: Array) -> Array:
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
        output_shape: PartialShape | Callable[..., Any] | None = None,
        mask: ArrayLike | Callable[..., Any] | None = None,
        arguments: Mapping[str, Any] | None = None,
        **kwargs: Unpack[Options],
    ) -> None:
        super().__init__(**kwargs)
        self.function, self.output_shape, self.mask = function, output_shape, mask
        self.keywords = dict(arguments or {})
        self.supports_masking = mask is not None
        self._extra = _parameter_names(function) & {"mask", "training"}

    def call(
        self, inputs: Array, mask: Array | None = None, training: bool | None = None
    ) -> Any:
        given = {"mask": mask, "training": training}
        extra = {name: given[name] for name in self._extra}
        return self.function(inputs, **self.keywords, **extra)

    def compute_mask(self, inputs: Array, mask: Array | None = None) -> Any:
        """Return the mask that the argument `mask` defines."""
        return self.mask(inputs, mask) if callable(self.mask) else self.mask

    @classmethod
    def from_config(cls, config: Config) -> Self:
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

    def __init__(self, pieces: int, axis: int = -1, **kwargs: Unpack[Options]) -> None:
        super().__init__(**kwargs)
        self.pieces, self.axis = pieces, axis

    def build(self, input_shape: PartialShape) -> None:
        """Check that the channels can be grouped."""
        channels = input_shape[self.axis]
        if channels is not None and channels % self.pieces:
            raise ShapeError(
                f"Layer {self.name!r} (Maxout) takes the maximum of {self.pieces} "
                f"channels, but axis {self.axis} of its input {tuple(input_shape)} has "
                f"{channels}, which is not a multiple of {self.pieces}. Give the "
                f"previous layer {self.pieces} times as many units as you want outputs."
            )

    def call(self, inputs: Array) -> Array:
        axis = self.axis % inputs.ndim
        shape = inputs.shape
        groups = (shape[axis] // self.pieces, self.pieces)
        grouped = inputs.reshape(*shape[:axis], *groups, *shape[axis + 1 :])
        return jnp.max(grouped, axis + 1)


class Masking(Layer):
    """Mask of the time steps whose values all equal `mask_value`.

    Masked steps are set to zero, and the layers that follow skip them.

    Args:
        mask_value: value that fills a masked step.

    Shape:
        (batch, time, features) to the same shape; the mask is (batch, time).

    Example:
        >>> Masking(-1.0)(jnp.array([[[3.0, -1.0], [-1.0, -1.0]]]))
        Array([[[ 3., -1.],
                [ 0.,  0.]]], dtype=float32)
    """

    supports_masking = True

    def __init__(self, mask_value: ArrayLike = 0.0, **kwargs: Unpack[Options]) -> None:
        super().__init__(**kwargs)
        self.mask_value = mask_value

    def compute_mask(self, inputs: Array, mask: Array | None = None) -> Array:
        """Return True for the steps with a value other than `mask_value`."""
        return (inputs != self.mask_value).any(-1)

    def call(self, inputs: Array) -> Array:
        mask = self.compute_mask(inputs)[..., None]
        return jnp.where(mask, inputs, jnp.zeros_like(inputs))
