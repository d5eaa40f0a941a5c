"""Zip files that are not what they seem."""

from __future__ import annotations

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pytest

import lamina
from tests.security.harmless import refused
from tests.security.hostile import good_members, keras_file, small_model, zipped
from tests.tables.cases import named


class Row(NamedTuple):
    """An archive that does harm where it works, and why it is refused."""

    name: str
    make: Callable[[], bytes]
    reason: str


def good(**changed: bytes) -> list[tuple[Any, bytes]]:
    return list({**good_members(), "metadata.json": b"{}", **changed}.items())


def with_name(name: str) -> bytes:
    return zipped(*good(), (name, b"harm"))


def raw_name(name: bytes) -> bytes:
    """A member whose name Python's writer would have mended."""
    stand_in = b"assets/" + b"n" * (len(name) - 7)
    return zipped(*good(), (stand_in.decode(), b"harm")).replace(stand_in, name)


def link() -> bytes:
    info = zipfile.ZipInfo("assets/link")
    info.create_system, info.external_attr = 3, 0o120777 << 16
    return zipped(*good(), (info, b"/etc/passwd"))


def twice() -> bytes:
    # The first is checked and the second read, or the other way round.
    with pytest.warns(UserWarning, match="Duplicate name"):
        return zipped(*good(), ("config.json", b"{}"))


@cache
def bomb(name: str) -> bytes:
    """A hundred megabytes in a hundred kilobytes."""
    members = {**good_members(), "metadata.json": b"{}", name: bytes(10**8)}
    return zipped(*members.items(), compression=zipfile.ZIP_DEFLATED)


def lying_size(size: int) -> bytes:
    """A compressed config whose directory entry claims another size."""
    data = zipped(*good(), compression=zipfile.ZIP_DEFLATED)
    entry = data.index(b"config.json", data.index(b"PK\1\2")) - 46
    return data[: entry + 24] + struct.pack("<I", size) + data[entry + 28 :]


def patched(at: int, value: bytes) -> bytes:
    """Another value at a place of the config's directory entry."""
    data = zipped(*good())
    entry = data.index(b"config.json", data.index(b"PK\1\2")) - 46
    return data[: entry + at] + value + data[entry + at + len(value) :]


def other_local_name() -> bytes:
    """The name in front of the data is not that in the directory."""
    return zipped(*good()).replace(b"config.json", b"CONFIG.json", 1)


def overlapping() -> bytes:
    """Many members that share their bytes."""
    data = zipped(*good(**{f"assets/{i}": bytes(2000) for i in range(20)}))
    at = data.index(b"PK\1\2")
    first = None
    out = bytearray(data)
    while (at := data.find(b"PK\1\2", at)) >= 0:
        length = struct.unpack_from("<H", data, at + 28)[0]
        if data[at + 46 : at + 46 + length].startswith(b"assets/"):
            first = first or out[at + 42 : at + 46]
            out[at + 42 : at + 46] = first
            out[at + 20 : at + 28] = struct.pack("<2I", 20_000, 20_000)
        at += 46
    return bytes(out)


