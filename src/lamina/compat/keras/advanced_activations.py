"""Activations of Keras 1 and 2 that are layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina import initializers, ops, typing
from lamina.core.variable import Variable
from lamina.layers import Layer


class ThresholdedReLU(Layer):
    """`x` where it is above `theta`, else 0.

    Args:
        theta: the threshold.
        **kwargs: options of every layer.
    """

    def __init__(self, theta: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.theta = theta

    def call(self, inputs: typing.Array) -> Any:
        """Return the values above the threshold."""
        return ops.where(inputs > self.theta, inputs, 0.0)


class _LearnedActivation(Layer):
    """Base of activations with a weight for each feature.

    Args:
        shared_axes: axes along which the features share their weights.
        **kwargs: options of every layer.
    """

    def __init__(
        self, shared_axes: int | Sequence[int] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.shared_axes = shared_axes

    def _weight(
        self, input_shape: typing.Shape, initializer: typing.InitializerLike, name: str
    ) -> Variable:
        axes = self.shared_axes
        shared = [axes] if isinstance(axes, int) else axes or []
        sizes = enumerate(input_shape[1:], 1)
        shape = [1 if axis in shared else size for axis, size in sizes]
        return self.add_weight(tuple(shape), initializers.get(initializer), name=name)


class ParametricSoftplus(_LearnedActivation):
    """`alpha * softplus(beta * x)`.

    Args:
        alpha_init: initial value of `alpha`.
        beta_init: initial value of `beta`.
        **kwargs: options of every layer, and `shared_axes`.
    """

    def __init__(
        self, alpha_init: float = 0.2, beta_init: float = 5.0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.alpha_init, self.beta_init = alpha_init, beta_init

    def build(self, input_shape: typing.Shape) -> None:
        """Create `alpha` and `beta`."""
        alpha, beta = map(initializers.Constant, (self.alpha_init, self.beta_init))
        self.alphas = self._weight(input_shape, alpha, "alphas")
        self.betas = self._weight(input_shape, beta, "betas")

    def call(self, inputs: typing.Array) -> Any:
        """Return the activations."""
        curve = ops.softplus(ops.multiply(self.betas, inputs))
        return ops.multiply(self.alphas, curve)


class SReLU(_LearnedActivation):
    """S-shaped rectified linear unit: three lines that meet at two thresholds.

    Args:
        t_left_init: initializer of the left threshold.
        a_left_init: initializer of the slope below it.
        t_right_init: initializer of the distance to the right threshold.
        a_right_init: initializer of the slope above that.
        **kwargs: options of every layer, and `shared_axes`.
    """

    def __init__(
        self,
        t_left_init: typing.InitializerLike = "zeros",
        a_left_init: typing.InitializerLike = "glorot_uniform",
        t_right_init: typing.InitializerLike = "glorot_uniform",
        a_right_init: typing.InitializerLike = "ones",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.t_left_init, self.a_left_init = t_left_init, a_left_init
        self.t_right_init, self.a_right_init = t_right_init, a_right_init

    def build(self, input_shape: typing.Shape) -> None:
        """Create the thresholds and slopes."""
        self.t_left = self._weight(input_shape, self.t_left_init, "t_left")
        self.a_left = self._weight(input_shape, self.a_left_init, "a_left")
        self.t_right = self._weight(input_shape, self.t_right_init, "t_right")
        self.a_right = self._weight(input_shape, self.a_right_init, "a_right")

    def call(self, inputs: typing.Array) -> Any:
        """Return the activations."""
        left = self.t_left.value
        right = left + abs(self.t_right.value)
        below = ops.multiply(self.a_left, ops.minimum(inputs - left, 0))
        above = ops.multiply(self.a_right, ops.maximum(inputs - right, 0))
        return ops.clip(inputs, left, right) + below + above
