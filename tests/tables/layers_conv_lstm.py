"""Cases of the convolutional LSTM layers."""

from __future__ import annotations

from tests.tables.arrays import floats
from tests.tables.cases import LayerCase

SIGNALS = floats(3, 4, 5, 2)
IMAGES = floats(2, 3, 4, 4, 2)
VOLUMES = floats(2, 2, 3, 3, 3, 1)
PENALTIES = {
    "kernel_regularizer": "l2",
    "recurrent_regularizer": "l1",
    "bias_regularizer": "l2",
    "kernel_constraint": "max_norm",
    "recurrent_constraint": "max_norm",
    "bias_constraint": "non_neg",
}


def signals(suffix, arguments, call=None, **more):
    return LayerCase(
        f"conv_lstm1d{suffix}",
        lambda k: k.layers.ConvLSTM1D(2, 3, **arguments),
        (SIGNALS,),
        call or {},
        **more,
    )


SEQUENCES = {"return_sequences": True}
INITIAL = [floats(3, 3, 2, seed=7), floats(3, 3, 2, seed=8)]
CONV_LSTM = [
    signals("", {}),
    signals("_same", {"padding": "same", **SEQUENCES}),
    signals("_strides", {"strides": 2, "return_state": True}),
    signals("_dilation", {"dilation_rate": 2, "padding": "same"}),
    signals("_backwards", {"go_backwards": True, **SEQUENCES}),
    signals("_penalised", {**PENALTIES, "unit_forget_bias": False}),
    signals(
        "_activations",
        {"activation": "relu", "recurrent_activation": "hard_sigmoid"},
    ),
    signals("_initial_state", {}, {"initial_state": INITIAL}),
    signals("_stateful", {"stateful": True}, traits=frozenset({"remembers"}), calls=2),
    LayerCase(
        "conv_lstm1d_channels_first",
        lambda k: k.layers.ConvLSTM1D(
            3, 2, data_format="channels_first", return_state=True
        ),
        (SIGNALS.transpose(0, 1, 3, 2),),
    ),
    LayerCase(
        "conv_lstm2d",
        lambda k: k.layers.ConvLSTM2D(
            3, (3, 2), use_bias=False, kernel_initializer="he_normal"
        ),
        (IMAGES,),
    ),
    LayerCase(
        "conv_lstm2d_channels_first",
        lambda k: k.layers.ConvLSTM2D(
            2, 2, strides=(2, 1), data_format="channels_first", **SEQUENCES
        ),
        (IMAGES.transpose(0, 1, 4, 2, 3),),
    ),
    LayerCase(
        "bidirectional_conv_lstm2d",
        lambda k: k.layers.Bidirectional(
            k.layers.ConvLSTM2D(2, 3, padding="same", **SEQUENCES), merge_mode="sum"
        ),
        (IMAGES,),
    ),
    LayerCase("conv_lstm3d", lambda k: k.layers.ConvLSTM3D(1, 2), (VOLUMES,)),
]
