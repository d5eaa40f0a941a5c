"""Attention with one head: `Attention`, `AdditiveAttention`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from lamina.core import random
from lamina.core.check import boolean, fraction, one_of
from lamina.core.module import Hyperparameter
from lamina.errors import ArgumentError, shown
from lamina.layers.base.layer import Layer, is_shape
from lamina.ops.nn.attention_mask import AttentionConfig

__all__ = ["AdditiveAttention", "Attention"]


class Attention(Layer):
    """Each query's mean of the values, weighted by how its key matches.

    `softmax(query @ key^T) @ value`, called on a list: the query, the value, and the
    key if it is another than the value.

    Args:
        use_scale: whether scores are multiplied by a weight, `scale`.
        score_mode: "dot" for products of query and key, or "concat" for
            `weight * sum(tanh(scale * (query + key)))`.
        dropout: share of the attention dropped in training.
        seed: seed of the dropout.

    Shape:
        [(batch, queries, width), (batch, keys, any), (batch, keys, width)] to
        (batch, queries, any).

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
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.use_scale, self.score_mode = use_scale, score_mode
        self.dropout, self.seed = dropout, seed
        if dropout > 0:
            self.seed_generator = random.SeedGenerator(seed)

    def build(self, input_shape: Sequence[Any]) -> None:
        """Make the weights of the scores, if there are any."""
        self._check_inputs(input_shape)
        self.scale = self.concat_score_weight = None
        if self.use_scale:
            self.scale = self.add_weight((), "ones", name="scale")
        if self.score_mode == "concat":
            self.concat_score_weight = self.add_weight(
                (), "ones", name="concat_score_weight"
            )

    def _check_inputs(self, inputs: Any) -> None:
        if not isinstance(inputs, (list, tuple)) or is_shape(inputs):
            got = "one that is no list"
        elif len(inputs) not in (2, 3):
            got = f"a list of {len(inputs)}"
        else:
            return
        raise ArgumentError(
            f"Layer {self.name!r} ({type(self).__name__}) must be called on a list, "
            f"`[query, value]` or `[query, value, key]`. It got {got}."
        )

    def _check_masks(self, mask: Any) -> tuple[Any, Any]:
        if mask is None:
            return None, None
        if not isinstance(mask, (list, tuple)) or len(mask) not in (2, 3):
            raise ArgumentError(
                f"Layer {self.name!r} ({type(self).__name__}): `mask` must be a list, "
                "`[query_mask, value_mask]`, with None for an input without a mask. "
                f"Received: mask={shown(mask)}."
            )
        return mask[0], mask[1]

    def scores(self, query: jax.Array, key: jax.Array) -> jax.Array:
        """How well each query matches each key, (batch, queries, keys)."""
        if self.concat_score_weight is None:
            scores = query @ jnp.swapaxes(key, -2, -1)
            return scores if self.scale is None else scores * self.scale.value
        sums = query[..., None, :] + key[..., None, :, :]
        if self.scale is not None:
            sums = self.scale.value * sums
        return self.concat_score_weight.value * jnp.sum(jnp.tanh(sums), -1)

    def call(
        self,
        inputs: Any,
        mask: Any = None,
        training: bool | None = False,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        self._check_inputs(inputs)
        query, value, key = (*inputs, inputs[1])[:3]
        query_mask, value_mask = self._check_masks(mask)
        scores = self.scores(query, key)
        seen = None if value_mask is None else value_mask[..., None, :]
        if use_causal_mask:
            rows, columns = (jnp.arange(n) for n in scores.shape[-2:])
            past = AttentionConfig(1, causal=True).sees(rows[:, None], columns)[None]
            seen = past if seen is None else past & seen
        if seen is not None:
            far = 65504.0 if scores.dtype == jnp.float16 else 1e9
            scores = jnp.where(seen, scores, scores - far)
        shares = jax.nn.softmax(scores, -1)
        if training and vars(self)["dropout"] > 0:
            shares = random.dropout(shares, self.dropout, seed=self.seed_generator)
        outputs = shares @ value
        if query_mask is not None:
            outputs = jnp.where(query_mask[..., None], outputs, 0)
        return (outputs, shares) if return_attention_scores else outputs

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """The mask of the query."""
        query_mask, _ = self._check_masks(mask)
        return None if query_mask is None else jnp.asarray(query_mask)


class AdditiveAttention(Attention):
    """Attention with a sum for a score: `sum(scale * tanh(query + key))`.

    Called on a list: the query, the value, and the key if it is another than the value.

    Args:
        use_scale: whether there is a weight `scale`, (width,).
        dropout: share of the attention dropped in training.
        seed: seed of the dropout.

    Shape:
        [(batch, queries, width), (batch, keys, any), (batch, keys, width)] to
        (batch, queries, any).

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
        **kwargs: Any,
    ) -> None:
        super().__init__(use_scale=use_scale, dropout=dropout, seed=seed, **kwargs)

    def build(self, input_shape: Sequence[Any]) -> None:
        """Make the weight of the scores, if there is one."""
        self._check_inputs(input_shape)
        self.scale = None
        if self.use_scale:
            width = (input_shape[0][-1],)
            self.scale = self.add_weight(width, "glorot_uniform", name="scale")

    def scores(self, query: jax.Array, key: jax.Array) -> jax.Array:
        """How well each query matches each key, (batch, queries, keys)."""
        sums = jnp.tanh(query[..., None, :] + key[..., None, :, :])
        return jnp.sum(sums if self.scale is None else self.scale.value * sums, -1)
