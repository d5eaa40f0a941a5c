"""Cases of image ops, which Keras's results are recorded for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from tests.tables.arrays import floats, ints


class ImageCase(NamedTuple):
    op: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any] = {}
    dtype: str = "float32"

    @property
    def name(self) -> str:
        shapes = "-".join("x".join(map(str, np.shape(a))) for a in self.args)
        options = "-".join(f"{k}={v}" for k, v in self.kwargs.items())
        return f"{self.op}-{shapes}-{options}-{self.dtype}".replace("/", " ")

    def make(self, k: Any) -> Any:
        args = [np.asarray(a) if i else self.images for i, a in enumerate(self.args)]
        result = getattr(k.ops.image, self.op)(*args, **self.kwargs)
        return result.astype("float32") if self.dtype == "bfloat16" else result

    @property
    def images(self) -> np.ndarray:
        return self.args[0].astype(self.dtype)


FIRST = {"data_format": "channels_first"}
IMAGES = floats(2, 6, 8, 3, low=0.0, high=1.0)
PLANES = IMAGES.transpose(0, 3, 1, 2)
BYTES = ints(2, 6, 8, 3, below=256)
ONE = IMAGES[0]
# Rotations with shifts, one beyond the border.
TURNS = np.array(
    [
        [0.917, -0.383, 1.311, 0.377, 0.923, -2.219, 0, 0],
        [1.211, 0.307, -7.613, -0.197, 0.709, 3.407, 0, 0],
    ],
    "float32",
)
CORNERS = np.array([[[0, 0], [7, 0], [0, 5], [7, 5]]] * 2, "float32")
MOVED = CORNERS + floats(2, 4, 2, seed=3)
VOLUMES = floats(1, 4, 5, 6, 2)


def resized(interpolation, **kwargs):
    return {"size": (4, 13), "interpolation": interpolation, **kwargs}


RESIZED = [
    *[
        ImageCase("resize", (IMAGES,), resized(name, antialias=antialias))
        for name in ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")
        for antialias in (False, True)
    ],
    ImageCase("resize", (IMAGES,), resized("bilinear", crop_to_aspect_ratio=True)),
    ImageCase(
        "resize",
        (IMAGES,),
        resized(
            "bicubic", pad_to_aspect_ratio=True, fill_mode="constant", fill_value=0.5
        ),
    ),
    ImageCase("resize", (PLANES,), resized("bilinear", **FIRST)),
    ImageCase(
        "resize", (PLANES[0],), {"size": (9, 3), "pad_to_aspect_ratio": True} | FIRST
    ),
    ImageCase("resize", (BYTES,), {"size": (3, 5)}, "uint8"),
    ImageCase(
        "resize", (BYTES,), {"size": (9, 5), "interpolation": "nearest"}, "uint8"
    ),
    ImageCase("resize", (ONE,), {"size": (9, 5)}, "bfloat16"),
    ImageCase(
        "resize", (np.tile(ONE, (6, 1, 1)),), {"size": (2, 8), "antialias": True}
    ),
]

WARPED = [
    *[
        ImageCase(
            "affine_transform",
            (IMAGES, TURNS),
            {"interpolation": interpolation, "fill_mode": mode, "fill_value": 0.5},
        )
        for interpolation in ("nearest", "bilinear")
        for mode in ("constant", "nearest", "wrap", "mirror", "reflect")
    ],
    # Half a pixel: the first position is between the border and a pixel.
    ImageCase(
        "affine_transform",
        (IMAGES, np.array([[1, 0, -0.5, 0, 1, 0.5, 0, 0]] * 2, "float32")),
        {"interpolation": "nearest"},
    ),
    ImageCase("affine_transform", (PLANES, TURNS), FIRST),
    ImageCase("affine_transform", (ONE, TURNS[0])),
    ImageCase("affine_transform", (BYTES, TURNS), {"fill_value": 7}, "uint8"),
    ImageCase("perspective_transform", (IMAGES, CORNERS, MOVED), {"fill_value": 0.5}),
    ImageCase(
        "perspective_transform",
        (PLANES[0], CORNERS[0], MOVED[0]),
        {"interpolation": "nearest", **FIRST},
    ),
    *[
        ImageCase(
            "map_coordinates",
            (IMAGES[0, :, :, 0], floats(2, 3, 4, low=-3, high=9)),
            {"order": order, "fill_mode": mode, "fill_value": 2},
        )
        for order in (0, 1)
        for mode in ("constant", "mirror")
    ],
    *[
        ImageCase(
            "scale_and_translate",
            (IMAGES,),
            {
                "output_shape": (2, 8, 5, 3),
                "scale": np.array([1.4, 0.6], "float32"),
                "translation": np.array([-1.0, 0.5], "float32"),
                "spatial_dims": (1, 2),
                "method": method,
                "antialias": antialias,
            },
        )
        for method, antialias in [
            ("linear", True),
            ("cubic", True),
            ("lanczos3", False),
        ]
    ],
]

ROWS = {"top_padding": 1, "bottom_padding": 2, "left_padding": 3, "target_width": 13}
ENDS = {
    "bottom_cropping": 1,
    "right_cropping": 0,
    "target_height": 3,
    "target_width": 5,
}
CUT = [
    ImageCase("pad_images", (IMAGES,), ROWS),
    ImageCase("pad_images", (PLANES[0],), ROWS | FIRST),
    ImageCase("pad_images", (BYTES,), ROWS, "uint8"),
    ImageCase("crop_images", (IMAGES,), ENDS),
    ImageCase("crop_images", (PLANES[0],), ENDS | FIRST),
    ImageCase("extract_patches", (IMAGES,), {"size": 3}),
    ImageCase("extract_patches", (PLANES[0],), {"size": (2, 3), "strides": 1} | FIRST),
    ImageCase(
        "extract_patches",
        (IMAGES,),
        {"size": 2, "strides": 1, "dilation_rate": 2, "padding": "same"},
    ),
    ImageCase("extract_patches", (VOLUMES,), {"size": (2, 2, 3)}),
    ImageCase("extract_patches_3d", (VOLUMES,), {"size": 2, "padding": "same"}),
    ImageCase("extract_patches_3d", (VOLUMES[0],), {"size": (3, 2, 1), "strides": 1}),
]

GRAYS = np.stack([ONE[..., 0]] * 3, -1)
COLORS = [
    *[
        ImageCase(op, args, kwargs, dtype)
        for op in ("rgb_to_grayscale", "rgb_to_hsv", "hsv_to_rgb")
        for args, kwargs, dtype in [
            ((IMAGES,), {}, "float32"),
            ((PLANES[0],), FIRST, "float32"),
            ((GRAYS,), {}, "float32"),
            ((IMAGES,), {}, "bfloat16"),
        ]
    ],
    ImageCase("rgb_to_grayscale", (BYTES,), {}, "uint8"),
    ImageCase("rgb_to_grayscale", (IMAGES[..., :1],)),
]

LAST = {"data_format": "channels_last"}
FILTERED = [
    ImageCase("gaussian_blur", (IMAGES,), LAST),
    ImageCase(
        "gaussian_blur",
        (PLANES[0],),
        {"kernel_size": (3, 4), "sigma": (0.7, 2.0), **FIRST},
    ),
    ImageCase("gaussian_blur", (IMAGES,), {"kernel_size": (5, 9), **LAST}, "bfloat16"),
    ImageCase("sobel_edges", (IMAGES,)),
    ImageCase("sobel_edges", (PLANES,), FIRST),
    ImageCase("ssim", (IMAGES, IMAGES[::-1]), {"filter_size": 5}),
    ImageCase(
        "ssim",
        (PLANES[0], PLANES[1]),
        {"max_val": 2.0, "filter_size": 4, "filter_sigma": 1.0, "k1": 0.1, "k2": 0.2}
        | FIRST,
    ),
]

IMAGE_OPS = [*RESIZED, *WARPED, *CUT, *COLORS, *FILTERED]
