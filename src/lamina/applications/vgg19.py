"""VGG19: VGG16 with three more convolutions."""

from __future__ import annotations

from lamina.applications.imagenet_utils import decode_predictions
from lamina.applications.imagenet_utils import preprocess_caffe as preprocess_input
from lamina.applications.vgg16 import vgg

__all__ = ["VGG19", "decode_predictions", "preprocess_input"]

VGG19 = vgg("19", depths=(2, 2, 4, 4, 4), module=__name__)
