"""HDF5 files that reach out, or say what is not so."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from typing import NamedTuple

import h5py
import numpy as np
import pytest

import lamina
from lamina.io.byte_range import ByteRange
from lamina.io.hdf5 import read_hdf5
from tests.security.harmless import refused
from tests.security.hostile import good_weights, keras_file, small_model
from tests.tables.cases import named

KERNEL = "layers/dense/vars/0"


class Row(NamedTuple):
    """A file that does harm where it works, and why it is refused."""

    name: str
    make: Callable[[str], bytes]
    reason: str


def edited(change: Callable[[h5py.File, str], None]) -> Callable[[str], bytes]:
    """The good file's weights, copied by h5py and then changed; gets a secret file."""

    def make(secret: str) -> bytes:
        buffer = io.BytesIO()
        with (
            h5py.File(io.BytesIO(good_weights())) as old,
            h5py.File(buffer, "w") as new,
        ):
            for path, _ in read_hdf5(
                ByteRange(io.BytesIO(good_weights()), "")
            ).datasets():
                new[path] = old[path][()]
            change(new, secret)
        return buffer.getvalue()

    return make


def external_storage(file: h5py.File, secret: str) -> None:
    del file[KERNEL]
    file.create_dataset(KERNEL, (4, 3), "f4", external=[(secret, 0, 48)])


def external_link(file: h5py.File, secret: str) -> None:
    del file["layers/dense/vars"]
    file["layers/dense/vars"] = h5py.ExternalLink(secret, "/vars")


def soft_link(file: h5py.File, secret: str) -> None:
    del file[KERNEL]
    file[KERNEL] = h5py.SoftLink("/layers/dense_1/vars/0")


def hard_link(file: h5py.File, secret: str) -> None:
    file["layers/dense/vars/2"] = file[KERNEL]


def cycle(file: h5py.File, secret: str) -> None:
    file["layers/dense/again"] = file["layers"]


def virtual(file: h5py.File, secret: str) -> None:
    del file[KERNEL]
    layout = h5py.VirtualLayout((4, 3), "f4")
    layout[:] = h5py.VirtualSource(secret, "values", (4, 3))
    file.create_virtual_dataset(KERNEL, layout)


def replaced(value: object, **options: object) -> Callable[[str], bytes]:
    def change(file: h5py.File, secret: str) -> None:
        del file[KERNEL]
        file.create_dataset(KERNEL, data=value, **options)

    return edited(change)


def giant(file: h5py.File, secret: str) -> None:
    """CVE-2026-0897: a shape of terabytes with nothing stored."""
    del file[KERNEL]
    file.create_dataset(KERNEL, (10**7, 10**7), "f4")


def giant_in_chunks(file: h5py.File, secret: str) -> None:
    del file[KERNEL]
    file.create_dataset(KERNEL, (10**7, 10**7), "f4", chunks=(10, 10))


def deep(secret: str) -> bytes:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file.create_group("/".join("a" * 200))
    return buffer.getvalue()


def escape(file: h5py.File, secret: str) -> None:
    """A name that would clear the screen on which the error is read."""
    file["\x1b[2J"] = 1.0


def many_axes(file: h5py.File, secret: str) -> None:
    for i in range(1000):
        file.create_group(f"more/{i}")
        file[f"more/{i}/x"] = 1.0


def shared_text(secret: str) -> bytes:
    """A list of three thousand texts, each the same megabyte."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file.attrs["long"] = "a" * 2**20
        file.attrs["list"] = ["b"] * 3000
    data = bytearray(buffer.getvalue())

    def place_of(size: int) -> int:
        """Return the offset of a reference to a string of a size."""
        for at in range(len(data) - 16):
            found, heap = struct.unpack_from("<IQ", data, at)
            if found == size and data[heap : heap + 4] == b"GCOL":
                return at
        raise AssertionError

    at, first = place_of(2**20), place_of(1)
    data[first : first + 48_000] = data[at : at + 16] * 3000
    return bytes(data)


def endless(make: Callable[[str], bytes]) -> Callable[[str], bytes]:
    """A text type of 77 bytes that claims to have more than NumPy's have."""

    def changed(secret: str) -> bytes:
        old, new = (b"\x13\1\0\0" + struct.pack("<I", n) for n in (77, 2**31))
        return make(secret).replace(old, new)

    return changed


