"""Own HDF5 files and h5py's are the same to both."""

from __future__ import annotations

import io

import h5py
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from lamina.errors import ArgumentError, FileFormatError
from lamina.io.byte_range import ByteRange
from lamina.io.hdf5 import Group, read_hdf5
from lamina.io.hdf5_write import CHECKSUM, HDF5File

TYPES = ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "?"]
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1)
ARRAYS = arrays_of.arrays(
    st.sampled_from(TYPES), arrays_of.array_shapes(min_dims=0, min_side=0, max_side=3)
)
ARRAY_NAMES = "0123"
GROUP_NAMES = NAMES.filter(lambda name: name not in (".", "..", *ARRAY_NAMES))
FILES = st.dictionaries(
    st.lists(GROUP_NAMES, max_size=3).map("/".join),
    st.dictionaries(st.sampled_from(ARRAY_NAMES), ARRAYS),
    max_size=4,
)


def written(groups, attributes=None) -> bytes:
    file = HDF5File(groups, attributes or {})
    data = b"".join(file)
    assert len(data) == file.size
    return data


def read(data: bytes) -> Group:
    return read_hdf5(ByteRange(io.BytesIO(data), "the file"))


@given(FILES)
def test_written_file_is_read_by_lamina_and_h5py(groups):
    data = written(groups)
    datasets = dict(read(data).datasets())
    with h5py.File(io.BytesIO(data)) as theirs:
        for path, arrays in groups.items():
            for name, array in arrays.items():
                full = f"{path}/{name}".lstrip("/")
                for found in (datasets[full].read(), theirs[full][()]):
                    np.testing.assert_array_equal(found, array)
                    assert found.dtype == array.dtype
    assert len(datasets) == sum(map(len, groups.values()))


@pytest.mark.parametrize("kind", [*TYPES, ">f4", ">i8"])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 3), (2, 3, 4)])
def test_file_of_h5py_is_read(kind, shape):
    array = np.arange(np.prod(shape)).reshape(shape).astype(kind)
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file["some/where/a"] = array
    found = read(buffer.getvalue()).group("some/where").members["a"]
    assert found.shape == shape
    np.testing.assert_array_equal(found.read(), array)


def test_large_groups_and_many_attributes():
    count = 3000
    groups = {f"layers/dense_{i}/vars": {"0": np.full(2, i)} for i in range(count)}
    names = {path: {"name": f"layer {i}"} for i, path in enumerate(groups)}
    data = written(groups, names)
    with h5py.File(io.BytesIO(data)) as theirs:
        assert len(theirs["layers"]) == count
        assert theirs["layers/dense_7/vars"].attrs["name"] == "layer 7"
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for path, arrays in groups.items():
            file[f"{path}/0"] = arrays["0"]
            file[path].attrs["name"] = names[path]["name"]
    for group in (read(data), read(buffer.getvalue())):
        assert len(group.members["layers"].members) == count
        found = group.group("layers/dense_2999/vars")
        assert found.attributes == {"name": "layer 2999"}
        assert found.members["0"].read().tolist() == [2999, 2999]


def test_attributes_of_every_kind_are_read():
    values = {
        "text": "hé",
        "bytes": np.bytes_(b"fixed"),
        "number": 3,
        "numbers": np.arange(4.0),
        "texts": ["a", "bcd"],
        "fixed": np.array([b"a", b"bc"]),
        "long": "x" * 100_000,
    }
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for name, value in values.items():
            file.attrs[name] = value
    found = read(buffer.getvalue()).attributes
    assert found["text"] == "hé" and found["bytes"] == "fixed"
    assert found["number"] == 3 and found["numbers"].tolist() == [0, 1, 2, 3]
    assert found["texts"].tolist() == ["a", "bcd"]
    assert found["fixed"].tolist() == ["a", "bc"] and len(found["long"]) == 100_000


def test_bfloat16_is_written_as_keras_does():
    array = np.array([1.5, -2.0, 3.0], jnp.bfloat16)
    data = written({"g": {"a": array}})
    with h5py.File(io.BytesIO(data)) as theirs:
        assert theirs["g/a"].attrs["dtype"] == "bfloat16"
        assert np.array(theirs["g/a"], dtype=jnp.bfloat16).tolist() == [1.5, -2, 3]
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file.create_dataset("g/a", data=array).attrs["dtype"] = "bfloat16"
    for group in (read(data), read(buffer.getvalue())):
        assert group.group("g").members["a"].read().tolist() == [1.5, -2, 3]


@pytest.mark.parametrize(
    "array", [np.zeros(2, "c8"), np.array(["a"]), np.zeros(2, "O")]
)
def test_unsupported_dtype_raises(array):
    with pytest.raises(ArgumentError, match="cannot be written"):
        HDF5File({"g": {"a": array}}, {})


def test_the_checksum_is_that_of_all_arrays():
    groups = {"a": {"0": np.arange(5)}, "b": {"0": np.ones(3, "f4")}}
    data = bytearray(written(groups, {"": {"sha256": CHECKSUM}}))
    assert len(read(bytes(data)).attributes["sha256"]) == 64
    data[data.index(np.ones(3, "f4").tobytes())] ^= 1
    with pytest.raises(FileFormatError, match="checksum"):
        read(bytes(data))


def test_arrays_are_read_on_demand():
    reads = []

    class Counted(io.BytesIO):
        def readinto(self, buffer):
            reads.append(len(buffer))
            return super().readinto(buffer)

    data = written({"g": {"large": np.zeros(10_000), "small": np.zeros(3)}})
    group = read_hdf5(ByteRange(Counted(data), "the file")).group("g")
    assert reads == []
    group.members["small"].read()
    assert reads == [24]
