"""Policies that apply randomly chosen image layers."""

from __future__ import annotations

from functools import partial
from typing import Any, Unpack

import jax
import jax.numpy as jnp

from lamina.core.check import boolean, integer, positive_int, positive_number
from lamina.core.random.bits import noise_bits
from lamina.errors import MissingMethodError
from lamina.layers.image.base import Boxes, BoxOptions, ImageLayer, Transformation
from lamina.layers.image.color import (
    ColorLayer,
    RandomBrightness,
    RandomColorDegeneration,
    RandomContrast,
)
from lamina.layers.image.distortion import RandomSharpness
from lamina.layers.image.geometry import RandomRotation, RandomShear, RandomTranslation
from lamina.layers.image.levels import (
    AutoContrast,
    Equalization,
    RandomPosterization,
    Solarization,
)
from lamina.layers.image.parameters import Bounds, Draws, Factor, Range
from lamina.ops.image.layout import per_image
from lamina.ops.image.sampling import INTERPOLATIONS
from lamina.typing import Array, Shape

_BASIC = (
    *("random_shear", "random_translation", "random_rotation", "random_posterization"),
    *("solarization", "auto_contrast", "equalization"),
)
_ALL = (
    *(*_BASIC, "random_brightness", "random_color_degeneration", "random_contrast"),
    "random_sharpness",
)


class PolicyLayer(ColorLayer):
    """Base class of policies; the layers that they choose from are attributes.

    A choice is made for the whole batch, and its parameters are drawn for each image.

    A subclass calls `_create_layers` when it has stored its arguments.

    Args:
        value_range: smallest and largest value of a pixel.
        factor: range of the strength of all layers; x stands for (0, x).
        interpolation: `"nearest"` or `"bilinear"`.
    """

    interpolation: str
    factor: Range = Range(0, 1)
    layer_names: tuple[str, ...] = _ALL
    arguments = {**ColorLayer.arguments, "interpolation": INTERPOLATIONS}

    def _create_layers(self) -> None:
        factor, value_range = self.factor, self.value_range
        options, bits = self._inner_options(), max(1, int(8 * factor[1]))
        seeded: dict[str, Any] = {"seed": self.seed, **options}
        color: dict[str, Any] = {"value_range": value_range, **seeded}
        warp: dict[str, Any] = {"interpolation": self.interpolation, **seeded}
        self.random_shear = RandomShear(factor, factor, **warp)
        self.random_translation = RandomTranslation(factor, factor, **warp)
        self.random_rotation = RandomRotation(factor, **warp)
        self.random_posterization = RandomPosterization(bits, **color)
        self.solarization = Solarization(factor, factor, **color)
        self.auto_contrast = AutoContrast(value_range, **options)
        self.equalization = Equalization(value_range, **options)
        if "random_brightness" in self.layer_names:
            self.random_brightness = RandomBrightness(factor, **color)
            self.random_color_degeneration = RandomColorDegeneration(factor, **color)
            self.random_contrast = RandomContrast(factor, **color)
            self.random_sharpness = RandomSharpness(factor, **color)

    def _change(self, part: str, value: Any, transformation: Transformation) -> Any:
        """Change a part of the input, `"images"`, for example."""
        raise MissingMethodError(f"{type(self).__name__} has no `_change` method.")

    def _change_images(self, images: Array, transformation: Transformation) -> Array:
        return self._change("images", images, transformation)

    def _change_masks(self, masks: Array, transformation: Transformation) -> Array:
        return self._change("segmentation_masks", masks, transformation)

    def _apply_all(self, part: str, value: Any, choices: Any, shape: Shape) -> Any:
        """Transform a part of the input by one layer after the other.

        Args:
            part: `"images"`, `"bounding_boxes"` or `"segmentation_masks"`.
            value: the value of that part.
            choices: indices of layers in `layer_names`, or one more for none, and the
                keys of their parameters.
            shape: shape of the images.
        """
        images = jax.ShapeDtypeStruct(tuple(shape), "float32")

        def apply(name: str, value: Any, key: Array) -> Any:
            layer: ImageLayer = getattr(self, name)
            parameters = layer.get_random_transformation(images, True, key)
            changed = getattr(layer, f"transform_{part}")(value, parameters)
            return jax.tree.map(lambda x, new: new.astype(x.dtype), value, changed)

        branches = [partial(apply, name) for name in self.layer_names]
        branches.append(partial(lambda value, key: value))

        def step(value: Any, choice: tuple[Array, Array]) -> tuple[Any, None]:
            index, key = choice
            return jax.lax.switch(index, branches, value, key), None

        return jax.lax.scan(step, value, tuple(choices))[0]


