"""Data set loaders read files of the layout and the size of the published ones."""

from __future__ import annotations

import gzip
import io
import pickle
import struct
import tarfile
import zipfile
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from lamina import datasets
from lamina.datasets import cifar10, cifar100, fashion_mnist, imdb, mnist, reuters
from lamina.datasets.cifar import Archive
from lamina.datasets.keras_files import HASHES


@cache
def pixels(*shape: int) -> np.ndarray:
    return np.random.RandomState(1).randint(0, 256, shape, np.uint8)


def assert_equal(found: np.ndarray, expected: np.ndarray) -> None:
    # `assert_array_equal` takes most of a test's time for so many elements.
    assert np.array_equal(found, expected)


def labels(count: int, classes: int) -> np.ndarray:
    return (np.arange(count) // 7 % classes).astype(np.uint8)


def serve_npz(web: Any, monkeypatch: Any, module: ModuleType, **members: Any) -> None:
    """Serve compressed arrays; members given as bytes are written as they are."""
    buffer = io.BytesIO()
    method = {"compression": zipfile.ZIP_DEFLATED, "compresslevel": 0}
    with zipfile.ZipFile(buffer, "w", **method) as archive:
        for name, member in members.items():
            stream = io.BytesIO()
            if isinstance(member, bytes):
                stream.write(member)
            else:
                np.save(stream, member)
            archive.writestr(f"{name}.npy", stream.getvalue())
    name = f"{module.__name__.rpartition('.')[2]}.npz"
    monkeypatch.setitem(HASHES, name, web.put(name, buffer.getvalue()))


def test_mnist(internet, monkeypatch):
    """MNIST is one zip member of 47 MB, more than a header may have."""
    x, y = pixels(60_000, 28, 28), labels(60_000, 10)
    arrays = {"x_train": x, "y_train": y, "x_test": x[:10_000], "y_test": y[:10_000]}
    serve_npz(internet, monkeypatch, mnist, **arrays)
    (x_train, y_train), (x_test, y_test) = mnist.load_data()
    assert x_train.flags.writeable and x_train.flags.aligned
    for found, name in zip((x_train, y_train, x_test, y_test), arrays, strict=True):
        assert found.dtype == np.uint8
        assert_equal(found, arrays[name])


def test_fashion_mnist(internet, monkeypatch):
    parts = {"train": 60_000, "t10k": 10_000}
    for name in [name for name in HASHES if "ubyte" in name]:
        part, kind, *_ = name.split("-")
        all_images = pixels(60_000, 28, 28), labels(60_000, 10)
        array = all_images[kind == "labels"][: parts[part]]
        sizes = struct.pack(f">{array.ndim + 1}I", 0x800 + array.ndim, *array.shape)
        content = gzip.compress(sizes + array.tobytes(), compresslevel=0)
        monkeypatch.setitem(HASHES, name, internet.put(name, content))
    for (x, y), count in zip(fashion_mnist.load_data(), parts.values(), strict=True):
        assert_equal(x, pixels(60_000, 28, 28)[:count])
        assert_equal(y, labels(count, 10))


def opcodes(value: Any) -> bytes:
    """Pickle a value without a header, an end or references, to be put into another."""
    buffer = io.BytesIO()
    pickler = pickle.Pickler(buffer, protocol=2)
    pickler.fast = True
    pickler.dump(value)
    return buffer.getvalue()[2:-1]


def python2_string(text: bytes) -> bytes:
    return b"T" + struct.pack("<i", len(text)) + text


def python2_array(shape: tuple[int, ...], dtype: bytes, elements: bytes) -> bytes:
    """Pickle an array as NumPy does under Python 2, where the files were made."""
    minus_one = b"J\xff\xff\xff\xff"
    return (
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85U\1b\x87R"
        b"(K\1(" + b"".join(map(opcodes, shape)) + b"tcnumpy\ndtype\n"
        + python2_string(dtype) + b"K\0K\1\x87R(K\3U\1|NNN" + 2 * minus_one
        + b"K?tb\x89" + elements + b"tb"
    )  # fmt: skip


def npy_of_texts(texts: list[list[int]], version: str) -> bytes:
    """An object array of lists in NumPy's format."""
    stream = io.BytesIO()
    if version == "python 3":
        array = np.empty(len(texts), object)
        array[:] = texts
        np.save(stream, array)
        return stream.getvalue()
    np.lib.format.write_array_header_1_0(
        stream, {"descr": "|O", "fortran_order": False, "shape": (len(texts),)}
    )
    elements = opcodes(texts)
    return (
        stream.getvalue()
        + b"\x80\2"
        + python2_array((len(texts),), b"O8", elements)
        + b"."
    )


def texts_of(count: int, mean_length: int) -> list[list[int]]:
    """Texts of the published ones' lengths and word numbers."""
    random = np.random.RandomState(2)
    lengths = 11 + random.exponential(mean_length - 11, count).astype(int)
    words = random.zipf(1.3, lengths.sum()).clip(1, 88_584).tolist()
    ends = lengths.cumsum()
    starts = ends - lengths
    return [words[a:b] for a, b in zip(starts, ends, strict=True)]


def test_imdb(internet, monkeypatch):
    texts, likes = texts_of(25_000, 235), labels(25_000, 2).astype(np.int64)
    content = npy_of_texts(texts, "python 2")
    arrays = {"x_train": content, "y_train": likes, "x_test": content, "y_test": likes}
    serve_npz(internet, monkeypatch, imdb, **arrays)
    (x_train, y_train), (x_test, y_test) = imdb.load_data(num_words=88_600)
    assert len(x_train) == len(y_train) == len(x_test) == len(y_test) == 25_000
    first = np.random.RandomState(113).permutation(25_000)[0]
    assert x_train[0] == [1, *(word + 3 for word in texts[first])]
    assert y_train[0] == likes[first]


@pytest.mark.parametrize("version", ["python 2", "python 3"])
def test_reuters(internet, monkeypatch, version):
    texts, topics = texts_of(11_228, 146), labels(11_228, 46).astype(np.int64)
    serve_npz(internet, monkeypatch, reuters, x=npy_of_texts(texts, version), y=topics)
    (x_train, y_train), (x_test, _) = reuters.load_data(num_words=88_600)
    assert (len(x_train), len(x_test)) == (8_982, 2_246)
    first = np.random.RandomState(113).permutation(11_228)[0]
    assert x_train[0] == [1, *(word + 3 for word in texts[first])]
    assert y_train[0] == topics[first]


HOUSING = {"boston_housing": (506, 13), "california_housing": (20_640, 8)}


@pytest.mark.parametrize("name", HOUSING)
def test_housing(internet, monkeypatch, name):
    module = getattr(datasets, name)
    x = np.random.RandomState(3).normal(size=HOUSING[name])
    y = np.arange(float(len(x)))
    serve_npz(internet, monkeypatch, module, x=x, y=y)
    (x_train, y_train), (x_test, y_test) = module.load_data()
    assert len(x_train) == int(len(x) * 0.8)
    rows = np.concatenate([y_train, y_test]).astype(int)
    assert_equal(np.sort(rows), np.arange(len(x)))
    assert_equal(np.concatenate([x_train, x_test]), x[rows])


def batch_of(archive: Archive, columns: dict[str, np.ndarray], rows: np.ndarray):
    """A member of an archive of CIFAR."""
    if not archive.is_pickled:
        order = [columns[key][:, None] for key in archive.labels]
        return np.concatenate([*order, rows], axis=1).tobytes()
    fields = {
        b"batch_label": python2_string(b"training batch 1 of 5"),
        b"data": python2_array(rows.shape, b"u1", python2_string(rows.tobytes())),
        b"filenames": b"]("
        + b"".join(python2_string(b"%d.png" % i) for i in range(len(rows)))
        + b"e",
    }
    for key, values in columns.items():
        fields[key.encode()] = opcodes(values.tolist())
    items = b"".join(python2_string(key) + fields[key] for key in fields)
    return b"\x80\2}(" + items + b"u."


@pytest.mark.parametrize("form", ["BINARY", "PICKLED"])
@pytest.mark.parametrize("module", [cifar10, cifar100])
def test_cifar(internet, monkeypatch, module, form):
    """The binary archive is downloaded, that of pickles is found in the cache."""
    archive = getattr(module, form)
    classes = {"labels": 10, "coarse_labels": 20, "fine_labels": 100}
    rows = {10_000: pixels(10_000, 3072)}
    rows[50_000] = np.tile(rows[10_000], (5, 1))
    buffer, truths = io.BytesIO(), {}
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=0) as out:
        for place, name in enumerate(archive.test + archive.train):
            count = 50_000 if archive.train == (name,) else 10_000
            columns = {
                key: (labels(count, classes[key]) + place) % classes[key]
                for key in archive.labels
            }
            truths[name] = columns[archive.labels[-1]]
            content = batch_of(archive, columns, rows[count])
            info = tarfile.TarInfo(name)
            info.size = len(content)
            out.addfile(info, io.BytesIO(content))
    digest = internet.put(archive.name, buffer.getvalue())
    monkeypatch.setattr(module, form, archive._replace(digest=digest))
    if archive.is_pickled:
        cached = internet.cache / "datasets"
        cached.mkdir(parents=True)
        (internet.folder / archive.name).rename(cached / archive.name)
    (x_train, y_train), (x_test, y_test) = module.load_data()
    expected = rows[10_000].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    assert_equal(x_test, expected)
    for part in range(5):
        assert_equal(x_train[part * 10_000 :][:10_000], expected)
    for found, names in ((y_train, archive.train), (y_test, archive.test)):
        wanted = np.concatenate([truths[name] for name in names])[:, None]
        assert found.dtype == np.uint8
        assert_equal(found, wanted)
