"""Multi-head attention: `MultiHeadAttention`, `GroupQueryAttention`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp

from lamina.core.check import Check, is_int, optional, positive_int
from lamina.core.registry import serialize
from lamina.errors import ShapeError, invalid
from lamina.layers.attention.heads import (
    MultiHeadBase,
    Projections,
    Shape,
    as_sequence,
)
from lamina.typing import Array, ConstraintLike, InitializerLike, RegularizerLike


def _integers(low: float) -> Check:
    """Check for an integer or a non-empty tuple of integers, each at least `low`."""

    def accepts(value: Any) -> bool:
        values = value if isinstance(value, (tuple, list)) else (value,)
        return len(values) > 0 and all(is_int(n) and n >= low for n in values)

    kind = "a positive integer" if low > 0 else "an integer"
    return Check(f"{kind} or a tuple of them", accepts, ("1", 1.5, ()))


class MultiHeadAttention(MultiHeadBase):
    """Multi-head attention.

    Each head computes `softmax(q @ k^T / sqrt(key_dim)) @ v`, where q, k and v are
    projections of the query, the key and the value. A dense layer projects the
    concatenated heads to the output. The masks of the query, value and key apply, as
    does `attention_mask`, (batch, queries, keys). With `use_causal_mask`, a query
    attends only to keys at its own position and before.

    Args:
        num_heads: number of heads.
        key_dim: width of the query and key of each head.
        value_dim: width of the value of each head; `key_dim` by default.
        dropout: fraction of the attention weights to drop in training.
        use_bias: whether the projections have biases.
        output_shape: sizes of the output's last axes; the width of the query by
            default.
        attention_axes: axes to attend over; all but batch and features by default.
        sliding_window: largest distance, exclusive, between a query and its keys.
        flash_attention: whether a fused kernel may run; `None` for
            `config.is_flash_attention_enabled()`.
        kernel_initializer: initializer of the kernels.
        bias_initializer: initializer of the biases.
        kernel_regularizer: penalty on the kernels.
        bias_regularizer: penalty on the biases.
        activity_regularizer: penalty on the outputs of the projections.
        kernel_constraint: projection of the kernels after each update.
        bias_constraint: projection of the biases after each update.
        use_gate: whether to multiply the heads' outputs by a sigmoid of the query.
        seed: seed of the dropout.

    Shape:
        query (batch, queries, width) and value (batch, keys, features) to
        (batch, queries, width).

    Example:
        >>> x = jnp.ones((2, 5, 8))
        >>> layer = MultiHeadAttention(num_heads=2, key_dim=4)
        >>> layer(x, x, use_causal_mask=True).shape
        (2, 5, 8)

    Reference: Vaswani et al. 2017, https://arxiv.org/abs/1706.03762; for the gate,
        Qiu et al. 2025, https://arxiv.org/abs/2505.06708
    """

    arguments = {
        **MultiHeadBase.arguments,
        "num_heads": positive_int,
        "key_dim": positive_int,
        "value_dim": optional(positive_int),
        "output_shape": optional(_integers(1)),
        "attention_axes": optional(_integers(-math.inf)),
    }

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        output_shape: int | Sequence[int] | None = None,
        attention_axes: int | Sequence[int] | None = None,
        sliding_window: int | None = None,
        flash_attention: bool | None = None,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        use_gate: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            dropout=dropout,
            use_bias=use_bias,
            sliding_window=sliding_window,
            flash_attention=flash_attention,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            projection_regularizer=activity_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
            use_gate=use_gate,
            seed=seed,
            **kwargs,
        )
        self.num_heads, self.key_dim = num_heads, key_dim
        self.value_dim = value_dim or key_dim
        self.output_shape = as_sequence(output_shape)
        self.attention_axes = as_sequence(attention_axes)

    def build(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, query_shape: Shape, value_shape: Shape, key_shape: Shape | None = None
    ) -> None:
        """Create the projections."""
        key_shape = value_shape if key_shape is None else key_shape
        self._check_key_shape(value_shape, key_shape)
        keys, values = (self.num_heads, self.key_dim), (self.num_heads, self.value_dim)
        self.query_dense = self.projection("query", query_shape, keys)
        self.key_dense = self.projection("key", key_shape, keys)
        self._gate_dense = None
        if self.use_gate:
            gate = self.projection("gate", query_shape, values, activation="sigmoid")
            self._gate_dense = gate
        self.value_dense = self.projection("value", value_shape, values)
        width = self.output_shape or query_shape[-1:]
        inner = (*query_shape[:-1], *values)
        self.output_dense = self.projection("attention_output", inner, width, 2)

    def _check_key_shape(self, value_shape: Shape, key_shape: Shape) -> None:
        if tuple(key_shape[1:-1]) != tuple(value_shape[1:-1]):
            raise ShapeError(
                f"Layer {self.name!r} (MultiHeadAttention) needs one key for each "
                f"value. It got values of shape {tuple(value_shape)} and keys of shape "
                f"{tuple(key_shape)}."
            )

    def projections(self) -> Projections:
        """Return the projections."""
        return Projections(
            self.query_dense,
            self.key_dense,
            self.value_dense,
            self._gate_dense,
            self.output_dense,
        )

    def attended_axes(self, rank: int) -> tuple[int, ...]:
        """Return the axes to attend over, for projected arrays of a rank."""
        if self.attention_axes is None:
            return super().attended_axes(rank)
        return tuple(a % (rank - 1) for a in self.attention_axes)

    def compute_output_shape(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, query_shape: Shape, value_shape: Shape, key_shape: Shape | None = None
    ) -> tuple[int | None, ...]:
        """Return the shape of the output for inputs of these shapes."""
        key_shape = value_shape if key_shape is None else key_shape
        self._check_key_shape(value_shape, key_shape)
        return (*query_shape[:-1], *(self.output_shape or query_shape[-1:]))

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        regularizer = serialize(self.projection_regularizer)
        return {**super().get_config(), "activity_regularizer": regularizer}


class GroupQueryAttention(MultiHeadBase):
    """Grouped-query attention: groups of query heads share a key and a value head.

    With one key and value head it is multi-query attention; with as many as query
    heads it is `MultiHeadAttention`. Masks work as in `MultiHeadAttention`.

    Args:
        head_dim: width of the query, key and value of each head.
        num_query_heads: number of query heads.
        num_key_value_heads: number of key and value heads; must divide
            `num_query_heads`.
        dropout: fraction of the attention weights to drop in training.
        use_bias: whether the projections have biases.
        sliding_window: largest distance, exclusive, between a query and its keys.
        flash_attention: whether a fused kernel may run; `None` for
            `config.is_flash_attention_enabled()`.
        kernel_initializer: initializer of the kernels.
        bias_initializer: initializer of the biases.
        kernel_regularizer: penalty on the kernels.
        bias_regularizer: penalty on the biases.
        activity_regularizer: penalty on the output and on those of the projections.
        kernel_constraint: projection of the kernels after each update.
        bias_constraint: projection of the biases after each update.
        use_gate: whether to multiply the heads' outputs by a sigmoid of the query.
        seed: seed of the dropout.

    Shape:
        query (batch, queries, width) and value (batch, keys, features) to
        (batch, queries, width).

    Example:
        >>> x = jnp.ones((2, 5, 8))
        >>> GroupQueryAttention(4, num_query_heads=4, num_key_value_heads=2)(x, x).shape
        (2, 5, 8)

    Reference: Ainslie et al. 2023, https://arxiv.org/abs/2305.13245
    """

    # Keras's name of this layer in weight files.
    file_name = "grouped_query_attention"
    arguments = {
        **MultiHeadBase.arguments,
        "head_dim": positive_int,
        "num_query_heads": positive_int,
        "num_key_value_heads": positive_int,
    }

    def __init__(
        self,
        head_dim: int,
        num_query_heads: int,
        num_key_value_heads: int,
        dropout: float = 0.0,
        use_bias: bool = True,
        sliding_window: int | None = None,
        flash_attention: bool | None = None,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        use_gate: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            dropout=dropout,
            use_bias=use_bias,
            sliding_window=sliding_window,
            flash_attention=flash_attention,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            projection_regularizer=activity_regularizer,
            activity_regularizer=activity_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
            use_gate=use_gate,
            seed=seed,
            **kwargs,
        )
        if num_query_heads % num_key_value_heads:
            expected = f"a divisor of num_query_heads={num_query_heads}"
            name = "num_key_value_heads"
            raise invalid("GroupQueryAttention", name, num_key_value_heads, expected)
        self.head_dim = head_dim
        self.num_query_heads = num_query_heads
        self.num_key_value_heads = num_key_value_heads

    def build(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, query_shape: Shape, value_shape: Shape, key_shape: Shape | None = None
    ) -> None:
        """Create the projections."""
        key_shape = value_shape if key_shape is None else key_shape
        each = (self.num_query_heads, self.head_dim)
        shared = (self.num_key_value_heads, self.head_dim)
        self._query_dense = self.projection("query", query_shape, each)
        self._key_dense = self.projection("key", key_shape, shared)
        self._gate_dense = None
        if self.use_gate:
            gate = self.projection("gate", query_shape, each, activation="sigmoid")
            self._gate_dense = gate
        self._value_dense = self.projection("value", value_shape, shared)
        inner = (*query_shape[:-1], *each)
        width = query_shape[-1:]
        self._output_dense = self.projection("attention_output", inner, width, 2)

    def projections(self) -> Projections:
        """Return the projections."""
        return Projections(
            self._query_dense,
            self._key_dense,
            self._value_dense,
            self._gate_dense,
            self._output_dense,
        )

    def project_heads(
        self, query: Array, key: Array, value: Array
    ) -> tuple[Array, Array, Array]:
        """Project the inputs, and repeat keys and values for each query head."""
        query, key, value = super().project_heads(query, key, value)
        repeats = self.num_query_heads // self.num_key_value_heads
        return query, jnp.repeat(key, repeats, 2), jnp.repeat(value, repeats, 2)

    def compute_output_shape(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, query_shape: Shape, value_shape: Shape, key_shape: Shape | None = None
    ) -> tuple[int | None, ...]:
        """Return the shape of the output for inputs of these shapes."""
        return tuple(query_shape)
