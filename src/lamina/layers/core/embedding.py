"""`Embedding`: a trainable vector for each index."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lamina.core.check import boolean, optional, positive_int
from lamina.core.variable import Variable
from lamina.layers.core.lora import Adaptable, adaptable_weight
from lamina.typing import (
    Array,
    Config,
    ConstraintLike,
    InitializerLike,
    PartialShape,
    RegularizerLike,
)


class Embedding(Adaptable):
    """Embedding layer: index `i` becomes row `i` of a trainable table.

    An index outside 0, ..., `input_dim - 1` gives a vector of NaN, which reveals
    a table that is too small.

    Args:
        input_dim: number of indices, the largest plus one.
        output_dim: length of a vector.
        embeddings_initializer: initializer of the table, (input_dim, output_dim).
        embeddings_regularizer: penalty on the table.
        embeddings_constraint: projection of the table after each update.
        mask_zero: whether index 0 is padding; layers that support masks skip it.
        weights: initial values of the table.
        lora_rank: rank of a low-rank update (LoRA), which is trained instead of the
            table; see `enable_lora`.
        lora_alpha: scale of the update, times `lora_rank`; `lora_rank` by default.
        input_length: older form of `input_shape=(input_length,)`.

    Shape:
        (batch, ...) of integers to (batch, ..., output_dim).

    Example:
        >>> layer = Embedding(3, 2, weights=[[0.0, 0.0], [1.0, 2.0], [3.0, 4.0]])
        >>> layer(jnp.array([[2, 1, 7]]))
        Array([[[ 3.,  4.],
                [ 1.,  2.],
                [nan, nan]]], dtype=float32)
    """

    input_dim: int
    output_dim: int
    mask_zero: bool
    embeddings: Variable = adaptable_weight()
    adapted = "embeddings"
    arguments = {
        **Adaptable.arguments,
        "input_dim": positive_int,
        "output_dim": positive_int,
        "mask_zero": boolean,
        "input_length": optional(positive_int),
    }

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: InitializerLike = "uniform",
        embeddings_regularizer: RegularizerLike = None,
        embeddings_constraint: ConstraintLike = None,
        mask_zero: bool = False,
        weights: Any = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        *,
        input_length: int | None = None,
        **kwargs: Any,
    ) -> None:
        if input_length is not None:
            kwargs.setdefault("input_shape", (input_length,))
        super().__init__(**kwargs)
        self._store_arguments(locals(), omit=("weights", "input_length"))
        self.supports_masking = mask_zero
        # Casting the looked-up rows is cheaper than casting the table.
        self.autocast = False
        # A config describes the layer, not its weights.
        vars(self)["_arguments"].pop("weights", None)
        if weights is not None:
            self.build()
            table = np.shape(weights) == (input_dim, output_dim)
            self.set_weights([weights] if table else weights)

    def get_config(self) -> Config:
        config = super().get_config()
        config.pop("input_length", None)
        return config

    def build(self, input_shape: PartialShape | None = None) -> None:
        """Create the table."""
        self._create_weight("embeddings", (self.input_dim, self.output_dim))

    def call(self, inputs: Array) -> Array:
        index = jnp.asarray(inputs).astype(jnp.int32)
        rows = _rows(self._frozen_weight, index)
        if self.lora_enabled:
            # Cheaper than the update of the whole table.
            a, b = self._factors
            rows = rows + self._lora_scale * jnp.matmul(_rows(a, index), b.value)
        return rows.astype(self.compute_dtype)

    def compute_mask(self, inputs: Array, mask: Array | None = None) -> Array | None:
        """Return True for the indices other than 0, if `mask_zero`."""
        return inputs != 0 if self.mask_zero else None


def _rows(table: Variable, index: Array) -> Array:
    # Indexing takes longer to trace, and counts negative indices from the end.
    values = table.value
    windows = jax.lax.GatherDimensionNumbers(
        offset_dims=(index.ndim,), collapsed_slice_dims=(0,), start_index_map=(0,)
    )
    return jax.lax.gather(
        values,
        jax.lax.expand_dims(index, (index.ndim,)),
        windows,
        (1, values.shape[1]),
        mode="fill",
        fill_value=np.nan,
    )
