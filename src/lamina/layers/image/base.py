"""`ImageLayer`: base class of layers that transform images and what belongs to them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeAlias, Unpack

import jax
import jax.numpy as jnp
import numpy as np

from lamina.core.check import optional
from lamina.core.dtypes import is_float
from lamina.core.module import is_user_defined
from lamina.core.random.seeds import Seed, SeedGenerator
from lamina.core.tracing.trace_state import is_tracing
from lamina.errors import ArgumentError, MissingMethodError, ShapeError, shown
from lamina.layers.base import Options
from lamina.layers.image.box_formats import (
    box_format,
    boxes_error,
    clip_to_image_size,
    convert_format,
)
from lamina.layers.image.parameters import Draws, Range, ValueRange
from lamina.layers.spatial import Spatial
from lamina.typing import Array, ArrayLike, Shape

Transformation: TypeAlias = dict[str, Any]
"""Random parameters of a call, with a row for each image, and `"input_shape"`."""

Parts: TypeAlias = dict[str, Any]
"""The parts of the input that a layer transforms, by name."""
Boxes: TypeAlias = dict[str, Any]
"""`"boxes"` and their `"labels"`."""

_RANGES = (Range, ValueRange)
_PARTS = ("images", "labels", "bounding_boxes", "segmentation_masks")


Images: TypeAlias = Array | jax.ShapeDtypeStruct | Mapping[str, Any]
"""Images, or a dictionary with `"images"`; of images, only the shape is used."""


class BoxOptions(Options, total=False):
    """Options of image layers that have an argument `data_format`."""

    bounding_box_format: str | None


class ImageOptions(BoxOptions, total=False):
    """Options of image layers that have no argument `data_format`."""

    data_format: str | None


class ImageLayer(Spatial):
    """Base class of layers that transform images, and boxes, masks and labels alike.

    The input is one image, a batch, or a dictionary with `"images"` and, if there are
    any, `"labels"`, `"bounding_boxes"` and `"segmentation_masks"`. Bounding boxes are a
    dictionary with `"boxes"`, (batch, n, 4), and `"labels"`, (batch, n), which are -1
    for boxes outside the image.

    A subclass overrides `_change_images`, which gets a batch, and, if it changes them,
    `_change_masks`, `_change_boxes` and `_change_labels`.

    Args:
        bounding_box_format: the format of boxes, such as `"xyxy"`; see
            `utils.bounding_boxes`.
        data_format: `"channels_last"` or `"channels_first"`; `None` for
            `config.image_data_format()`.
    """

    # Whether inference transforms images too.
    in_inference: ClassVar[bool] = True
    # Whether integer images are cast to the compute type too.
    casts_integers: ClassVar[bool] = True
    rank = 2
    arguments = {**Spatial.arguments, "bounding_box_format": optional(box_format)}

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        ranges = {n: v for n, v in vars(cls).items() if isinstance(v, _RANGES)}
        cls.arguments = {**cls.arguments, **{n: v.check for n, v in ranges.items()}}

    def __init__(
        self,
        bounding_box_format: str | None = None,
        data_format: str | None = None,
        **kwargs: Unpack[Options],
    ) -> None:
        super().__init__(data_format, **kwargs)
        self.input_spec = None  # the input is not always a batch
        # Only images are cast to the compute type: boxes need more digits.
        self.autocast = False
        self.bounding_box_format = bounding_box_format

    # Calling

    def call(self, data: Any, training: bool = True) -> Any:
        sample = dict(data) if isinstance(data, Mapping) else {"images": data}
        parts = {name: sample[name] for name in _PARTS if name in sample}
        if "bounding_boxes" in parts:
            parts["bounding_boxes"] = checked_boxes(self, parts["bounding_boxes"])
        _require_images(self, jnp.shape(parts["images"]))
        is_on_device = all(isinstance(v, jax.Array) for v in jax.tree.leaves(parts))
        if is_tracing() or is_user_defined(type(self)) or not is_on_device:
            parts = self._transform(parts, None, training)
        else:
            parts = self._compiled_transform(parts, self._next_seed(training), training)
        return {**sample, **parts} if isinstance(data, Mapping) else parts["images"]

    def _transform(self, parts: Parts, seed: Array | None, training: bool) -> Parts:
        """Transform the parts of one image or of a batch by one random choice."""
        is_single = jnp.ndim(parts["images"]) == 3
        parts = jax.tree.map(_as_batch, parts) if is_single else parts
        transformation = self.get_random_transformation(parts, training, seed)
        parts = {
            name: getattr(self, f"transform_{name}")(value, transformation, training)
            for name, value in parts.items()
        }
        return jax.tree.map(lambda x: x[0], parts) if is_single else parts

    @functools.cached_property
    def _compiled_transform(self) -> Callable[..., Parts]:
        # Dispatching each op alone takes 2 ms for a flip of one image of 96x96, and
        # 600 ms for `RandAugment`, which compiles its loops in each call.
        return jax.jit(self._transform, static_argnums=2)

    def __setattr__(self, name: str, value: object) -> None:
        # The arguments are constants of the program.
        if not name.startswith("_"):
            vars(self).pop("_compiled_transform", None)
        super().__setattr__(name, value)

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        state.pop("_compiled_transform", None)
        return state

    def _next_seed(self, training: bool) -> Array | None:
        """Return the seed of a call, or `None` if the layer draws nothing."""
        return None

    def get_random_transformation(
        self, data: Images, training: bool = True, seed: Seed | Array = None
    ) -> Transformation | None:
        """Draw the parameters of a call; `None` if the call changes nothing.

        Args:
            data: the input of the call.
            training: whether the call is one of training.
            seed: seed of the parameters; the layer's generator by default.
        """
        if not (training or self.in_inference):
            return None
        images = data["images"] if isinstance(data, Mapping) else data
        shape = tuple(images.shape)
        return {"input_shape": shape if len(shape) == 4 else (1, *shape)}

    def transform_images(
        self,
        images: ArrayLike,
        transformation: Transformation | None = None,
        training: bool = True,
    ) -> Array:
        """Transform a batch of images."""
        images = jnp.asarray(images)
        if self.casts_integers or is_float(images.dtype):
            images = images.astype(self.compute_dtype)
        return self._apply(self._change_images, images, transformation, training)

    def transform_labels(
        self,
        labels: ArrayLike,
        transformation: Transformation | None = None,
        training: bool = True,
    ) -> Any:
        """Transform the labels of a batch of images."""
        return self._apply(self._change_labels, labels, transformation, training)

    def transform_segmentation_masks(
        self,
        segmentation_masks: ArrayLike,
        transformation: Transformation | None = None,
        training: bool = True,
    ) -> Array:
        """Transform the segmentation masks of a batch of images."""
        masks = jnp.asarray(segmentation_masks)
        return self._apply(self._change_masks, masks, transformation, training)

    def transform_bounding_boxes(
        self,
        bounding_boxes: Mapping[str, Any],
        transformation: Transformation | None = None,
        training: bool = True,
    ) -> dict[str, Any]:
        """Transform the boxes of a batch of images, and clip them to the images.

        Raises:
            ArgumentError: the layer has no `bounding_box_format`, the boxes are not a
                dictionary of arrays, or the layer cannot transform boxes.
        """
        boxes = checked_boxes(self, bounding_boxes)
        if transformation is None:
            return boxes
        return self._apply(self._change_boxes, boxes, transformation, training)

    def _apply(self, change: Callable[..., Any], value: object, *call: Any) -> Any:
        """Change a part of the input, unless the layer is not active.

        Args:
            change: the method that changes the part.
            value: the part.
            *call: the transformation, and whether the call is one of training.
        """
        return change(value, call[0] or {}) if self._is_active(*call) else value

    def _is_active(self, transformation: Transformation | None, training: bool) -> bool:
        return training or self.in_inference

    # Methods that subclasses override

    def _change_images(self, images: Array, transformation: Transformation) -> Array:
        raise MissingMethodError(
            f"{type(self).__name__} has no `_change_images` method."
        )

    def _change_labels(self, labels: ArrayLike, transformation: Transformation) -> Any:
        return labels

    def _change_masks(self, masks: Array, transformation: Transformation) -> Array:
        return masks

    def _change_boxes(self, boxes: Boxes, transformation: Transformation) -> Boxes:
        return boxes

    def _inner_options(self) -> dict[str, Any]:
        """Return the options of layers that this layer calls."""
        names = "data_format", "bounding_box_format"
        options = {name: getattr(self, name) for name in names}
        return options | {"dtype": self.dtype_policy}

    # Layouts

    def image_size(self, shape: Shape) -> tuple[int, int]:
        """Return the numbers of rows and columns of images of a shape."""
        height, width = shape[-3:-1] if self.channel_axis == -1 else shape[-2:]
        return int(height), int(width)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return super().get_config() | {"data_format": self.data_format}


def _as_batch(value: ArrayLike) -> Any:
    array: Any = value if hasattr(value, "ndim") else np.asarray(value)
    return array[None]


def _require_images(layer: ImageLayer, shape: Shape) -> None:
    if len(shape) not in (3, 4):
        raise ShapeError(
            f"Layer {layer.name!r} ({type(layer).__name__}) takes one image with 3 "
            f"axes or a batch with 4. Received: shape {shape}."
        )


def checked_boxes(layer: ImageLayer, boxes: object) -> Boxes:
    """Return bounding boxes with arrays.

    Raises:
        ArgumentError: the layer has no `bounding_box_format`, or the boxes are not a
            dictionary of arrays.
    """
    owner = f"Layer {layer.name!r} ({type(layer).__name__})"
    if layer.bounding_box_format is None:
        raise ArgumentError(
            f"{owner} got bounding boxes, but does not know their format. Create it "
            f"with one, as in {type(layer).__name__}(bounding_box_format='xyxy')."
        )
    if not isinstance(boxes, Mapping) or not {"boxes", "labels"} <= {*boxes}:
        raise ArgumentError(
            f"{owner} takes bounding boxes as a dictionary of arrays, "
            "{'boxes': (batch, n, 4), 'labels': (batch, n)}. Received: "
            f"{shown(boxes)}."
        )
    arrays = jnp.asarray(boxes["boxes"], "float32"), jnp.asarray(boxes["labels"])
    return {**boxes, "boxes": arrays[0], "labels": arrays[1]}


class RandomImageLayer(ImageLayer):
    """Base class of image layers that draw parameters for each image in training.

    A subclass draws the parameters in `_draw`. In inference it returns images
    unchanged.

    Args:
        seed: seed of the random parameters; a new one by default.
    """

    in_inference = False

    def __init__(self, seed: int | None = None, **kwargs: Unpack[ImageOptions]) -> None:
        super().__init__(**kwargs)
        self.seed = seed
        self.generator = SeedGenerator(seed)

    def _next_seed(self, training: bool) -> Array | None:
        return self.generator.next() if training else None

    def get_random_transformation(
        self, data: Images, training: bool = True, seed: Seed | Array = None
    ) -> Transformation | None:
        transformation = super().get_random_transformation(data, training, seed)
        if transformation is not None and training:
            shape = transformation["input_shape"]
            draws = Draws(self.generator if seed is None else seed, shape[0])
            transformation |= self._draw(draws, shape)
        return transformation

    def _is_active(self, transformation: Transformation | None, training: bool) -> bool:
        return super()._is_active(transformation, training) and bool(transformation)

    def _draw(self, draws: Draws, shape: Shape) -> Transformation:
        """Draw the parameters for a batch of images of a shape."""
        raise MissingMethodError(f"{type(self).__name__} has no `_draw` method.")


class MovingLayer(ImageLayer):
    """Base class of image layers that move pixels, and boxes and masks with them.

    A subclass overrides `_move_pixels` and `_move_boxes`.

    Args:
        interpolation: interpolation of images; masks always have the nearest value.
    """

    interpolation = "bilinear"

    def _move_pixels(
        self, images: Array, transformation: Transformation, interpolation: str
    ) -> Array:
        """Move the pixels of a batch of images or masks."""
        raise MissingMethodError(f"{type(self).__name__} has no `_move_pixels` method.")

    def _change_images(self, images: Array, transformation: Transformation) -> Array:
        return self._move_pixels(images, transformation, self.interpolation)

    def _change_masks(self, masks: Array, transformation: Transformation) -> Array:
        return self._move_pixels(masks, transformation, "nearest")

    def _change_boxes(self, boxes: Boxes, transformation: Transformation) -> Boxes:
        given = boxes["boxes"]
        height, width = self.image_size(transformation["input_shape"])
        source = str(self.bounding_box_format)
        corners = convert_format(given, source, "xyxy", height, width)
        moved = {**boxes, "boxes": self._move_boxes(corners, transformation)}
        height, width = self._output_size(height, width)
        boxes = clip_to_image_size(moved, height, width)
        boxes = convert_format(boxes, "xyxy", source, height, width)
        is_padding = jnp.all(given == -1, -1) | jnp.all(given == 0, -1)
        boxes["boxes"] = jnp.where(is_padding[..., None], 0.0, boxes["boxes"])
        return boxes

    def _output_size(self, height: int, width: int) -> tuple[int, int]:
        """Return the numbers of rows and columns of an image after the call."""
        return height, width

    def _move_boxes(self, boxes: Array, transformation: Transformation) -> Array:
        """Return where boxes of the format `"xyxy"` move to."""
        raise boxes_error(self)