class RandAugment(PolicyLayer):
    """A few randomly chosen changes of color and geometry, one after the other.

    The changes are those of the layers `RandomShear`, `RandomTranslation`,
    `RandomRotation`, `RandomPosterization`, `Solarization`, `AutoContrast`,
    `Equalization`, `RandomBrightness`, `RandomColorDegeneration`, `RandomContrast` and
    `RandomSharpness`. A batch has the same ones, and each image its own strength.

    Args:
        value_range: smallest and largest value of a pixel.
        num_ops: number of changes.
        factor: range of their strength; x stands for (0, x). From 0 to 1.
        interpolation: `"nearest"` or `"bilinear"`.
        seed: seed of the random choices; a new one by default.
        data_format: `"channels_last"` or `"channels_first"`; `None` for
            `config.image_data_format()`.

    Shape:
        (batch, rows, columns, 3) or (rows, columns, 3), or with the channels before the
        rows, to the same shape.

    Example:
        >>> RandAugment(num_ops=2, factor=0.3)(lamina.Input((8, 8, 3))).shape
        (None, 8, 8, 3)

    Reference: Cubuk et al. 2020, https://arxiv.org/abs/1909.13719
    """

    arguments = {**PolicyLayer.arguments, "num_ops": integer(0, 1000)}

    def __init__(
        self,
        value_range: Bounds = (0, 255),
        num_ops: int = 2,
        factor: Factor = 0.5,
        interpolation: str = "bilinear",
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Unpack[BoxOptions],
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self._store_arguments(locals())
        self._create_layers()

    def _draw(self, draws: Draws, shape: Shape) -> Transformation:
        choices = draws.uniform(0, len(self.layer_names), self.num_ops)[0]
        keys = noise_bits(draws.key(), (self.num_ops, 2))
        return {"layer_idxes": choices.astype("int32"), "keys": keys}

    def _change(self, part: str, value: Any, transformation: Transformation) -> Any:
        choices = transformation["layer_idxes"], transformation["keys"]
        return self._apply_all(part, value, choices, transformation["input_shape"])

    def _change_boxes(self, boxes: Boxes, transformation: Transformation) -> Boxes:
        return self._change("bounding_boxes", boxes, transformation)


class AugMix(PolicyLayer):
    """Mixture of an image with several randomly changed versions of it.

    A version is the result of a chain of changes, those of `RandAugment`, some of which
    are left out. A batch has the same chains, and each image its own strengths and
    weights. Labels and bounding boxes stay the same.

    Args:
        value_range: smallest and largest value of a pixel; the result is clipped.
        num_chains: number of versions.
        chain_depth: largest number of changes of a version.
        factor: range of the strength of changes; x stands for (0, x). From 0 to 1.
        alpha: parameter of the Dirichlet and beta distributions of the weights.
        all_ops: whether to change brightness, contrast, saturation and sharpness too.
        interpolation: `"nearest"` or `"bilinear"`.
        seed: seed of the random choices; a new one by default.
        data_format: `"channels_last"` or `"channels_first"`; `None` for
            `config.image_data_format()`.

    Shape:
        (batch, rows, columns, 3) or (rows, columns, 3), or with the channels before the
        rows, to the same shape.

    Example:
        >>> AugMix(num_chains=2)(lamina.Input((8, 8, 3))).shape
        (None, 8, 8, 3)

    Reference: Hendrycks et al. 2020, https://arxiv.org/abs/1912.02781
    """

    arguments = {
        **PolicyLayer.arguments,
        "num_chains": positive_int,
        "chain_depth": positive_int,
        "alpha": positive_number,
        "all_ops": boolean,
    }

    def __init__(
        self,
        value_range: Bounds = (0, 255),
        num_chains: int = 3,
        chain_depth: int = 3,
        factor: Factor = 0.3,
        alpha: float = 1.0,
        all_ops: bool = True,
        interpolation: str = "bilinear",
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Unpack[BoxOptions],
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self._store_arguments(locals())
        self.layer_names = _ALL if all_ops else _BASIC
        self._create_layers()

    def _draw(self, draws: Draws, shape: Shape) -> Transformation:
        chains = self.num_chains, self.chain_depth
        choices = draws.uniform(0, len(self.layer_names) + 1, *chains)[0]
        alpha = jnp.full(self.num_chains, self.alpha)
        weights = jax.random.dirichlet(draws.key(), alpha, (draws.batch,))
        return {
            "layer_idxes": choices.astype("int32"),
            "keys": noise_bits(draws.key(), (*chains, 2)),
            "chain_mixing_weights": weights,
            "weight_sample": draws.beta(self.alpha),
        }

    def _change(self, part: str, value: Any, transformation: Transformation) -> Any:
        value = value if part == "images" else value.astype("float32")

        def add_chain(total: Array, chain: Any) -> tuple[Array, None]:
            weight, *choices = chain
            shape = transformation["input_shape"]
            version = self._apply_all(part, value, choices, shape)
            return total + per_image(weight, value) * version, None

        weights = transformation["chain_mixing_weights"].T
        chains = weights, transformation["layer_idxes"], transformation["keys"]
        mixture, _ = jax.lax.scan(add_chain, jnp.zeros_like(value), chains)
        weight = per_image(transformation["weight_sample"], value)
        mixed = weight * value + (1 - weight) * mixture
        return self._clip(mixed) if part == "images" else mixed
