"""Functions of `tensorflow.bitwise`."""

from __future__ import annotations

from lamina.compat.tensorflow.base.declare import declared
from lamina.compat.tensorflow.base.tables import BITWISE

__getattr__ = declared(__name__, BITWISE)
