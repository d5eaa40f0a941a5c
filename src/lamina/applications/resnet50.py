"""ResNet50, under the name of its oldest module."""

from __future__ import annotations

from lamina.applications.resnet import ResNet50, decode_predictions, preprocess_input

__all__ = ["ResNet50", "decode_predictions", "preprocess_input"]
