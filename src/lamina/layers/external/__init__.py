"""Layers that call functions and modules of JAX, Flax and PyTorch."""

from __future__ import annotations

from lamina.layers.external.flax import FlaxLayer
from lamina.layers.external.functions import JaxLayer
from lamina.layers.external.saved_model import TFSMLayer
from lamina.layers.external.torch import TorchModuleWrapper

__all__ = ["FlaxLayer", "JaxLayer", "TFSMLayer", "TorchModuleWrapper"]
