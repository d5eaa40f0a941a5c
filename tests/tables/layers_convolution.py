"""Cases of depthwise, separable and transposed convolutions."""

from __future__ import annotations

from tests.tables.arrays import floats
from tests.tables.cases import LayerCase

SIGNAL = floats(2, 9, 4)
IMAGES = floats(2, 7, 6, 4)
VOLUME = floats(2, 3, 4, 2, 3)
IMAGES_FIRST = floats(2, 4, 7, 6)
FIRST = "channels_first"


def signal(name, make):
    return LayerCase(name, make, (SIGNAL,))


def images(name, make, x=IMAGES):
    return LayerCase(name, make, (x,))


def volume(name, make):
    return LayerCase(name, make, (VOLUME,))


DEPTHWISE = [
    signal("depthwise_conv1d", lambda k: k.layers.DepthwiseConv1D(3)),
    signal(
        "depthwise_conv1d_same_strided",
        lambda k: k.layers.DepthwiseConv1D(3, 2, "same", 2, activation="relu"),
    ),
    images("depthwise_conv2d", lambda k: k.layers.DepthwiseConv2D(3)),
    images(
        "depthwise_conv2d_multiplier",
        lambda k: k.layers.DepthwiseConv2D((2, 3), depth_multiplier=3, use_bias=False),
    ),
    images(
        "depthwise_conv2d_same_strided",
        lambda k: k.layers.DepthwiseConv2D(3, strides=2, padding="same"),
    ),
    images(
        "depthwise_conv2d_dilated",
        lambda k: k.layers.DepthwiseConv2D(2, dilation_rate=(3, 2)),
    ),
    images(
        "depthwise_conv2d_channels_first",
        lambda k: k.layers.DepthwiseConv2D(3, data_format=FIRST, padding="same"),
        IMAGES_FIRST,
    ),
    images(
        "depthwise_conv2d_penalised",
        lambda k: k.layers.DepthwiseConv2D(
            2, depthwise_regularizer="l2", depthwise_constraint="max_norm"
        ),
    ),
]

SEPARABLE = [
    signal("separable_conv1d", lambda k: k.layers.SeparableConv1D(3, 3)),
    signal(
        "separable_conv1d_same_strided",
        lambda k: k.layers.SeparableConv1D(3, 4, 2, "same", activation="tanh"),
    ),
    images("separable_conv2d", lambda k: k.layers.SeparableConv2D(3, 3)),
    images(
        "separable_conv2d_multiplier",
        lambda k: k.layers.SeparableConv2D(
            5, (2, 3), padding="same", depth_multiplier=2, use_bias=False
        ),
    ),
    images(
        "separable_conv2d_dilated",
        lambda k: k.layers.SeparableConv2D(3, 3, dilation_rate=2),
    ),
    images(
        "separable_conv2d_channels_first",
        lambda k: k.layers.SeparableConv2D(3, 3, strides=2, data_format=FIRST),
        IMAGES_FIRST,
    ),
    images(
        "separable_conv2d_penalised",
        lambda k: k.layers.SeparableConv2D(
            2, 2, pointwise_regularizer="l1", bias_regularizer="l2"
        ),
    ),
]

TRANSPOSED = [
    signal("conv1d_transpose", lambda k: k.layers.Conv1DTranspose(3, 3)),
    signal(
        "conv1d_transpose_same_strided",
        lambda k: k.layers.Conv1DTranspose(3, 4, 2, "same", activation="relu"),
    ),
    images("conv2d_transpose", lambda k: k.layers.Conv2DTranspose(3, 3)),
    images(
        "conv2d_transpose_strided",
        lambda k: k.layers.Conv2DTranspose(3, (2, 3), strides=(3, 2), use_bias=False),
    ),
    images(
        "conv2d_transpose_same_strided",
        lambda k: k.layers.Conv2DTranspose(3, 3, strides=2, padding="same"),
    ),
    images(
        "conv2d_transpose_longer",
        lambda k: k.layers.Conv2DTranspose(
            2, 3, strides=(2, 3), padding="same", output_padding=(1, 0)
        ),
    ),
    images(
        "conv2d_transpose_valid_longer",
        lambda k: k.layers.Conv2DTranspose(2, 3, strides=2, output_padding=1),
    ),
    images(
        "conv2d_transpose_dilated",
        lambda k: k.layers.Conv2DTranspose(2, 3, dilation_rate=(2, 1)),
    ),
    images(
        "conv2d_transpose_channels_first",
        lambda k: k.layers.Conv2DTranspose(3, 3, strides=2, data_format=FIRST),
        IMAGES_FIRST,
    ),
    images(
        "conv2d_transpose_penalised",
        lambda k: k.layers.Conv2DTranspose(
            2, 2, kernel_regularizer="l2", bias_regularizer="l1"
        ),
    ),
    volume("conv3d_transpose", lambda k: k.layers.Conv3DTranspose(2, 3)),
    volume(
        "conv3d_transpose_same_strided",
        lambda k: k.layers.Conv3DTranspose(2, 2, 2, "same", "channels_last", 1),
    ),
]

CONVOLUTION = [*DEPTHWISE, *SEPARABLE, *TRANSPOSED]
