"""What layers with several heads of attention have in common."""

from __future__ import annotations

import math
import string
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from lamina import constraints, initializers, regularizers
from lamina.core import random
from lamina.core.check import boolean, fraction, optional, positive_int
from lamina.core.masks import get_mask, set_mask
from lamina.core.module import Hyperparameter
from lamina.errors import ArgumentError
from lamina.initializers import Initializer
from lamina.layers.base.layer import Layer
from lamina.layers.einsum_dense import EinsumDense
from lamina.ops.nn.attention import attention
from lamina.ops.nn.attention_mask import AttentionConfig, AttentionDropout, seen_keys

__all__ = ["MultiHeadBase", "Projections", "Shape", "several"]

Shape = Sequence[int | None]


class Projections(NamedTuple):
    """The dense layers around attention."""

    query: EinsumDense
    key: EinsumDense
    value: EinsumDense
    gate: EinsumDense | None
    output: EinsumDense


class MultiHeadBase(Layer):
    """What attention with several heads has in common.

    Args:
        dropout: share of the attention dropped in training.
        use_bias: whether the dense layers have biases.
        sliding_window: how near a key must be to the query's place: less than this.
        flash_attention: whether a fused kernel may run; `None` for
            `config.is_flash_attention_enabled()`.
        kernel_initializer: initializer of the dense layers' kernels.
        bias_initializer: initializer of their biases.
        kernel_regularizer: penalty on the kernels.
        bias_regularizer: penalty on the biases.
        projection_regularizer: penalty on the dense layers' outputs.
        kernel_constraint: projection of the kernels after each update.
        bias_constraint: projection of the biases after each update.
        use_gate: whether the heads' outputs are multiplied by a sigmoid of the query.
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
        kernel_initializer: Any,
        bias_initializer: Any,
        kernel_regularizer: Any,
        bias_regularizer: Any,
        projection_regularizer: Any,
        kernel_constraint: Any,
        bias_constraint: Any,
        use_gate: bool,
        seed: int | None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if flash_attention and dropout > 0:
            raise ArgumentError(
                f"{type(self).__name__}: flash attention has no dropout. Use "
                "`dropout=0` or leave `flash_attention` out."
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
            self.seed_generator = random.SeedGenerator(seed)

    def projection(
        self,
        name: str,
        shape: Shape,
        outputs: Shape,
        inner: int = 1,
        activation: Any = None,
    ) -> EinsumDense:
        """A built dense layer from the last `inner` axes to `outputs`."""
        letters, rank = string.ascii_lowercase, len(shape)
        free, bound = letters[: rank - inner], letters[rank - inner : rank]
        outer = letters[rank : rank + len(outputs)]
        dense = EinsumDense(
            f"{free}{bound},{bound}{outer}->{free}{outer}",
            (*[None] * (len(free) - 1), *outputs),
            activation,
            outer if self.use_bias else None,
            _another(self.kernel_initializer),
            _another(self.bias_initializer),
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
        """The dense layers."""
        raise NotImplementedError

    def heads(self, query: Any, key: Any, value: Any) -> tuple[Any, Any, Any]:
        """Query, key and value, (..., heads, width), one of each for every head."""
        dense = self.projections()
        return dense.query(query), dense.key(key), dense.value(value)

    def axes(self, rank: int) -> tuple[int, ...]:
        """The axes along which a projected array of this rank is looked at."""
        return tuple(range(1, rank - 2))

    def call(
        self,
        query: Any,
        value: Any,
        key: Any = None,
        query_mask: Any = None,
        value_mask: Any = None,
        key_mask: Any = None,
        attention_mask: Any = None,
        return_attention_scores: bool = False,
        training: bool | None = None,
        use_causal_mask: bool = False,
    ) -> Any:
        if self.flash_attention and return_attention_scores:
            raise ArgumentError(
                f"Layer {self.name!r} ({type(self).__name__}) can't return the scores "
                "of flash attention, which never has them all at once. Leave "
                "`flash_attention` out."
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
        heads = self.heads(query, value if key is None else key, value)
        look = AttentionConfig(
            1 / math.sqrt(heads[0].shape[-1]), use_causal_mask, self.sliding_window
        )
        if return_attention_scores or heads[0].ndim != 4:
            outputs, shares = self._explicit(*heads, masks, look, training)
        else:
            outputs, shares = self._looked(*heads, masks, look, training), None
        dense = self.projections()
        if dense.gate is not None:
            outputs = outputs * dense.gate(query)
        outputs = dense.output(outputs)
        # A query given by name is not seen by what attaches masks.
        set_mask(outputs, query_mask)
        return (outputs, shares) if return_attention_scores else outputs

    def _drops(self, training: Any) -> bool:
        """Whether there is dropout at all, which is structure; how much is a number."""
        return bool(training) and vars(self)["dropout"] > 0

    def _looked(
        self,
        q: Any,
        k: Any,
        v: Any,
        masks: list[Any],
        look: AttentionConfig,
        training: Any,
    ) -> Any:
        arrays = tuple(_per_head(mask, 4, 1) for mask in masks)
        drop = None
        if self._drops(training):
            drop = AttentionDropout(random.draw_seed(self.seed_generator), self.dropout)
        y = attention(q, k, v, None, arrays, look, drop, self.flash_attention)
        if vars(self)["dropout"] == 0 or not (arrays or look.window):
            return y
        # As in Keras, a query that sees no key gets zeros where there is dropout.
        seen = seen_keys(look, arrays, q.shape[1], k.shape[1])
        return jnp.where(jnp.any(seen, -1, keepdims=True).swapaxes(1, 2), y, 0)

    def _explicit(
        self,
        q: Any,
        k: Any,
        v: Any,
        masks: list[Any],
        look: AttentionConfig,
        training: Any,
    ) -> tuple[jax.Array, jax.Array]:
        """The heads' outputs, and what share of each value is in them."""
        axes = self.axes(q.ndim)
        match, mix = _equations(q.ndim, axes)
        scores = jnp.einsum(match, k, q * jnp.asarray(look.scale, q.dtype))
        if look.causal or look.window is not None:
            masks = [*masks, self._near(look, scores, len(axes))]
        seen = None
        for mask in masks:
            mask = _per_head(mask, scores.ndim, len(axes))
            seen = mask if seen is None else seen & mask
        if seen is not None:
            scores = jnp.where(seen, scores, _lowest(scores))
        shares = jax.nn.softmax(scores, tuple(range(-len(axes), 0)))
        if seen is not None:
            shares = jnp.where(seen, shares, 0)
        kept = shares
        if self._drops(training):
            kept = random.dropout(shares, self.dropout, seed=self.seed_generator)
        return jnp.einsum(mix, kept, v), shares

    def _near(self, look: AttentionConfig, scores: jax.Array, axes: int) -> jax.Array:
        """Which keys are not too far, and not in the future: (1, queries, keys)."""
        if axes != 1:
            raise ArgumentError(
                f"Layer {self.name!r} ({type(self).__name__}) looks along {axes} axes, "
                "which have no order: `use_causal_mask` and `sliding_window` need one."
            )
        return seen_keys(look, (), *scores.shape[-2:])[0]


