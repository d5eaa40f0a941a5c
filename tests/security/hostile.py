"""Files to do harm with, made from a good one."""

from __future__ import annotations

import copy
import io
import json
import zipfile
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import lamina
from lamina import layers


def small_model() -> Any:
    """A compiled model of two layers."""
    inputs = lamina.Input((4,), name="x")
    hidden = layers.Dense(3, activation="relu", name="hidden")(inputs)
    model = lamina.Model(inputs, layers.Dense(2, name="out")(hidden), name="small")
    model.compile("adam", "mse", metrics=["mae"])
    model.optimizer.build(model.trainable_variables)
    return model


@cache
def good_members() -> dict[str, bytes]:
    """The members of a good `.keras` file, in its order."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "good.keras"
        small_model().save(path)
        with zipfile.ZipFile(path) as archive:
            return {name: archive.read(name) for name in archive.namelist()}


def good_config() -> dict[str, Any]:
    """The config of a good file."""
    return json.loads(good_members()["config.json"])


def good_weights() -> bytes:
    """The weights of a good file."""
    return good_members()["model.weights.h5"]


def zipped(*members: tuple[Any, bytes], **options: Any) -> bytes:
    """A zip of members, given by name or as `ZipInfo`."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", **options) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return buffer.getvalue()


def keras_file(
    path: Path, config: Any = None, weights: bytes | None = None, **more: bytes
) -> Path:
    """A `.keras` file without checksums, with another config, weights or members."""
    members = {
        "metadata.json": b"{}",
        "config.json": json.dumps(config or good_config()).encode(),
        "model.weights.h5": good_weights() if weights is None else weights,
        **more,
    }
    path.write_bytes(zipped(*members.items()))
    return path


def model_of(*layer_configs: dict[str, Any]) -> dict[str, Any]:
    """The config of a Sequential model that holds these layers behind its input."""
    first = {
        "module": "keras.layers",
        "class_name": "InputLayer",
        "config": {"batch_shape": [None, 4], "dtype": "float32", "name": "x"},
        "registered_name": None,
    }
    return {
        "module": "keras",
        "class_name": "Sequential",
        "config": {"name": "model", "layers": [first, *layer_configs]},
        "registered_name": None,
    }


def layer(class_name: str, module: str = "keras.layers", **config: Any) -> dict:
    """The config of one object."""
    return {
        "module": module,
        "class_name": class_name,
        "config": config,
        "registered_name": None,
    }


def function(name: str, module: str = "builtins") -> dict[str, Any]:
    """A reference to a function, as Keras's files have them."""
    return {
        "module": module,
        "class_name": "function",
        "config": name,
        "registered_name": name,
    }


def changed(config: dict[str, Any], *path: Any, to: Any) -> dict[str, Any]:
    """A copy of a config with another value in one place."""
    found = result = copy.deepcopy(config)
    *inside, last = path
    for key in inside:
        found = found[key]
    found[last] = to
    return result
