"""Cases of image layers, with settings that leave nothing to chance.

`TRANSFORMS` has transforms with given parameters, in the form that Keras draws them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.tables.arrays import bools, floats, ints
from tests.tables.cases import LayerCase, SmallCase

PIXELS = floats(2, 6, 8, 3, low=0, high=255)
UNIT = PIXELS / 255
FIRST = np.moveaxis(PIXELS, -1, 1).copy()
BYTES = ints(2, 6, 8, 3, below=256).astype("uint8")
COUPLED = frozenset({"couples rows", "jumps"})
JUMPS = frozenset({"jumps"})
AUGMENTS = frozenset({"random", "augments"})
INFERENCE = {"training": False}

SIZES = [
    LayerCase("resizing", lambda k: k.layers.Resizing(4, 5), (PIXELS,)),
    LayerCase("resizing_larger", lambda k: k.layers.Resizing(9, 11), (PIXELS,)),
    LayerCase("resizing_bytes", lambda k: k.layers.Resizing(12, 16), (BYTES,)),
    LayerCase(
        "resizing_nearest", lambda k: k.layers.Resizing(4, 5, "nearest"), (PIXELS,)
    ),
    LayerCase(
        "resizing_bicubic",
        lambda k: k.layers.Resizing(4, 9, "bicubic", antialias=True),
        (PIXELS,),
    ),
    LayerCase(
        "resizing_crop",
        lambda k: k.layers.Resizing(4, 4, crop_to_aspect_ratio=True),
        (PIXELS,),
    ),
    LayerCase(
        "resizing_pad",
        lambda k: k.layers.Resizing(4, 4, pad_to_aspect_ratio=True, fill_value=7.0),
        (PIXELS,),
    ),
    LayerCase(
        "resizing_channels_first",
        lambda k: k.layers.Resizing(4, 5, data_format="channels_first"),
        (FIRST,),
    ),
    LayerCase("center_crop", lambda k: k.layers.CenterCrop(3, 5), (PIXELS,)),
    LayerCase("center_crop_of_small", lambda k: k.layers.CenterCrop(8, 4), (PIXELS,)),
    LayerCase(
        "center_crop_channels_first",
        lambda k: k.layers.CenterCrop(3, 5, data_format="channels_first"),
        (FIRST,),
    ),
    LayerCase("random_crop_of_all", lambda k: k.layers.RandomCrop(6, 8, 3), (PIXELS,)),
    LayerCase("max_boxes", lambda k: k.layers.MaxNumBoundingBoxes(3), (PIXELS,)),
]

HISTOGRAMS = [
    LayerCase("auto_contrast", lambda k: k.layers.AutoContrast(), (PIXELS,)),
    LayerCase(
        "auto_contrast_unit",
        lambda k: k.layers.AutoContrast(value_range=(0, 1)),
        (UNIT,),
    ),
    LayerCase(
        "equalization", lambda k: k.layers.Equalization(), (PIXELS,), traits=COUPLED
    ),
    LayerCase(
        "equalization_bins",
        lambda k: k.layers.Equalization((0, 1), bins=16, data_format="channels_first"),
        (FIRST / 255,),
        traits=COUPLED,
    ),
    LayerCase(
        "equalization_inference",
        lambda k: k.layers.Equalization(),
        (PIXELS,),
        call=INFERENCE,
    ),
    LayerCase(
        "clahe",
        lambda k: k.layers.ContrastLimitedAdaptiveHistogramEqualization(
            tile_grid_size=(2, 3)
        ),
        (PIXELS,),
        traits=JUMPS,
    ),
    LayerCase(
        "clahe_channels_first",
        lambda k: k.layers.ContrastLimitedAdaptiveHistogramEqualization(
            (0, 1), 0.0, (4, 4), data_format="channels_first"
        ),
        (FIRST / 255,),
        traits=JUMPS,
    ),
]

COLORS = [
    LayerCase(
        "brightness", lambda k: k.layers.RandomBrightness((0.2, 0.2), seed=1), (PIXELS,)
    ),
    LayerCase(
        "brightness_unit",
        lambda k: k.layers.RandomBrightness((-0.3, -0.3), (0, 1)),
        (UNIT,),
    ),
    LayerCase(
        "contrast_inference",
        lambda k: k.layers.RandomContrast((0.4, 0.2), (0, 1), seed=1),
        (UNIT,),
        call=INFERENCE,
        traits=AUGMENTS,
    ),
    LayerCase(
        "color_degeneration",
        lambda k: k.layers.RandomColorDegeneration((0.4, 0.4), seed=2),
        (PIXELS,),
    ),
    LayerCase(
        "color_degeneration_channels_first",
        lambda k: k.layers.RandomColorDegeneration(
            (0.4, 0.4), (0, 1), "channels_first"
        ),
        (FIRST / 255,),
    ),
    LayerCase(
        "saturation",
        lambda k: k.layers.RandomSaturation((0.3, 0.3), (0, 1), seed=2),
        (UNIT,),
    ),
    LayerCase(
        "saturation_more",
        lambda k: k.layers.RandomSaturation((0.8, 0.8), (0, 1), "channels_first"),
        (FIRST / 255,),
    ),
    LayerCase("hue", lambda k: k.layers.RandomHue((0.0, 0.0), (0, 1)), (UNIT,)),
    LayerCase(
        "hue_inference",
        lambda k: k.layers.RandomHue(0.4, (0, 1), seed=2),
        (UNIT,),
        call=INFERENCE,
        traits=AUGMENTS,
    ),
    LayerCase(
        "sharpness", lambda k: k.layers.RandomSharpness((0.8, 0.8), seed=3), (PIXELS,)
    ),
    LayerCase(
        "sharpness_channels_first",
        lambda k: k.layers.RandomSharpness((0.1, 0.1), (0, 1), "channels_first"),
        (FIRST / 255,),
    ),
    LayerCase(
        "posterization",
        lambda k: k.layers.RandomPosterization((3, 3), seed=1),
        (PIXELS,),
        traits=JUMPS,
    ),
    LayerCase(
        "posterization_unit",
        lambda k: k.layers.RandomPosterization((2, 2), (0, 1)),
        (UNIT,),
        traits=JUMPS,
    ),
    LayerCase(
        "invert", lambda k: k.layers.RandomInvert((1.0, 1.0), (0, 1), 1), (UNIT,)
    ),
    LayerCase(
        "solarization",
        lambda k: k.layers.Solarization(value_range=(0, 1), seed=1),
        (UNIT,),
    ),
    LayerCase(
        "solarization_inference",
        lambda k: k.layers.Solarization(0.3, (0.2, 0.4), (0, 1), seed=1),
        (UNIT,),
        call=INFERENCE,
        traits=AUGMENTS,
    ),
    LayerCase("grayscale", lambda k: k.layers.RandomGrayscale(1.0), (PIXELS,)),
    LayerCase(
        "gaussian_blur",
        lambda k: k.layers.RandomGaussianBlur((1.0, 1.0), (3, 5), (0.7, 0.7), seed=1),
        (PIXELS,),
    ),
    LayerCase(
        "color_jitter",
        lambda k: k.layers.RandomColorJitter(
            (0, 1), (0.1, 0.1), None, (0.3, 0.3), (0.0, 0.0), seed=1
        ),
        (UNIT,),
    ),
]

GEOMETRY = [
    LayerCase(
        "flip",
        lambda k: k.layers.RandomFlip("horizontal", seed=2),
        (PIXELS,),
        call=INFERENCE,
        traits=AUGMENTS,
    ),
    LayerCase(
        "rotation", lambda k: k.layers.RandomRotation((0.1, 0.1), seed=1), (PIXELS,)
    ),
    LayerCase(
        "rotation_nearest",
        lambda k: k.layers.RandomRotation(
            (-0.3, -0.3), "constant", "nearest", fill_value=9.0
        ),
        (PIXELS,),
        traits=JUMPS,
    ),
    LayerCase(
        "rotation_channels_first",
        lambda k: k.layers.RandomRotation(
            (0.2, 0.2), "wrap", data_format="channels_first"
        ),
        (FIRST,),
    ),
    LayerCase(
        "translation",
        lambda k: k.layers.RandomTranslation((0.3, 0.3), (-0.15, -0.15), seed=1),
        (PIXELS,),
    ),
    LayerCase(
        "translation_nearest",
        lambda k: k.layers.RandomTranslation((0.5, 0.5), (-0.25, -0.25), "nearest"),
        (PIXELS,),
    ),
    LayerCase("zoom", lambda k: k.layers.RandomZoom((-0.3, -0.3), seed=1), (PIXELS,)),
    LayerCase(
        "zoom_out",
        lambda k: k.layers.RandomZoom(
            (0.5, 0.5), (0.2, 0.2), "constant", fill_value=3.0
        ),
        (PIXELS,),
    ),
    LayerCase("shear_of_nothing", lambda k: k.layers.RandomShear(seed=1), (PIXELS,)),
    LayerCase(
        "shear_inference",
        lambda k: k.layers.RandomShear((0.3, 0.4), 0.2, "nearest", "wrap", seed=1),
        (PIXELS,),
        call=INFERENCE,
        traits=AUGMENTS,
    ),
    LayerCase(
        "perspective",
        lambda k: k.layers.RandomPerspective(0.7, 0.6, fill_value=4.0, seed=1),
        (PIXELS,),
        call=INFERENCE,
        traits=AUGMENTS,
    ),
    LayerCase(
        "elastic",
        lambda k: k.layers.RandomElasticTransform((0.8, 0.9), (0.9, 1.0), seed=1),
        (PIXELS,),
        call=INFERENCE,
        traits=AUGMENTS,
    ),
]

POLICIES = [
    LayerCase(
        "mix_up",
        lambda k: k.layers.MixUp(0.4, seed=1),
        (PIXELS,),
        call=INFERENCE,
        traits=AUGMENTS,
    ),
    LayerCase(
        "cut_mix",
        lambda k: k.layers.CutMix((0.5, 0.9), seed=3),
        (PIXELS,),
        call=INFERENCE,
        traits=AUGMENTS,
    ),
    LayerCase(
        "erasing",
        lambda k: k.layers.RandomErasing(0.9, (0.1, 0.3), (1.0, 2.0, 3.0), seed=1),
        (PIXELS,),
        call=INFERENCE,
        traits=AUGMENTS,
    ),
    LayerCase(
        "erasing_noise",
        lambda k: k.layers.RandomErasing(seed=1, data_format="channels_first"),
        (FIRST,),
        call=INFERENCE,
        traits=AUGMENTS,
    ),
    LayerCase(
        "rand_augment",
        lambda k: k.layers.RandAugment(num_ops=1, factor=0.4, seed=1),
        (PIXELS,),
        call=INFERENCE,
        traits=AUGMENTS,
    ),
    LayerCase(
        "aug_mix",
        lambda k: k.layers.AugMix((0, 1), 2, 1, 0.2, 0.5, all_ops=False, seed=1),
        (UNIT,),
        call=INFERENCE,
        traits=AUGMENTS,
    ),
    LayerCase(
        "pipeline",
        lambda k: k.layers.Pipeline(
            [k.layers.RandomBrightness((0.1, 0.1)), k.layers.Resizing(4, 5)]
        ),
        (PIXELS,),
    ),
]

IMAGE = [*SIZES, *HISTOGRAMS, *COLORS, *GEOMETRY, *POLICIES]

SHAPE = {"input_shape": PIXELS.shape}
COLUMN = (2, 1, 1, 1)
FACTORS = floats(*COLUMN, low=0.2, high=0.9, seed=5)
HALF = np.array([True, False])
REGIONS = np.broadcast_to(bools(2, 6, 8, 1), PIXELS.shape)
BOXES = np.array(
    [[[1, 1, 4, 3], [0, 2, 8, 6]], [[5, 0, 7, 2], [-1, -1, -1, -1]]], "float32"
)
MASKS = ints(2, 6, 8, 1, below=4)
SHIFTS = np.array([[1.5, -1.0], [-2.25, 0.5]], "float32")
START = np.array([[0, 0], [7, 0], [0, 5], [7, 5]], "float32")[None].repeat(2, 0)
END = START * floats(2, 4, 2, low=0.8, high=1.2)
MIX = {"mix_weight": FACTORS[:, 0, 0, 0], "permutation_order": np.array([1, 0])}


def images(
    name: str, make: Any, x: np.ndarray = PIXELS, **parameters: Any
) -> SmallCase:
    transform = lambda k: make(k.layers).transform_images(x, {**SHAPE, **parameters})  # noqa: E731
    return SmallCase(name, transform)


def boxes(name: str, make: Any, **parameters: Any) -> SmallCase:
    def transform(k: Any) -> Any:
        layer = make(k.layers)
        given = {"boxes": BOXES.copy(), "labels": np.array([[1, 2], [3, -1]])}
        return layer.transform_bounding_boxes(given, {**SHAPE, **parameters})

    return SmallCase(f"{name}_boxes", transform)


def masks(name: str, make: Any, **parameters: Any) -> SmallCase:
    return SmallCase(
        f"{name}_masks",
        lambda k: make(k.layers).transform_segmentation_masks(
            MASKS, {**SHAPE, **parameters}
        ),
    )


def moving(name: str, make: Any, **parameters: Any) -> list[SmallCase]:
    return [case(name, make, **parameters) for case in (images, boxes, masks)]


XYXY = {"bounding_box_format": "xyxy"}
FLAT = np.concatenate([UNIT[:1], UNIT[:1] * 0 + 0.5])
TRANSFORMS = [
    images("auto_contrast", lambda k: k.AutoContrast((0, 1)), FLAT),
    images("brightness", lambda k: k.RandomBrightness(0.1), rgb_delta=FACTORS * 50),
    images("contrast", lambda k: k.RandomContrast(0.1), contrast_factor=FACTORS + 0.5),
    images("gray_share", lambda k: k.RandomColorDegeneration(0.1), factor=FACTORS),
    images("hue", lambda k: k.RandomHue(0.1), factor=FACTORS[:, 0, 0, 0] - 0.5),
    images(
        "saturation",
        lambda k: k.RandomSaturation(0.1, (0, 1)),
        UNIT,
        factor=FACTORS[:, 0, 0, 0],
    ),
    images("sharpness", lambda k: k.RandomSharpness(0.1), factor=FACTORS),
    images(
        "posterization",
        lambda k: k.RandomPosterization(4),
        shift_factor=np.array([3, 6], "uint8"),
    ),
    images("invert", lambda k: k.RandomInvert(), apply_inversion=HALF),
    images(
        "solarization",
        lambda k: k.Solarization(value_range=(0, 1)),
        UNIT,
        additions=FACTORS * 40,
        thresholds=FACTORS * 200,
    ),
    images(
        "blur",
        lambda k: k.RandomGaussianBlur(kernel_size=5),
        should_apply_blur=HALF,
        blur_factor=np.array([0.6, 0.9], "float32"),
    ),
    images(
        "erasing",
        lambda k: k.RandomErasing(),
        apply_erasing=HALF,
        batch_masks=REGIONS,
        fill_value=PIXELS[::-1],
    ),
    images("cut_mix", lambda k: k.CutMix(), batch_masks=REGIONS, **MIX),
    images("mix_up", lambda k: k.MixUp(), **MIX),
    SmallCase(
        "mix_up_labels",
        lambda k: k.layers.MixUp().transform_labels(np.eye(2, dtype="float32"), MIX),
    ),
    *moving(
        "translation",
        lambda k: k.RandomTranslation(0.1, 0.1, **XYXY),
        translations=SHIFTS,
    ),
    *moving(
        "zoom",
        lambda k: k.RandomZoom(0.1, 0.1, **XYXY),
        height_zoom=FACTORS[:, 0, 0] + 0.3,
        width_zoom=FACTORS[::-1, 0, 0],
    ),
    images("shear", lambda k: k.RandomShear(0.1, 0.1), shear_factor=SHIFTS / 5),
    masks("shear", lambda k: k.RandomShear(0.1, 0.1), shear_factor=SHIFTS / 5),
    *moving(
        "perspective",
        lambda k: k.RandomPerspective(**XYXY),
        apply_perspective=HALF,
        start_points=START,
        end_points=END,
    ),
]