def attribute(value: object, **options: object) -> Callable[[str], bytes]:
    def change(file: h5py.File, secret: str) -> None:
        file[KERNEL].attrs.create("note", value, **options)

    return edited(change)


def newest_layout(secret: str) -> bytes:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", libver="latest") as file:
        file["a"] = 1.0
    return buffer.getvalue()


def claims(shape: tuple[int, int]) -> Callable[[str], bytes]:
    """The kernel's own header says another shape than its values fill."""

    def make(secret: str) -> bytes:
        old, new = struct.pack("<2Q", 4, 3), struct.pack("<2Q", *shape)
        return good_weights().replace(old, new, 1)

    return make


def patched(old: bytes, new: bytes) -> Callable[[str], bytes]:
    def make(secret: str) -> bytes:
        assert old in good_weights()
        return good_weights().replace(old, new)

    return make


def shared_bytes(secret: str) -> bytes:
    """Fifty arrays that are the same bytes."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for i in range(50):
            file[str(i)] = np.full(1000, i, "f4")
        offsets = [file[str(i)].id.get_offset() for i in range(50)]
    data = buffer.getvalue()
    for offset in offsets[1:]:
        data = data.replace(
            struct.pack("<2Q", offset, 4000), struct.pack("<2Q", offsets[0], 4000)
        )
    return data[: offsets[-1]]


ROWS = [
    Row("CVE-2026-1669:external_storage", edited(external_storage), "in another file"),
    Row("CVE-2026-1669:external_link", edited(external_link), "soft or external link"),
    Row("#22900:soft_link", edited(soft_link), "soft or external link"),
    Row("cycles:hard_link", edited(hard_link), "has two parents"),
    Row("names:escape", edited(escape), r"\\x1b\[2J"),
    Row("integers:deep", deep, "more than 100 levels"),
    Row("integers:wide", edited(many_axes), "and [,0-9]+ more"),
    Row("cycles:cycle", edited(cycle), "two parents or contains itself"),
    Row("#22976:virtual", edited(virtual), "a virtual dataset"),
    Row("CVE-2026-0897:giant", edited(giant), "declares the shape"),
    Row("CVE-2026-0897:giant_in_chunks", edited(giant_in_chunks), "in chunks"),
    Row("CVE-2026-0897:giant_claim", claims((10**6, 10**6)), "but 48 are stored"),
    Row("CVE-2026-0897:endless_claim", claims((2**40, 2**40)), "declares the shape"),
    Row("CVE-2026-0897:overflowing_claim",
        claims((2**32, 2**32)), "declares the shape"),
    Row("CVE-2026-0897:smaller_claim", claims((2, 3)), "but 48 are stored"),
    Row("damaged:compressed", replaced(np.zeros(3), compression="gzip"), "compressed"),
    Row("damaged:filtered", replaced(np.zeros(3), fletcher32=True), "compressed"),
    Row("dtypes:text", replaced("harm"), "only numbers"),
    Row("dtypes:texts", replaced(["harm"] * 12), "only numbers"),
    Row("dtypes:bytes", replaced(np.array([b"harm"] * 12)), "only numbers"),
    Row("dtypes:endless_text",
        endless(replaced(np.array(b"harm", "S77"))), "a text type, 2147483648 bytes"),
    Row("dtypes:endless_note",
        endless(attribute(np.array(b"harm", "S77"))), "a text type, 2147483648 bytes"),
    Row("dtypes:references",
        replaced(None, shape=(3,), dtype=h5py.ref_dtype), "a reference"),
    Row("dtypes:ragged",
        replaced(None, shape=(3,), dtype=h5py.vlen_dtype("f4")), "variable"),
    Row("dtypes:compound", replaced(np.zeros(3, "f4,i4")), "a compound type"),
    Row("dtypes:opaque", replaced(np.zeros(3, "V3")), "an opaque type"),
    Row("dtypes:empty", replaced(h5py.Empty("f4")), "no shape"),
    Row("dtypes:noted",
        attribute(None, shape=(1,), dtype=h5py.ref_dtype), "a reference"),
    Row("damaged:newest_layout", newest_layout, "newer layout"),
    Row("cycles:shared_text", shared_text, "parts overlap"),
    Row("cycles:shared_bytes", shared_bytes, "cut short|but .* stored|two parents"),
    Row("damaged:names_up", patched(b"\5\0dense", b"\5\0../.."), "the invalid name"),
    Row("dtypes:float_layout", patched(struct.pack("<4BI", 23, 8, 0, 23, 127),
        struct.pack("<4BI", 7, 24, 0, 7, 127)), "an uncommon float"),
    Row("truncated:cut_short", lambda _: good_weights()[:-1], "is cut short: "),
    Row("truncated:header_only",
        lambda _: good_weights()[:64], "is cut short or damaged"),
    Row("truncated:no_hdf5",
        lambda _: b"no HDF5 at all, but long enough", "is not an HDF5 file"),
    Row("truncated:nothing", lambda _: b"", "is cut short or damaged"),
]  # fmt: skip


@pytest.fixture
def secret(tmp_path):
    """A file that no loader has any business with."""
    path = tmp_path / "secret.h5"
    with h5py.File(path, "w") as file:
        file["values"] = np.arange(12, dtype="f4").reshape(4, 3)
        file["vars/0"] = file["values"][:]
        file["vars/1"] = np.ones(3, "f4")
    return str(path)


@pytest.mark.parametrize("row", named(ROWS))
def test_a_model_with_hostile_weights_is_refused(row, tmp_path, secret):
    path = keras_file(tmp_path / "harm.keras", weights=row.make(secret))
    with refused(row.reason, path):
        lamina.models.load_model(path)


@pytest.mark.parametrize("row", named(ROWS))
def test_hostile_weights_are_refused(row, tmp_path, secret):
    path = tmp_path / "harm.weights.h5"
    path.write_bytes(row.make(secret))
    model = small_model()
    before = model.get_weights()
    with refused(f"{row.reason}|not a model file", path):
        model.load_weights(path)
    for old, now in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, now)


def test_state_of_an_optimizer_is_held_to_the_models_shapes(tmp_path):
    """slots: those of another shape, though their bytes are there."""

    def change(file: h5py.File, secret: str) -> None:
        del file["optimizer/vars/2"]
        file["optimizer/vars/2"] = np.zeros((400, 300), "f4")

    path = keras_file(tmp_path / "harm.keras", weights=edited(change)(""))
    with refused(r"momentum +\(4, 3\) +\(400, 300\) +wrong shape", path):
        lamina.models.load_model(path)


def test_file_truncated_while_read_raises(tmp_path):
    """A mapped file would end the process."""
    path = tmp_path / "model.weights.h5"
    path.write_bytes(good_weights())
    with path.open("rb", buffering=0) as raw, io.BufferedReader(raw, 1) as file:
        group = read_hdf5(ByteRange(file, "the file"))
        path.write_bytes(b"")
        with pytest.raises(lamina.errors.FileFormatError, match="cut short"):
            group.members["layers"].members["dense"].members["vars"].members["0"].read()


def test_a_checksum_in_the_file_is_compared(tmp_path):
    path = tmp_path / "model.weights.h5"
    model = small_model()
    model.save_weights(path)
    data = path.read_bytes()
    kernel = model.layers[1].get_weights()[0].tobytes()
    path.write_bytes(data.replace(kernel, bytes(len(kernel))))
    with refused("checksum is not the one recorded", path):
        model.load_weights(path)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", ["f2", "f4", "f8", "i4", "u8", "?"])
def test_other_types_and_byte_orders_are_numbers_like_any(kind, order, tmp_path):
    values = np.arange(12).reshape(4, 3).astype(order + kind if kind != "?" else kind)
    path = keras_file(tmp_path / "odd.keras", weights=replaced(values)(""))
    kernel = lamina.models.load_model(path).layers[1].kernel
    np.testing.assert_array_equal(kernel.numpy(), values.astype("f4"))
