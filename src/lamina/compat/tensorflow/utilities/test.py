"""Functions of `tensorflow.test`."""

from __future__ import annotations

import unittest

import numpy as np

from lamina.compat.tensorflow.config import list_physical_devices
from lamina.typing import ArrayLike


def is_gpu_available(*_: object, **__: object) -> bool:
    """Return whether JAX sees a GPU."""
    return bool(list_physical_devices("GPU"))


def is_built_with_cuda() -> bool:
    """Return whether JAX sees a GPU."""
    return is_gpu_available()


is_built_with_gpu_support = is_built_with_cuda


def gpu_device_name() -> str:
    """Return the name of the first GPU, "" if there is none."""
    return "/device:GPU:0" if is_gpu_available() else ""


class TestCase(unittest.TestCase):
    """Test case that compares arrays."""

    def assertAllEqual(self, a: ArrayLike, b: ArrayLike) -> None:
        """Fail unless two arrays are equal."""
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))

    def assertAllClose(
        self, a: ArrayLike, b: ArrayLike, rtol: float = 1e-6, atol: float = 1e-6
    ) -> None:
        """Fail unless two arrays are almost equal."""
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol, atol)


main = unittest.main
