"""Edge cases of activations, crossentropies and normalizations."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from lamina import ops
from lamina.errors import ArgumentError, LikelyMistakeWarning, ShapeError
from tests.tables.arrays import floats


def test_sparsemax_is_the_projection_onto_the_simplex():
    x = floats(6, 5, low=-2.0, high=2.0)
    for axis in (0, 1):
        p = np.asarray(ops.sparsemax(x, axis=axis))
        np.testing.assert_allclose(p.sum(axis), 1, rtol=1e-6)
        # x - p is constant where p is positive, and smaller elsewhere.
        rest = x - p
        limit = rest.max(axis, keepdims=True)
        assert np.all((p >= 0) & (np.isclose(rest, limit, atol=1e-6) | (p == 0)))


@pytest.mark.parametrize("target", [0.0, 1.0])
@pytest.mark.parametrize("logit", [-200.0, 200.0])
def test_crossentropy_of_extreme_logits_is_finite(target, logit):
    def loss(x):
        return ops.binary_crossentropy([target], x, from_logits=True).sum()

    value, gradient = jax.value_and_grad(loss)(np.array([logit], "float32"))
    np.testing.assert_allclose(value, 0 if (logit > 0) == target else 200)
    np.testing.assert_allclose(gradient, [float(logit > 0) - target])


def test_crossentropy_of_probabilities_0_and_1_is_finite():
    certain = np.array([[0.0, 1.0]], "float32")
    for value in (
        ops.binary_crossentropy(1 - certain, certain),
        ops.categorical_crossentropy(1 - certain, certain),
        ops.sparse_categorical_crossentropy([0], certain),
    ):
        np.testing.assert_allclose(value, -np.log(1e-7), rtol=0.02)


@pytest.mark.parametrize(
    "call",
    [
        lambda: ops.binary_crossentropy(np.ones((3, 1)), np.ones(3)),
        lambda: ops.categorical_crossentropy(np.ones((3, 2)), np.ones((3, 4))),
        lambda: ops.sparse_categorical_crossentropy(np.ones((3, 4)), np.ones((3, 4))),
    ],
)
def test_shape_mismatch_error_names_the_op(call):
    with pytest.raises(
        ShapeError, match=r"crossentropy: .* same shape. Received: \(3, "
    ):
        call()


def test_normalize_of_zeros_has_a_finite_gradient():
    gradient = jax.grad(lambda x: ops.normalize(x).sum())(np.zeros((1, 3), "float32"))
    assert np.isfinite(gradient).all()


def test_divide_no_nan_has_a_finite_gradient_at_zero():
    gradient = jax.grad(lambda x, y: ops.divide_no_nan(x, y).sum(), argnums=(0, 1))
    assert [v.tolist() for v in gradient(np.ones(1), np.zeros(1))] == [[0.0], [0.0]]


def test_float16_is_normalized_in_float32():
    x = 100 * floats(4, 64)
    for function in (ops.layer_normalization, ops.rms_normalization):
        half = function(ops.cast(x, "float16"))
        assert half.dtype == "float16"
        np.testing.assert_allclose(half, function(x), atol=2e-3)


@pytest.mark.parametrize("axis", [1, (1, 2), -2])
def test_layer_normalization_scale_follows_the_axes(axis):
    x = floats(2, 3, 4)
    axes = (axis,) if isinstance(axis, int) else axis
    shape = [x.shape[a] for a in sorted(a % 3 for a in axes)]
    gamma = floats(*shape, seed=1)
    plain = ops.layer_normalization(x, axis=axis)
    expanded = gamma[..., None] if len(axes) == 1 else gamma
    got = ops.layer_normalization(x, gamma, axis=axis)
    np.testing.assert_allclose(got, plain * expanded, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "normalize"])
def test_axis_none_reduces_the_whole_array(name):
    x = floats(2, 3)
    whole = getattr(ops, name)(x, axis=None)
    np.testing.assert_allclose(whole.ravel(), getattr(ops, name)(x.ravel()), rtol=1e-6)


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "normalize"])
def test_axis_out_of_range_is_an_error(name):
    with pytest.raises(ValueError, match="axis 2"):
        getattr(ops, name)(floats(2, 3), axis=2)


def test_softmax_over_an_axis_of_size_1_warns():
    with pytest.warns(LikelyMistakeWarning, match="sigmoid"):
        ops.softmax(np.ones((3, 1)))


def test_rms_scaling_does_not_subtract_the_mean():
    x = floats(2, 5)
    with pytest.warns(UserWarning, match="rms_normalization"):
        y = ops.layer_normalization(x, rms_scaling=True)
    deviation = np.sqrt(x.var(-1, keepdims=True) + 1e-7)
    np.testing.assert_allclose(y, x / deviation, rtol=1e-5)


def test_rms_normalization_accepts_a_scale_of_full_rank():
    x, scale = floats(2, 5), floats(2, 5, seed=1)
    y = ops.rms_normalization(x, scale)
    np.testing.assert_allclose(y, ops.rms_normalization(x) * scale, rtol=1e-6)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda x: ops.normalize(x, order=0), ArgumentError, "`order`"),
        (lambda x: ops.normalize(x, order=2.5), ArgumentError, "`order`"),
        (
            lambda x: ops.batch_normalization(x, x[0], x[0], -1, offset=x[0, :2]),
            ShapeError,
            "`offset` must have 5 elements",
        ),
        (lambda x: ops.batch_normalization(x, x[0], x[0], 2), ShapeError, "no axis 2"),
        (
            lambda x: ops.sparse_categorical_crossentropy([0, 1], x, axis=3),
            ShapeError,
            "no axis 3",
        ),
        (lambda x: ops.segment_sum(x, [0, 1, 1]), ShapeError, "each row"),
    ],
)
def test_invalid_arguments_are_errors(call, error, words):
    with pytest.raises(error, match=words):
        call(floats(2, 5))


def test_variance_that_overflows_float16_becomes_its_maximum():
    _, variance = ops.moments(np.array([-2000.0, 1100.0], "float16"), axes=[0])
    assert variance == np.finfo("float16").max


def test_in_top_k_accepts_float_targets():
    assert ops.in_top_k([1.0, 0.0], [[0.1, 0.9], [0.2, 0.8]], 1).tolist() == [
        True,
        False,
    ]
