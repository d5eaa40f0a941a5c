"""Types of the arguments of `keras.backend`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from lamina.core.graph import SymbolicTensor
from lamina.core.variable import Variable
from lamina.typing import Array, ArrayLike

Shaped: TypeAlias = Array | np.ndarray | Variable | SymbolicTensor
"""Value with a shape and an element type."""

Value: TypeAlias = ArrayLike | Variable | Sequence[Any]
"""Value that NumPy reads as an array."""
