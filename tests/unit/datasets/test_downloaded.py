"""Keras's data sets, read from small files of the same layout that a test serves."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import struct
import tarfile
import zipfile

import numpy as np
import pytest

from lamina import config
from lamina.datasets import (
    boston_housing,
    california_housing,
    cifar10,
    cifar100,
    fashion_mnist,
    imdb,
    mnist,
    reuters,
)
from lamina.datasets.keras_files import HASHES
from lamina.errors import ArgumentError, FileFormatError

random = np.random.RandomState(0)


def npz(**arrays: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def serve(web, monkeypatch, content: bytes, name: str) -> None:
    monkeypatch.setitem(HASHES, name, web.put(name, content))


def ragged(*texts: list[int]) -> np.ndarray:
    array = np.empty(len(texts), object)
    array[:] = texts
    return array


def test_mnist(internet, monkeypatch):
    arrays = {
        "x_train": random.randint(0, 256, (3, 28, 28), np.uint8),
        "y_train": np.arange(3, dtype=np.uint8),
        "x_test": random.randint(0, 256, (2, 28, 28), np.uint8),
        "y_test": np.arange(2, dtype=np.uint8),
    }
    serve(internet, monkeypatch, npz(**arrays), "mnist.npz")
    (x_train, y_train), (x_test, y_test) = mnist.load_data()
    for name, array in zip(arrays, (x_train, y_train, x_test, y_test), strict=True):
        np.testing.assert_array_equal(array, arrays[name])


def idx(array: np.ndarray) -> bytes:
    sizes = [0x800 + array.ndim, *array.shape]
    return struct.pack(f">{len(sizes)}I", *sizes) + array.tobytes()


def test_fashion_mnist(internet, monkeypatch):
    images = random.randint(0, 256, (3, 28, 28), np.uint8)
    labels = np.array([9, 0, 4], np.uint8)
    for name in [name for name in HASHES if "ubyte" in name]:
        array = images if "images" in name else labels
        serve(internet, monkeypatch, gzip.compress(idx(array)), name)
    for x, y in fashion_mnist.load_data():
        np.testing.assert_array_equal(x, images)
        np.testing.assert_array_equal(y, labels)
        x[0] = 0  # a loader's arrays can be written to


def serve_cifar(web, monkeypatch, module, files: dict[str, bytes]) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    digest = web.put(module.BINARY.name, buffer.getvalue())
    monkeypatch.setattr(module, "BINARY", module.BINARY._replace(digest=digest))


def cifar_row(labels: tuple[int, ...], image: np.ndarray) -> bytes:
    return bytes(labels) + image.transpose(2, 0, 1).tobytes()


def test_cifar10(internet, monkeypatch):
    images = random.randint(0, 256, (6, 32, 32, 3), np.uint8)
    names = cifar10.BINARY.train + cifar10.BINARY.test
    files = {name: cifar_row((at,), images[at]) for at, name in enumerate(names)}
    serve_cifar(internet, monkeypatch, cifar10, files)
    (x_train, y_train), (x_test, y_test) = cifar10.load_data()
    np.testing.assert_array_equal(x_train, images[:5])
    np.testing.assert_array_equal(y_train, [[0], [1], [2], [3], [4]])
    np.testing.assert_array_equal(x_test, images[5:])
    np.testing.assert_array_equal(y_test, [[5]])


def serve_cifar100(web, monkeypatch) -> np.ndarray:
    images = random.randint(0, 256, (2, 32, 32, 3), np.uint8)
    files = {
        "cifar-100-binary/train.bin": cifar_row((7, 70), images[0]),
        "cifar-100-binary/test.bin": cifar_row((8, 80), images[1]),
    }
    serve_cifar(web, monkeypatch, cifar100, files)
    return images


@pytest.mark.parametrize(("mode", "labels"), [("coarse", (7, 8)), ("fine", (70, 80))])
def test_cifar100(internet, monkeypatch, mode, labels):
    images = serve_cifar100(internet, monkeypatch)
    (x_train, y_train), (x_test, y_test) = cifar100.load_data(mode)
    np.testing.assert_array_equal(x_train, images[:1])
    np.testing.assert_array_equal(x_test, images[1:])
    assert (y_train.tolist(), y_test.tolist()) == ([[labels[0]]], [[labels[1]]])


def test_cifar_follows_the_image_layout(internet, monkeypatch):
    config.set_image_data_format("channels_first")
    images = serve_cifar100(internet, monkeypatch)
    (x_train, _), _ = cifar100.load_data()
    np.testing.assert_array_equal(x_train, images[:1].transpose(0, 3, 1, 2))


@pytest.mark.parametrize("module", [boston_housing, california_housing])
def test_housing_is_split_as_keras_splits_it(internet, monkeypatch, module):
    x, y = random.normal(size=(17, 4)), np.arange(17.0)
    name = module.__name__.rpartition(".")[2] + ".npz"
    serve(internet, monkeypatch, npz(x=x, y=y), name)
    (x_train, y_train), (x_test, y_test) = module.load_data(test_split=0.3, seed=5)
    order = np.arange(17)
    np.random.RandomState(5).shuffle(order)
    assert len(y_train) == 11  # Keras rounds down: 17 * 0.7 = 11.9
    np.testing.assert_array_equal(np.concatenate([y_train, y_test]), y[order])
    np.testing.assert_array_equal(np.concatenate([x_train, x_test]), x[order])


def test_the_small_version_of_california_housing(internet, monkeypatch):
    x, y = np.zeros((700, 8)), np.arange(700.0)
    content = npz(x=x, y=y)
    serve(internet, monkeypatch, content, "california_housing.npz")
    (_, y_train), (_, y_test) = california_housing.load_data("small")
    assert sorted([*y_train, *y_test]) == list(range(600))


def serve_imdb(web, monkeypatch, train: np.ndarray, test: np.ndarray) -> None:
    content = npz(
        x_train=train,
        y_train=np.arange(len(train)),
        x_test=test,
        y_test=np.arange(len(test)),
    )
    serve(web, monkeypatch, content, "imdb.npz")


def by_label(x, y) -> dict[int, list[int]]:
    return {int(label): list(text) for text, label in zip(x, y, strict=True)}


def test_imdb_marks_the_start_and_shifts_indices(internet, monkeypatch):
    train = ragged([1, 2, 3], [4], [5, 6])
    serve_imdb(internet, monkeypatch, train, ragged([7, 8], [9]))
    (x_train, y_train), (x_test, y_test) = imdb.load_data()
    assert by_label(x_train, y_train) == {0: [1, 4, 5, 6], 1: [1, 7], 2: [1, 8, 9]}
    # The largest number is the limit and falls out itself, as in Keras.
    assert by_label(x_test, y_test) == {0: [1, 10, 11], 1: [1, 2]}


def test_imdb_shuffles_as_keras_does(internet, monkeypatch):
    texts = ragged(*([number] for number in range(20)))
    serve_imdb(internet, monkeypatch, texts, texts)
    (_, y_train), (_, y_test) = imdb.load_data(seed=3)
    generator = np.random.RandomState(3)
    for labels in (y_train, y_test):
        order = np.arange(20)
        generator.shuffle(order)
        np.testing.assert_array_equal(labels, order)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"num_words": 6}, [1, 4, 5, 2, 2]),
        ({"num_words": 6, "oov_char": None}, [1, 4, 5]),
        ({"num_words": 9, "skip_top": 6}, [2, 2, 2, 6, 7]),
        ({"num_words": 9, "start_char": None}, [4, 5, 6, 7]),
        ({"num_words": 9, "start_char": None, "index_from": 0}, [1, 2, 3, 4]),
    ],
    ids=["rare", "dropped", "frequent", "no start", "no shift"],
)
def test_imdb_limits_the_vocabulary(internet, monkeypatch, options, expected):
    serve_imdb(internet, monkeypatch, ragged([1, 2, 3, 4]), ragged([1, 2, 3, 4]))
    (x_train, _), (x_test, _) = imdb.load_data(**options)
    assert x_train[0] == x_test[0] == expected


def test_imdb_keeps_only_short_reviews(internet, monkeypatch):
    texts = ragged([1, 2, 3], [4], [5, 6])
    serve_imdb(internet, monkeypatch, texts, texts)
    (x_train, y_train), _ = imdb.load_data(maxlen=3, num_words=99)
    assert by_label(x_train, y_train) == {1: [1, 7]}
    with pytest.raises(ArgumentError, match="`maxlen` must be"):
        imdb.load_data(maxlen=1)


def test_reuters(internet, monkeypatch):
    texts = ragged(*([number, number + 1] for number in range(10)))
    content = npz(x=texts, y=np.arange(10))
    serve(internet, monkeypatch, content, "reuters.npz")
    (x_train, y_train), (x_test, y_test) = reuters.load_data(num_words=99)
    assert len(y_train) == 8 and len(y_test) == 2
    everything = by_label([*x_train, *x_test], [*y_train, *y_test])
    assert everything == {n: [1, n + 3, n + 4] for n in range(10)}


@pytest.mark.parametrize("module", [imdb, reuters])
def test_the_word_index(internet, monkeypatch, module):
    content = json.dumps({"the": 1, "café": 2}, ensure_ascii=False).encode()
    name = f"{module.__name__.rpartition('.')[2]}_word_index.json"
    serve(internet, monkeypatch, content, name)
    assert module.get_word_index() == {"the": 1, "café": 2}


def test_there_are_46_topics():
    names = reuters.get_label_names()
    assert len(names) == len(set(names)) == 46
    assert (names[0], names[3], names[45]) == ("cocoa", "earn", "lead")


class Runs:
    """Unpickling this would leave a mark."""

    marks: list[str] = []

    def __reduce__(self):
        return Runs.marks.append, ("was run",)


def npz_with_pickle(content: object, name: str) -> bytes:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|O", "fortran_order": False, "shape": (1,)}
    )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(f"{name}.npy", header.getvalue() + pickle.dumps(content))
        archive.writestr("y.npy", _npy(np.arange(1)))
    return buffer.getvalue()


def _npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        np.array([Runs()], object),
        eval,
        np.array([["words"]], object),
        np.arange(3),
        [1, 2],
        None,
    ],
    ids=["code", "function", "strings", "numbers", "list", "none"],
)
def test_a_pickle_of_anything_else_is_refused(internet, monkeypatch, content):
    serve(internet, monkeypatch, npz_with_pickle(content, "x"), "reuters.npz")
    with pytest.raises(FileFormatError):
        reuters.load_data()
    assert Runs.marks == []
