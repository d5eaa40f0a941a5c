"""Multi-head attention: `MultiHeadAttention`, `GroupQueryAttention`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Unpack

from lamina.core.check import Check, is_int, optional, positive_int
from lamina.core.registry import serialize
from lamina.errors import invalid
from lamina.layers.attention.heads import MultiHeadBase, as_sequence
from lamina.layers.base import CommonOptions, Converted
from lamina.layers.core.dense import EinsumDense
from lamina.typing import Config, ConstraintLike, InitializerLike, RegularizerLike
from lamina.typing import PartialShape as Shape


def _integers(low: float) -> Check:
    """Check for an integer or a non-empty tuple of integers, each at least `low`."""

    def accepts(value: object) -> bool:
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

    prefix = ""
    num_heads: int
    key_dim: int
    output_shape = Converted(as_sequence)
    attention_axes = Converted(as_sequence)
    query_dense: EinsumDense
    key_dense: EinsumDense
    value_dense: EinsumDense
    output_dense: EinsumDense
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
        **kwargs: Unpack[CommonOptions],
    ) -> None:
        super().__init__(**kwargs)
        self._store_arguments(locals())
        self.value_dim = value_dim or key_dim
        self.activity_regularizer = None  # it applies to the projections only

    def head_shapes(self) -> tuple[Shape, Shape, Shape, Shape]:
        """Return the (heads, width) of the query, key, value and outputs."""
        key, value = (self.num_heads, self.key_dim), (self.num_heads, self.value_dim)
        return key, key, value, value

    def get_config(self) -> Config:
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
        activity_regularizer: penalty on the output and on the projections' outputs.
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
    head_dim: int
    num_query_heads: int
    num_key_value_heads: int
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
        **kwargs: Unpack[CommonOptions],
    ) -> None:
        super().__init__(**kwargs)
        self._store_arguments(locals())
        if num_query_heads % num_key_value_heads:
            expected = f"a divisor of num_query_heads={num_query_heads}"
            name = "num_key_value_heads"
            raise invalid("GroupQueryAttention", name, num_key_value_heads, expected)

    def head_shapes(self) -> tuple[Shape, Shape, Shape, Shape]:
        """Return the (heads, width) of the query, key, value and outputs."""
        each = (self.num_query_heads, self.head_dim)
        shared = (self.num_key_value_heads, self.head_dim)
        return each, shared, shared, each
