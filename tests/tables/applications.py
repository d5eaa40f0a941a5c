"""Image models: each with its default arguments, and some with other ones."""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from tests.tables.arrays import floats
from tests.tables.cases import SmallCase

TITLES = (
    *[f"ConvNeXt{size}" for size in ("Tiny", "Small", "Base", "Large", "XLarge")],
    *[f"DenseNet{depth}" for depth in (121, 169, 201)],
    *[f"EfficientNetB{i}" for i in range(8)],
    *[f"EfficientNetV2{size}" for size in ("B0", "B1", "B2", "B3", "S", "M", "L")],
    *["InceptionResNetV2", "InceptionV3", "MobileNet", "MobileNetV2"],
    *["MobileNetV3Large", "MobileNetV3Small", "NASNetLarge", "NASNetMobile"],
    *[f"ResNet{depth}{v}" for depth in (50, 101, 152) for v in ("", "V2")],
    *["VGG16", "VGG19", "Xception"],
)


FUNCTIONS = [
    SmallCase(title, operator.attrgetter(f"applications.{title}")) for title in TITLES
]


def build(k: Any, title: str, channels_first: bool = False, **arguments: Any) -> Any:
    """Build a model with random weights; numbered names start again."""
    k.utils.clear_session()
    before = k.config.image_data_format()
    k.config.set_image_data_format("channels_first" if channels_first else before)
    try:
        return getattr(k.applications, title)(weights=None, **arguments)
    finally:
        k.config.set_image_data_format(before)


def on_tensor(k: Any, title: str, size: int = 96, **arguments: Any) -> Any:
    """Build a model on an input of known size, which is faster."""
    k.utils.clear_session()
    images = k.Input(batch_shape=(1, size, size, 3))
    return build_on(k, title, images, **arguments)


def build_on(k: Any, title: str, images: Any, **arguments: Any) -> Any:
    return getattr(k.applications, title)(
        weights=None, input_tensor=images, **arguments
    )


def case(
    label: str, make: Callable[..., Any], title: str, /, **arguments: Any
) -> SmallCase:
    return SmallCase(label, partial(make, title=title, **arguments))


HEADLESS = {"include_top": False}
SHAPED = {"input_shape": (64, 48, 3), "classes": 7}
STRUCTURES = [
    *[case(title, on_tensor, title) for title in TITLES],
    case("ResNet50 first", build, "ResNet50", channels_first=True, **HEADLESS),
    case("MobileNet first", build, "MobileNet", channels_first=True, classes=5),
    case("MobileNetV3 first", build, "MobileNetV3Small", channels_first=True),
    case("MobileNet wide", build, "MobileNet", alpha=1.5, depth_multiplier=2, **SHAPED),
    case("MobileNetV2 wide", build, "MobileNetV2", alpha=1.4, **SHAPED),
    case("MobileNetV2 any size", build, "MobileNetV2", pooling="avg", **HEADLESS),
    case("MobileNetV3 wide", build, "MobileNetV3Small", alpha=1.25, dropout_rate=0),
    case("MobileNetV3 plain", build, "MobileNetV3Large", minimalistic=True, alpha=0.75),
    case("MobileNetV3 bare", build, "MobileNetV3Small", pooling="max", **HEADLESS),
    case(
        "MobileNetV3 unscaled", build, "MobileNetV3Small", include_preprocessing=False
    ),
    case("VGG16 any size", build, "VGG16", pooling="avg", name="net", **HEADLESS),
    case("Xception any size", build, "Xception", **HEADLESS),
    case("EfficientNetB0 gray", build, "EfficientNetB0", input_shape=(32, 32, 1)),
    case("EfficientNetV2B0 gray", build, "EfficientNetV2B0", input_shape=(32, 32, 1)),
    case(
        "EfficientNetV2B0 unscaled",
        build,
        "EfficientNetV2B0",
        include_preprocessing=False,
        pooling="max",
        **HEADLESS,
    ),
    case("ConvNeXtTiny bare", build, "ConvNeXtTiny", name="net", **HEADLESS),
    case(
        "ConvNeXtTiny unscaled",
        build,
        "ConvNeXtTiny",
        include_preprocessing=False,
        **SHAPED,
    ),
]


def weights_for(model: Any) -> list[np.ndarray]:
    """Weights that depend only on their shapes, and keep the size of activations."""
    found = []
    for i, weight in enumerate(model.weights):
        shape = tuple(weight.shape)
        rng = np.random.default_rng(i)
        if len(shape) > 1:
            value = rng.normal(0, np.sqrt(2 / np.prod(shape[:-1])), shape)
        else:
            value = rng.uniform(0.5, 1.5, shape)
        found.append(value.astype(weight.dtype))
    return found


def outputs(k: Any, title: str, size: int, **arguments: Any) -> Any:
    model = build(k, title, input_shape=(size, size, 3), **arguments)
    model.set_weights(weights_for(model))
    for layer in model.layers:
        if hasattr(layer, "finalize_state"):
            layer.finalize_state()
    return np.asarray(model(255 * np.abs(floats(2, size, size, 3))))


OUTPUTS = [
    case(
        "MobileNet",
        outputs,
        "MobileNet",
        size=33,
        alpha=0.25,
        classes=5,
        classifier_activation=None,
    ),
    case("MobileNetV3Small", outputs, "MobileNetV3Small", size=32, classes=5),
    case("EfficientNetV2B0", outputs, "EfficientNetV2B0", size=32, **HEADLESS),
]
