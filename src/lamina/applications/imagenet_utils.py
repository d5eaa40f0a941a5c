"""Preparation of images for ImageNet models, and the names of their classes."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import jax.numpy as jnp
import numpy as np

from lamina import config, ops
from lamina.core.graph import SymbolicTensor
from lamina.datasets.fetch import get_file
from lamina.errors import ShapeError, invalid
from lamina.ops.image.layout import channels_axis
from lamina.tracebacks import filter_traceback
from lamina.typing import Array

__all__ = ["decode_predictions", "preprocess_input"]

Images = TypeVar("Images", np.ndarray, Array, SymbolicTensor)

_CLASS_INDEX = (
    "https://storage.googleapis.com/download.tensorflow.org/"
    "data/imagenet_class_index.json",
    "c2c37ea517e94d9795004a39431a14cb",
)


# Images become `(images / scale - mean) / std`, after RGB is reversed if so.
# Whether RGB is reversed, the scale, the means and the deviations.
_MODES = {
    "caffe": (True, 1.0, (103.939, 116.779, 123.68), (1.0, 1.0, 1.0)),
    "tf": (False, 127.5, (1.0, 1.0, 1.0), (1.0, 1.0, 1.0)),
    "torch": (False, 255.0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}


@filter_traceback
def preprocess_input(
    x: Images, data_format: str | None = None, mode: str = "caffe"
) -> Images:
    """Scale pixel values as ImageNet models expect them.

    A NumPy array of floats is changed in place, to save memory; pass a copy if you need
    the original. Other arrays are not changed.

    Args:
        x: RGB images with values from 0 to 255: an array or a symbolic tensor of shape
            (height, width, 3) or (batch, height, width, 3), or with the channels first.
        data_format: `"channels_last"` or `"channels_first"`;
            `config.image_data_format()` by default.
        mode: `"caffe"` changes RGB to BGR and subtracts the mean of ImageNet from each
            channel, `"tf"` scales to values from -1 to 1, and `"torch"` scales to
            values from 0 to 1 and then subtracts the mean of ImageNet and divides by
            its standard deviation.

    Returns:
        Floats of the same shape; integers become `config.floatx()`.

    Raises:
        ArgumentError: the mode or data format is unknown.

    Example:
        >>> preprocess_input(np.full((1, 1, 3), 255), mode="tf").tolist()
        [[[1.0, 1.0, 1.0]]]
    """
    if mode not in _MODES:
        expected = "'caffe', 'tf' or 'torch'"
        raise invalid("preprocess_input", "mode", mode, expected)
    return _scaled(x, channels_axis("preprocess_input", data_format), mode)


def _scaled(x: Any, axis: int, mode: str) -> Any:
    is_reversed, scale, *statistics = _MODES[mode]
    is_numpy = isinstance(x, np.ndarray)
    if not jnp.issubdtype(jnp.dtype(x.dtype), np.floating):
        floats = config.floatx()
        x = x.astype(floats) if is_numpy else ops.cast(x, floats)
    if is_reversed:
        x = np.flip(x, axis) if is_numpy else ops.flip(x, axis)
    shape, dtype = (3,) + (1,) * (-1 - axis), jnp.dtype(x.dtype)
    mean, std = (np.reshape(np.asarray(v, dtype), shape) for v in statistics)
    x /= scale
    x -= mean
    x /= std
    return x


def preprocess_caffe(x: Images, data_format: str | None = None) -> Images:
    """Change RGB images to BGR and subtract the mean of ImageNet from each channel.

    Args:
        x: RGB images with values from 0 to 255, as in
            `imagenet_utils.preprocess_input`; a NumPy array of floats is changed in
            place.
        data_format: `"channels_last"` or `"channels_first"`;
            `config.image_data_format()` by default.

    Raises:
        ArgumentError: the data format is unknown.

    Example:
        >>> lamina.applications.resnet.preprocess_input(np.zeros((1, 1, 3))).tolist()
        [[[-103.939, -116.779, -123.68]]]
    """
    return preprocess_input(x, data_format, "caffe")


def preprocess_tf(x: Images, data_format: str | None = None) -> Images:
    """Scale pixel values from between 0 and 255 to between -1 and 1.

    Args:
        x: images with values from 0 to 255, as in `imagenet_utils.preprocess_input`; a
            NumPy array of floats is changed in place.
        data_format: `"channels_last"` or `"channels_first"`;
            `config.image_data_format()` by default.

    Raises:
        ArgumentError: the data format is unknown.

    Example:
        >>> white = np.full((1, 1, 3), 255)
        >>> lamina.applications.mobilenet.preprocess_input(white).tolist()
        [[[1.0, 1.0, 1.0]]]
    """
    return preprocess_input(x, data_format, "tf")


def preprocess_torch(x: Images, data_format: str | None = None) -> Images:
    """Normalize each channel by the mean and standard deviation of ImageNet.

    Args:
        x: RGB images with values from 0 to 255, as in
            `imagenet_utils.preprocess_input`; a NumPy array of floats is changed in
            place.
        data_format: `"channels_last"` or `"channels_first"`;
            `config.image_data_format()` by default.

    Raises:
        ArgumentError: the data format is unknown.

    Example:
        >>> white = np.full((1, 1, 3), 255)
        >>> print(lamina.applications.densenet.preprocess_input(white).round(2))
        [[[2.25 2.43 2.64]]]
    """
    return preprocess_input(x, data_format, "torch")


def preprocess_nothing(x: Images, data_format: str | None = None) -> Images:
    """Return the images unchanged: these models scale pixel values themselves.

    Args:
        x: images with values from 0 to 255.
        data_format: not used.

    Example:
        >>> white = np.full((1, 1, 3), 255)
        >>> lamina.applications.convnext.preprocess_input(white).tolist()
        [[[255, 255, 255]]]
    """
    del data_format
    return x


@cache
def _imagenet_classes() -> dict[str, tuple[str, str]]:
    address, digest = _CLASS_INDEX
    path = get_file(origin=address, cache_subdir="models", file_hash=digest)
    found = json.loads(Path(path).read_text(encoding="utf-8"))
    return {index: (identifier, name) for index, (identifier, name) in found.items()}


@filter_traceback
def decode_predictions(
    preds: np.ndarray | Array, top: int = 5
) -> list[list[tuple[str, str, float]]]:
    """Return the most probable ImageNet classes of each prediction, the best first.

    The names of the classes are downloaded once.

    Args:
        preds: predictions of an ImageNet model, of shape (batch, 1000).
        top: number of classes to return.

    Returns:
        For each prediction a list of `(identifier, name, score)`, such as
        `("n02504458", "African_elephant", 0.97)`.

    Raises:
        ShapeError: `preds` has another shape.
        DownloadError: the names of the classes are neither in the cache nor reachable.

    Example:
        ```python
        model = lamina.applications.ResNet50()
        decode_predictions(model.predict(images), top=1)
        ```
    """
    scores = np.asarray(preds)
    if scores.ndim != 2 or scores.shape[1] != 1000:
        raise ShapeError(
            "decode_predictions: `preds` must have the shape (batch, 1000), the scores "
            f"of the classes of ImageNet. Received: shape {scores.shape}. For a model "
            "with other classes, use `np.argsort(preds)`."
        )
    names = _imagenet_classes()
    best = np.argsort(scores)[:, ::-1][:, :top]
    return [
        [(*names[str(index)], row[index]) for index in indices]
        for row, indices in zip(scores, best, strict=True)
    ]
