"""Cases of the layers that map, reshape, merge and look up."""

from __future__ import annotations

import numpy as np

from tests.tables.arrays import floats, ints, lengths_mask
from tests.tables.cases import LayerCase

ROWS = floats(5, 3)
SEQUENCE = floats(4, 5, 3)
IMAGES = floats(2, 5, 6, 3)
ONE = floats(3, 4, 2, seed=1)
TWO = floats(3, 4, 2, seed=2)
THREE = floats(3, 4, 2, seed=3)

DENSE = [
    LayerCase("dense", lambda k: k.layers.Dense(4), (ROWS,)),
    LayerCase("dense_relu", lambda k: k.layers.Dense(4, activation="relu"), (ROWS,)),
    LayerCase(
        "dense_no_bias",
        lambda k: k.layers.Dense(4, use_bias=False, activation="tanh"),
        (ROWS,),
    ),
    LayerCase("dense_on_a_sequence", lambda k: k.layers.Dense(2), (SEQUENCE,)),
    LayerCase("dense_on_images", lambda k: k.layers.Dense(2), (IMAGES,)),
    LayerCase(
        "dense_softmax", lambda k: k.layers.Dense(6, activation="softmax"), (ROWS,)
    ),
    LayerCase(
        "dense_penalised",
        lambda k: k.layers.Dense(
            4,
            kernel_regularizer=k.regularizers.L1L2(0.01, 0.02),
            bias_regularizer="l2",
        ),
        (ROWS,),
    ),
    LayerCase(
        "dense_constrained",
        lambda k: k.layers.Dense(
            4,
            kernel_initializer=k.initializers.HeNormal(seed=1),
            bias_initializer=k.initializers.Constant(0.5),
            kernel_constraint=k.constraints.MaxNorm(2.0),
            bias_constraint="non_neg",
        ),
        (ROWS,),
    ),
]

EMBEDDING = [
    LayerCase("embedding", lambda k: k.layers.Embedding(7, 3), (ints(4, 5, below=7),)),
    LayerCase(
        "embedding_mask_zero",
        lambda k: k.layers.Embedding(4, 3, mask_zero=True),
        (ints(4, 6, below=4, seed=1),),
    ),
    LayerCase(
        "embedding_of_one_index",
        lambda k: k.layers.Embedding(7, 3, embeddings_initializer="zeros"),
        (ints(6, below=7),),
    ),
    LayerCase(
        "embedding_penalised",
        lambda k: k.layers.Embedding(
            7, 3, embeddings_regularizer="l2", embeddings_constraint="unit_norm"
        ),
        (ints(4, 5, below=7),),
    ),
]

PADDED = SEQUENCE.copy()
PADDED[0, 3:] = 0.0
PADDED[2, 1] = 0.0
PADDED[3] = 0.0

JUMPS = frozenset({"jumps"})

MASKING = [
    LayerCase("masking", lambda k: k.layers.Masking(), (PADDED,), traits=JUMPS),
    LayerCase(
        "masking_value",
        lambda k: k.layers.Masking(mask_value=-1.0),
        (np.where(PADDED == 0.0, -1.0, PADDED).astype("float32"),),
        traits=JUMPS,
    ),
]

RESHAPING = [
    LayerCase("flatten", lambda k: k.layers.Flatten(), (IMAGES,)),
    LayerCase("flatten_of_a_vector", lambda k: k.layers.Flatten(), (floats(5),)),
    LayerCase(
        "flatten_channels_first",
        lambda k: k.layers.Flatten(data_format="channels_first"),
        (IMAGES,),
    ),
    LayerCase("reshape", lambda k: k.layers.Reshape((5, 3)), (floats(2, 3, 5),)),
    LayerCase("reshape_rest", lambda k: k.layers.Reshape((-1, 6)), (IMAGES,)),
    LayerCase("reshape_to_vector", lambda k: k.layers.Reshape((15,)), (SEQUENCE,)),
    LayerCase("permute", lambda k: k.layers.Permute((2, 1)), (SEQUENCE,)),
    LayerCase("permute_images", lambda k: k.layers.Permute((3, 1, 2)), (IMAGES,)),
    LayerCase("repeat_vector", lambda k: k.layers.RepeatVector(4), (ROWS,)),
]

MASK = lengths_mask((4, 2, 1), 4)


def merging(name, make, *inputs, traits=frozenset()):
    return LayerCase(name, make, inputs or (ONE, TWO, THREE), traits=traits)


