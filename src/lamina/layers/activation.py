"""Activation layers with hyperparameters or weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

import jax
import jax.numpy as jnp

from lamina import activations
from lamina.core.check import at_least, optional
from lamina.core.module import Hyperparameter
from lamina.core.variable import Variable
from lamina.errors import ShapeError
from lamina.layers.base.attributes import Converted, weight
from lamina.layers.base.layer import Layer
from lamina.layers.base.options import Options
from lamina.layers.base.spec import InputSpec
from lamina.typing import (
    Array,
    ConstraintLike,
    InitializerLike,
    PartialShape,
    RegularizerLike,
    Shape,
)


class ReLU(Layer):
    """Rectified linear unit: `max(x, 0)` by default.

    `max_value` for `x >= max_value`, `x` for `threshold <= x < max_value`, and
    `negative_slope * (x - threshold)` otherwise.

    Args:
        max_value: largest output; unbounded when `None`.
        negative_slope: slope below the threshold.
        threshold: smallest input that is passed through.

    Shape:
        Any shape to the same shape.

    Example:
        >>> ReLU(max_value=6.0)(jnp.array([-1.0, 2.0, 9.0]))
        Array([0., 2., 6.], dtype=float32)
    """

    supports_masking = True
    arguments = {
        "max_value": optional(at_least(0)),
        "negative_slope": at_least(0),
        "threshold": at_least(0),
    }

    def __init__(
        self,
        max_value: float | None = None,
        negative_slope: float = 0.0,
        threshold: float = 0.0,
        **kwargs: Unpack[Options],
    ) -> None:
        super().__init__(**kwargs)
        self.max_value, self.negative_slope = max_value, negative_slope
        self.threshold = threshold

    def call(self, inputs: Array) -> Array:
        return activations.relu(
            inputs,
            negative_slope=self.negative_slope,
            max_value=self.max_value,
            threshold=self.threshold,
        )


class LeakyReLU(Layer):
    """Leaky rectified linear unit: `x` if `x >= 0`, else `negative_slope * x`.

    Args:
        negative_slope: slope for negative inputs; changing it does not recompile.

    Shape:
        Any shape to the same shape.

    Example:
        >>> LeakyReLU(0.1)(jnp.array([-1.0, 2.0]))
        Array([-0.1,  2. ], dtype=float32)

    Reference: Maas et al. 2013,
    https://ai.stanford.edu/~amaas/papers/relu_hybrid_icml2013_final.pdf
    """

    supports_masking = True
    negative_slope = Hyperparameter(at_least(0))

    def __init__(self, negative_slope: float = 0.3, **kwargs: Unpack[Options]) -> None:
        super().__init__(**kwargs)
        self.negative_slope = negative_slope

    def call(self, inputs: Array) -> Array:
        negative_slope = jnp.asarray(self.negative_slope, inputs.dtype)
        return jnp.where(inputs >= 0, inputs, inputs * negative_slope)


def _axis_list(axes: int | Sequence[int] | None) -> list[int] | None:
    if axes is None:
        return None
    return [axes] if isinstance(axes, int) else list(axes)


class PReLU(Layer):
    """Parametric rectified linear unit: `x` if `x >= 0`, else `alpha * x`.

    `alpha` is a weight with the shape of the input without the batch axis.

    Args:
        alpha_initializer: initializer of `alpha`.
        alpha_regularizer: penalty on `alpha`.
        alpha_constraint: projection of `alpha` after each update.
        shared_axes: axes that share one `alpha`, such as (1, 2) for one `alpha` per
            channel of an image; the batch axis is 0.

    Shape:
        (batch, ...) to the same shape.

    Example:
        >>> PReLU("ones")(jnp.array([[-1.0, 2.0]]))
        Array([[-1.,  2.]], dtype=float32)

    Reference: He et al. 2015, https://arxiv.org/abs/1502.01852
    """

    supports_masking = True
    alpha: Variable = weight()
    shared_axes: Converted[list[int] | None] = Converted(_axis_list)

    def __init__(
        self,
        alpha_initializer: InitializerLike = "Zeros",
        alpha_regularizer: RegularizerLike = None,
        alpha_constraint: ConstraintLike = None,
        shared_axes: int | Sequence[int] | None = None,
        **kwargs: Unpack[Options],
    ) -> None:
        super().__init__(**kwargs)
        self._store_arguments(locals())

    def build(self, input_shape: PartialShape) -> None:
        """Create `alpha`, with size 1 along the shared axes."""
        shared = [axis % len(input_shape) for axis in self.shared_axes or ()]
        axes = range(1, len(input_shape))
        shape = [1 if i in shared else input_shape[i] for i in axes]
        if None in shape:
            raise ShapeError(
                f"Layer {self.name!r} (PReLU) has one `alpha` for each element of a "
                f"row, but rows of shape {tuple(input_shape[1:])} have no fixed size. "
                "Share `alpha` along the axes shown as None: "
                "`PReLU(shared_axes=(1, 2))`."
            )
        self._create_weight("alpha", shape)
        fixed = {i: input_shape[i] for i in axes if i not in shared}
        self.input_spec = InputSpec(ndim=len(input_shape), axes=fixed)

    def call(self, inputs: Array) -> Array:
        return jax.nn.relu(inputs) - self.alpha.value * jax.nn.relu(-inputs)


class ELU(Layer):
    """Exponential linear unit: `x` if `x > 0`, else `alpha * (exp(x) - 1)`.

    Args:
        alpha: scale for negative inputs; the output tends to `-alpha`.

    Shape:
        Any shape to the same shape.

    Example:
        >>> ELU()(jnp.array([-100.0, 2.0]))
        Array([-1.,  2.], dtype=float32)

    Reference: Clevert et al. 2015, https://arxiv.org/abs/1511.07289
    """

    supports_masking = True
    alpha = Hyperparameter(at_least(0))

    def __init__(self, alpha: float = 1.0, **kwargs: Unpack[Options]) -> None:
        super().__init__(**kwargs)
        self.alpha = alpha

    def call(self, inputs: Array) -> Array:
        alpha = jnp.asarray(self.alpha, inputs.dtype)
        # The inner `where` keeps the unused branch and its gradient from overflowing.
        negative = alpha * jnp.expm1(jnp.where(inputs > 0, 0, inputs))
        return jnp.where(inputs > 0, inputs, negative)


def _broadcasts(shape: Shape, target: Shape) -> bool:
    """Return whether arrays of a shape can be broadcast to another one."""
    sizes = zip(reversed(shape), reversed(target), strict=False)
    return len(shape) <= len(target) and all(n in (1, size) for n, size in sizes)


class Softmax(Layer):
    """Softmax along an axis: `exp(x) / sum(exp(x))`.

    Masked elements are left out of the sum, and their output is 0.

    Args:
        axis: the axis, or a tuple of axes that are normalized together.

    Shape:
        Any shape to the same shape.

    Example:
        >>> Softmax()(jnp.array([[0.0, 0.0]]))
        Array([[0.5, 0.5]], dtype=float32)
    """

    supports_masking = True

    def __init__(
        self, axis: int | Sequence[int] = -1, **kwargs: Unpack[Options]
    ) -> None:
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, inputs: Array, mask: Array | None = None) -> Array:
        axis = self.axis if isinstance(self.axis, int) else tuple(self.axis)
        if mask is None:
            return jax.nn.softmax(inputs, axis)
        if not _broadcasts(mask.shape, inputs.shape):
            raise ShapeError(
                f"Layer {self.name!r} (Softmax): a mask of shape {tuple(mask.shape)} "
                f"cannot be broadcast to the input, {tuple(inputs.shape)}."
            )
        mask = mask if mask.dtype == bool else mask > 0.5
        # Finite, so that a fully masked row does not give NaN.
        lowest = jnp.finfo(inputs.dtype).min / 2
        return jnp.where(mask, jax.nn.softmax(jnp.where(mask, inputs, lowest), axis), 0)
