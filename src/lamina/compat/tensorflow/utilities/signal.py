"""Functions of `tensorflow.signal`."""

from __future__ import annotations

from lamina.compat.tensorflow.base.declare import declared
from lamina.compat.tensorflow.base.tables import SIGNAL

__getattr__ = declared(__name__, SIGNAL)
