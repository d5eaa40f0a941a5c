"""`lamina inspect` and `lamina convert` on files that mean harm."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import lamina
from lamina import cli
from lamina.errors import LaminaError
from lamina.models.convert import convert_file
from lamina.saving.inspect import inspect_file, inspection_text
from tests.security import test_archives, test_configs, test_hdf5, test_legacy
from tests.security.harmless import harmless, refused
from tests.security.hostile import changed, good_config, keras_file, model_of
from tests.security.hostile import layer as config_of
from tests.tables.cases import named

REFUSED_BY_BOTH = (
    "CVE-2026-1669",
    "#22900",
    "#22976",
    "CVE-2026-0897",
    "cycles",
    "dtypes",
    "truncated",
    "damaged",
)
MOST_LINES = 100_000


def looked_at(path: Path) -> None:
    """Inspecting a file ends with a text or an error of lamina's, and no harm."""
    with harmless(path):
        try:
            text = inspection_text(inspect_file(path))
        except LaminaError as error:
            text = str(error)
    assert all(line.isprintable() for line in text.split("\n"))
    assert len(text) < MOST_LINES


@pytest.fixture
def secret(tmp_path):
    """A file that no loader has any business with."""
    path = tmp_path / "secret.h5"
    with h5py.File(path, "w") as file:
        file["values"] = np.arange(12, dtype="f4").reshape(4, 3)
    return str(path)


@pytest.mark.parametrize("row", named(test_configs.ROWS))
def test_neither_makes_objects(row, tmp_path):
    path = keras_file(tmp_path / "harm.keras", model_of(row.config))
    looked_at(path)
    with refused(row.reason, path):
        convert_file(path, tmp_path / "out.keras")
    text = tmp_path / "harm.json"
    text.write_text(json.dumps(model_of(row.config)))
    with refused(row.reason, text):
        convert_file(path, tmp_path / "out.keras", text)
    assert not (tmp_path / "out.keras").exists()


@pytest.mark.parametrize("row", named(test_archives.ROWS))
def test_neither_reads_hostile_archives(row, tmp_path):
    path = tmp_path / "harm.keras"
    path.write_bytes(row.make())
    reason = f"{row.reason}|not a model file"
    with refused(reason, path):
        inspect_file(path)
    with refused(reason, path):
        convert_file(path, tmp_path / "out.safetensors")
    assert not (tmp_path / "out.safetensors").exists()


@pytest.mark.parametrize("row", named(test_hdf5.ROWS))
def test_neither_follows_links(row, tmp_path, secret):
    """#22899: looking into a file follows no link either."""
    path = tmp_path / "harm.weights.h5"
    path.write_bytes(row.make(secret))
    if row.name.startswith(REFUSED_BY_BOTH):
        with refused(f"{row.reason}|not a model file", path):
            inspect_file(path)
    looked_at(path)
    model = keras_file(tmp_path / "model.keras")
    with refused(f"{row.reason}|not a model file", path, model):
        convert_file(path, tmp_path / "out.keras", model)
    assert not (tmp_path / "out.keras").exists()


@pytest.mark.parametrize("row", named(test_legacy.ROWS))
def test_neither_trusts_older_files(row, tmp_path, secret):
    path = tmp_path / "harm.h5"
    path.write_bytes(test_legacy.legacy(row.change, secret))
    looked_at(path)
    with refused(f"{row.reason}|holds only weights", path):
        convert_file(path, tmp_path / "out.keras")
    assert not (tmp_path / "out.keras").exists()


ODD: dict[str, Any] = {
    "json:wide_cells": model_of(*[config_of("A" * 10**5)] * 300),
    "json:no_arguments": changed(good_config(), "compile_config", to=[1]),
    "json:no_layers": changed(good_config(), "config", to=3),
    "json:no_names": changed(good_config(), "config", "name", to={"a": [1]}),
    "names:escape": changed(good_config(), "config", "name", to="\x1b[2J\ud800"),
    "json:long_compile": changed(
        good_config(), "compile_config", "loss", to="a" * 10**6
    ),
}


@pytest.mark.parametrize("name", ODD)
def test_output_is_short_and_printable(name, tmp_path, capsys):
    path = keras_file(tmp_path / "odd.keras", ODD[name])
    found = inspection_text(inspect_file(path))
    assert len(found) < 3 * MOST_LINES
    looked_at_lines = found.split("\n")
    assert all(line.isprintable() for line in looked_at_lines)
    assert cli.main(["inspect", "--json", str(path)]) == 0
    assert capsys.readouterr().out.isascii()


def test_inspecting_takes_little_memory(tmp_path):
    """json: a long name in a table whose cells are all as wide as the widest."""
    layers = [config_of("A" * 10**6), *[config_of("A")] * 1000]
    path = keras_file(tmp_path / "odd.keras", model_of(*layers))
    with harmless(path):
        assert len(inspection_text(inspect_file(path))) < 10**6


def test_command_prints_error_and_fails(tmp_path, capsys):
    path = keras_file(tmp_path / "harm.keras", model_of(test_configs.ROWS[0].config))
    assert cli.main(["convert", str(path), str(tmp_path / "out.keras")]) == 1
    assert "never runs code" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        cli.main(["convert", "--safe-mode", "false", str(path), "out.keras"])
    assert lamina.models.load_model(keras_file(path)).count_params() == 23


def test_a_terminal_without_the_characters_of_a_file_shows_their_numbers(
    tmp_path, monkeypatch
):
    config = changed(good_config(), "config", "name", to="größe")
    path = keras_file(tmp_path / os.fsdecode(b"gr\xf6\xdfe.keras"), config)
    for encoding in ("ascii", "utf-8"):
        output = io.TextIOWrapper(io.BytesIO(), encoding)
        monkeypatch.setattr(sys, "stdout", output)
        assert cli.main(["inspect", str(path)]) == 0
        assert rb"gr\udcf6\udcdfe.keras" in output.buffer.getvalue()
    assert "größe" in output.buffer.getvalue().decode()


def test_half_a_surrogate_pair_is_an_error_of_the_command(tmp_path, capsys):
    path = tmp_path / "harm.h5"
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = b'{"a": "\xed\xa0\x80"}'
    assert cli.main(["inspect", str(path)]) == 1
    assert cli.main(["convert", str(path), str(tmp_path / "new.keras")]) == 1
    assert capsys.readouterr().err.count("lamina ") == 2
