"""Functions of `tensorflow.math`."""

from __future__ import annotations

from lamina.compat.tensorflow.base.declare import declared
from lamina.compat.tensorflow.base.tables import MATH

__getattr__ = declared(__name__, MATH)
