"""Cases of convolution, pooling, padding and upsampling."""

from __future__ import annotations

from tests.tables.arrays import floats
from tests.tables.cases import LayerCase

SIGNAL = floats(2, 9, 4)
IMAGES = floats(2, 7, 6, 4)
SIGNAL_FIRST = floats(2, 4, 9)
IMAGES_FIRST = floats(2, 4, 7, 6)
FIRST = "channels_first"


def signal(name, make, x=SIGNAL):
    return LayerCase(name, make, (x,))


def images(name, make, x=IMAGES):
    return LayerCase(name, make, (x,))


CONV1D = [
    signal("conv1d", lambda k: k.layers.Conv1D(3, 3)),
    signal("conv1d_same", lambda k: k.layers.Conv1D(3, 4, padding="same")),
    signal("conv1d_causal", lambda k: k.layers.Conv1D(3, 3, padding="causal")),
    signal(
        "conv1d_causal_dilated",
        lambda k: k.layers.Conv1D(3, 2, padding="causal", dilation_rate=3),
    ),
    signal(
        "conv1d_causal_strided",
        lambda k: k.layers.Conv1D(3, 3, padding="causal", strides=2),
    ),
    signal("conv1d_strided", lambda k: k.layers.Conv1D(3, 3, strides=2)),
    signal(
        "conv1d_same_strided",
        lambda k: k.layers.Conv1D(3, 3, strides=2, padding="same", activation="relu"),
    ),
    signal("conv1d_dilated", lambda k: k.layers.Conv1D(3, 3, dilation_rate=2)),
    signal("conv1d_groups", lambda k: k.layers.Conv1D(6, 3, groups=2)),
    signal(
        "conv1d_no_bias",
        lambda k: k.layers.Conv1D(3, 1, use_bias=False, kernel_regularizer="l2"),
    ),
    signal(
        "conv1d_channels_first",
        lambda k: k.layers.Conv1D(3, 3, data_format=FIRST),
        SIGNAL_FIRST,
    ),
]

CONV2D = [
    images("conv2d", lambda k: k.layers.Conv2D(3, 3)),
    images("conv2d_same", lambda k: k.layers.Conv2D(3, (2, 3), padding="same")),
    images(
        "conv2d_strided",
        lambda k: k.layers.Conv2D(3, 3, strides=(2, 1), activation="relu"),
    ),
    images(
        "conv2d_same_strided",
        lambda k: k.layers.Conv2D(3, 3, strides=2, padding="same"),
    ),
    images("conv2d_dilated", lambda k: k.layers.Conv2D(3, 2, dilation_rate=(3, 2))),
    images(
        "conv2d_same_dilated",
        lambda k: k.layers.Conv2D(3, 3, dilation_rate=2, padding="same"),
    ),
    images("conv2d_groups", lambda k: k.layers.Conv2D(6, 3, groups=2)),
    images("conv2d_depthwise", lambda k: k.layers.Conv2D(8, 3, groups=4)),
    images(
        "conv2d_channels_first",
        lambda k: k.layers.Conv2D(3, 3, data_format=FIRST, padding="same"),
        IMAGES_FIRST,
    ),
    images(
        "conv2d_no_bias", lambda k: k.layers.Conv2D(3, 1, use_bias=False, strides=2)
    ),
    images(
        "conv2d_penalised",
        lambda k: k.layers.Conv2D(
            2, 2, bias_regularizer="l1", kernel_constraint="max_norm"
        ),
    ),
]

