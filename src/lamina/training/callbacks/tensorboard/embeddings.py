"""Tables of Embedding layers, for TensorBoard's projector."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from lamina.errors import ArgumentError, did_you_mean
from lamina.layers import Embedding

FilePath: TypeAlias = str | os.PathLike[str]


class EmbeddingTables:
    """Tables of the Embedding layers of a model, and the names of their rows.

    Args:
        metadata: path of a text file with one name per line for each row, or a
            dictionary from names of layers to such paths.
    """

    def __init__(self, metadata: FilePath | Mapping[str, FilePath] | None) -> None:
        self._metadata = metadata
        self._names: dict[str, list[str]] = {}

    def read_names(self, model: Any) -> None:
        """Read the names of the rows of each Embedding that has a file.

        Raises:
            ArgumentError: a layer is not an Embedding of the model, or the number of
                lines in a file differs from the number of rows in the table.
        """
        layers = {layer.name: layer for layer in _embeddings(model)}
        paths = self._metadata
        if not isinstance(paths, Mapping):
            paths = dict.fromkeys(layers, paths)
        self._names = {}
        for name, path in paths.items():
            if name not in layers:
                raise ArgumentError(
                    f"TensorBoard: `embeddings_metadata` has {name!r}, but no "
                    f"Embedding has that name.{did_you_mean(name, layers)}"
                )
            if path is not None:
                self._names[name] = _lines(path, layers[name])

    def write(self, model: Any, writer: Any, epoch: int) -> None:
        """Write the tables as they are after an epoch."""
        for layer in _embeddings(model):
            table = np.asarray(layer.embeddings)
            names = self._names.get(layer.name)
            try:
                writer.add_embedding(table, names, None, epoch, layer.name)
            except OSError as error:
                writer.file_writer.give_up(error)


def _embeddings(model: Any) -> Iterator[Embedding]:
    return (a for a in model.all_layers() if isinstance(a, Embedding))


def _lines(path: FilePath, layer: Embedding) -> list[str]:
    lines = Path(path).read_text("utf-8").splitlines()
    if len(lines) != layer.input_dim:
        raise ArgumentError(
            f"TensorBoard: {str(path)!r} has {len(lines)} lines, but the Embedding "
            f"{layer.name!r} has {layer.input_dim} rows. Write one name per line for "
            "each row."
        )
    return lines
