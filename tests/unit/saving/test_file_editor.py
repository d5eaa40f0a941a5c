"""`KerasFileEditor`: reading, comparing, editing and writing of weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import lamina
from lamina import errors, layers
from lamina.saving import KerasFileEditor


def model(*units: int) -> lamina.Model:
    inner = [layers.Dense(n, name=f"named_{i}") for i, n in enumerate(units)]
    return lamina.Sequential([lamina.Input((2,)), *inner])


@pytest.fixture
def editor(tmp_path: Path) -> KerasFileEditor:
    model(3, 4).save(tmp_path / "old.keras")
    return KerasFileEditor(tmp_path / "old.keras")


def test_weights_are_those_of_the_model(tmp_path: Path) -> None:
    trained = model(3)
    trained.compile("adam", "mse", metrics=["mae"])
    trained.fit(np.ones((4, 2)), np.ones((4, 3)), verbose=0)
    for name in ("a.keras", "a.weights.h5"):
        path = tmp_path / name
        trained.save(path) if name == "a.keras" else trained.save_weights(path)
        tree = KerasFileEditor(path).weights_dict
        assert set(tree) == {"layers", "optimizer"} and len(tree["optimizer"]) == 6
        np.testing.assert_array_equal(
            tree["layers"]["dense"]["0"], trained.get_weights()[0]
        )


def test_edited_weights_fit_a_changed_model(
    editor: KerasFileEditor, tmp_path: Path
) -> None:
    target = model(3, 5, 4)
    result = editor.compare(target)
    assert (result["status"], result["error_count"]) == ("error", 3)
    editor.rename_object("dense_1", "dense_2")
    kernel = np.ones((3, 5), "float32")
    editor.add_object("layers/dense_1", {"0": kernel})
    editor.add_weights("dense_1", {"1": np.zeros(5, "float32"), "2": kernel})
    editor.delete_weight("layers/dense_1", "2")
    last = {"0": np.ones((5, 4), "float32")}
    editor.add_weights("layers/dense_2", last)
    assert editor.compare(target) == {
        "status": "success",
        "error_count": 0,
        "match_count": 6,
    }
    editor.save(tmp_path / "new.weights.h5")
    target.load_weights(tmp_path / "new.weights.h5")
    np.testing.assert_array_equal(target.get_weights()[2], kernel)
    again = KerasFileEditor(tmp_path / "new.weights.h5")
    assert again.compare(target)["status"] == "success"
    again.delete_object("layers")
    again.resave_weights(tmp_path / "empty.weights.h5")
    assert KerasFileEditor(tmp_path / "empty.weights.h5").weights_dict == {}


def test_differences_are_printed(
    editor: KerasFileEditor, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert editor.compare(model(3, 7))["error_count"] == 2
    text = capsys.readouterr().out
    assert "layers/dense_1/0: (3, 4) in the file, (3, 7) in the model." in text
    editor.summary()
    text = capsys.readouterr().out
    assert "      0: shape=(2, 3), dtype=float32" in text.splitlines()


def test_variables_beside_objects_are_kept(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.weights.h5", "w") as file:
        file["block/vars/0"] = np.ones(2)
        file["block/inner/vars/0"] = np.zeros(3)
    editor = KerasFileEditor(tmp_path / "a.weights.h5")
    editor.save(tmp_path / "b.weights.h5")
    with h5py.File(tmp_path / "b.weights.h5") as file:
        assert file["block/vars/0"].shape == (2,)
        assert file["block/inner/vars/0"].shape == (3,)


WRONG: dict[str, Callable[[KerasFileEditor], Any]] = {
    "unknown object": lambda e: e.delete_object("dense_9"),
    "unknown path": lambda e: e.delete_object("layers/dense_9"),
    "weight as an object": lambda e: e.add_object("layers/dense/0/a", {}),
    "unknown parent": lambda e: e.add_object("blocks/dense", {}),
    "unknown weight": lambda e: e.delete_weight("dense", "7"),
    "ambiguous name": lambda e: e.rename_object("0", "1"),
    "path as a name": lambda e: e.rename_object("dense", "layers/dense_2"),
    "name of another": lambda e: e.rename_object("dense", "dense_1"),
    "weights of a weight": lambda e: e.add_weights("layers/dense/0", {}),
    "other ending": lambda e: e.save("a.h5"),
}


@pytest.mark.parametrize("name", WRONG)
def test_invalid_edits_are_refused(editor: KerasFileEditor, name: str) -> None:
    with pytest.raises(errors.ArgumentError):
        WRONG[name](editor)
    assert editor.compare(model(3, 4))["status"] == "success"


def test_other_files_are_refused(editor: KerasFileEditor, tmp_path: Path) -> None:
    with pytest.raises(errors.ArgumentTypeError, match="dictionary of arrays"):
        editor.add_object("layers/a", [1])  # type: ignore[arg-type]
    with pytest.raises(errors.ArgumentError, match="must end in"):
        KerasFileEditor(tmp_path / "a.h5")
    with pytest.raises(FileNotFoundError):
        KerasFileEditor(tmp_path / "missing.keras")
    model(3).save_weights(tmp_path / "a.safetensors")
    (tmp_path / "a.safetensors").rename(tmp_path / "a.weights.h5")
    with pytest.raises(errors.FileFormatError, match="not an HDF5 file"):
        KerasFileEditor(tmp_path / "a.weights.h5")


def test_arrays_larger_than_the_memory_limit_are_refused(
    editor: KerasFileEditor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lamina.config.memory_limit", lambda: 50)
    with pytest.raises(errors.FileFormatError, match="set_memory_limit"):
        KerasFileEditor(editor.filepath)