POOLING = [
    signal("max_pooling1d", lambda k: k.layers.MaxPooling1D()),
    signal(
        "max_pooling1d_same",
        lambda k: k.layers.MaxPooling1D(3, strides=2, padding="same"),
    ),
    signal(
        "max_pooling1d_channels_first",
        lambda k: k.layers.MaxPooling1D(2, data_format=FIRST),
        SIGNAL_FIRST,
    ),
    signal("average_pooling1d", lambda k: k.layers.AveragePooling1D(3, strides=1)),
    signal(
        "average_pooling1d_same",
        lambda k: k.layers.AveragePooling1D(2, padding="same"),
    ),
    signal(
        "average_pooling1d_channels_first",
        lambda k: k.layers.AveragePooling1D(2, data_format=FIRST),
        SIGNAL_FIRST,
    ),
    images("max_pooling2d", lambda k: k.layers.MaxPooling2D()),
    images(
        "max_pooling2d_same",
        lambda k: k.layers.MaxPooling2D((3, 2), strides=2, padding="same"),
    ),
    images("max_pooling2d_overlapping", lambda k: k.layers.MaxPooling2D(3, strides=1)),
    images(
        "max_pooling2d_channels_first",
        lambda k: k.layers.MaxPooling2D(data_format=FIRST),
        IMAGES_FIRST,
    ),
    images("average_pooling2d", lambda k: k.layers.AveragePooling2D((2, 3))),
    images(
        "average_pooling2d_same",
        lambda k: k.layers.AveragePooling2D(3, strides=2, padding="same"),
    ),
    images(
        "average_pooling2d_channels_first",
        lambda k: k.layers.AveragePooling2D(2, strides=1, data_format=FIRST),
        IMAGES_FIRST,
    ),
    signal("global_max_pooling1d", lambda k: k.layers.GlobalMaxPooling1D()),
    signal(
        "global_max_pooling1d_keepdims",
        lambda k: k.layers.GlobalMaxPooling1D(keepdims=True),
    ),
    signal(
        "global_max_pooling1d_channels_first",
        lambda k: k.layers.GlobalMaxPooling1D(data_format=FIRST),
    ),
    signal("global_average_pooling1d", lambda k: k.layers.GlobalAveragePooling1D()),
    signal(
        "global_average_pooling1d_keepdims",
        lambda k: k.layers.GlobalAveragePooling1D(data_format=FIRST, keepdims=True),
    ),
    images("global_max_pooling2d", lambda k: k.layers.GlobalMaxPooling2D()),
    images(
        "global_max_pooling2d_channels_first",
        lambda k: k.layers.GlobalMaxPooling2D(data_format=FIRST, keepdims=True),
    ),
    images("global_average_pooling2d", lambda k: k.layers.GlobalAveragePooling2D()),
    images(
        "global_average_pooling2d_keepdims",
        lambda k: k.layers.GlobalAveragePooling2D(keepdims=True),
    ),
    images(
        "global_average_pooling2d_channels_first",
        lambda k: k.layers.GlobalAveragePooling2D(data_format=FIRST),
    ),
]

VOLUME = floats(2, 5, 4, 3, 2)

ADAPTIVE = [
    signal("adaptive_average1d", lambda k: k.layers.AdaptiveAveragePooling1D(4)),
    signal("adaptive_max1d", lambda k: k.layers.AdaptiveMaxPooling1D(2)),
    signal(
        "adaptive_average1d_channels_first",
        lambda k: k.layers.AdaptiveAveragePooling1D(4, data_format=FIRST),
        SIGNAL_FIRST,
    ),
    images("adaptive_average2d", lambda k: k.layers.AdaptiveAveragePooling2D((3, 4))),
    images("adaptive_max2d", lambda k: k.layers.AdaptiveMaxPooling2D(3)),
    images(
        "adaptive_max2d_channels_first",
        lambda k: k.layers.AdaptiveMaxPooling2D((4, 2), data_format=FIRST),
        IMAGES_FIRST,
    ),
    LayerCase(
        "adaptive_average3d",
        lambda k: k.layers.AdaptiveAveragePooling3D((2, 3, 1)),
        (VOLUME,),
    ),
    LayerCase("adaptive_max3d", lambda k: k.layers.AdaptiveMaxPooling3D(2), (VOLUME,)),
]

RESIZING = [
    images("up_sampling2d", lambda k: k.layers.UpSampling2D()),
    images("up_sampling2d_size", lambda k: k.layers.UpSampling2D((2, 3))),
    images(
        "up_sampling2d_bilinear",
        lambda k: k.layers.UpSampling2D(2, interpolation="bilinear"),
    ),
    images(
        "up_sampling2d_bicubic",
        lambda k: k.layers.UpSampling2D((2, 1), interpolation="bicubic"),
    ),
    images(
        "up_sampling2d_channels_first",
        lambda k: k.layers.UpSampling2D(2, data_format=FIRST),
        IMAGES_FIRST,
    ),
    images("zero_padding2d", lambda k: k.layers.ZeroPadding2D()),
    images("zero_padding2d_symmetric", lambda k: k.layers.ZeroPadding2D((2, 1))),
    images(
        "zero_padding2d_each_side", lambda k: k.layers.ZeroPadding2D(((1, 0), (2, 3)))
    ),
    images(
        "zero_padding2d_channels_first",
        lambda k: k.layers.ZeroPadding2D(1, data_format=FIRST),
        IMAGES_FIRST,
    ),
]

SPATIAL = [*CONV1D, *CONV2D, *POOLING, *ADAPTIVE, *RESIZING]
