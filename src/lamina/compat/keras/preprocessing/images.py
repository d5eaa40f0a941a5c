"""`ImageDataGenerator` of `keras.preprocessing.image` in Keras 1 and 2."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from lamina.compat.keras.preprocessing.affine import transformed
from lamina.compat.keras.preprocessing.image_flows import ImageFlows
from lamina.compat.notices import tell
from lamina.config import image_data_format
from lamina.typing import ArrayLike


class ImageDataGenerator(ImageFlows):
    """Batches of images, changed at random, from arrays, folders or data frames.

    The arguments are those of Keras 2.

    Args:
        featurewise_center: whether to subtract the mean that `fit` computes.
        samplewise_center: whether to subtract each image's mean.
        featurewise_std_normalization: whether to divide by the standard deviation that
            `fit` computes.
        samplewise_std_normalization: whether to divide by each image's.
        zca_whitening: whether to remove correlations, which `fit` computes.
        zca_epsilon: added to variances for that.
        rotation_range: largest angle of a random rotation, in degrees.
        width_shift_range: largest random shift, as a fraction of the width or, from
            1 up, in pixels; an integer or a list for whole pixels.
        height_shift_range: the same for the height.
        brightness_range: bounds of a random factor.
        shear_range: largest angle of a random shear, in degrees.
        zoom_range: bounds of a random zoom, or its largest distance from 1.
        channel_shift_range: largest random number added to all channels.
        fill_mode: "nearest", "constant", "reflect" or "wrap", for points outside.
        cval: value of points outside for "constant".
        horizontal_flip: whether to flip half of the images.
        vertical_flip: whether to flip half of the images upside down.
        rescale: factor of all values.
        preprocessing_function: function of an image, called after the random changes.
        data_format: order of the axes; `image_data_format()` by default.
        validation_split: fraction of the images, from the start, that the subset
            "validation" has.
        interpolation_order: degree of the splines between pixels that move.
        dtype: accepted for Keras; images are float32.
    """

    def __init__(
        self,
        featurewise_center: bool = False,
        samplewise_center: bool = False,
        featurewise_std_normalization: bool = False,
        samplewise_std_normalization: bool = False,
        zca_whitening: bool = False,
        zca_epsilon: float = 1e-6,
        rotation_range: float = 0,
        width_shift_range: float | Sequence[float] = 0.0,
        height_shift_range: float | Sequence[float] = 0.0,
        brightness_range: Sequence[float] | None = None,
        shear_range: float = 0.0,
        zoom_range: float | Sequence[float] = 0.0,
        channel_shift_range: float = 0.0,
        fill_mode: str = "nearest",
        cval: float = 0.0,
        horizontal_flip: bool = False,
        vertical_flip: bool = False,
        rescale: float | None = None,
        preprocessing_function: Callable[[np.ndarray], np.ndarray] | None = None,
        data_format: str | None = None,
        validation_split: float = 0.0,
        interpolation_order: int = 1,
        dtype: str | None = None,
    ) -> None:
        tell("ImageDataGenerator", "layers.RandomFlip, RandomRotation, RandomZoom, ...")
        self.zca_whitening, self.zca_epsilon = zca_whitening, zca_epsilon
        self.featurewise_center = featurewise_center
        self.samplewise_center = samplewise_center
        self.featurewise_std_normalization = featurewise_std_normalization
        self.samplewise_std_normalization = samplewise_std_normalization
        self.rotation_range = rotation_range
        self.height_shift_range = height_shift_range
        self.width_shift_range = width_shift_range
        self.brightness_range, self.shear_range = brightness_range, shear_range
        if isinstance(zoom_range, (int, float)):
            zoom_range = (1 - zoom_range, 1 + zoom_range)
        self.zoom_range = zoom_range[0], zoom_range[1]
        self.channel_shift_range = channel_shift_range
        self.fill_mode, self.cval = fill_mode, cval
        self.interpolation_order = interpolation_order
        self.horizontal_flip, self.vertical_flip = horizontal_flip, vertical_flip
        self.rescale, self.preprocessing_function = rescale, preprocessing_function
        self.data_format = data_format or image_data_format()
        self.validation_split = validation_split
        self.mean: Any = 0.0
        self.std: Any = 1.0
        self.principal_components: Any = None

    def fit(
        self,
        x: ArrayLike | Sequence[Any],
        augment: bool = False,
        rounds: int = 1,
        seed: int | None = None,
    ) -> None:
        """Compute the mean and standard deviation of each channel."""
        x = np.asarray(x, "float32")
        if seed is not None:
            np.random.seed(seed)
        if augment:
            rows = np.tile(x, (rounds, 1, 1, 1))
            x = np.stack([self.random_transform(row) for row in rows])
        channel = 3 if self.data_format == "channels_last" else 1
        axes = tuple(axis for axis in (0, 1, 2, 3) if axis != channel)
        self.mean = x.mean(axes, keepdims=True)[0]
        self.std = x.std(axes, keepdims=True)[0]
        if self.zca_whitening:
            scaled = x
            if self.featurewise_center:
                scaled = scaled - self.mean
            if self.featurewise_std_normalization:
                scaled = scaled / (self.std + 1e-6)
            self.principal_components = _whitening_matrix(scaled, self.zca_epsilon)

    def standardize(self, x: np.ndarray) -> np.ndarray:
        """Return an image after the changes that are not random."""
        if self.preprocessing_function is not None:
            x = self.preprocessing_function(x)
        if self.rescale is not None:
            x = x * self.rescale
        if self.samplewise_center:
            x = x - x.mean(keepdims=True)
        if self.samplewise_std_normalization:
            x = x / (x.std(keepdims=True) + 1e-6)
        if self.featurewise_center:
            x = x - self.mean
        if self.featurewise_std_normalization:
            x = x / (self.std + 1e-6)
        if self.principal_components is not None:
            x = (x.reshape(-1) @ self.principal_components).reshape(x.shape)
        return x

    def random_transform(self, x: np.ndarray, seed: int | None = None) -> np.ndarray:
        """Return an image after random changes."""
        return self.apply_transform(x, self.get_random_transform(x.shape, seed))

    def get_random_transform(
        self, img_shape: Sequence[int], seed: int | None = None
    ) -> dict[str, Any]:
        """Return random changes by name, for `apply_transform`.

        They are drawn from NumPy's global generator, in the order of Keras.
        """
        if seed is not None:
            np.random.seed(seed)
        is_last = self.data_format == "channels_last"
        height, width = img_shape[:2] if is_last else img_shape[1:]
        low, high = self.zoom_range
        return {
            "theta": _draw(self.rotation_range),
            "tx": _shift(self.height_shift_range, height),
            "ty": _shift(self.width_shift_range, width),
            "shear": _draw(self.shear_range),
            **_zoom(low, high),
            "flip_horizontal": (np.random.random() < 0.5) * self.horizontal_flip,
            "flip_vertical": (np.random.random() < 0.5) * self.vertical_flip,
            "channel_shift_intensity": _draw(self.channel_shift_range) or None,
            "brightness": self.brightness_range
            and np.random.uniform(self.brightness_range[0], self.brightness_range[1]),
        }

    def apply_transform(
        self, x: np.ndarray, transform_parameters: Mapping[str, Any]
    ) -> np.ndarray:
        """Return an image after changes, as `get_random_transform` describes them."""
        is_last = self.data_format == "channels_last"
        image = x if is_last else np.moveaxis(x, 0, -1)
        fill = self.fill_mode, self.cval, self.interpolation_order
        image = transformed(image, transform_parameters, *fill)
        return image if is_last else np.moveaxis(image, -1, 0)


def _draw(bound: float) -> float:
    return np.random.uniform(-bound, bound) if bound else 0.0


def _shift(bound: Any, size: int) -> float:
    """Draw a shift in pixels: from an integer or a list, or up to a number."""
    if not np.any(bound):
        return 0.0
    if isinstance(bound, float):
        found = np.random.uniform(-bound, bound)
    else:
        found = np.random.choice(bound) * np.random.choice([-1, 1])
    return found * size if np.max(bound) < 1 else found


def _zoom(low: float, high: float) -> dict[str, float]:
    factors = (1.0, 1.0) if low == high == 1 else np.random.uniform(low, high, 2)
    return dict(zip(("zx", "zy"), factors, strict=True))


def _whitening_matrix(x: np.ndarray, epsilon: float) -> np.ndarray:
    """Return the matrix that removes the correlations of images' values."""
    rows = x.reshape(len(x), -1)
    values, vectors = np.linalg.eigh(rows.T @ rows / len(rows))
    return (vectors / np.sqrt(np.maximum(values, 0) + epsilon)) @ vectors.T
