"""Functions of `tensorflow.linalg`."""

from __future__ import annotations

from lamina.compat.tensorflow.base.declare import declared
from lamina.compat.tensorflow.base.tables import LINALG

__getattr__ = declared(__name__, LINALG)
