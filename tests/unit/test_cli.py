"""The command `lamina`: what it shows, writes and returns."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import lamina
from lamina import layers
from lamina.cli import main
from lamina.saving.inspect import inspect_file
from tests.security.harmless import harmless


def small_model() -> Any:
    inner = lamina.Sequential([layers.Dense(3), layers.Dropout(0.5)], name="inner")
    model = lamina.Sequential(
        [lamina.Input((4,)), inner, layers.Dense(2, name="out")], name="small"
    )
    model.compile("adam", "mse", metrics=["mae"])
    model.optimizer.build(model.trainable_variables)
    return model


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """One model in files of each format."""
    model = small_model()
    found = {
        "keras": tmp_path / "m.keras",
        "h5": tmp_path / "m.weights.h5",
        "safetensors": tmp_path / "m.safetensors",
        "legacy h5": tmp_path / "m.h5",
    }
    model.save(found["keras"])
    model.save_weights(found["h5"])
    model.save_weights(found["safetensors"])
    with h5py.File(found["legacy h5"], "w") as file:
        file.attrs["keras_version"] = "2.15.0"
        file.attrs["model_config"] = json.dumps(
            {
                "class_name": "Sequential",
                "config": {
                    "name": "small",
                    "layers": [
                        {
                            "class_name": "Dense",
                            "config": {
                                "name": "out",
                                "units": 2,
                                "batch_input_shape": [None, 4],
                            },
                        }
                    ],
                },
            }
        )
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = [b"out"]
        names = [b"out/kernel:0", b"out/bias:0"]
        group.create_group("out").attrs["weight_names"] = names
        group["out"]["out/kernel:0"] = np.ones((4, 2), "f4")
        group["out"]["out/bias:0"] = np.ones(2, "f4")
    return found


def inspected(path: Path, capsys: Any) -> dict[str, Any]:
    assert main(["inspect", "--json", str(path)]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("kind", ["keras", "h5", "safetensors", "legacy h5"])
def test_every_format_is_inspected(kind, files, capsys):
    with harmless(files[kind]):
        inspect_file(files[kind])
    found = inspected(files[kind], capsys)
    assert found["format"] == kind and found["size"] == files[kind].stat().st_size
    assert found["parameters"] == (10 if kind == "legacy h5" else 23)
    assert len(found["sha256"]["file"]) == 64
    whole = kind in ("keras", "legacy h5")
    assert (found["model"] is not None) is whole
    if whole:
        assert found["model"] == {"class": "Sequential", "name": "small"}
        assert "out" in [layer["name"] for layer in found["layers"]]
        assert "keras_version" in found["versions"]


def test_inspect_shows_a_whole_model(files, capsys):
    found = inspected(files["keras"], capsys)
    kinds = [(v["depth"], v["class"]) for v in found["layers"]]
    assert (0, "Sequential") in kinds and (1, "Dropout") in kinds
    weights = {v["path"]: v for v in found["variables"]}
    assert weights["out/kernel"]["shape"] == [3, 2]
    assert weights["out/kernel"]["dtype"] == "float32"
    assert found["optimizer_values"] == 2 * 23 + 2 and found["compile"]["loss"] == "mse"
    assert set(found["sha256"]) == {"file", "config.json", "model.weights.h5"}


@pytest.mark.parametrize("kind", ["keras", "h5", "safetensors", "legacy h5"])
def test_inspection_text_is_readable(kind, files, capsys):
    assert main(["inspect", str(files[kind])]) == 0
    text = capsys.readouterr().out
    assert "parameters: " in text and "out" in text and "SHA-256" in text
    assert "compiled with" in text or kind != "keras"


LAYER_ROWS = {
    "keras": {
        "inner": ("Sequential", None, 15),
        "dense": ("Dense", [None, 4], 15),
        "out": ("Dense", [None, 3], 8),
    },
    "legacy h5": {"out": ("Dense", [None, 4], 10)},
}


@pytest.mark.parametrize("kind", LAYER_ROWS)
def test_layers_have_input_shapes_and_parameters(kind, files, capsys):
    layers_of = {
        layer["name"]: layer for layer in inspected(files[kind], capsys)["layers"]
    }
    for name, (cls, shape, parameters) in LAYER_ROWS[kind].items():
        found = next(v for n, v in layers_of.items() if n.startswith(name))
        assert found["class"] == cls and found["parameters"] == parameters
        assert found["input_shape"] == shape


def test_inspect_shows_owners_of_variables(files, capsys):
    owners = {v["owner"] for v in inspected(files["keras"], capsys)["variables"]}
    assert {"optimizer", "out"} < owners
    assert any(o.startswith("inner/dense") for o in owners)
    assert any(o.startswith("inner/dropout") for o in owners)
    assert main(["inspect", str(files["keras"])]) == 0
    text = capsys.readouterr().out
    assert "inner/dropout/seed_generator_state" in text.replace("dropout_1", "dropout")
    assert "learning_rate=0.001," in text


def test_inspected_file_cannot_send_control_characters(tmp_path, capsys):
    model = lamina.Sequential([lamina.Input((4,)), layers.Dense(2)])
    model.weights[0].name = "\x1b[2J\nkernel"
    model.save_weights(tmp_path / "w.safetensors")
    assert main(["inspect", str(tmp_path / "w.safetensors")]) == 0
    text = capsys.readouterr().out
    assert "\x1b" not in text and r"\x1b[2J\nkernel" in text


@pytest.mark.parametrize("content", [b"", b"text", b"PK\3\4", b"\x89HDF\r\n\x1a\n"])
def test_inspect_refuses_other_files(content, tmp_path, capsys):
    path = tmp_path / "model.keras"
    path.write_bytes(content)
    assert main(["inspect", str(path)]) == 1
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.startswith("lamina inspect: ")


def test_a_damaged_file_is_an_error(files, capsys):
    data = bytearray(files["keras"].read_bytes())
    data[data.index(b"kernel_initializer")] ^= 1
    files["keras"].write_bytes(data)
    assert main(["inspect", str(files["keras"])]) == 1
    assert "checksum" in capsys.readouterr().err


WAYS = [
    ("keras", ".weights.h5", False),
    ("keras", ".safetensors", False),
    ("keras", "2.keras", False),
    ("keras", "2.h5", False),
    ("h5", ".safetensors", True),
    ("safetensors", ".weights.h5", True),
    ("safetensors", "2.keras", True),
]


@pytest.mark.parametrize(("kind", "ending", "needs_model"), WAYS)
def test_every_format_is_converted(kind, ending, needs_model, files, tmp_path, capsys):
    target = tmp_path / f"new{ending}"
    words = ["convert", str(files[kind]), str(target)]
    if needs_model:
        assert main(words) == 1
        assert "holds only weights" in capsys.readouterr().err
        words += ["--model", str(files["keras"])]
    assert main(words) == 0
    loaded = small_model()
    loaded.load_weights(target)
    original = lamina.models.load_model(files["keras"])
    for one, other in zip(original.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert main(words) == 1
    assert "Pass --force to replace it" in capsys.readouterr().err
    assert main([*words, "--force"]) == 0


def test_json_is_a_model_too(files, tmp_path):
    (tmp_path / "m.json").write_text(small_model().to_json())
    words = [str(files["safetensors"]), str(tmp_path / "new.keras")]
    assert main(["convert", *words, "--model", str(tmp_path / "m.json")]) == 0
    assert lamina.models.load_model(words[1]).count_params() == 23


def test_legacy_file_is_converted(files, tmp_path):
    target = tmp_path / "new.keras"
    assert main(["convert", str(files["legacy h5"]), str(target)]) == 0
    weights = lamina.models.load_model(target).get_weights()
    assert [w.shape for w in weights] == [(4, 2), (2,)] and weights[0].all()


def test_unknown_target_format_is_refused_before_reading(files, capsys):
    assert main(["convert", str(files["keras"]), "model.onnx"]) == 1
    assert "must end in '.keras'" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["inspect"], ["convert", "a"], ["turn"]])
def test_invalid_arguments_are_refused(words, capsys):
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2 and "usage: lamina" in capsys.readouterr().err


def test_without_a_command_the_help_is_shown(capsys):
    assert main([]) == 0
    text = capsys.readouterr().out
    assert text.startswith("usage: lamina") and "convert" in text


def test_the_package_runs_as_a_module():
    command = [sys.executable, "-m", "lamina", "--version"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == lamina.__version__


@pytest.mark.parametrize("command", ["inspect", "convert"])
def test_help_has_examples(command, capsys):
    with pytest.raises(SystemExit):
        main([command, "--help"])
    text = capsys.readouterr().out
    assert "examples:" in text and "exit status" in text


def test_packages_of_one_command_are_not_imported_by_the_others():
    code = (
        "import sys, lamina.cli\n"
        "print(*sys.modules.keys() & {'lamina.compat', 'lamina.demo', 'lamina.report'})"
    )
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == ""
