"""Resizing on the host."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from lamina.data.files.resize import METHODS, resize

IMAGE = np.random.default_rng(0).integers(0, 256, (12, 7, 3), dtype=np.uint8)


@pytest.mark.parametrize("size", [(5, 9), (12, 7), (24, 3)])
@pytest.mark.parametrize(
    "method", ["nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"]
)
def test_values_are_those_of_jax(method: str, size: tuple[int, int]) -> None:
    x = IMAGE.astype("float32")
    expected = jax.image.resize(x, (*size, 3), method, antialias=False)
    found = resize(IMAGE, *size, method)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_area_is_the_mean_of_the_covered_pixels() -> None:
    blocks = IMAGE[:, :6].reshape(4, 3, 2, 3, 3).astype("float32")
    found = resize(IMAGE[:, :6], 4, 2, "area")
    np.testing.assert_allclose(found, blocks.mean((1, 3)), rtol=1e-5)
    row = np.array([0, 30, 60], np.uint8)[None, :, None]
    assert resize(row, 1, 2, "area")[0, :, 0].tolist() == [10, 50]


def test_gaussian_and_mitchell_cubic_have_their_weights() -> None:
    row = np.array([0, 0, 1, 0, 0], np.float32)[None, :, None]
    side = np.exp(-2.0) / (1 + 2 * np.exp(-2.0))
    found = resize(row, 1, 5, "gaussian")[0, :, 0]
    np.testing.assert_allclose(found, [0, side, 1 - 2 * side, side, 0], atol=1e-6)
    found = resize(row, 1, 5, "mitchellcubic")[0, :, 0]
    # At the border, the weight outside of the image goes to the others.
    np.testing.assert_allclose(found[1:4], [1 / 18, 8 / 9, 1 / 18], atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_constant_images_stay_constant(method: str) -> None:
    found = resize(np.full((5, 4, 1), 9, np.uint8), 7, 3, method)
    np.testing.assert_allclose(found, np.full((7, 3, 1), 9.0), rtol=1e-6)
