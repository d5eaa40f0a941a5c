"""Layers that are imported on first use, by module."""

from __future__ import annotations

from lamina.lazy import origins_of

LAZY = origins_of(
    "lamina.layers",
    {
        "audio": ("MelSpectrogram", "STFTSpectrogram"),
        "core.reversible_embedding": ("ReversibleEmbedding",),
        "external.flax": ("FlaxLayer",),
        "external.functions": ("JaxLayer",),
        "external.saved_model": ("TFSMLayer",),
        "external.torch": ("TorchModuleWrapper",),
        "image.color": (
            "RandomBrightness",
            "RandomColorDegeneration",
            "RandomColorJitter",
            "RandomContrast",
            "RandomGrayscale",
            "RandomHue",
            "RandomSaturation",
        ),
        "image.distortion": (
            "RandomElasticTransform",
            "RandomGaussianBlur",
            "RandomPerspective",
            "RandomSharpness",
        ),
        "image.geometry": (
            "RandomFlip",
            "RandomRotation",
            "RandomShear",
            "RandomTranslation",
            "RandomZoom",
        ),
        "image.levels": (
            "AutoContrast",
            "ContrastLimitedAdaptiveHistogramEqualization",
            "Equalization",
            "RandomInvert",
            "RandomPosterization",
            "Solarization",
        ),
        "image.mixing": ("CutMix", "MixUp", "RandomErasing"),
        "image.policies": ("AugMix", "RandAugment"),
        "image.sizes": ("CenterCrop", "MaxNumBoundingBoxes", "RandomCrop", "Resizing"),
        "normalization.spectral": ("SpectralNormalization",),
        "preprocessing.hashed": ("HashedCrossing", "Hashing"),
        "preprocessing.pipeline": ("Pipeline",),
        "preprocessing.text": ("TextVectorization",),
    },
)
