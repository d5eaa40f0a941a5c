"""Assets are unpacked for the user's classes only, below a folder of their own."""

from __future__ import annotations

import json
import tempfile
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import lamina
from lamina.saving import register_keras_serializable
from tests.security.harmless import harmless, refused
from tests.security.hostile import good_members, zipped
from tests.tables.cases import named

WORDS = b"assets/layers/keeps/words.txt"


def model() -> Any:
    """A model with a registered class that loads assets."""

    @register_keras_serializable()
    class Keeps(lamina.layers.Identity):
        def save_assets(self, folder: str) -> None:
            Path(folder, "words.txt").write_text("words")

        def load_assets(self, folder: str) -> None:
            files = [f for f in Path(folder).rglob("*") if f.is_file()]
            self.found = {f.relative_to(folder).as_posix() for f in files}

    return lamina.Sequential([lamina.Input((2,)), Keeps()])


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def members(tmp_path: Path) -> dict[str, bytes]:
    model().save(tmp_path / "good.keras")
    with zipfile.ZipFile(tmp_path / "good.keras") as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    notes = json.loads(parts["metadata.json"])
    return {**parts, "metadata.json": json.dumps({**notes, "sha256": {}}).encode()}


class Row(NamedTuple):
    """A further member, its data, and why the file is refused."""

    name: str
    member: Any
    data: bytes
    reason: str
    compression: int = zipfile.ZIP_STORED


def link(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, 0o120777 << 16
    return info


OWN = "assets/layers/keeps/"
ROWS = [
    Row("up", f"{OWN}../../../../harm", b"", "leads out"),
    Row("absolute", f"{OWN}/etc/harm", b"", "leads out"),
    Row("backslash", f"{OWN}..\\..\\harm", b"", "leads out"),
    Row("drive", f"{OWN}C:harm", b"", "leads out"),
    Row("link", link(f"{OWN}link"), b"/etc/passwd", "a link or a device"),
    Row("file_as_folder", f"{OWN}words.txt/harm", b"", "cannot be unpacked"),
    Row("long_name", OWN + "n" * 5000, b"", "cannot be unpacked"),
    Row("deep", OWN + "n/" * 10_000 + "n", b"", "cannot be unpacked"),
    Row("bomb", f"{OWN}zeros", bytes(10**8), "unpack to 95.4 MiB",
        zipfile.ZIP_DEFLATED),
]  # fmt: skip


@pytest.mark.parametrize("row", named(ROWS))
def test_a_hostile_asset_is_refused(row, tmp_path, temporary):
    path = tmp_path / "harm.keras"
    parts = [*members(tmp_path).items(), (row.member, row.data)]
    path.write_bytes(zipped(*parts, compression=row.compression))
    with refused(row.reason, path, folder=temporary):
        lamina.models.load_model(path)
    assert not [*temporary.iterdir()]


def test_a_layer_sees_its_own_folder(tmp_path, temporary):
    path = tmp_path / "good.keras"
    more = {"assets/other/x": b"", "assets/x": b"", "assets/layers/keeps2/x": b""}
    path.write_bytes(zipped(*{**members(tmp_path), **more}.items()))
    with harmless(path, folder=temporary):
        again = lamina.models.load_model(path)
    assert again.layers[0].found == {"words.txt"}
    assert not [*temporary.iterdir()]


def test_for_lamina_s_own_classes_nothing_is_unpacked(tmp_path):
    path = tmp_path / "good.keras"
    more = {"assets/words.txt": b"x", "assets/layers/dense/words.txt": b"x"}
    parts = {**good_members(), "metadata.json": b"{}", **more}
    path.write_bytes(zipped(*parts.items()))
    with harmless(path):
        lamina.models.load_model(path)


def test_full_disk_is_detected_before_unpacking(tmp_path, temporary, monkeypatch):
    from lamina.saving import assets

    path = tmp_path / "good.keras"
    path.write_bytes(zipped(*members(tmp_path).items()))
    little = assets.shutil.disk_usage(tmp_path)._replace(free=4)
    monkeypatch.setattr(assets.shutil, "disk_usage", lambda _: little)
    with refused("assets need 5 bytes", path, folder=temporary):
        lamina.models.load_model(path)
