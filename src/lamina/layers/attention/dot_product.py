"""Single-head attention: `Attention`, `AdditiveAttention`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

import jax
import jax.numpy as jnp

from lamina.core.check import boolean, fraction, one_of
from lamina.core.module import Hyperparameter
from lamina.core.random.masks import dropout
from lamina.core.random.seeds import SeedGenerator
from lamina.errors import ArgumentError, ShapeError, shown
from lamina.layers.base import Layer, Options
from lamina.layers.base.shapes import is_shape
from lamina.typing import Array, PartialShape


class Attention(Layer):
    """Dot-product attention: `softmax(query @ key^T) @ value`.

    The layer is called on a list: the query, the value, and the key if it differs
    from the value.

    Args:
        use_scale: whether to multiply the scores by a trainable scalar, `scale`.
        score_mode: "dot" for dot products of query and key, or "concat" for
            `weight * sum(tanh(scale * (query + key)))`.
        dropout: fraction of the attention weights to drop in training.
        seed: seed of the dropout.

    Shape:
        [(batch, queries, width), (batch, keys, value_width), (batch, keys, width)]
        to (batch, queries, value_width).

    Example:
        >>> query, value = jnp.ones((2, 3, 4)), jnp.ones((2, 5, 4))
        >>> Attention()([query, value]).shape
        (2, 3, 4)

    Reference: Luong et al. 2015, https://arxiv.org/abs/1508.04025
    """

    supports_masking = True
    dropout = Hyperparameter()
    arguments = {
        "use_scale": boolean,
        "score_mode": one_of("dot", "concat"),
        "dropout": fraction,
    }

    def __init__(
        self,
        use_scale: bool = False,
        score_mode: str = "dot",
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Unpack[Options],
    ) -> None:
        super().__init__(**kwargs)
        self._store_arguments(locals())
        if dropout > 0:
            self.seed_generator = SeedGenerator(seed)

    def build(self, input_shape: Sequence[PartialShape]) -> None:
        """Create the weights that the scores need."""
        self._check_inputs(input_shape)
        self.scale = self.concat_score_weight = None
        if self.use_scale:
            self.scale = self.add_weight((), "ones", name="scale")
        if self.score_mode.lower() == "concat":
            self.concat_score_weight = self.add_weight(
                (), "ones", name="concat_score_weight"
            )

    def _check_inputs(self, inputs: object) -> None:
        if not isinstance(inputs, (list, tuple)) or is_shape(inputs):
            received = "an input that is not a list"
        elif len(inputs) not in (2, 3):
            received = f"a list of {len(inputs)}"
        else:
            return
        raise ArgumentError(
            f"Layer {self.name!r} ({type(self).__name__}) must be called on a list, "
            f"`[query, value]` or `[query, value, key]`. It got {received}."
        )

    def _check_masks(self, mask: object) -> tuple[Any, Any]:
        if mask is None:
            return None, None
        if not isinstance(mask, (list, tuple)) or len(mask) not in (2, 3):
            raise ArgumentError(
                f"Layer {self.name!r} ({type(self).__name__}): `mask` must be a list, "
                "`[query_mask, value_mask]`, with None for an input without a mask. "
                f"Received: mask={shown(mask)}."
            )
        return mask[0], mask[1]

    def scores(self, query: Array, key: Array) -> Array:
        """Return the score of each query and key, (batch, queries, keys)."""
        if query.shape[-1] != key.shape[-1]:
            raise ShapeError(
                f"Layer {self.name!r} ({type(self).__name__}) compares queries with "
                f"keys, so both need the same last axis. Received: {query.shape} and "
                f"{key.shape}. Project one: layers.Dense({key.shape[-1]})(query)."
            )
        if self.concat_score_weight is None:
            scores = query @ jnp.swapaxes(key, -2, -1)
            return scores if self.scale is None else scores * self.scale.value
        sums = query[..., None, :] + key[..., None, :, :]
        if self.scale is not None:
            sums = self.scale.value * sums
        return self.concat_score_weight.value * jnp.sum(jnp.tanh(sums), -1)

    def call(
        self,
        inputs: Array,
        mask: Any = None,
        training: bool | None = False,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        self._check_inputs(inputs)
        query, value, key = (*inputs, inputs[1])[:3]
        query_mask, value_mask = self._check_masks(mask)
        scores = self.scores(query, key)
        visible = None if value_mask is None else value_mask[..., None, :]
        if use_causal_mask:
            causal = jnp.tri(*scores.shape[-2:], dtype=bool)[None]
            visible = causal if visible is None else causal & visible
        if visible is not None:
            # As in Keras; a query that sees no key attends to all of them.
            penalty = 65504.0 if scores.dtype == jnp.float16 else 1e9
            scores = jnp.where(visible, scores, scores - penalty)
        weights = jax.nn.softmax(scores, -1)
        if training and vars(self)["dropout"] > 0:
            weights = dropout(weights, self.dropout, seed=self.seed_generator)
        outputs = weights @ value
        if query_mask is not None:
            outputs = jnp.where(query_mask[..., None], outputs, 0)
        return (outputs, weights) if return_attention_scores else outputs

    def compute_mask(self, inputs: Array, mask: Any = None) -> Any:
        """Return the mask of the query."""
        query_mask, _ = self._check_masks(mask)
        return None if query_mask is None else jnp.asarray(query_mask)


class AdditiveAttention(Attention):
    """Additive attention, with the scores `sum(scale * tanh(query + key))`.

    The layer is called on a list: the query, the value, and the key if it differs
    from the value.

    Args:
        use_scale: whether there is a trainable `scale`, (width,).
        dropout: fraction of the attention weights to drop in training.
        seed: seed of the dropout.

    Shape:
        [(batch, queries, width), (batch, keys, value_width), (batch, keys, width)]
        to (batch, queries, value_width).

    Example:
        >>> query, value = jnp.ones((2, 3, 4)), jnp.ones((2, 5, 4))
        >>> AdditiveAttention()([query, value]).shape
        (2, 3, 4)

    Reference: Bahdanau et al. 2015, https://arxiv.org/abs/1409.0473
    """

    arguments = {"use_scale": boolean, "dropout": fraction}

    def __init__(
        self,
        use_scale: bool = True,
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Unpack[Options],
    ) -> None:
        super().__init__(use_scale=use_scale, dropout=dropout, seed=seed, **kwargs)

    def build(self, input_shape: Sequence[PartialShape]) -> None:
        """Create `scale`, if it is used."""
        self._check_inputs(input_shape)
        self.scale = None
        if self.use_scale:
            width = (input_shape[0][-1],)
            self.scale = self.add_weight(width, "glorot_uniform", name="scale")

    def scores(self, query: Array, key: Array) -> Array:
        """Return the score of each query and key, (batch, queries, keys)."""
        sums = jnp.tanh(query[..., None, :] + key[..., None, :, :])
        return jnp.sum(sums if self.scale is None else self.scale.value * sums, -1)
