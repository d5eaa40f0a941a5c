"""`ReversibleEmbedding`: vectors of indices, and scores of indices for vectors."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from lamina import ops
from lamina.core.check import boolean, optional, positive_number
from lamina.core.masks import set_mask
from lamina.core.variable import Variable
from lamina.layers.core.embedding import Embedding
from lamina.typing import (
    Array,
    ConstraintLike,
    DTypeLike,
    InitializerLike,
    PartialShape,
    RegularizerLike,
)


class ReversibleEmbedding(Embedding):
    """Embedding layer that also maps vectors to a score for each index.

    `layer(indices)` returns rows of the table, as `Embedding` does, and
    `layer(vectors, reverse=True)` the products with all rows, for the output of a
    language model.

    Args:
        input_dim: number of indices, the largest plus one.
        output_dim: length of a vector.
        tie_weights: whether the scores use the table; otherwise a second weight,
            (output_dim, input_dim).
        embeddings_initializer: initializer of both weights.
        embeddings_regularizer: penalty on the table.
        embeddings_constraint: projection of the table after each update.
        mask_zero: whether index 0 is padding; layers that support masks skip it.
        reverse_dtype: element type in which scores are computed; that of the layer's
            computation by default.
        logit_soft_cap: bound c of the scores, which become `c * tanh(scores / c)`; no
            bound when `None`.
        **kwargs: other arguments of `Embedding`.

    Shape:
        (batch, ...) of integers to (batch, ..., output_dim), and with `reverse`,
        (batch, ..., output_dim) to (batch, ..., input_dim).

    Example:
        >>> layer = ReversibleEmbedding(100, 8)
        >>> vectors = layer(jnp.array([[1, 2, 3]]))
        >>> layer(vectors, reverse=True).shape
        (1, 3, 100)

    Reference: Press & Wolf 2016, https://arxiv.org/abs/1608.05859
    """

    reverse_embeddings: Variable
    arguments = {
        **Embedding.arguments,
        "tie_weights": boolean,
        "logit_soft_cap": optional(positive_number),
    }

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        tie_weights: bool = True,
        embeddings_initializer: InitializerLike = "uniform",
        embeddings_regularizer: RegularizerLike = None,
        embeddings_constraint: ConstraintLike = None,
        mask_zero: bool = False,
        reverse_dtype: DTypeLike = None,
        logit_soft_cap: float | None = None,
        **kwargs: Any,
    ) -> None:
        self.tie_weights = tie_weights  # `build` reads it, which `weights=` calls
        super().__init__(
            input_dim,
            output_dim,
            embeddings_initializer,
            embeddings_regularizer,
            embeddings_constraint,
            mask_zero,
            **kwargs,
        )
        self.reverse_dtype = reverse_dtype
        self.logit_soft_cap = logit_soft_cap

    def build(self, input_shape: PartialShape | None = None) -> None:
        """Create the table, and the second weight unless weights are tied."""
        super().build(input_shape)
        if not self.tie_weights:
            self.reverse_embeddings = self.add_weight(
                (self.output_dim, self.input_dim),
                vars(self)["embeddings_initializer"],
                name="reverse_embeddings",
            )

    def call(self, inputs: Array, reverse: bool = False) -> Array:
        if not reverse:
            rows = super().call(inputs)
            mask = super().compute_mask(inputs)
            if mask is not None:
                set_mask(rows, mask)
            return rows
        dtype = self.reverse_dtype or self.compute_dtype
        if self.tie_weights:
            kernel = jnp.transpose(jnp.asarray(self.embeddings, dtype))
        else:
            kernel = jnp.asarray(self.reverse_embeddings, dtype)
        scores = ops.matmul(inputs.astype(dtype), kernel)
        if self.logit_soft_cap is None:
            return scores
        return self.logit_soft_cap * jnp.tanh(scores / self.logit_soft_cap)

    def compute_output_shape(
        self, input_shape: PartialShape, reverse: bool = False
    ) -> tuple[int | None, ...]:
        """Return the shape of rows, or of scores with `reverse`."""
        if reverse:
            return (*input_shape[:-1], self.input_dim)
        return (*input_shape, self.output_dim)

    def compute_mask(self, inputs: Array, mask: Array | None = None) -> None:
        """Return None: `call` sets the mask of rows, and scores have none."""
