"""`KerasFileEditor` reads files by the rules of `load_model`."""

from __future__ import annotations

import pytest

from lamina.errors import LaminaError
from lamina.saving import KerasFileEditor
from tests.security import test_archives, test_hdf5
from tests.security.harmless import harmless, refused
from tests.tables.cases import named


@pytest.mark.parametrize("row", named(test_archives.ROWS))
def test_hostile_archives_are_refused(row, tmp_path):
    path = tmp_path / "harm.keras"
    path.write_bytes(row.make())
    with refused(f"{row.reason}|not a model file|not an HDF5 file", path):
        KerasFileEditor(path)


@pytest.mark.parametrize("row", named(test_hdf5.ROWS))
def test_hostile_weights_do_no_harm(row, tmp_path, capsys):
    secret = tmp_path / "secret.h5"
    secret.write_bytes(b"not for others")
    path = tmp_path / "harm.weights.h5"
    path.write_bytes(row.make(secret))
    with harmless(path):
        try:
            KerasFileEditor(path).summary()
        except LaminaError as error:
            print(error)
    assert all(line.isprintable() for line in capsys.readouterr().out.splitlines())
