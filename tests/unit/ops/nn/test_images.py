"""Inverses and refusals of rearranged images."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from lamina import ops
from lamina.core.graph import SymbolicTensor
from lamina.errors import ArgumentError, ShapeError
from tests.tables.arrays import floats

IMAGES = floats(2, 8, 4, 6)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_space_to_depth_inverts_depth_to_space(data_format):
    x = IMAGES if data_format == "channels_first" else IMAGES.transpose(0, 2, 3, 1)
    y = ops.depth_to_space(x, 2, data_format)
    assert np.array_equal(ops.space_to_depth(y, 2, data_format), x)


@pytest.mark.parametrize(
    "window",
    [
        {"kernel_size": 2, "stride": 2},
        {"kernel_size": (2, 3), "stride": (1, 2), "padding": (0, 1)},
        {"kernel_size": 2, "dilation": 2, "padding": 1},
    ],
)
def test_fold_is_the_transpose_of_unfold(window):
    def unfold(x):
        return ops.unfold(x, **window)

    @jax.jit
    def both(x, weights):
        (transposed,) = jax.vjp(unfold, x)[1](weights)
        return ops.fold(weights, IMAGES.shape[2:], **window), transposed

    weights = floats(*jax.eval_shape(unfold, IMAGES).shape, seed=1)
    np.testing.assert_allclose(*both(IMAGES, weights), atol=1e-5)


def test_image_ops_infer_shapes_of_unknown_batches():
    x = SymbolicTensor((None, 8, 4, 6))
    assert ops.unfold(x, 2, stride=2).shape == (None, 32, 6)
    assert ops.fold(ops.unfold(x, 2, stride=2), (4, 6), 2, stride=2).shape == x.shape
    assert ops.space_to_depth(x, 2).shape == (None, 4, 2, 24)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: ops.unfold(IMAGES[0], 2), ShapeError, "4D"),
        (lambda: ops.unfold(IMAGES, 0), ArgumentError, "`kernel_size`"),
        (lambda: ops.fold(IMAGES, (4, 4), 2), ShapeError, "3D"),
        (lambda: ops.depth_to_space(IMAGES, 1), ArgumentError, "`block_size`"),
        (lambda: ops.depth_to_space(IMAGES, 2), ShapeError, "multiple of 4"),
        (lambda: ops.space_to_depth(IMAGES, 3), ShapeError, "multiple of 3"),
        (lambda: ops.psnr(IMAGES, IMAGES[0], 1.0), ShapeError, "same shape"),
    ],
)
def test_invalid_arguments_are_errors(call, error, words):
    with pytest.raises(error, match=words):
        call()
