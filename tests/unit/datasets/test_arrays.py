"""Arrays in `.npz` files are those that NumPy wrote."""

from __future__ import annotations

import io

import numpy as np
import pytest

from lamina.datasets.arrays import read_arrays
from lamina.errors import FileFormatError
from tests.security.hostile import zipped

ARRAYS = {
    "matrix": np.arange(6, dtype="<i4").reshape(2, 3),
    "by_columns": np.asfortranarray(np.arange(6, dtype=">f8").reshape(2, 3)),
    "number": np.array(3.5),
    "none": np.zeros((0, 4), "u1"),
    "truths": np.array([True, False]),
}


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_array_of_numpy_is_read(save, name, tmp_path):
    save(tmp_path / "a.npz", **ARRAYS)
    (found,) = read_arrays(str(tmp_path / "a.npz"), name)
    assert found.dtype == ARRAYS[name].dtype and found.shape == ARRAYS[name].shape
    np.testing.assert_array_equal(found, ARRAYS[name])
    assert found.flags.writeable


@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
def test_both_header_versions_are_read(version, tmp_path):
    stream = io.BytesIO()
    np.lib.format.write_array(stream, ARRAYS["matrix"], version)
    path = tmp_path / "a.npz"
    path.write_bytes(zipped(("a.npy", stream.getvalue())))
    np.testing.assert_array_equal(read_arrays(str(path), "a")[0], ARRAYS["matrix"])


def test_python_2_shapes_are_read(tmp_path):
    header = b"{'descr': '<i4', 'fortran_order': False, 'shape': (2L, 3L), }"
    header += b" " * (-len(header) - 11 & 63) + b"\n"
    start = b"\x93NUMPY\1\0" + len(header).to_bytes(2, "little")
    path = tmp_path / "a.npz"
    path.write_bytes(zipped(("a.npy", start + header + ARRAYS["matrix"].tobytes())))
    np.testing.assert_array_equal(read_arrays(str(path), "a")[0], ARRAYS["matrix"])


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "valid NumPy header"),
        (b"\x93NUMPY\1\0\xff\xff", "valid NumPy header"),
        (b"\x93NUMPY\1\0\x0a\0{'descr': 1", "valid NumPy header"),
    ],
)
def test_invalid_array_raises(data, reason, tmp_path):
    path = tmp_path / "a.npz"
    path.write_bytes(zipped(("a.npy", data)))
    with pytest.raises(FileFormatError, match=reason):
        read_arrays(str(path), "a")
    with pytest.raises(FileFormatError, match="'b' cannot be read"):
        read_arrays(str(path), "b")
