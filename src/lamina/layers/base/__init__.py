"""Base classes of layers."""

from __future__ import annotations

from lamina.layers.base.attributes import Converted, weight
from lamina.layers.base.layer import Layer
from lamina.layers.base.options import CommonOptions, Options
from lamina.layers.base.spec import InputSpec

__all__ = ["CommonOptions", "Converted", "InputSpec", "Layer", "Options", "weight"]
