"""Laws of image ops beyond the recorded results."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lamina import ops
from lamina.core.graph import SymbolicTensor
from lamina.core.variable import Variable
from lamina.errors import ArgumentError, ArgumentTypeError, ShapeError
from lamina.ops.image import color, layout
from tests.oracles.families import recorded
from tests.tables.arrays import floats, ints
from tests.tables.ops_image import FIRST, IMAGE_OPS, IMAGES, PLANES, TURNS

image = ops.image
cases = pytest.mark.parametrize("case", IMAGE_OPS, ids=lambda case: case.name)
first_cases = list({case.op: case for case in reversed(IMAGE_OPS)}.values())
each_op = pytest.mark.parametrize("case", first_cases, ids=lambda case: case.op)


@each_op
def test_program_computes_what_the_op_does(case):
    function = getattr(image, case.op)
    program = jax.jit(lambda *args: function(*args, **case.kwargs))
    expected = function(*case.args, **case.kwargs)
    np.testing.assert_allclose(program(*case.args), expected, atol=2e-5)


@cases
def test_symbolic_shape_and_type_are_those_of_the_result(case):
    arrays = case.images, *case.args[1:]
    args = [SymbolicTensor(np.shape(a), a.dtype.name) for a in arrays]
    symbolic = getattr(image, case.op)(*args, **case.kwargs)
    assert symbolic.shape == recorded("ops_image")[case.name]["value.0"].shape
    assert symbolic.dtype == case.dtype


def test_every_op_has_a_case():
    assert {case.op for case in IMAGE_OPS} | {"elastic_transform"} == set(image.__all__)


@pytest.mark.parametrize(
    ("call", "shape"),
    [
        (lambda x: image.resize(x, (4, 5)), (None, 4, 5, 3)),
        (lambda x: image.affine_transform(x, TURNS[0]), (None, None, None, 3)),
        (lambda x: image.elastic_transform(x), (None, None, None, 3)),
        (lambda x: image.gaussian_blur(x), (None, None, None, 3)),
        (lambda x: image.rgb_to_grayscale(x), (None, None, None, 1)),
        (lambda x: image.sobel_edges(x), (None, None, None, 3, 2)),
        (lambda x: image.ssim(x, x), (None,)),
        (lambda x: image.extract_patches(x, 4), (None, None, None, 48)),
        (lambda x: image.crop_images(x, 1, 1, 1, 1), (None, None, None, 3)),
        (
            lambda x: image.crop_images(x, 1, 1, target_height=4, target_width=5),
            (None, 4, 5, 3),
        ),
        (
            lambda x: image.pad_images(x, 1, 1, target_height=9, target_width=10),
            (None, 9, 10, 3),
        ),
    ],
)
def test_sizes_may_be_unknown(call, shape):
    assert call(SymbolicTensor((None, None, None, 3))).shape == shape


@pytest.mark.parametrize(
    "function",
    [
        lambda x: image.resize(x, (3, 5), "bicubic"),
        lambda x: image.resize(x, (2, 60), antialias=True),  # a product, transposed
        lambda x: image.resize(x, (4, 9), "nearest"),
        lambda x: image.affine_transform(x, TURNS, fill_mode="reflect"),
        lambda x: image.affine_transform(IMAGES, TURNS * x[0, 0, 0, 0]),
        lambda x: image.perspective_transform(x, *np.split(_points(), 2)),
        lambda x: image.gaussian_blur(x, (5, 3), (1.0, 2.0)),
        lambda x: image.extract_patches(x, 3, 1),
        lambda x: image.rgb_to_hsv(x),
        lambda x: image.hsv_to_rgb(x),
    ],
)
def test_gradients_equal_differences(function):
    weights = np.asarray(floats(*function(IMAGES).shape, seed=5), "float64")
    with jax.enable_x64(True):
        scalar = jax.jit(lambda x: jnp.sum(function(x) * weights))
        x, step = jnp.asarray(IMAGES, "float64"), floats(*IMAGES.shape, seed=6)
        change = float(scalar(x + 1e-5 * step) - scalar(x - 1e-5 * step))
        gradient = jax.jit(jax.grad(scalar))(x)
        expected = float(jnp.sum(gradient * step))
    np.testing.assert_allclose(change / 2e-5, expected, rtol=2e-3, atol=1e-3)


def test_equal_channels_share_a_gradient_as_in_maximum():
    levels = np.stack(np.meshgrid(*[np.arange(3.0, dtype="float32")] * 3), -1)
    weights = floats(3, 3, 3, 2, seed=4)

    def by_maximum(red, green, blue):
        value = jnp.maximum(jnp.maximum(red, green), blue)
        return value, value - jnp.minimum(jnp.minimum(red, green), blue)

    def gradient(function):
        def total(x):
            value, chroma = function(x[..., 0], x[..., 1], x[..., 2])
            return jnp.sum(value * weights[..., 0] + chroma * weights[..., 1])

        return jax.jit(jax.grad(total))(levels)

    found, expected = gradient(color.value_and_chroma), gradient(by_maximum)
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("axes", [(1, 2), (2, 3)])
def test_mean_pixel_and_its_repetition_are_those_of_both_axes(axes):
    x, weights = floats(2, 4, 5, 3, seed=1), floats(2, 4, 5, 3, seed=2)

    def whole(x):
        mean = x.mean(axes, keepdims=True)
        return mean, jnp.sum(jnp.sin(x - mean) * weights)

    def by_axis(x):
        mean = layout.mean_pixel(x, axes)
        repeated = layout.repeat_for_columns(mean, x, axes)
        return mean, jnp.sum(jnp.sin(x - repeated) * weights)

    def mean_and_gradient(function):
        differentiate = jax.grad(lambda x: function(x)[::-1], has_aux=True)
        gradient, mean = jax.jit(differentiate)(x)
        return mean, gradient

    (mean, gradient), expected = mean_and_gradient(by_axis), mean_and_gradient(whole)
    np.testing.assert_allclose(mean, expected[0], rtol=1e-5)
    np.testing.assert_allclose(gradient, expected[1], atol=1e-6)


@pytest.mark.parametrize("axis", [-1, -3, 0, 2])
def test_channels_are_split_and_merged_as_by_stack(axis):
    x = floats(3, 4, 3, seed=1)
    planes = color.split_channels(x, axis)
    np.testing.assert_array_equal(planes, jnp.moveaxis(x, axis, 0))
    np.testing.assert_array_equal(color.merge_channels(planes, axis), x)

    def gradient(split, merge):
        def total(x):
            red, green, blue = split(x, axis)
            return jnp.sum(jnp.sin(merge([red * green, green * blue, blue], axis)))

        return jax.jit(jax.grad(total))(x)

    found = gradient(color.split_channels, color.merge_channels)
    expected = gradient(lambda x, axis: jnp.moveaxis(x, axis, 0), jnp.stack)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def _points():
    corners = np.array([[0, 0], [7, 0], [0, 5], [7, 5]], "float32")
    return np.stack([corners, corners + floats(4, 2, seed=3)])


def test_zero_alpha_displaces_nothing_and_a_seed_repeats_a_displacement():
    np.testing.assert_allclose(image.elastic_transform(IMAGES, alpha=0.0), IMAGES)
    one, same, other = (image.elastic_transform(IMAGES, seed=s) for s in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.allclose(one, other)


def test_elastic_displacements_differ_by_image_and_direction():
    ramps = np.stack(np.meshgrid(np.arange(40.0), np.arange(40.0)), -1)[None]
    ramps = np.tile(ramps, (2, 1, 1, 1)).astype("float32")
    moved = image.elastic_transform(ramps, 5.0, 3.0, seed=1) - ramps
    inner = np.asarray(moved)[:, 8:-8, 8:-8].reshape(2, -1, 2)
    fields = [inner[0, :, 0], inner[0, :, 1], inner[1, :, 0]]
    assert all(f.std() > 0.1 for f in fields)
    assert np.abs(np.corrcoef(fields) - np.eye(3)).max() < 0.7


def test_projective_transform_divides_by_its_denominator():
    transform = [1, 0, 0, 0, 1, 0, 0.1, 0]
    ramp = np.arange(8.0, dtype="float32").reshape(1, 8, 1)
    x = np.arange(8.0)
    expected = x / (0.1 * x + 1)
    moved = image.affine_transform(ramp, transform)
    np.testing.assert_allclose(moved[0, :, 0], expected, atol=1e-6)


def test_images_may_be_variables_and_lists():
    expected = image.resize(IMAGES, (3, 4))
    np.testing.assert_array_equal(image.resize(Variable(IMAGES), (3, 4)), expected)
    np.testing.assert_array_equal(image.resize(IMAGES.tolist(), (3, 4)), expected)
    cropped = image.crop_images(Variable(IMAGES), 1, 1, 1, 1)
    np.testing.assert_array_equal(cropped, IMAGES[:, 1:-1, 1:-1])


def test_antialiased_resize_by_a_large_factor_averages():
    bytes_ = ints(40, 40, 1, below=256).astype("uint8")
    small = image.resize(bytes_, (1, 1), antialias=True)
    assert small.dtype == "uint8"
    assert abs(int(small[0, 0, 0]) - bytes_.mean()) < 16


def test_integers_are_clipped_when_an_interpolation_overshoots():
    edge = np.repeat(np.array([0, 255], "uint8"), 8).reshape(1, 16, 1)
    enlarged = np.asarray(image.resize(edge, (1, 50), "lanczos3"))[0, :, 0]
    assert enlarged[:20].max() < 60
    assert enlarged[-20:].min() > 195


X = SymbolicTensor((None, 6, 8, 3))


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: image.resize(IMAGES, (3,)), ArgumentError, "`size`"),
        (lambda: image.resize(IMAGES, (0, 3)), ArgumentError, "`size`"),
        (lambda: image.resize(IMAGES[0, 0], (3, 3)), ShapeError, "3D"),
        (lambda: image.resize(X, (3, 3), "area"), ArgumentError, "`interpolation`"),
        (lambda: image.resize(X, (X, 3)), ArgumentTypeError, "`size`"),
        (
            lambda: image.resize(
                IMAGES, (3, 3), pad_to_aspect_ratio=True, crop_to_aspect_ratio=True
            ),
            ArgumentError,
            "both cropped and padded",
        ),
        (
            lambda: image.resize(IMAGES, (3, 3), fill_mode="wrap"),
            ArgumentError,
            "`fill_mode`",
        ),
        (
            lambda: image.affine_transform(IMAGES, TURNS[0, :6]),
            ShapeError,
            "`transform`",
        ),
        (
            lambda: image.affine_transform(IMAGES, TURNS, fill_mode="zero"),
            ArgumentError,
            "`fill_mode`",
        ),
        (
            lambda: image.perspective_transform(IMAGES, TURNS, TURNS),
            ShapeError,
            "`start_points`",
        ),
        (
            lambda: image.map_coordinates(IMAGES, IMAGES, 1),
            ShapeError,
            "`coordinates`",
        ),
        (
            lambda: image.map_coordinates(IMAGES, floats(4, 2), 3),
            ArgumentError,
            "`order`",
        ),
        (
            lambda: image.scale_and_translate(
                IMAGES, (2, 3, 3, 3), [1.0, 1.0], [0.0, 0.0], (1, 2), "nearest"
            ),
            ArgumentError,
            "`method`",
        ),
        (lambda: image.pad_images(X, 1, 1, 1), ArgumentError, "exactly two of"),
        (
            lambda: image.pad_images(X, 1, 1, target_height=5, target_width=9),
            ArgumentError,
            "bottom_padding",
        ),
        (
            lambda: image.crop_images(IMAGES, 4, 1, 4, 1),
            ArgumentError,
            "target_height",
        ),
        (lambda: image.crop_images(IMAGES, -1, 1, 4, 1), ArgumentError, "top_cropping"),
        (lambda: image.rgb_to_grayscale(PLANES), ShapeError, "1 or 3 channels"),
        (lambda: image.rgb_to_hsv(IMAGES > 0), ArgumentError, "floats"),
        (lambda: image.hsv_to_rgb(IMAGES, **FIRST), ShapeError, "3 channels"),
        (lambda: image.gaussian_blur(IMAGES, (0, 3)), ArgumentError, "`kernel_size`"),
        (lambda: image.gaussian_blur(IMAGES, sigma=(1,)), ShapeError, "`sigma`"),
        (lambda: image.sobel_edges(IMAGES[0]), ShapeError, "4D"),
        (lambda: image.ssim(IMAGES, IMAGES), ShapeError, "`filter_size`"),
        (lambda: image.ssim(IMAGES, PLANES), ShapeError, "same shape"),
        (lambda: image.extract_patches(IMAGES, (1, 2, 3, 4)), ArgumentError, "`size`"),
        (lambda: image.extract_patches(IMAGES, "3"), ArgumentTypeError, "`size`"),
        (lambda: image.extract_patches(IMAGES, 9), ShapeError, "does not fit"),
        (lambda: image.resize(X, (3, 3), data_format="last"), ArgumentError, "format"),
    ],
)
def test_invalid_arguments_are_errors(call, error, words):
    with pytest.raises(error, match=words):
        call()
