"""Cases of the layers for volumes, and of relatives of the common ones."""

from __future__ import annotations

import numpy as np

from tests.tables.arrays import floats, lengths_mask
from tests.tables.cases import LayerCase
from tests.tables.layers_recurrent import states

SIGNAL = floats(2, 9, 4)
IMAGES = floats(2, 7, 6, 4)
VOLUME = floats(2, 5, 4, 6, 2)
SEQUENCE = floats(4, 5, 3)
RANDOM = frozenset({"random"})
FIRST = "channels_first"


def volume(name, make, x=VOLUME):
    return LayerCase(name, make, (x,))


VOLUMES = [
    volume("conv3d", lambda k: k.layers.Conv3D(3, 2)),
    volume(
        "conv3d_same_strided",
        lambda k: k.layers.Conv3D(2, (2, 1, 3), strides=2, padding="same"),
    ),
    volume(
        "conv3d_groups",
        lambda k: k.layers.Conv3D(4, 2, groups=2, dilation_rate=(1, 2, 1)),
    ),
    volume("max_pooling3d", lambda k: k.layers.MaxPooling3D()),
    volume(
        "max_pooling3d_same",
        lambda k: k.layers.MaxPooling3D((2, 1, 3), strides=2, padding="same"),
    ),
    volume("average_pooling3d", lambda k: k.layers.AveragePooling3D(2, strides=1)),
    volume(
        "average_pooling3d_same",
        lambda k: k.layers.AveragePooling3D(2, padding="same"),
    ),
    volume("global_max_pooling3d", lambda k: k.layers.GlobalMaxPooling3D()),
    volume(
        "global_average_pooling3d",
        lambda k: k.layers.GlobalAveragePooling3D(data_format=FIRST, keepdims=True),
    ),
    volume("up_sampling3d", lambda k: k.layers.UpSampling3D((2, 1, 3))),
    volume(
        "zero_padding3d", lambda k: k.layers.ZeroPadding3D(((1, 0), (0, 2), (1, 1)))
    ),
    volume(
        "zero_padding3d_channels_first",
        lambda k: k.layers.ZeroPadding3D(1, data_format=FIRST),
    ),
    volume("cropping3d", lambda k: k.layers.Cropping3D(((1, 0), (0, 2), (1, 1)))),
    volume("cropping3d_everywhere", lambda k: k.layers.Cropping3D()),
    LayerCase(
        "spatial_dropout3d",
        lambda k: k.layers.SpatialDropout3D(0.4, seed=1),
        (VOLUME,),
        traits=RANDOM,
    ),
]

EDGES = [
    volume("up_sampling1d", lambda k: k.layers.UpSampling1D(3), SIGNAL),
    volume("zero_padding1d", lambda k: k.layers.ZeroPadding1D(), SIGNAL),
    volume("zero_padding1d_sides", lambda k: k.layers.ZeroPadding1D((2, 0)), SIGNAL),
    volume("cropping1d", lambda k: k.layers.Cropping1D(), SIGNAL),
    volume("cropping1d_sides", lambda k: k.layers.Cropping1D((2, 0)), SIGNAL),
    volume("cropping2d", lambda k: k.layers.Cropping2D((2, 1)), IMAGES),
    volume(
        "cropping2d_channels_first",
        lambda k: k.layers.Cropping2D(((1, 0), (0, 2)), data_format=FIRST),
        IMAGES,
    ),
]

NORMALIZATION = [
    volume("group_norm", lambda k: k.layers.GroupNormalization(2), IMAGES),
    volume(
        "group_norm_axis_1",
        lambda k: k.layers.GroupNormalization(7, axis=1, epsilon=1e-2, scale=False),
        IMAGES,
    ),
    volume("instance_norm", lambda k: k.layers.GroupNormalization(-1), IMAGES),
    volume("rms_norm", lambda k: k.layers.RMSNormalization(), SEQUENCE),
    volume(
        "rms_norm_axes",
        lambda k: k.layers.RMSNormalization(axis=(1, 2), epsilon=1e-2),
        SEQUENCE,
    ),
    volume("unit_norm", lambda k: k.layers.UnitNormalization(), SEQUENCE),
    volume("unit_norm_axes", lambda k: k.layers.UnitNormalization((1, 2)), SEQUENCE),
]

NOISE = [
    LayerCase(
        "gaussian_dropout",
        lambda k: k.layers.GaussianDropout(0.3, seed=1),
        (SEQUENCE,),
        traits=RANDOM,
    ),
    LayerCase(
        "alpha_dropout",
        lambda k: k.layers.AlphaDropout(0.3, seed=1),
        (SEQUENCE,),
        traits=RANDOM,
    ),
]

BINS = np.array([[-1.5, 1.0, 3.4, 0.5], [0.0, 3.0, 1.3, 0.49]], "float32")


def binned(name, x=BINS, **options):
    return LayerCase(
        f"discretization{name}",
        lambda k: k.layers.Discretization(**options),
        (x,),
        traits=frozenset({"jumps"}),
    )


PREPROCESSING = [
    volume("identity", lambda k: k.layers.Identity(), SEQUENCE),
    binned("", bin_boundaries=[0.0, 1.0, 2.0]),
    binned("_one_hot", BINS[:, :1], bin_boundaries=[0.0, 1.0], output_mode="one_hot"),
    binned("_multi_hot", bin_boundaries=[0.0, 1.0], output_mode="multi_hot"),
    binned("_count", bin_boundaries=[0.0, 1.0], output_mode="count"),
]


def cell(name, make, state_count):
    return LayerCase(name, make, (floats(4, 3),), call={"states": states(state_count)})


CELLS = [
    cell("simple_rnn_cell", lambda k: k.layers.SimpleRNNCell(2), 1),
    cell("lstm_cell", lambda k: k.layers.LSTMCell(2), 2),
    cell("gru_cell", lambda k: k.layers.GRUCell(2), 1),
    cell("gru_cell_before", lambda k: k.layers.GRUCell(2, reset_after=False), 1),
    volume(
        "rnn_of_a_cell",
        lambda k: k.layers.RNN(k.layers.LSTMCell(2), return_sequences=True),
        SEQUENCE,
    ),
    LayerCase(
        "rnn_of_cells",
        lambda k: k.layers.RNN(
            [k.layers.LSTMCell(2), k.layers.GRUCell(3)], return_state=True
        ),
        (SEQUENCE,),
        call={"mask": lengths_mask((5, 3, 1, 2), 5)},
    ),
    LayerCase(
        "stacked_cells",
        lambda k: k.layers.StackedRNNCells(
            [k.layers.SimpleRNNCell(2), k.layers.LSTMCell(2)]
        ),
        (floats(4, 3),),
        call={"states": [*states(1), states(2)]},
    ),
    LayerCase(
        "rnn_of_stacked_cells",
        lambda k: k.layers.RNN(
            k.layers.StackedRNNCells([k.layers.SimpleRNNCell(2), k.layers.GRUCell(2)])
        ),
        (SEQUENCE,),
    ),
]

MORE = [*VOLUMES, *EDGES, *NORMALIZATION, *NOISE, *PREPROCESSING, *CELLS]