MERGING = [
    merging("add", lambda k: k.layers.Add()),
    merging("add_broadcast", lambda k: k.layers.Add(), ONE, floats(3, 4, 1)),
    merging("add_of_other_rank", lambda k: k.layers.Add(), ONE, floats(3, 2)),
    merging("subtract", lambda k: k.layers.Subtract(), ONE, TWO),
    merging("multiply", lambda k: k.layers.Multiply()),
    merging("average", lambda k: k.layers.Average()),
    merging("maximum", lambda k: k.layers.Maximum()),
    merging("minimum", lambda k: k.layers.Minimum()),
    merging("concatenate", lambda k: k.layers.Concatenate()),
    merging("concatenate_axis_1", lambda k: k.layers.Concatenate(axis=1), ONE, TWO),
    merging("concatenate_axis_minus_2", lambda k: k.layers.Concatenate(axis=-2)),
    merging("dot", lambda k: k.layers.Dot(axes=1), floats(4, 3), floats(4, 3, seed=1)),
    merging("dot_matrices", lambda k: k.layers.Dot(axes=(2, 2)), ONE, TWO),
    merging("dot_axes", lambda k: k.layers.Dot(axes=(2, 1)), ONE, floats(3, 2, 5)),
    merging("dot_negative_axes", lambda k: k.layers.Dot(axes=-1), ONE, TWO),
    merging(
        "dot_cosine",
        lambda k: k.layers.Dot(axes=-1, normalize=True),
        floats(4, 3),
        floats(4, 3, seed=1),
    ),
]

ACTIVATION = [
    LayerCase("activation", lambda k: k.layers.Activation("sigmoid"), (ROWS,)),
    LayerCase(
        "activation_function",
        lambda k: k.layers.Activation(k.activations.softplus),
        (ROWS,),
    ),
    LayerCase("relu", lambda k: k.layers.ReLU(), (ROWS,)),
    LayerCase(
        "relu_bounded",
        lambda k: k.layers.ReLU(max_value=0.5, negative_slope=0.1, threshold=0.2),
        (ROWS,),
    ),
    LayerCase("leaky_relu", lambda k: k.layers.LeakyReLU(), (ROWS,)),
    LayerCase(
        "leaky_relu_slope", lambda k: k.layers.LeakyReLU(negative_slope=0.1), (ROWS,)
    ),
    LayerCase("prelu", lambda k: k.layers.PReLU(), (SEQUENCE,)),
    LayerCase(
        "prelu_shared",
        lambda k: k.layers.PReLU(
            shared_axes=[1, 2], alpha_regularizer="l1", alpha_constraint="non_neg"
        ),
        (IMAGES,),
    ),
    LayerCase("elu", lambda k: k.layers.ELU(), (ROWS,)),
    LayerCase("elu_alpha", lambda k: k.layers.ELU(alpha=0.5), (ROWS,)),
    LayerCase("softmax", lambda k: k.layers.Softmax(), (SEQUENCE,)),
    LayerCase("softmax_axis", lambda k: k.layers.Softmax(axis=1), (SEQUENCE,)),
    LayerCase("softmax_axes", lambda k: k.layers.Softmax(axis=(1, 2)), (SEQUENCE,)),
    LayerCase(
        "softmax_masked",
        lambda k: k.layers.Softmax(),
        (floats(3, 4),),
        call={"mask": MASK},
    ),
]

LAMBDA = [
    LayerCase(
        "lambda",
        lambda k: k.layers.Lambda(lambda x: x * 2.0 + 1.0),
        (ROWS,),
        traits=frozenset({"code"}),
    ),
    LayerCase(
        "lambda_with_arguments",
        lambda k: k.layers.Lambda(
            lambda x, power: x**power,
            output_shape=(3,),
            arguments={"power": 2},
        ),
        (ROWS,),
        traits=frozenset({"code"}),
    ),
]

WRAPPERS = [
    LayerCase(
        "time_distributed",
        lambda k: k.layers.TimeDistributed(k.layers.Dense(2, activation="tanh")),
        (SEQUENCE,),
    ),
    LayerCase(
        "time_distributed_convolution",
        lambda k: k.layers.TimeDistributed(k.layers.Conv2D(2, 2)),
        (floats(2, 3, 4, 4, 1),),
    ),
    LayerCase(
        "time_distributed_masked",
        lambda k: k.layers.TimeDistributed(k.layers.Dense(2)),
        (SEQUENCE,),
        call={"mask": lengths_mask((5, 3, 1, 2), 5)},
    ),
]

CORE = [
    *DENSE,
    *EMBEDDING,
    *MASKING,
    *RESHAPING,
    *MERGING,
    *ACTIVATION,
    *LAMBDA,
    *WRAPPERS,
]