def several(sizes: int | Sequence[int] | None) -> Sequence[int] | None:
    """One integer as a tuple."""
    return (sizes,) if isinstance(sizes, int) else sizes


def _another(initializer: Any) -> Any:
    """One that draws other numbers, unless it has a seed of the user's."""
    return initializer.clone() if isinstance(initializer, Initializer) else initializer


def _lowest(scores: jax.Array) -> jax.Array:
    """Finite, so that a query that sees nothing gives no NaN."""
    return jnp.asarray(jnp.finfo(scores.dtype).min / 2, scores.dtype)


def _per_head(mask: jax.Array, rank: int, axes: int) -> jax.Array:
    """A mask of (batch, *queries, *keys), with axes of 1 for what is between."""
    while mask.ndim < rank:
        mask = jnp.expand_dims(mask, -2 * axes - 1)
    return mask


def _equations(rank: int, axes: Sequence[int]) -> tuple[str, str]:
    """How keys meet queries, and how shares meet values, as `einsum` writes it.

    Scores have the axes in between first, then the queries', then the keys'.
    """
    queries = string.ascii_lowercase[:rank]
    others = iter(string.ascii_lowercase[rank:])
    keys = "".join(next(others) if i in axes else a for i, a in enumerate(queries))
    between = "".join(a for i, a in enumerate(queries[:-1]) if i not in axes)
    scores = between + "".join(queries[i] for i in axes)
    scores += "".join(keys[i] for i in axes)
    return f"{keys},{queries}->{scores}", f"{scores},{keys}->{queries}"
