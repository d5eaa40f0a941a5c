"""Layers after `Masking`: their outputs and the masks that they pass on."""

from __future__ import annotations

from tests.tables.arrays import floats
from tests.tables.cases import SmallCase

STEPS = floats(4, 5, 3)
STEPS[0, 3:] = 0.0
STEPS[2, 1] = 0.0
STEPS[3, :4] = 0.0


def through(name: str, make):
    """`make` gives a layer for the masked input."""
    return SmallCase(name, lambda k: lambda masked, plain: make(k)(masked))


def merged(name: str, make, second=lambda masked, plain: masked * 2.0):
    return SmallCase(
        name, lambda k: lambda masked, plain: make(k)([masked, second(masked, plain)])
    )


def other(masked, plain):
    return plain


LAYERS = [
    through("dense", lambda k: k.layers.Dense(2)),
    through("activation", lambda k: k.layers.Activation("relu")),
    through("dropout", lambda k: k.layers.Dropout(0.3)),
    through("spatial_dropout", lambda k: k.layers.SpatialDropout1D(0.3)),
    through("noise", lambda k: k.layers.GaussianNoise(0.3)),
    through("relu", lambda k: k.layers.ReLU()),
    through("leaky_relu", lambda k: k.layers.LeakyReLU()),
    through("prelu", lambda k: k.layers.PReLU()),
    through("elu", lambda k: k.layers.ELU()),
    through("batch_norm", lambda k: k.layers.BatchNormalization()),
    through("layer_norm", lambda k: k.layers.LayerNormalization()),
    through("masking_again", lambda k: k.layers.Masking(mask_value=1.0)),
    through("lstm", lambda k: k.layers.LSTM(2)),
    through("lstm_sequences", lambda k: k.layers.LSTM(2, return_sequences=True)),
    through("gru_sequences", lambda k: k.layers.GRU(2, return_sequences=True)),
    through("rnn_sequences", lambda k: k.layers.SimpleRNN(2, return_sequences=True)),
    through("both_ways", lambda k: k.layers.Bidirectional(k.layers.LSTM(2))),
    through(
        "both_ways_sequences",
        lambda k: k.layers.Bidirectional(k.layers.GRU(2, return_sequences=True)),
    ),
    through("time_distributed", lambda k: k.layers.TimeDistributed(k.layers.Dense(2))),
    through("flatten", lambda k: k.layers.Flatten()),
    through("reshape", lambda k: k.layers.Reshape((3, 5))),
    through("permute", lambda k: k.layers.Permute((2, 1))),
    through("convolution", lambda k: k.layers.Conv1D(2, 2)),
    through("max_pooling", lambda k: k.layers.MaxPooling1D()),
    through("global_average", lambda k: k.layers.GlobalAveragePooling1D()),
    through("global_maximum", lambda k: k.layers.GlobalMaxPooling1D()),
    through("rescaling", lambda k: k.layers.Rescaling(2.0)),
    through("lambda", lambda k: k.layers.Lambda(lambda x: x + 1.0)),
]

MERGING = [
    merged("add", lambda k: k.layers.Add()),
    merged("add_unmasked", lambda k: k.layers.Add(), other),
    merged("multiply", lambda k: k.layers.Multiply()),
    merged("concatenate", lambda k: k.layers.Concatenate()),
    merged("concatenate_unmasked", lambda k: k.layers.Concatenate(), other),
    merged("concatenate_steps", lambda k: k.layers.Concatenate(axis=1)),
    merged("concatenate_steps_unmasked", lambda k: k.layers.Concatenate(axis=1), other),
    merged("dot", lambda k: k.layers.Dot(axes=(2, 2))),
]

MASKS = [*LAYERS, *MERGING]
