"""Pipes, and files that are larger than the memory, where small files are expected."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

import lamina
from lamina import errors, layers


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 40)


@pytest.mark.parametrize("make", [_pipe, _sparse])
def test_vocabularies_texts_and_images_are_regular_files_within_memory(make, tmp_path):
    for name, load in (
        ("v.txt", lambda path: layers.StringLookup(vocabulary=path)),
        ("i.png", lamina.utils.load_img),
    ):
        path = tmp_path / name
        make(path)
        with pytest.raises(errors.LaminaError, match="No such file|memory limit"):
            load(str(path))


def test_run_folder_with_pipes_is_refused(tmp_path):
    model = lamina.Sequential([layers.Input((2,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    os.mkfifo(tmp_path / ".lock")
    with pytest.raises(errors.ArgumentError, match="not a file"):
        model.fit(np.ones((4, 2)), np.ones((4, 1)), resume=str(tmp_path), verbose=0)


def test_size_of_a_large_array_of_unknown_rows_is_written_in_full():
    images = layers.Input((4, 4, 1))
    with pytest.raises(errors.ShapeError, match=r"\d TiB"):
        layers.Resizing(10**9, 10**9)(images)
