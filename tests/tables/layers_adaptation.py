"""Cases of layers whose weight is adapted, normalized or used in reverse."""

from __future__ import annotations

from tests.tables.arrays import floats, ints
from tests.tables.cases import LayerCase

ROWS = floats(5, 3)
SEQUENCE = floats(4, 5, 3)
INDICES = ints(4, 5, below=7)


def lora(name, make, inputs, prepare=lambda layer: None):
    return LayerCase(name, make, (inputs,), {}, prepare, frozenset({"merges"}))


def adapt(shape):
    """Adapt the weight of a layer that is built without LoRA."""

    def prepare(layer):
        layer.build(shape)
        if not layer.lora_enabled:  # the layer of the config is
            layer.enable_lora(2, 3.0, "glorot_uniform", "ones")

    return prepare


ADAPTATION = [
    lora("dense_lora", lambda k: k.layers.Dense(4, lora_rank=2), ROWS),
    lora(
        "dense_lora_penalised",
        lambda k: k.layers.Dense(4, kernel_regularizer="l2", lora_rank=2),
        ROWS,
    ),
    lora("dense_adapted", lambda k: k.layers.Dense(4), ROWS, adapt((5, 3))),
    lora(
        "einsum_dense_lora",
        lambda k: k.layers.EinsumDense(
            "abc,cde->abde", (None, 2, 4), bias_axes="e", lora_rank=2, lora_alpha=3.0
        ),
        SEQUENCE,
    ),
    lora(
        "einsum_dense_lora_transposed",
        lambda k: k.layers.EinsumDense("ab,cb->ac", 4, lora_rank=2),
        ROWS,
    ),
    lora("conv1d_lora", lambda k: k.layers.Conv1D(4, 2, lora_rank=2), SEQUENCE),
    lora(
        "embedding_lora",
        lambda k: k.layers.Embedding(
            7, 3, embeddings_regularizer="l2", lora_rank=2, mask_zero=True
        ),
        INDICES,
    ),
    lora(
        "embedding_adapted", lambda k: k.layers.Embedding(7, 3), INDICES, adapt((4, 5))
    ),
    LayerCase(
        "reversible_embedding",
        lambda k: k.layers.ReversibleEmbedding(7, 3, mask_zero=True),
        (INDICES,),
    ),
    LayerCase(
        "reversible_embedding_reverse",
        lambda k: k.layers.ReversibleEmbedding(
            7, 3, embeddings_regularizer="l2", embeddings_constraint="unit_norm"
        ),
        (SEQUENCE,),
        {"reverse": True},
    ),
    LayerCase(
        "reversible_embedding_untied",
        lambda k: k.layers.ReversibleEmbedding(
            7, 3, tie_weights=False, logit_soft_cap=0.5
        ),
        (SEQUENCE,),
        {"reverse": True},
    ),
    LayerCase(
        "spectral_normalization",
        lambda k: k.layers.SpectralNormalization(k.layers.Dense(4)),
        (ROWS,),
    ),
]
