"""Images as files, arrays and Pillow images."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lamina import errors
from lamina.ops.image.layout import center_window
from lamina.preprocessing.image import smart_resize
from lamina.utils import array_to_img, img_to_array, load_img, save_img

PIXELS = np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    Image.fromarray(PIXELS).save(tmp_path / "a.png")
    return tmp_path / "a.png"


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("data_format", ["channels_first", "channels_last", None])
def test_array_to_img_and_back(channels: int, data_format: str | None) -> None:
    pixels = np.resize(PIXELS, (4, 6, channels))
    given = pixels.transpose(2, 0, 1) if data_format == "channels_first" else pixels
    img = array_to_img(given, data_format, scale=False)
    assert img.size == (6, 4)
    back = img_to_array(img, data_format)
    assert back.dtype == np.float32
    np.testing.assert_array_equal(back, given)


def test_array_to_img_scales_to_0_and_255() -> None:
    values = np.array([[-1.0, 1.0], [0.0, 3.0]])[..., None]
    assert np.asarray(array_to_img(values)).tolist() == [[0, 127], [63, 255]]
    assert np.asarray(array_to_img(np.ones((1, 1, 1)))).tolist() == [[0]]
    clipped = array_to_img(np.full((1, 1, 1), 300), scale=False)
    assert clipped.mode == "I" and clipped.getpixel((0, 0)) == 300


def test_arrays_that_are_not_images_are_refused() -> None:
    for shape in [(4, 6), (4, 6, 2), (1, 4, 6, 3)]:
        with pytest.raises(errors.ShapeError, match="1, 3 or 4 channels"):
            array_to_img(np.zeros(shape))
    with pytest.raises(errors.ArgumentError, match="data_format"):
        array_to_img(PIXELS, "channels")


def test_save_img_takes_the_format_of_the_ending(tmp_path: Path) -> None:
    save_img(tmp_path / "a.PNG", PIXELS, scale=False)
    np.testing.assert_array_equal(img_to_array(load_img(tmp_path / "a.PNG")), PIXELS)
    save_img(tmp_path / "b.jpg", PIXELS, quality=50)
    assert (tmp_path / "b.jpg").read_bytes()[:2] == b"\xff\xd8"
    file = io.BytesIO()
    with pytest.warns(UserWarning, match="no alpha channel"):
        save_img(file, np.resize(PIXELS, (4, 6, 4)), file_format="jpg")
    assert load_img(file).size == (6, 4)


@pytest.mark.parametrize("color_mode", ["grayscale", "rgb", "rgba"])
def test_load_img_converts_the_colors(path: Path, color_mode: str) -> None:
    mode = {"grayscale": "L", "rgb": "RGB", "rgba": "RGBA"}[color_mode]
    expected = np.asarray(Image.fromarray(PIXELS).convert(mode))
    np.testing.assert_array_equal(np.asarray(load_img(path, color_mode)), expected)


def test_load_img_resizes(path: Path) -> None:
    img = Image.fromarray(PIXELS)
    resized = load_img(path, target_size=(2, 2), interpolation="bicubic")
    expected = img.resize((2, 2), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(np.asarray(resized), np.asarray(expected))
    kept = load_img(path, target_size=(2, 2), keep_aspect_ratio=True)
    expected = img.resize((2, 2), Image.Resampling.NEAREST, box=(1, 0, 5, 4))
    np.testing.assert_array_equal(np.asarray(kept), np.asarray(expected))


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"path": "missing.png"}, errors.MissingFileError),
        ({"path": 3}, errors.ArgumentTypeError),
        ({"color_mode": "cmyk"}, errors.ArgumentError),
        ({"interpolation": "linear"}, errors.ArgumentError),
        ({"target_size": (2, 0)}, errors.ArgumentError),
    ],
)
def test_load_img_refuses(path: Path, arguments: dict[str, Any], error: type) -> None:
    with pytest.raises(error):
        load_img(**{"path": path, **arguments})


def test_gray_images_keep_their_bits(tmp_path: Path) -> None:
    deep = np.array([[0, 60000]], np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    np.testing.assert_array_equal(
        np.asarray(load_img(tmp_path / "deep.png", "grayscale")), deep
    )


def test_center_window_has_the_aspect_ratio_of_the_target() -> None:
    assert center_window(340, 500, 200, 200) == (0, 80, 340, 340)
    assert center_window(100, 10, 10, 20) == (47, 0, 5, 10)
    assert center_window(1, 1, 9, 1) == (0, 0, 1, 1)


@pytest.mark.parametrize(
    ("interpolation", "dtype"), [("nearest", "uint8"), ("bicubic", "float32")]
)
def test_smart_resize_of_bytes(interpolation: str, dtype: str) -> None:
    assert smart_resize(PIXELS, (2, 2), interpolation).dtype == dtype


@pytest.mark.parametrize("data_format", ["channels_first", "channels_last"])
def test_smart_resize_crops_then_resizes(data_format: str) -> None:
    x = np.arange(2 * 4 * 8 * 1, dtype="float32").reshape(2, 4, 8, 1)
    crop = x[:, :, 2:6]
    given = x.transpose(0, 3, 1, 2) if data_format == "channels_first" else x
    found = smart_resize(given, (2, 2), "nearest", data_format)
    expected = crop[:, 1::2, 1::2]
    if data_format == "channels_first":
        expected = expected.transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(found, expected)
    assert isinstance(found, np.ndarray)
    assert smart_resize(x[0].astype("uint8"), (8, 8)).dtype == np.float32


def test_smart_resize_refuses_other_ranks() -> None:
    with pytest.raises(errors.ShapeError, match="three or four axes"):
        smart_resize(np.zeros((4, 4)), (2, 2))
