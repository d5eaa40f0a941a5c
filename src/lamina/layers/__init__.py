"""Layers.

Families are imported on first use: the table in `lazy` says where each layer is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.core.registry import deserialize
from lamina.layers.base.layer import Layer, layer_registry, serialize
from lamina.layers.base.spec import InputSpec
from lamina.layers.core.input import Input, InputLayer
from lamina.layers.lazy import ALIASES, FUNCTIONS, LAZY
from lamina.lazy import lazy_attributes

if TYPE_CHECKING:
    from lamina.layers.activation import ELU, LeakyReLU, PReLU, ReLU, Softmax
    from lamina.layers.attention.dot_product import AdditiveAttention, Attention
    from lamina.layers.attention.multi_head import (
        GroupQueryAttention,
        MultiHeadAttention,
    )
    from lamina.layers.audio import MelSpectrogram, STFTSpectrogram
    from lamina.layers.convolution.regular import Conv1D, Conv2D, Conv3D
    from lamina.layers.convolution.separable import (
        DepthwiseConv1D,
        DepthwiseConv2D,
        SeparableConv1D,
        SeparableConv2D,
    )
    from lamina.layers.convolution.transposed import (
        Conv1DTranspose,
        Conv2DTranspose,
        Conv3DTranspose,
    )
    from lamina.layers.core.dense import Dense, EinsumDense
    from lamina.layers.core.embedding import Embedding
    from lamina.layers.core.functions import (
        Activation,
        ActivityRegularization,
        Identity,
        Lambda,
        Masking,
        Maxout,
    )
    from lamina.layers.core.reversible_embedding import ReversibleEmbedding
    from lamina.layers.core.wrapper import Wrapper
    from lamina.layers.dropout import (
        AlphaDropout,
        Dropout,
        GaussianDropout,
        GaussianNoise,
        SpatialDropout1D,
        SpatialDropout2D,
        SpatialDropout3D,
    )
    from lamina.layers.external.flax import FlaxLayer
    from lamina.layers.external.functions import JaxLayer
    from lamina.layers.external.saved_model import TFSMLayer
    from lamina.layers.external.torch import TorchModuleWrapper
    from lamina.layers.image.color import (
        RandomBrightness,
        RandomColorDegeneration,
        RandomColorJitter,
        RandomContrast,
        RandomGrayscale,
        RandomHue,
        RandomSaturation,
    )
    from lamina.layers.image.distortion import (
        RandomElasticTransform,
        RandomGaussianBlur,
        RandomPerspective,
        RandomSharpness,
    )
    from lamina.layers.image.geometry import (
        RandomFlip,
        RandomRotation,
        RandomShear,
        RandomTranslation,
        RandomZoom,
    )
    from lamina.layers.image.levels import (
        AutoContrast,
        ContrastLimitedAdaptiveHistogramEqualization,
        Equalization,
        RandomInvert,
        RandomPosterization,
        Solarization,
    )
    from lamina.layers.image.mixing import CutMix, MixUp, RandomErasing
    from lamina.layers.image.policies import AugMix, RandAugment
    from lamina.layers.image.sizes import (
        CenterCrop,
        MaxNumBoundingBoxes,
        RandomCrop,
        Resizing,
    )
    from lamina.layers.merging import (
        Add,
        Average,
        Concatenate,
        Dot,
        Maximum,
        Minimum,
        Multiply,
        Subtract,
    )
    from lamina.layers.merging_functions import (
        add,
        average,
        concatenate,
        dot,
        maximum,
        minimum,
        multiply,
        subtract,
    )
    from lamina.layers.normalization.batch import BatchNormalization
    from lamina.layers.normalization.layer import (
        GroupNormalization,
        LayerNormalization,
        RMSNormalization,
        UnitNormalization,
    )
    from lamina.layers.normalization.spectral import SpectralNormalization
    from lamina.layers.padding import (
        Cropping1D,
        Cropping2D,
        Cropping3D,
        ZeroPadding1D,
        ZeroPadding2D,
        ZeroPadding3D,
    )
    from lamina.layers.pooling.adaptive import (
        AdaptiveAveragePooling1D,
        AdaptiveAveragePooling2D,
        AdaptiveAveragePooling3D,
        AdaptiveMaxPooling1D,
        AdaptiveMaxPooling2D,
        AdaptiveMaxPooling3D,
    )
    from lamina.layers.pooling.windows import (
        AveragePooling1D,
        AveragePooling2D,
        AveragePooling3D,
        GlobalAveragePooling1D,
        GlobalAveragePooling2D,
        GlobalAveragePooling3D,
        GlobalMaxPooling1D,
        GlobalMaxPooling2D,
        GlobalMaxPooling3D,
        MaxPooling1D,
        MaxPooling2D,
        MaxPooling3D,
    )
    from lamina.layers.preprocessing.categorical import CategoryEncoding
    from lamina.layers.preprocessing.hashed import HashedCrossing, Hashing
    from lamina.layers.preprocessing.lookup import IntegerLookup, StringLookup
    from lamina.layers.preprocessing.numeric import (
        Discretization,
        Normalization,
        Rescaling,
    )
    from lamina.layers.preprocessing.pipeline import Pipeline
    from lamina.layers.preprocessing.text import TextVectorization
    from lamina.layers.recurrent.cells import GRUCell, LSTMCell, SimpleRNNCell
    from lamina.layers.recurrent.conv_lstm import ConvLSTM1D, ConvLSTM2D, ConvLSTM3D
    from lamina.layers.recurrent.rnn import RNN
    from lamina.layers.recurrent.stack import StackedRNNCells
    from lamina.layers.recurrent.standard import GRU, LSTM, SimpleRNN
    from lamina.layers.recurrent.wrappers import Bidirectional, TimeDistributed
    from lamina.layers.reshaping import (
        Flatten,
        Permute,
        RepeatVector,
        Reshape,
        UpSampling1D,
        UpSampling2D,
        UpSampling3D,
    )

    Convolution1D, Convolution2D, Convolution3D = Conv1D, Conv2D, Conv3D
    Convolution1DTranspose, Convolution2DTranspose = Conv1DTranspose, Conv2DTranspose
    Convolution3DTranspose = Conv3DTranspose
    SeparableConvolution1D, SeparableConvolution2D = SeparableConv1D, SeparableConv2D
    AvgPool1D, AvgPool2D, AvgPool3D = (
        AveragePooling1D,
        AveragePooling2D,
        AveragePooling3D,
    )
    MaxPool1D, MaxPool2D, MaxPool3D = MaxPooling1D, MaxPooling2D, MaxPooling3D
    GlobalAvgPool1D, GlobalMaxPool1D = GlobalAveragePooling1D, GlobalMaxPooling1D
    GlobalAvgPool2D, GlobalMaxPool2D = GlobalAveragePooling2D, GlobalMaxPooling2D
    GlobalAvgPool3D, GlobalMaxPool3D = GlobalAveragePooling3D, GlobalMaxPooling3D
else:
    __getattr__ = lazy_attributes(__name__, **LAZY, **FUNCTIONS, **ALIASES)

__all__ = [
    "Activation",
    "ActivityRegularization",
    "AdaptiveAveragePooling1D",
    "AdaptiveAveragePooling2D",
    "AdaptiveAveragePooling3D",
    "AdaptiveMaxPooling1D",
    "AdaptiveMaxPooling2D",
    "AdaptiveMaxPooling3D",
    "Add",
    "AdditiveAttention",
    "AlphaDropout",
    "Attention",
    "AugMix",
    "AutoContrast",
    "Average",
    "AveragePooling1D",
    "AveragePooling2D",
    "AveragePooling3D",
    "AvgPool1D",
    "AvgPool2D",
    "AvgPool3D",
    "BatchNormalization",
    "Bidirectional",
    "CategoryEncoding",
    "CenterCrop",
    "Concatenate",
    "ContrastLimitedAdaptiveHistogramEqualization",
    "Conv1D",
    "Conv1DTranspose",
    "Conv2D",
    "Conv2DTranspose",
    "Conv3D",
    "Conv3DTranspose",
    "ConvLSTM1D",
    "ConvLSTM2D",
    "ConvLSTM3D",
    "Convolution1D",
    "Convolution1DTranspose",
    "Convolution2D",
    "Convolution2DTranspose",
    "Convolution3D",
    "Convolution3DTranspose",
    "Cropping1D",
    "Cropping2D",
    "Cropping3D",
    "CutMix",
    "Dense",
    "DepthwiseConv1D",
    "DepthwiseConv2D",
    "Discretization",
    "Dot",
    "Dropout",
    "ELU",
    "EinsumDense",
    "Embedding",
    "Equalization",
    "Flatten",
    "FlaxLayer",
    "GRU",
    "GRUCell",
    "GaussianDropout",
    "GaussianNoise",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalAveragePooling3D",
    "GlobalAvgPool1D",
    "GlobalAvgPool2D",
    "GlobalAvgPool3D",
    "GlobalMaxPool1D",
    "GlobalMaxPool2D",
    "GlobalMaxPool3D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "GlobalMaxPooling3D",
    "GroupNormalization",
    "GroupQueryAttention",
    "HashedCrossing",
    "Hashing",
    "Identity",
    "Input",
    "InputLayer",
    "InputSpec",
    "IntegerLookup",
    "JaxLayer",
    "LSTM",
    "LSTMCell",
    "Lambda",
    "Layer",
    "LayerNormalization",
    "LeakyReLU",
    "Masking",
    "MaxNumBoundingBoxes",
    "MaxPool1D",
    "MaxPool2D",
    "MaxPool3D",
    "MaxPooling1D",
    "MaxPooling2D",
    "MaxPooling3D",
    "Maximum",
    "Maxout",
    "MelSpectrogram",
    "Minimum",
    "MixUp",
    "MultiHeadAttention",
    "Multiply",
    "Normalization",
    "PReLU",
    "Permute",
    "Pipeline",
    "RMSNormalization",
    "RNN",
    "RandAugment",
    "RandomBrightness",
    "RandomColorDegeneration",
    "RandomColorJitter",
    "RandomContrast",
    "RandomCrop",
    "RandomElasticTransform",
    "RandomErasing",
    "RandomFlip",
    "RandomGaussianBlur",
    "RandomGrayscale",
    "RandomHue",
    "RandomInvert",
    "RandomPerspective",
    "RandomPosterization",
    "RandomRotation",
    "RandomSaturation",
    "RandomSharpness",
    "RandomShear",
    "RandomTranslation",
    "RandomZoom",
    "ReLU",
    "RepeatVector",
    "Rescaling",
    "Reshape",
    "STFTSpectrogram",
    "ReversibleEmbedding",
    "Resizing",
    "SeparableConv1D",
    "SeparableConv2D",
    "SeparableConvolution1D",
    "SeparableConvolution2D",
    "SimpleRNN",
    "SimpleRNNCell",
    "Softmax",
    "Solarization",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
    "SpectralNormalization",
    "StackedRNNCells",
    "StringLookup",
    "Subtract",
    "TextVectorization",
    "TFSMLayer",
    "TimeDistributed",
    "TorchModuleWrapper",
    "UnitNormalization",
    "UpSampling1D",
    "UpSampling2D",
    "UpSampling3D",
    "Wrapper",
    "ZeroPadding1D",
    "ZeroPadding2D",
    "ZeroPadding3D",
    "add",
    "average",
    "concatenate",
    "deserialize",
    "dot",
    "maximum",
    "minimum",
    "multiply",
    "serialize",
    "subtract",
]

layer_registry.add(Layer, InputLayer)
layer_registry.add_lazy(LAZY)


def __dir__() -> list[str]:
    return __all__
