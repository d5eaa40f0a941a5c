"""Base class of multi-head attention layers."""

from __future__ import annotations

import math
import string
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from lamina import constraints, initializers, regularizers
from lamina.core.check import boolean, fraction, optional, positive_int
from lamina.core.masks import get_mask, set_mask
from lamina.core.module import Hyperparameter
from lamina.core.random.masks import dropout
from lamina.core.random.seeds import SeedGenerator, draw_seed
from lamina.errors import ArgumentError
from lamina.initializers import Initializer
from lamina.layers.base.layer import Layer
from lamina.layers.core.dense import EinsumDense
from lamina.ops.nn.attention import attention
from lamina.ops.nn.attention_mask import (
    AttentionConfig,
    AttentionDropout,
    combine_masks,
)
from lamina.typing import (
    ActivationLike,
    Array,
    ConstraintLike,
    InitializerLike,
    RegularizerLike,
)

Shape = Sequence[int | None]


class Projections(NamedTuple):
    """The dense layers before and after attention."""

    query: EinsumDense
    key: EinsumDense
    value: EinsumDense
    gate: EinsumDense | None
    output: EinsumDense


class MultiHeadBase(Layer):
    """Base class of multi-head attention layers.

    Args:
        dropout: fraction of the attention weights to drop in training.
        use_bias: whether the projections have biases.
        sliding_window: largest distance, exclusive, between a query and its keys.
        flash_attention: whether a fused kernel may run; `None` for
            `config.is_flash_attention_enabled()`.
        kernel_initializer: initializer of the kernels.
        bias_initializer: initializer of the biases.
        kernel_regularizer: penalty on the kernels.
        bias_regularizer: penalty on the biases.
        projection_regularizer: penalty on the outputs of the projections.
        kernel_constraint: projection of the kernels after each update.
        bias_constraint: projection of the biases after each update.
        use_gate: whether to multiply the heads' outputs by a sigmoid of the query.
        seed: seed of the dropout.
    """

    supports_masking = True
    dropout = Hyperparameter()
    arguments = {
        "dropout": fraction,
        "use_bias": boolean,
        "sliding_window": optional(positive_int),
        "use_gate": boolean,
    }

    def __init__(
        self,
        *,
        dropout: float,
        use_bias: bool,
        sliding_window: int | None,
        flash_attention: bool | None,
        kernel_initializer: InitializerLike,
        bias_initializer: InitializerLike,
        kernel_regularizer: RegularizerLike,
        bias_regularizer: RegularizerLike,
        projection_regularizer: RegularizerLike,
        kernel_constraint: ConstraintLike,
        bias_constraint: ConstraintLike,
        use_gate: bool,
        seed: int | None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if flash_attention and dropout > 0:
            raise ArgumentError(
                f"{type(self).__name__}: flash attention does not support dropout. "
                f"Received: dropout={dropout}. Use `dropout=0`, or omit "
                "`flash_attention`."
            )
        self.dropout, self.seed = dropout, seed
        self.use_bias, self.use_gate = use_bias, use_gate
        self.sliding_window, self.flash_attention = sliding_window, flash_attention
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.projection_regularizer = regularizers.get(projection_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        if dropout > 0:
            self.seed_generator = SeedGenerator(seed)

    def projection(
        self,
        name: str,
        shape: Shape,
        outputs: Shape,
        inner: int = 1,
        activation: ActivationLike = None,
    ) -> EinsumDense:
        """Return a built dense layer that maps the last `inner` axes to `outputs`."""
        letters, rank = string.ascii_lowercase, len(shape)
        batch, summed = letters[: rank - inner], letters[rank - inner : rank]
        new = letters[rank : rank + len(outputs)]
        dense = EinsumDense(
            f"{batch}{summed},{summed}{new}->{batch}{new}",
            (*[None] * (len(batch) - 1), *outputs),
            activation,
            new if self.use_bias else None,
            _clone_initializer(self.kernel_initializer),
            _clone_initializer(self.bias_initializer),
            self.kernel_regularizer,
            self.bias_regularizer,
            self.kernel_constraint,
            self.bias_constraint,
            activity_regularizer=self.projection_regularizer,
            dtype=self.dtype_policy,
            name=name,
        )
        dense.build(shape)
        return dense

    def projections(self) -> Projections:
        """Return the projections."""
        raise NotImplementedError

    def project_heads(
        self, query: Array, key: Array, value: Array
    ) -> tuple[Array, Array, Array]:
        """Project the inputs to (..., heads, width)."""
        dense = self.projections()
        return dense.query(query), dense.key(key), dense.value(value)

    def attended_axes(self, rank: int) -> tuple[int, ...]:
        """Return the axes to attend over, for projected arrays of a rank."""
        return tuple(range(1, rank - 2))

    def call(
        self,
        query: Array,
        value: Array,
        key: Array | None = None,
        query_mask: Array | None = None,
        value_mask: Array | None = None,
        key_mask: Array | None = None,
        attention_mask: Array | None = None,
        return_attention_scores: bool = False,
        training: bool | None = None,
        use_causal_mask: bool = False,
    ) -> Any:
        if self.flash_attention and return_attention_scores:
            raise ArgumentError(
                f"Layer {self.name!r} ({type(self).__name__}) cannot return the scores "
                "with `flash_attention=True`: the fused kernel does not store them. "
                "Omit `flash_attention`."
            )
        query_mask = get_mask(query) if query_mask is None else query_mask
        value_mask = get_mask(value) if value_mask is None else value_mask
        key_mask = get_mask(key) if key_mask is None else key_mask
        masks = [
            None if query_mask is None else query_mask[..., None],
            None if value_mask is None else value_mask[..., None, :],
            None if key_mask is None else key_mask[..., None, :],
            attention_mask,
        ]
        masks = [jnp.asarray(m, bool) for m in masks if m is not None]
        heads = self.project_heads(query, value if key is None else key, value)
        config = AttentionConfig(
            1 / math.sqrt(heads[0].shape[-1]), use_causal_mask, self.sliding_window
        )
        weights = None
        if return_attention_scores or heads[0].ndim != 4:
            outputs, weights = self._einsum_attention(*heads, masks, config, training)
        else:
            outputs = self._fused_attention(*heads, masks, config, training)
        dense = self.projections()
        if dense.gate is not None:
            outputs = outputs * dense.gate(query)
        outputs = dense.output(outputs)
        # `Layer` attaches masks of positional inputs only; the query may be a keyword.
        set_mask(outputs, query_mask)
        return (outputs, weights) if return_attention_scores else outputs

    def _has_dropout(self, training: bool | None) -> bool:
        # `self.dropout` may be traced; `vars` holds its Python value.
        return bool(training) and vars(self)["dropout"] > 0

    def _fused_attention(
        self,
        q: Array,
        k: Array,
        v: Array,
        masks: list[Array],
        config: AttentionConfig,
        training: bool | None,
    ) -> Array:
        arrays = tuple(_expand_mask(mask, 4, 1) for mask in masks)
        drop = None
        if self._has_dropout(training):
            drop = AttentionDropout(draw_seed(self.seed_generator), self.dropout)
        y = attention(q, k, v, None, arrays, config, drop, self.flash_attention)
        if vars(self)["dropout"] == 0 or not (arrays or config.window):
            return y
        # As in Keras, a query that sees no key gives zeros if the layer has dropout.
        visible = combine_masks(config, arrays, q.shape[1], k.shape[1])
        return jnp.where(jnp.any(visible, -1, keepdims=True).swapaxes(1, 2), y, 0)

    def _einsum_attention(
        self,
        q: Array,
        k: Array,
        v: Array,
        masks: list[Array],
        config: AttentionConfig,
        training: bool | None,
    ) -> tuple[Array, Array]:
        """Return the heads' outputs and the attention weights."""
        axes = self.attended_axes(q.ndim)
        score_equation, output_equation = _einsum_equations(q.ndim, axes)
        scores = jnp.einsum(score_equation, k, q * jnp.asarray(config.scale, q.dtype))
        if config.causal or config.window is not None:
            masks = [*masks, self._position_mask(config, scores, len(axes))]
        visible = None
        for mask in masks:
            mask = _expand_mask(mask, scores.ndim, len(axes))
            visible = mask if visible is None else visible & mask
        if visible is not None:
            # Finite, so that a query that sees no key does not give NaN.
            lowest = jnp.asarray(jnp.finfo(scores.dtype).min / 2, scores.dtype)
            scores = jnp.where(visible, scores, lowest)
        weights = jax.nn.softmax(scores, tuple(range(-len(axes), 0)))
        if visible is not None:
            weights = jnp.where(visible, weights, 0)
        dropped = weights
        if self._has_dropout(training):
            dropped = dropout(weights, self.dropout, seed=self.seed_generator)
        return jnp.einsum(output_equation, dropped, v), weights

    def _position_mask(
        self, config: AttentionConfig, scores: Array, axes: int
    ) -> Array:
        """Return the causal and sliding-window mask, (1, queries, keys)."""
        if axes != 1:
            raise ArgumentError(
                f"Layer {self.name!r} ({type(self).__name__}) attends over {axes} "
                "axes: `use_causal_mask` and `sliding_window` need exactly one. Set "
                "`attention_axes` to one axis."
            )
        return combine_masks(config, (), *scores.shape[-2:])[0]


def as_sequence(sizes: int | Sequence[int] | None) -> Sequence[int] | None:
    """Return one integer as a tuple, and anything else unchanged."""
    return (sizes,) if isinstance(sizes, int) else sizes


def _clone_initializer(initializer: InitializerLike) -> Any:
    # A clone draws different values, unless the user gave it a seed.
    return initializer.clone() if isinstance(initializer, Initializer) else initializer


def _expand_mask(mask: Array, rank: int, axes: int) -> Array:
    """Insert axes of size 1 into a (batch, *queries, *keys) mask, up to a rank."""
    while mask.ndim < rank:
        mask = jnp.expand_dims(mask, -2 * axes - 1)
    return mask


def _einsum_equations(rank: int, axes: Sequence[int]) -> tuple[str, str]:
    """Return the `einsum` equations of scores and outputs.

    The scores have the axes that are not attended over first, then those of the
    queries, then those of the keys.
    """
    queries = string.ascii_lowercase[:rank]
    others = iter(string.ascii_lowercase[rank:])
    keys = "".join(next(others) if i in axes else a for i, a in enumerate(queries))
    batch = "".join(a for i, a in enumerate(queries[:-1]) if i not in axes)
    scores = batch + "".join(queries[i] for i in axes)
    scores += "".join(keys[i] for i in axes)
    return f"{keys},{queries}->{scores}", f"{scores},{keys}->{queries}"
