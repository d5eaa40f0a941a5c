"""Data sets of the files in a folder."""

from __future__ import annotations

import os
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from PIL import Image

import lamina
from lamina import errors
from lamina.utils import (
    audio_dataset_from_directory,
    image_dataset_from_directory,
    text_dataset_from_directory,
)

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (12, 6, 8, 3), dtype=np.uint8)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Twelve images: seven of cats, two of them deeper, and five of dogs."""
    places = ["cats"] * 5 + ["cats/deep"] * 2 + ["dogs"] * 5
    for i, place in enumerate(places):
        (tmp_path / place).mkdir(parents=True, exist_ok=True)
        Image.fromarray(PIXELS[i]).save(tmp_path / place / f"{i:02}.PNG")
    (tmp_path / "cats" / "notes.md").write_text("no image")
    (tmp_path / ".hidden").mkdir()
    return tmp_path


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    for i, name in enumerate(["bad", "bad", "good", "good", "so-so"]):
        (tmp_path / name).mkdir(exist_ok=True)
        (tmp_path / name / f"{i}.txt").write_bytes(f"Naïve {i}\r\n".encode() * (i + 1))
    return tmp_path


def images(folder: Path, **given: Any) -> Any:
    arguments: dict[str, Any] = {"shuffle": False, "verbose": False}
    arguments |= {"image_size": (6, 8), **given}
    return image_dataset_from_directory(folder, **arguments)


def all_rows(dataset: Any) -> tuple[np.ndarray, np.ndarray]:
    x, y = zip(*dataset, strict=True)
    return np.concatenate(x), np.concatenate(y)


def test_images_come_with_the_classes_of_their_folders(photos: Path) -> None:
    dataset = images(photos, batch_size=5)
    assert dataset.class_names == ["cats", "dogs"] and len(dataset) == 3
    assert [os.path.basename(p) for p in dataset.file_paths] == [
        f"{i:02}.PNG" for i in range(12)
    ]
    x, y = all_rows(dataset)
    assert (x.dtype, y.dtype, x.shape) == ("float32", "int32", (12, 6, 8, 3))
    np.testing.assert_array_equal(x, PIXELS)
    assert y.tolist() == [0] * 7 + [1] * 5


LABELS: dict[str, tuple[dict[str, Any], Any]] = {
    "binary": ({"label_mode": "binary"}, [[0.0]] * 7 + [[1.0]] * 5),
    "categorical": ({"label_mode": "categorical"}, [[1.0, 0.0]] * 7 + [[0.0, 1.0]] * 5),
    "list": ({"labels": [3, 1] * 6}, [3, 1] * 6),
    "array": ({"labels": np.array([3, 1] * 6)}, [3, 1] * 6),
    "order": ({"class_names": ["dogs", "cats"]}, [0] * 5 + [1] * 7),
    "one class": ({"class_names": ["dogs"]}, [0] * 5),
}


@pytest.mark.parametrize("name", LABELS)
def test_labels_have_the_requested_form(photos: Path, name: str) -> None:
    arguments, expected = LABELS[name]
    assert all_rows(images(photos, **arguments))[1].tolist() == expected


def test_without_labels_all_files_are_taken(photos: Path) -> None:
    Image.fromarray(PIXELS[0]).save(photos / "a.jpg")
    for arguments in ({"labels": None}, {"label_mode": None}):
        dataset = images(photos, batch_size=None, **arguments)
        assert len(dataset) == 13 and dataset.class_names is None
        assert dataset[1].shape == (6, 8, 3)


def test_each_epoch_has_another_order_of_the_same_files(photos: Path) -> None:
    dataset = images(photos, shuffle=True, seed=3, batch_size=12)
    orders = [batch[1].tolist() for _ in range(3) for batch in dataset]
    assert len({tuple(order) for order in orders}) > 1
    assert {sum(order) for order in orders} == {5}
    again = images(photos, shuffle=True, seed=3)
    assert again.file_paths == dataset.file_paths != sorted(dataset.file_paths)
    files = sorted(dataset.file_paths)
    np.random.RandomState(3).shuffle(files)  # as Keras does
    assert files == dataset.file_paths


def test_splits_are_disjoint(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    split: dict[str, Any] = {"validation_split": 0.25, "seed": 1, "shuffle": True}
    both = images(photos, subset="both", **split, verbose=True)
    assert capsys.readouterr().out.splitlines() == [
        "Found 12 files belonging to 2 classes.",
        "Using 9 files for training.",
        "Using 3 files for validation.",
    ]
    train = images(photos, subset="training", **split)
    held_out = images(photos, subset="validation", **split)
    assert [train.file_paths, held_out.file_paths] == [d.file_paths for d in both]
    assert len({*train.file_paths, *held_out.file_paths}) == 12
    assert list(held_out)[0][1].tolist() == list(both[1])[0][1].tolist()


RESIZED: dict[str, tuple[dict[str, Any], Callable[[np.ndarray], Any]]] = {
    "distorted": ({}, lambda x: x),
    "cropped": ({"crop_to_aspect_ratio": True}, lambda x: x[:, 1:7]),
    "padded": (
        {"pad_to_aspect_ratio": True},
        lambda x: np.pad(x, ((1, 1), (0, 0), (0, 0))),
    ),
}


@pytest.mark.parametrize("name", RESIZED)
@pytest.mark.parametrize("method", ["nearest", "bilinear"])
def test_images_are_resized(photos: Path, name: str, method: str) -> None:
    arguments, fit = RESIZED[name]
    dataset = images(photos, image_size=4, interpolation=method, **arguments)
    image = fit(PIXELS[0].astype("float32"))
    expected = jax.image.resize(image, (4, 4, 3), method, antialias=False)
    np.testing.assert_allclose(dataset[0][0][0], expected, atol=1e-3)


def test_colors_and_data_formats(photos: Path) -> None:
    for mode, channels in (("grayscale", 1), ("rgba", 4)):
        x = images(photos, color_mode=mode)[0][0]
        assert x.shape == (12, 6, 8, channels)
    first = images(photos, data_format="channels_first")[0][0]
    np.testing.assert_array_equal(first, PIXELS.transpose(0, 3, 1, 2))


def test_gray_jpegs_are_decoded_as_gray(tmp_path: Path) -> None:
    Image.fromarray(PIXELS[0] // 8 + 100).save(tmp_path / "a.jpg")
    x = images(tmp_path, labels=None, color_mode="grayscale")[0]
    with Image.open(tmp_path / "a.jpg") as img:
        expected = np.asarray(img.convert("L"), "float32")
    np.testing.assert_allclose(x[0, ..., 0], expected, atol=1.5)


def test_links_are_followed_on_request(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "cats" / "more").symlink_to(photos / "dogs")
    assert len(images(photos, batch_size=None)) == 12
    assert len(images(photos, batch_size=None, follow_links=True)) == 17


def test_damaged_images_are_named(photos: Path) -> None:
    (photos / "dogs" / "07.PNG").write_bytes(b"no image")
    with pytest.raises(errors.DataError, match=r"07\.PNG' cannot be read as an image"):
        list(images(photos))


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "labels": ({"labels": "guessed"}, "`labels` must be 'inferred', None or a list"),
    "fractions": ({"labels": [0.5] * 12}, "a list of integers"),
    "names as labels": ({"labels": ["a"] * 12}, "a list of integers"),
    "skipped class": (
        {"labels": [0, 2] * 6, "label_mode": "categorical"},
        "needs classes 0 to 1",
    ),
    "number of labels": ({"labels": [1, 2]}, "2 entries, but .* has 12 files"),
    "label_mode": ({"label_mode": "words"}, "`label_mode` must be one of"),
    "two classes": ({"label_mode": "binary", "class_names": ["cats"]}, "two classes"),
    "class_names": ({"class_names": ["birds"]}, "names of folders of .*'cats', 'dogs'"),
    "names of a list": (
        {"labels": [0] * 12, "class_names": ["a"]},
        "labels='inferred'",
    ),
    "subset alone": ({"subset": "training"}, "go together"),
    "subset": ({"subset": "test", "validation_split": 0.2}, "`subset` must be one of"),
    "split": ({"subset": "both", "validation_split": 1.2}, "between 0 and 1"),
    "seed": ({"subset": "both", "validation_split": 0.2, "shuffle": True}, "overlap"),
    "small split": (
        {"subset": "validation", "validation_split": 0.01},
        "no validation files ending in .bmp",
    ),
    "color_mode": ({"color_mode": "cmyk"}, "`color_mode` must be one of"),
    "interpolation": ({"interpolation": "linear"}, "`interpolation` must be one of"),
    "image_size": ({"image_size": (3, 3, 3)}, "`image_size` must be"),
    "batch_size": ({"batch_size": 0}, "`batch_size` must be a positive integer or"),
    "format": ({"format": "torch"}, "`format` must be one of"),
    "both fits": (
        {"crop_to_aspect_ratio": True, "pad_to_aspect_ratio": True},
        "only one of",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_invalid_arguments_are_refused(photos: Path, name: str) -> None:
    arguments, message = WRONG[name]
    with pytest.raises(errors.ArgumentError, match=message):
        images(photos, **arguments)


def test_missing_folders_are_named() -> None:
    with pytest.raises(FileNotFoundError, match="no such folder: 'nowhere'"):
        images(Path("nowhere"))


def test_texts(texts: Path) -> None:
    dataset = text_dataset_from_directory(texts, shuffle=False, max_length=9, verbose=0)
    (x, y), = dataset  # fmt: skip
    assert y.tolist() == [0, 0, 1, 1, 2] and dataset.class_names[2] == "so-so"
    assert x.tolist() == [f"Naïve {i}\r\n"[:9] for i in range(5)] and x.dtype == object
    whole = text_dataset_from_directory(texts, label_mode=None, batch_size=None)
    assert max(whole, key=len) == "Naïve 4\r\n" * 5


def write_wav(path: Path, samples: np.ndarray, width: int, rate: int = 8) -> None:
    path.parent.mkdir(exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(samples.shape[1])
        file.setsampwidth(width)
        file.setframerate(rate)
        if width == 1:
            data = (samples * 127 + 128).astype(np.uint8).tobytes()
        else:
            whole = (samples * (2 ** (8 * width - 1) - 1)).astype("<i4")
            data = whole.view(np.uint8).reshape(-1, 4)[:, :width].tobytes()
        file.writeframes(data)


SOUND = RNG.uniform(-1, 1, (16, 2))


def sounds(folder: Path, **given: Any) -> Any:
    arguments = {"labels": None, "shuffle": False, "verbose": False, **given}
    return audio_dataset_from_directory(folder, **arguments)


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_sounds_of_all_widths(tmp_path: Path, width: int) -> None:
    write_wav(tmp_path / "a.wav", SOUND, width)
    (x,) = sounds(tmp_path)
    assert x.shape == (1, 16, 2) and x.dtype == np.float32
    np.testing.assert_allclose(x[0], SOUND, atol=2 ** (2 - 8 * min(width, 3)))


def test_sounds_are_padded_or_truncated(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", SOUND, 2)
    write_wav(tmp_path / "b.wav", SOUND[:5], 2)
    (x,) = sounds(tmp_path)
    assert x.shape == (2, 16, 2) and not x[1, 5:].any() and x[1, :5].any()
    assert sounds(tmp_path, output_sequence_length=7)[0].shape == (2, 7, 2)
    assert sounds(tmp_path, batch_size=None)[1].shape == (5, 2)


def test_sounds_are_resampled(tmp_path: Path) -> None:
    time = np.arange(64)[:, None] / 64
    write_wav(tmp_path / "a.wav", 0.5 * np.sin(2 * np.pi * 3 * time), 2, rate=64)
    for rate in (32, 128):
        x = sounds(tmp_path, sampling_rate=rate)[0][0]
        expected = 0.5 * np.sin(2 * np.pi * 3 * np.arange(rate)[:, None] / rate)
        np.testing.assert_allclose(x, expected, atol=1e-3)


def test_damaged_sounds_and_ragged_batches_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"RIFF no sound")
    with pytest.raises(errors.DataError, match="not a .wav file of PCM samples"):
        list(sounds(tmp_path))
    with pytest.raises(errors.ArgumentError, match="`ragged` must be False"):
        sounds(tmp_path, ragged=True)


def test_fit_trains_on_a_folder(photos: Path) -> None:
    dataset = images(photos, shuffle=True, batch_size=4)
    model = lamina.Sequential(
        [lamina.Input((6, 8, 3)), lamina.layers.Flatten(), lamina.layers.Dense(2)]
    )
    loss = lamina.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss)
    history = model.fit(dataset.map(lambda x, y: (x / 255, y)), epochs=2, verbose=0)
    assert len(history.history["loss"]) == 2
