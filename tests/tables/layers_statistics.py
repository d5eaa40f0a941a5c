"""Cases of normalization, noise and preprocessing."""

from __future__ import annotations

import numpy as np

from tests.tables.arrays import floats, ints, lengths_mask
from tests.tables.cases import LayerCase

ROWS = floats(6, 3)
SEQUENCE = floats(4, 5, 3)
IMAGES = floats(3, 4, 2, 5)
TRAINING = {"training": True}
COUPLED = frozenset({"couples rows"})
RANDOM = frozenset({"random"})

BATCH_NORMALIZATION = [
    LayerCase("batch_norm", lambda k: k.layers.BatchNormalization(), (ROWS,)),
    LayerCase(
        "batch_norm_training",
        lambda k: k.layers.BatchNormalization(momentum=0.9, epsilon=1e-2),
        (ROWS,),
        call=TRAINING,
        traits=COUPLED,
    ),
    LayerCase(
        "batch_norm_on_images",
        lambda k: k.layers.BatchNormalization(),
        (IMAGES,),
        call=TRAINING,
        traits=COUPLED,
    ),
    LayerCase(
        "batch_norm_axis_1",
        lambda k: k.layers.BatchNormalization(axis=1),
        (IMAGES,),
        call=TRAINING,
        traits=COUPLED,
    ),
    LayerCase(
        "batch_norm_no_centre",
        lambda k: k.layers.BatchNormalization(center=False),
        (ROWS,),
        call=TRAINING,
        traits=COUPLED,
    ),
    LayerCase(
        "batch_norm_no_scale",
        lambda k: k.layers.BatchNormalization(scale=False, gamma_regularizer="l2"),
        (ROWS,),
    ),
    LayerCase(
        "batch_norm_frozen",
        lambda k: k.layers.BatchNormalization(trainable=False),
        (ROWS,),
        call=TRAINING,
    ),
    LayerCase(
        "batch_norm_masked",
        lambda k: k.layers.BatchNormalization(),
        (SEQUENCE,),
        call={**TRAINING, "mask": lengths_mask((5, 3, 1, 2), 5)},
        traits=COUPLED,
    ),
]

LAYER_NORMALIZATION = [
    LayerCase("layer_norm", lambda k: k.layers.LayerNormalization(), (ROWS,)),
    LayerCase(
        "layer_norm_axes",
        lambda k: k.layers.LayerNormalization(axis=(1, 2), epsilon=1e-2),
        (SEQUENCE,),
    ),
    LayerCase(
        "layer_norm_axis_1", lambda k: k.layers.LayerNormalization(axis=1), (SEQUENCE,)
    ),
    LayerCase(
        "layer_norm_no_scale",
        lambda k: k.layers.LayerNormalization(scale=False, beta_regularizer="l2"),
        (ROWS,),
    ),
    LayerCase(
        "layer_norm_no_centre",
        lambda k: k.layers.LayerNormalization(center=False, gamma_constraint="non_neg"),
        (IMAGES,),
    ),
]

NOISE = [
    LayerCase(
        "dropout", lambda k: k.layers.Dropout(0.4, seed=1), (ROWS,), traits=RANDOM
    ),
    LayerCase(
        "dropout_noise_shape",
        lambda k: k.layers.Dropout(0.4, noise_shape=(None, 1, 3), seed=1),
        (SEQUENCE,),
        traits=RANDOM,
    ),
    LayerCase("dropout_of_nothing", lambda k: k.layers.Dropout(0.0), (ROWS,)),
    LayerCase(
        "spatial_dropout1d",
        lambda k: k.layers.SpatialDropout1D(0.4, seed=1),
        (SEQUENCE,),
        traits=RANDOM,
    ),
    LayerCase(
        "spatial_dropout2d",
        lambda k: k.layers.SpatialDropout2D(0.4, seed=1),
        (IMAGES,),
        traits=RANDOM,
    ),
    LayerCase(
        "spatial_dropout2d_channels_first",
        lambda k: k.layers.SpatialDropout2D(0.4, "channels_first", seed=1),
        (IMAGES,),
        traits=RANDOM,
    ),
    LayerCase(
        "gaussian_noise",
        lambda k: k.layers.GaussianNoise(0.3, seed=1),
        (ROWS,),
        traits=RANDOM,
    ),
]


def adapt(data):
    return lambda layer: layer.adapt(data)


OBSERVED = floats(20, 3, low=-2, high=5, seed=9)
PIXELS = floats(3, 4, 4, 2, low=0, high=255)

PREPROCESSING = [
    LayerCase("rescaling", lambda k: k.layers.Rescaling(1 / 255), (PIXELS,)),
    LayerCase(
        "rescaling_offset", lambda k: k.layers.Rescaling(1 / 127.5, -1), (PIXELS,)
    ),
    LayerCase(
        "rescaling_per_channel",
        lambda k: k.layers.Rescaling([0.1, 0.2], offset=[1.0, 2.0]),
        (PIXELS,),
    ),
    LayerCase(
        "normalization_adapted",
        lambda k: k.layers.Normalization(),
        (ROWS,),
        prepare=adapt(OBSERVED),
    ),
    LayerCase(
        "normalization_axis_none",
        lambda k: k.layers.Normalization(axis=None),
        (ROWS,),
        prepare=adapt(OBSERVED),
    ),
    LayerCase(
        "normalization_axes",
        lambda k: k.layers.Normalization(axis=(1, 2)),
        (SEQUENCE,),
        prepare=adapt(floats(9, 5, 3, low=0, high=4, seed=9)),
    ),
    LayerCase(
        "normalization_constant_column",
        lambda k: k.layers.Normalization(),
        (ROWS,),
        prepare=adapt(np.stack([OBSERVED[:, 0], OBSERVED[:, 1] * 0 + 2] * 2, 1)[:, :3]),
    ),
    LayerCase(
        "normalization_given",
        lambda k: k.layers.Normalization(mean=[1.0, 2.0, 3.0], variance=[4.0, 1, 2]),
        (ROWS,),
    ),
    LayerCase(
        "normalization_given_numbers",
        lambda k: k.layers.Normalization(axis=None, mean=0.5, variance=2.0),
        (ROWS,),
    ),
    LayerCase(
        "normalization_inverted",
        lambda k: k.layers.Normalization(invert=True),
        (ROWS,),
        prepare=adapt(OBSERVED),
    ),
    LayerCase(
        "category_encoding_one_hot",
        lambda k: k.layers.CategoryEncoding(5, output_mode="one_hot"),
        (ints(6, below=5),),
    ),
    LayerCase(
        "category_encoding_one_hot_column",
        lambda k: k.layers.CategoryEncoding(5, output_mode="one_hot"),
        (ints(6, 1, below=5),),
    ),
    LayerCase(
        "category_encoding_multi_hot",
        lambda k: k.layers.CategoryEncoding(5),
        (ints(6, 3, below=5),),
    ),
    LayerCase(
        "category_encoding_count",
        lambda k: k.layers.CategoryEncoding(5, output_mode="count"),
        (ints(6, 4, below=5),),
    ),
    LayerCase(
        "category_encoding_count_weights",
        lambda k: k.layers.CategoryEncoding(5, output_mode="count"),
        (ints(6, 4, below=5),),
        call={"count_weights": floats(6, 4, low=0)},
    ),
]

STATISTICS = [*BATCH_NORMALIZATION, *LAYER_NORMALIZATION, *NOISE, *PREPROCESSING]
