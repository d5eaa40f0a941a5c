"""A file is replaced whole or not at all, whatever happens on the way."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lamina
from lamina.errors import ArgumentError, SaveError
from lamina.io import files
from lamina.io.checksum import Checksum
from lamina.io.files import atomic_write


def model(units: int = 3) -> lamina.Model:
    return lamina.Sequential([lamina.Input((4,)), lamina.layers.Dense(units)])


@pytest.fixture(params=["model.keras", "model.weights.h5", "model.safetensors"])
def saved(request, tmp_path):
    """A file, and a function that writes another model over it."""
    path = tmp_path / request.param
    method = "save" if path.suffix == ".keras" else "save_weights"
    getattr(model(), method)(path)
    return path, lambda: getattr(model(5), method)(path)


def assert_untouched(path: Path, before: bytes) -> None:
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def failing(number: int) -> Callable[..., Any]:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError(number, os.strerror(number))

    return fail


# Every call on the way to a new file, each made to fail.
STEPS = {
    "ask_for_space": (shutil, "disk_usage", errno.EIO),
    "open": (Path, "open", errno.EACCES),
    "rights": (Path, "chmod", errno.EPERM),
    "checksum": (Checksum, "update", errno.ENOSPC),
    "sync": (os, "fsync", errno.EIO),
    "move": (Path, "replace", errno.EACCES),
}


@pytest.mark.parametrize("step", STEPS)
def test_a_failure_anywhere_leaves_the_old_file(step, saved, monkeypatch):
    path, save = saved
    before = path.read_bytes()
    owner, name, number = STEPS[step]
    with monkeypatch.context() as patched:
        patched.setattr(owner, name, failing(number))
        with pytest.raises(SaveError, match=os.strerror(number)) as caught:
            save()
    assert "is unchanged" in str(caught.value) and isinstance(caught.value, OSError)
    assert_untouched(path, before)
    save()
    assert path.read_bytes() != before


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444])
def test_replaced_file_keeps_its_permissions(mode, saved):
    path, save = saved
    path.chmod(mode)
    save()
    assert path.stat().st_mode & 0o777 == mode


def test_full_disk_is_detected_before_writing(saved, monkeypatch):
    path, save = saved
    before = path.read_bytes()
    little = shutil.disk_usage(path)._replace(free=2000)
    monkeypatch.setattr(files.shutil, "disk_usage", lambda _: little)
    with pytest.raises(SaveError, match="the disk has 2.0 KiB free"):
        save()
    assert_untouched(path, before)


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_an_interrupt_leaves_the_old_file(tmp_path, error):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(error), atomic_write(path, 3) as file:
        file.write(b"new")
        raise error
    assert_untouched(path, b"old")


def test_a_killed_process_leaves_the_old_file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    code = f"""
        import os, signal
        from pathlib import Path
        from lamina.io.files import atomic_write
        with atomic_write(Path({str(path)!r}), 3) as file:
            file.write(b"new")
            file.flush()
            os.kill(os.getpid(), signal.SIGKILL)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=False)
    assert path.read_bytes() == b"old"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_read_only_folder_raises_save_error(saved):
    path, save = saved
    path.parent.chmod(0o500)
    try:
        with pytest.raises(SaveError, match="Permission denied"):
            save()
    finally:
        path.parent.chmod(0o700)


def test_file_in_place_of_a_folder_raises_save_error(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(SaveError, match="was not written"):
        model().save(tmp_path / "file" / "model.keras")


def test_target_of_a_link_is_replaced(tmp_path):
    target = tmp_path / "runs" / "model.keras"
    model().save(target)
    (tmp_path / "latest.keras").symlink_to(target)
    model(5).save(tmp_path / "latest.keras")
    assert (tmp_path / "latest.keras").is_symlink()
    assert lamina.models.load_model(target).output_shape == (None, 5)


def test_new_file_has_default_permissions(tmp_path):
    (tmp_path / "plain").write_bytes(b"")
    model().save(tmp_path / "model.keras")
    modes = [(tmp_path / n).stat().st_mode for n in ("plain", "model.keras")]
    assert modes[0] == modes[1]


def test_overwriting_can_be_refused(saved):
    path, _ = saved
    save = model().save if path.suffix == ".keras" else model().save_weights
    before = path.read_bytes()
    with pytest.raises(ArgumentError, match="already exists"):
        save(path, overwrite=False)
    assert_untouched(path, before)


@pytest.mark.parametrize("path", ["model.h6", "model", "model.keras.txt", 3, None])
def test_suffix_selects_the_format(path, tmp_path):
    with pytest.raises(ArgumentError, match="must end in|must be a string or"):
        model().save(path if not isinstance(path, str) else tmp_path / path)


def test_saving_takes_no_copy_of_the_weights(tmp_path):
    """The most memory while saving, in a process of its own."""
    if not Path("/proc/self/clear_refs").exists():
        pytest.skip("needs Linux")
    code = f"""
        import pathlib, re, lamina
        def memory(kind):
            text = pathlib.Path("/proc/self/status").read_text()
            return 1024 * int(re.search(kind + r":\\s+(\\d+)", text)[1])
        dense = [lamina.layers.Dense(3000) for _ in range(2)]
        model = lamina.Sequential([lamina.Input((3000,)), *dense])
        model.get_weights()  # they are made in the background
        pathlib.Path("/proc/self/clear_refs").write_text("5")
        before = memory("VmRSS")
        model.save({str(tmp_path / "large.keras")!r})
        print((memory("VmHWM") - before) / (4 * model.count_params()))
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    assert float(subprocess.check_output(command, text=True)) < 0.5


def test_equal_models_make_equal_weight_files(tmp_path):
    for name in ("a", "b"):
        lamina.utils.set_random_seed(1)
        lamina.utils.clear_session()
        model().save_weights(tmp_path / f"{name}.weights.h5")
    read = [(tmp_path / f"{name}.weights.h5").read_bytes() for name in "ab"]
    assert read[0] == read[1]
    assert np.frombuffer(read[0][:8], "u1").tolist() == list(b"\x89HDF\r\n\x1a\n")


@pytest.mark.parametrize("name", ["m.keras", "m.weights.h5", "m.h5", "m.safetensors"])
def test_a_missing_file_is_a_file_not_found_error(name, tmp_path):
    for load in (model().load_weights, lamina.saving.load_model):
        with pytest.raises(FileNotFoundError, match="No such file") as caught:
            load(tmp_path / name)
        assert isinstance(caught.value, ArgumentError)
