"""Attention with several heads: `MultiHeadAttention`, `GroupQueryAttention`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp

from lamina.core.check import Check, is_int, optional, positive_int
from lamina.core.registry import serialize
from lamina.errors import ShapeError, invalid
from lamina.layers.attention.heads import MultiHeadBase, Projections, Shape, several

__all__ = ["GroupQueryAttention", "MultiHeadAttention"]


def _integers(low: float) -> Check:
    """An integer or a non-empty tuple of integers, each at least `low`."""

    def accepts(value: Any) -> bool:
        values = value if isinstance(value, (tuple, list)) else (value,)
        return len(values) > 0 and all(is_int(n) and n >= low for n in values)

    kind = "a positive integer" if low > 0 else "an integer"
    return Check(f"{kind} or a tuple of them", accepts, ("1", 1.5, ()))


class MultiHeadAttention(MultiHeadBase):
    """Attention by several heads, each with its own dense layers.

    Each head is `softmax(q @ k^T / sqrt(key_dim)) @ v`, where q, k and v are products
    of the query, the key and the value with the head's kernels; a last dense layer
    makes the output of all heads together. Masks that come with the query, the value
    and the key count, as does `attention_mask`, (batch, queries, keys), and with
    `use_causal_mask` no query sees a key behind its own place.

    Args:
        num_heads: number of heads.
        key_dim: width of a head's query and key.
        value_dim: width of a head's value; `key_dim` by default.
        dropout: share of the attention dropped in training.
        use_bias: whether the dense layers have biases.
        output_shape: sizes of the output behind the query's axes; the query's own
            width by default.
        attention_axes: axes to look along; by default all but batch and width.
        sliding_window: how near a key must be to the query's place: less than this.
        flash_attention: whether a fused kernel may run; `None` for
            `config.is_flash_attention_enabled()`.
        kernel_initializer: initializer of the dense layers' kernels.
        bias_initializer: initializer of their biases.
        kernel_regularizer: penalty on the kernels.
        bias_regularizer: penalty on the biases.
        activity_regularizer: penalty on the dense layers' outputs.
        kernel_constraint: projection of the kernels after each update.
        bias_constraint: projection of the biases after each update.
        use_gate: whether the heads' outputs are multiplied by a sigmoid of the query.
        seed: seed of the dropout.

    Shape:
        query (batch, queries, width) and value (batch, keys, any) to
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
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
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
        self.output_shape = several(output_shape)
        self.attention_axes = several(attention_axes)

    def build(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, query_shape: Shape, value_shape: Shape, key_shape: Shape | None = None
    ) -> None:
        """Make the dense layers."""
        key_shape = value_shape if key_shape is None else key_shape
        self._check_pairs(value_shape, key_shape)
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

    def _check_pairs(self, value_shape: Shape, key_shape: Shape) -> None:
        if tuple(key_shape[1:-1]) != tuple(value_shape[1:-1]):
            raise ShapeError(
                f"Layer {self.name!r} (MultiHeadAttention) needs one key for each "
                f"value. It got values of shape {tuple(value_shape)} and keys of shape "
                f"{tuple(key_shape)}."
            )

    def projections(self) -> Projections:
        """The dense layers."""
        return Projections(
            self.query_dense,
            self.key_dense,
            self.value_dense,
            self._gate_dense,
            self.output_dense,
        )

    def axes(self, rank: int) -> tuple[int, ...]:
        """The axes along which a projected array of this rank is looked at."""
        if self.attention_axes is None:
            return super().axes(rank)
        return tuple(a % (rank - 1) for a in self.attention_axes)

    def compute_output_shape(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, query_shape: Shape, value_shape: Shape, key_shape: Shape | None = None
    ) -> tuple[int | None, ...]:
        """The shape of the output for inputs of these shapes."""
        self._check_pairs(value_shape, value_shape if key_shape is None else key_shape)
        return (*query_shape[:-1], *(self.output_shape or query_shape[-1:]))

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        penalty = serialize(self.projection_regularizer)
        return {**super().get_config(), "activity_regularizer": penalty}


class GroupQueryAttention(MultiHeadBase):
    """Attention by several heads, groups of which share a key and a value.

    With one key and value for all heads it is multi-query attention, with one for each
    `MultiHeadAttention`. Masks are those of `MultiHeadAttention`.

    Args:
        head_dim: width of a head's query, key and value.
        num_query_heads: number of heads.
        num_key_value_heads: number of keys and values, a divisor of that.
        dropout: share of the attention dropped in training.
        use_bias: whether the dense layers have biases.
        sliding_window: how near a key must be to the query's place: less than this.
        flash_attention: whether a fused kernel may run; `None` for
            `config.is_flash_attention_enabled()`.
        kernel_initializer: initializer of the dense layers' kernels.
        bias_initializer: initializer of their biases.
        kernel_regularizer: penalty on the kernels.
        bias_regularizer: penalty on the biases.
        activity_regularizer: penalty on the outputs, and on the dense layers'.
        kernel_constraint: projection of the kernels after each update.
        bias_constraint: projection of the biases after each update.
        use_gate: whether the heads' outputs are multiplied by a sigmoid of the query.
        seed: seed of the dropout.

    Shape:
        query (batch, queries, width) and value (batch, keys, any) to
        (batch, queries, width).

    Example:
        >>> x = jnp.ones((2, 5, 8))
        >>> GroupQueryAttention(4, num_query_heads=4, num_key_value_heads=2)(x, x).shape
        (2, 5, 8)

    Reference: Ainslie et al. 2023, https://arxiv.org/abs/2305.13245
    """

    # As Keras calls this layer's part of a file.
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
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
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
        """Make the dense layers."""
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
        """The dense layers."""
        return Projections(
            self._query_dense,
            self._key_dense,
            self._value_dense,
            self._gate_dense,
            self._output_dense,
        )

    def heads(self, query: Any, key: Any, value: Any) -> tuple[Any, Any, Any]:
        """Query, key and value, (..., heads, width), one of each for every head."""
        query, key, value = super().heads(query, key, value)
        repeats = self.num_query_heads // self.num_key_value_heads
        return query, jnp.repeat(key, repeats, 2), jnp.repeat(value, repeats, 2)

    def compute_output_shape(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, query_shape: Shape, value_shape: Shape, key_shape: Shape | None = None
    ) -> tuple[int | None, ...]:
        """The shape of the output for inputs of these shapes."""
        return tuple(query_shape)
