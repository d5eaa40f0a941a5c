"""Checkpoints that Orbax writes: their contents, damage, and the missing package."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

import lamina
from lamina.errors import FileFormatError, MissingPackageError
from lamina.training.checkpoint.shards import (
    load_orbax,
    read_shards,
    variables_of,
    write_shards,
)

VALUES: dict[str, Any] = {
    "dense/kernel": jnp.arange(6.0).reshape(2, 3),
    "scale": jnp.asarray(7, "uint32"),
    "half": jnp.ones(3, "bfloat16"),
    "empty": jnp.zeros((0, 3)),
}
REST: dict[str, Any] = {
    "best": None,
    "place": (3, 0, 12),
    "callbacks": [("EarlyStopping", {"best_weights": [np.ones((2, 2)), 1.5]})],
    "stream": (0, b"\x00\xff"),
}


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    pytest.importorskip("orbax.checkpoint")
    path = tmp_path / "step-12.shards"
    write_shards(path, {"variables": VALUES, **REST})()
    return path


def test_contents_are_restored(checkpoint: Path) -> None:
    tree = read_shards(checkpoint)
    np.testing.assert_equal({k: tree[k] for k in REST}, REST)
    variables = {k: lamina.Variable(jnp.zeros_like(v)) for k, v in VALUES.items()}
    found = variables_of(tree, variables)
    for name, value in VALUES.items():
        assert found[name].dtype == value.dtype
        np.testing.assert_array_equal(found[name], value)


def test_damage_is_reported(checkpoint: Path) -> None:
    tree = read_shards(checkpoint)
    for item in ("variables", "run"):
        for file in (checkpoint / item).rglob("*"):
            if file.is_file():
                file.write_bytes(b"")
    variables = {k: lamina.Variable(v) for k, v in VALUES.items()}
    with pytest.raises(FileFormatError, match=r"12.shards' cannot be read"):
        variables_of(tree, variables)
    with pytest.raises(FileFormatError, match=r"12.shards' cannot be read"):
        read_shards(checkpoint)


def test_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "orbax.checkpoint", None)
    with pytest.raises(MissingPackageError, match=r"lamina\[distributed\]"):
        load_orbax()