def numpy_weights() -> bytes:
    """#23016: another format by another member's name, with a header of giant shape."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        stream, {"descr": "|O", "fortran_order": False, "shape": (10**12,)}
    )
    members = [m for m in good() if m[0] != "model.weights.h5"]
    return zipped(*members, ("model.weights.npz", zipped(("0.npy", stream.getvalue()))))


def large_directory() -> bytes:
    """A directory of half a million members that are not there."""
    entry = b"PK\1\2" + bytes(24) + struct.pack("<H", 1) + bytes(16) + b"a"
    entries = entry * 500_000
    end = struct.pack("<4H2LH", 0, 0, 65535, 65535, len(entries), 4, 0)
    return b"PK\3\4" + entries + b"PK\5\6" + end


ROWS = [
    Row("#23010:large_directory", large_directory, "more than 4.0 MiB"),
    Row("duplicates:duplicate_member", twice, "two members of the same name"),
    Row("archive-names:absolute", lambda: with_name("/etc/cron.d/harm"), "leads out"),
    Row("archive-names:up", lambda: with_name("assets/../../harm"), "leads out"),
    Row("archive-names:dot", lambda: with_name("assets/./harm"), "leads out"),
    Row("archive-names:empty_part", lambda: with_name("assets//harm"), "leads out"),
    Row("archive-names:drive", lambda: raw_name(b"C:\\Windows\\harm"), "leads out"),
    Row("archive-names:backslash",
        lambda: raw_name(b"assets\\..\\..\\harm"), "leads out"),
    Row("archive-names:zero_byte",
        lambda: raw_name(b"assets/config\0.txt"), "leads out"),
    Row("#23016:unknown_member", lambda: with_name("setup.py"), "not a member of"),
    Row("#23016:pickle", lambda: with_name("model.pkl"), "not a member of"),
    Row("symlinks:symlink", link, "a link or a device"),
    Row("damaged:encrypted", lambda: patched(8, b"\1\0"), "encrypted"),
    Row("damaged:lzma", lambda: patched(10, b"\16\0"), "method is not supported"),
    Row("#23010:bomb_config", lambda: bomb("config.json"), "unpack to 95.4 MiB"),
    Row("#23010:bomb_weights", lambda: bomb("model.weights.h5"), "unpack to 95.4 MiB"),
    Row("#23010:bomb_assets", lambda: bomb("assets/words.txt"), "unpack to 95.4 MiB"),
    Row("#23010:larger_than_said", lambda: lying_size(10), "not the declared one"),
    Row("#23010:smaller_than_said", lambda: lying_size(9000), "not the declared one"),
    Row("#23010:stored_size",
        lambda: patched(24, b"\xff\xff\xff\x0f"), "not the declared one"),
    Row("damaged:offset",
        lambda: patched(42, b"\xff\xff\xff\x0f"), "damaged|cannot be read|not a"),
    Row("damaged:local_name", other_local_name, "two headers disagree"),
    Row("#23010:overlap", overlapping, "overlap"),
    Row("#23016:numpy_weights", numpy_weights, "not a member of"),
    Row("#23010:many_members",
        lambda: zipped(*((f"assets/{i}", b"") for i in range(10001))),
        "10,001 members"),
    Row("damaged:no_config", lambda: zipped(*good()[1:]), "has no config.json"),
    Row("damaged:no_weights", lambda: zipped(*[m for m in good() if "h5" not in m[0]]),
        "has no model.weights.h5"),
    Row("damaged:no_zip", lambda: b"PK\3\4 and no more", "cannot be read as a zip"),
    Row("damaged:empty", lambda: b"", "not a model file"),
    Row("damaged:cut_short", lambda: zipped(*good())[:-30], "cannot be read as a zip"),
]  # fmt: skip


@pytest.mark.parametrize("row", named(ROWS))
def test_a_hostile_archive_is_refused(row, tmp_path):
    path = tmp_path / "harm.keras"
    path.write_bytes(row.make())
    with refused(row.reason, path):
        lamina.models.load_model(path)


@pytest.mark.parametrize(
    "row", named(r for r in ROWS if not r.name.endswith(("no_config", "bomb_config")))
)
def test_weights_are_taken_by_the_same_rules(row, tmp_path):
    path = tmp_path / "harm.keras"
    path.write_bytes(row.make())
    model = small_model()
    if row.name.endswith(("_said", "local_name", "offset")):
        model.load_weights(path)  # its config, which is the liar, is not read
        return
    with refused(row.reason, path):
        model.load_weights(path)


def test_together_members_are_no_larger_than_memory(tmp_path):
    """#23010: each within the ratio, and too much in all."""
    lamina.config.set_memory_limit(10**7)
    noise = np.random.default_rng(0).integers(0, 256, 30_000, np.uint8).tobytes()
    data = noise + bytes(2 * 10**6)
    more = {f"assets/{i}": data for i in range(6)}
    members = {**good_members(), "metadata.json": b"{}", **more}
    path = tmp_path / "harm.keras"
    path.write_bytes(zipped(*members.items(), compression=zipfile.ZIP_DEFLATED))
    with refused("would unpack to 11.6 MiB", path):
        lamina.models.load_model(path)


def test_changed_byte_is_detected(tmp_path):
    """By the SHA-256 of each member that lamina notes, by the CRC in other files."""
    path = tmp_path / "model.keras"
    small_model().save(path)
    data = path.read_bytes()
    notes = json.loads(good_members()["metadata.json"])
    assert set(notes["sha256"]) == {"config.json", "model.weights.h5"}
    at = data.index(b"kernel_initializer")
    path.write_bytes(data[:at] + b"K" + data[at + 1 :])
    with refused("checksum is not the one recorded", path):
        lamina.models.load_model(path)
    keras_file(path)
    data = path.read_bytes()
    at = data.index(b"kernel_initializer")
    path.write_bytes(data[:at] + b"K" + data[at + 1 :])
    with refused("checksum is not the one recorded", path):
        lamina.models.load_model(path)


def test_corrected_crc_does_not_hide_a_change(tmp_path):
    """The checksums in `metadata.json` are compared too."""
    path = tmp_path / "model.keras"
    config = good_members()["config.json"].replace(b'"relu"', b'"tanh"')
    members = {**good_members(), "config.json": config}
    path.write_bytes(zipped(*members.items()))
    assert zlib.crc32(config) in [i.CRC for i in zipfile.ZipFile(path).infolist()]
    with refused("checksum is not the one recorded", path):
        lamina.models.load_model(path)


def test_a_good_file_that_was_repacked_is_read(tmp_path):
    path = tmp_path / "model.keras"
    members = [("assets/", b""), *good_members().items(), ("assets/words.txt", b"a\n")]
    path.write_bytes(zipped(*members, compression=zipfile.ZIP_DEFLATED))
    assert lamina.models.load_model(path).count_params() == 23


def test_a_folder_is_no_model(tmp_path):
    """#22839: a folder that looks like a checkpoint of Orbax."""
    folder = tmp_path / "model.keras"
    folder.mkdir()
    for name in ("_CHECKPOINT_METADATA", "_METADATA", "manifest.ocdbt"):
        (folder / name).write_text("{}")
    with refused("is a folder, not a file", folder=folder):
        lamina.models.load_model(folder)
    with refused("is a folder, not a file", folder=folder):
        small_model().load_weights(folder)


NO_PATHS = [
    None,
    3,
    b"model.keras",
    ["model.keras"],
    io.BytesIO(),
    "",
    "a\0b",
    "nowhere.keras",
    "http://127.0.0.1:9/model.keras",
    "hf://a/b",
    "/dev/zero",
]


@pytest.mark.parametrize("path", NO_PATHS, ids=lambda p: repr(p)[:15])
def test_invalid_path_raises(path):
    with refused("must be a string or|No such file|is a folder"):
        lamina.models.load_model(path)
    with refused("must be a string or|No such file|is a folder"):
        small_model().load_weights(path)
