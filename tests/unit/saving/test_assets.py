"""Files that layers put beside their variables go with the model, and come back."""

from __future__ import annotations

import os
import tempfile
import zipfile
from pathlib import Path

import pytest

import lamina
from lamina.errors import ArgumentError, FileFormatError, SaveError
from lamina.saving import register_keras_serializable


def model_of(save, load=None):
    """A model of one layer that saves and loads its assets so."""

    @register_keras_serializable()
    class Keeps(lamina.layers.Identity):
        def save_assets(self, folder):
            save(Path(folder))

        def load_assets(self, folder):
            (load or save)(Path(folder))

    return lamina.Sequential([lamina.Input((2,)), Keeps()])


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.keras"


def test_files_and_folders_are_restored(path):
    found = {}

    def save(folder):
        (folder / "empty").mkdir()
        (folder / "a" / "b").mkdir(parents=True)
        (folder / "a" / "b" / "bytes").write_bytes(bytes(range(256)) * 10_000)
        (folder / "w\u00f6rter.txt").write_text("eins\nzwei", "utf-8")
        (folder / "nothing").touch()

    def load(folder):
        files = [f for f in folder.rglob("*") if f.is_file()]
        found.update({f.relative_to(folder).as_posix(): f.read_bytes() for f in files})

    model_of(save, load).save(path)
    lamina.models.load_model(path)
    assert found == {
        "a/b/bytes": bytes(range(256)) * 10_000,
        "w\u00f6rter.txt": b"eins\nzwei",
        "nothing": b"",
    }
    with zipfile.ZipFile(path) as archive:
        assert "assets/layers/keeps/nothing" in archive.namelist()


def test_layer_without_assets_is_not_called(path):
    def fail(folder):
        raise AssertionError(folder)

    model_of(lambda folder: None, fail).save(path)
    lamina.models.load_model(path)


def test_no_folder_is_left_behind(path, tmp_path, monkeypatch):
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    model = model_of(lambda f: (f / "x").touch(), lambda f: None)
    for _ in range(2):
        model.save(path)
        lamina.models.load_model(path)
    assert not [*folder.iterdir()]


def test_error_in_load_assets_is_reported(path):
    model_of(lambda f: (f / "x").touch(), lambda f: (f / "y").read_text()).save(path)
    with pytest.raises(FileFormatError, match="FileNotFoundError: .*y"):
        lamina.models.load_model(path)


@pytest.mark.parametrize(
    ("save", "message"),
    [
        (lambda f: (f / "link").symlink_to("/etc/passwd"), "files, not links"),
        (lambda f: (f / "folder").symlink_to("/etc"), "files, not links"),
        (lambda f: os.mkfifo(f / "pipe"), "files, not links"),
        (lambda f: (f / "a:b").touch(), "colons or backslashes"),
        (lambda f: (f / "a\\b").touch(), "colons or backslashes"),
        (lambda f: [(f / str(i)).touch() for i in range(10_000)], "at most 10,000"),
    ],
    ids=["link", "folder", "pipe", "colon", "backslash", "many"],
)
def test_unsupported_assets_are_refused(save, message, path):
    model = model_of(save)
    with pytest.raises(ArgumentError, match=message):
        model.save(path)
    assert not path.exists()


def test_changed_byte_of_an_asset_is_detected(path):
    model_of(lambda f: (f / "x").write_text("words"), lambda f: None).save(path)
    data = path.read_bytes()
    path.write_bytes(data.replace(b"words", b"sword"))
    with pytest.raises(FileFormatError, match="checksum is not the one recorded"):
        lamina.models.load_model(path)


def test_assets_count_towards_disk_space(path, monkeypatch):
    from lamina.io import files

    model = model_of(lambda f: (f / "x").write_bytes(bytes(10**7)), lambda f: None)
    little = files.shutil.disk_usage(path.parent)._replace(free=9 * 10**6)
    monkeypatch.setattr(files.shutil, "disk_usage", lambda _: little)
    with pytest.raises(SaveError, match="it needs 9.5 MiB"):
        model.save(path)


def test_load_weights_does_not_load_assets(path):
    def fail(folder):
        raise AssertionError(folder)

    model = model_of(lambda f: (f / "x").touch(), fail)
    model.save(path)
    model.load_weights(path)
