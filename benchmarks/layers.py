"""Forward and backward pass of every layer at a medium size.

A model multiplies its input by a weight, so that the gradient with respect to the
layer's input is needed too, calls the layer, and minimises the mean square.
"""

from __future__ import annotations

from benchmarks.claim import Bar, Claim, Level, Peer, Quantity
from benchmarks.contest import KERAS
from benchmarks.peers.layer_steps import MEAN, LayerTask
from benchmarks.peers.layer_steps import layer_task as task

ROWS, SEQUENCES, VOLUMES = (128, 512), (32, 64, 128), (8, 12, 12, 12, 16)
IMAGES, PHOTOS, SIGNALS = (16, 32, 32, 32), (16, 96, 96, 3), (16, 8000)
MERGED = (64, 64, 128)

DENSE = {
    "Dense": task("Dense", ROWS, 512),
    "EinsumDense": task("EinsumDense", SEQUENCES, "abc,cd->abd", (None, 128)),
    "Maxout": task("Maxout", ROWS, 128, ours_only=True),
    "Embedding": task("Embedding", (64, 128), 10_000, 64, below=10_000),
    "ReversibleEmbedding": task(
        "ReversibleEmbedding", (64, 128), 10_000, 64, below=10_000
    ),
}
ACTIVATIONS = {
    name: task(name, SEQUENCES)
    for name in (
        "ELU",
        "LeakyReLU",
        "PReLU",
        "ReLU",
        "Softmax",
        "ActivityRegularization",
    )
} | {"Activation": task("Activation", SEQUENCES, "gelu")}
SHAPES = {
    "Flatten": task("Flatten", IMAGES),
    "Identity": task("Identity", IMAGES),
    "Permute": task("Permute", SEQUENCES, (2, 1)),
    "RepeatVector": task("RepeatVector", ROWS, 16),
    "Reshape": task("Reshape", SEQUENCES, (128, 64)),
    "Rescaling": task("Rescaling", IMAGES, 0.5),
    "Normalization": task("Normalization", ROWS, mean=0.5, variance=2.0),
}
MERGING = {
    name: task(name, MERGED, inputs=2)
    for name in ("Add", "Average", "Concatenate", "Maximum", "Minimum", "Multiply")
} | {
    "Subtract": task("Subtract", MERGED, inputs=2),
    "Dot": task("Dot", MERGED, axes=2, inputs=2),
}
NORMALIZATION = {
    **{
        name: task(name, IMAGES)
        for name in ("BatchNormalization", "LayerNormalization", "RMSNormalization")
    },
    "GroupNormalization": task("GroupNormalization", IMAGES, 8),
    "UnitNormalization": task("UnitNormalization", IMAGES),
    "SpectralNormalization": task("SpectralNormalization", ROWS, inner=("Dense", 512)),
}
RANDOM = {
    **{
        name: task(name, SEQUENCES, 0.25)
        for name in ("AlphaDropout", "Dropout", "GaussianDropout", "GaussianNoise")
    },
    "SpatialDropout1D": task("SpatialDropout1D", SEQUENCES, 0.25),
    "SpatialDropout2D": task("SpatialDropout2D", IMAGES, 0.25),
    "SpatialDropout3D": task("SpatialDropout3D", VOLUMES, 0.25),
}
_BY_RANK = {"1D": SEQUENCES, "2D": IMAGES, "3D": VOLUMES}
CONVOLUTION = {
    **{
        f"Conv{rank}{kind}": task(f"Conv{rank}{kind}", shape, 32, 3)
        for rank, shape in _BY_RANK.items()
        for kind in ("", "Transpose")
    },
    **{
        f"DepthwiseConv{rank}": task(f"DepthwiseConv{rank}", _BY_RANK[rank], 3)
        for rank in ("1D", "2D")
    },
    **{
        f"SeparableConv{rank}": task(f"SeparableConv{rank}", _BY_RANK[rank], 64, 3)
        for rank in ("1D", "2D")
    },
}
POOLING = {
    **{
        f"{kind}Pooling{rank}": task(f"{kind}Pooling{rank}", shape, *arguments)
        for rank, shape in _BY_RANK.items()
        for kind, arguments in {
            "Average": (2,),
            "Max": (2,),
            "GlobalAverage": (),
            "GlobalMax": (),
        }.items()
    },
    **{
        f"Adaptive{kind}Pooling{rank}": task(f"Adaptive{kind}Pooling{rank}", shape, 4)
        for rank, shape in _BY_RANK.items()
        for kind in ("Average", "Max")
    },
    **{
        f"{name}{rank}": task(f"{name}{rank}", shape, *arguments)
        for rank, shape in _BY_RANK.items()
        for name, arguments in {
            "Cropping": (1,),
            "UpSampling": (2,),
            "ZeroPadding": (1,),
        }.items()
    },
}
RECURRENT = {
    **{name: task(name, SEQUENCES, 64) for name in ("GRU", "LSTM", "SimpleRNN")},
    "RNN": task("RNN", SEQUENCES, inner=("LSTMCell", 64)),
    "Bidirectional": task("Bidirectional", SEQUENCES, inner=("LSTM", 64)),
    "TimeDistributed": task("TimeDistributed", SEQUENCES, inner=("Dense", 64)),
    "ConvLSTM1D": task("ConvLSTM1D", (8, 8, 32, 8), 16, 3),
    "ConvLSTM2D": task("ConvLSTM2D", (4, 8, 16, 16, 8), 16, 3),
    "ConvLSTM3D": task("ConvLSTM3D", (2, 4, 8, 8, 8, 4), 8, 3),
}
ATTENTION = {
    "Attention": task("Attention", SEQUENCES, inputs=2),
    "AdditiveAttention": task("AdditiveAttention", SEQUENCES, inputs=2),
    "MultiHeadAttention": task(
        "MultiHeadAttention", SEQUENCES, 4, 32, inputs=2, is_spread=True
    ),
    "GroupQueryAttention": task(
        "GroupQueryAttention", SEQUENCES, 32, 4, 2, inputs=2, is_spread=True
    ),
}
PICTURES = {
    **{
        name: task(name, PHOTOS)
        for name in (
            *("AugMix", "AutoContrast", "RandAugment"),
            *("RandomColorJitter", "RandomErasing"),
            *("RandomFlip", "RandomGaussianBlur", "RandomGrayscale", "RandomInvert"),
            "ContrastLimitedAdaptiveHistogramEqualization",
            *("RandomPerspective", "RandomShear", "Solarization"),
        )
    },
    **{
        name: task(name, PHOTOS, 0.2)
        for name in (
            *("RandomBrightness", "RandomColorDegeneration", "RandomContrast"),
            *("RandomHue", "RandomRotation", "RandomSaturation", "RandomSharpness"),
            "RandomZoom",
        )
    },
    **{
        name: task(name, PHOTOS, ours_only=True)
        for name in ("Equalization", "RandomElasticTransform")
    },
    "RandomPosterization": task("RandomPosterization", PHOTOS, 4),
    "RandomTranslation": task("RandomTranslation", PHOTOS, 0.2, 0.2),
    "RandomCrop": task("RandomCrop", PHOTOS, 64, 64),
    "CenterCrop": task("CenterCrop", PHOTOS, 64, 64),
    "Resizing": task("Resizing", PHOTOS, 64, 64),
    "STFTSpectrogram": task("STFTSpectrogram", (*SIGNALS, 1)),
    "MelSpectrogram": task("MelSpectrogram", SIGNALS),
}
LAYERS: dict[str, LayerTask] = {
    **DENSE,
    **ACTIVATIONS,
    **SHAPES,
    **MERGING,
    **NORMALIZATION,
    **RANDOM,
    **CONVOLUTION,
    **POOLING,
    **RECURRENT,
    **ATTENTION,
    **PICTURES,
}
COMPARED = [name for name, layer in LAYERS.items() if not layer.ours_only]

CLAIM = Claim(
    name="layers",
    title="scale, a layer, mean square: a step of fit with SGD",
    quantities=(
        Quantity(MEAN, "geometric mean of the layers that both train", "ms", 1e3),
        *(Quantity(name, name, "ms", 1e3) for name in LAYERS),
    ),
    peers=(
        Peer(
            "lamina", "layer_steps:all_layers", {"library": "lamina", "tasks": LAYERS}
        ),
        Peer(KERAS, "layer_steps:all_layers", {"library": "keras", "tasks": LAYERS}),
    ),
    bars=(
        Bar("1.5 times Keras-JAX's speed on average", MEAN, (KERAS,), 1 / 1.5),
        *(
            Bar(f"{name}: 0.9 of Keras-JAX's speed", name, (KERAS,), 1 / 0.9)
            for name in COMPARED
        ),
    ),
    rounds=5,
    quick_rounds=2,
    level=Level.FULL,
    notes=("Cells are measured in RNN; layers without a gradient are left out.",),
)
