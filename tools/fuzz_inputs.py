"""Formats that `tools.fuzz` tests: valid inputs, and functions that load them.

To add a format, add an entry to `FORMATS`.
"""

from __future__ import annotations

import io
import json
import os
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from tools.fuzz_damage import (
    legacy_file,
    mutate_archive,
    mutate_bytes,
    mutate_config,
    mutate_file,
    mutate_json,
    mutate_legacy,
    mutate_members,
    mutate_run,
    mutate_tensors,
    mutate_text,
)

__all__ = ["FORMATS", "Format"]


class Format(NamedTuple):
    """Format of inputs.

    Args:
        name: name in the command line.
        inputs: function that returns valid inputs.
        mutate: function that changes an input at random.
        run: function that loads an input; the folder is for temporary files.
    """

    name: str
    inputs: Callable[[], list[Any]]
    mutate: Callable[[Random, Any], Any]
    run: Callable[[Any, Path], None]


# Valid inputs


@cache
def models() -> list[Any]:
    """Return small models: Sequential, functional, nested, and of several layers."""
    import lamina
    from lamina import layers, optimizers

    lamina.utils.clear_session()
    lamina.utils.set_random_seed(1)
    tiny = lamina.Sequential([layers.Input((3,)), layers.Dense(2)])
    tiny.compile("adam", "mse")
    x = lamina.Input((4,), name="x")
    shared = layers.Dense(4, name="shared")
    residual = lamina.Model(x, layers.Add()([shared(shared(x)), x]), name="residual")
    residual.compile(optimizers.Adam(0.01), "mse", metrics=["mae"])
    image = lamina.Sequential(
        [
            layers.Input((6, 6, 2)),
            layers.Conv2D(3, 2, padding="same", activation="relu"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(2, kernel_regularizer="l2"),
        ]
    )
    image.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    text_model = lamina.Sequential(
        [
            layers.Input((5,), dtype="int32"),
            layers.Embedding(7, 3, mask_zero=True),
            layers.Bidirectional(layers.LSTM(2, return_sequences=True)),
            layers.TimeDistributed(layers.Dense(2)),
            layers.GRU(2),
        ]
    )
    other = lamina.Input((4,), name="other")
    nested = lamina.Model(
        [x, other], {"sum": residual(x) + other, "dense": shared(other)}
    )
    for model in (tiny, residual, image):
        model.optimizer.build(model.trainable_variables)
    # The models that take longest to build are the rarest.
    return [tiny] * 8 + [residual] * 4 + [nested] * 2 + [image, text_model]


@cache
def model_configs() -> list[str]:
    """Return the configs of the models."""
    from lamina import saving

    return [json.dumps(saving.serialize_keras_object(m)) for m in models()]


@cache
def object_configs() -> list[str]:
    """Return the configs of all objects in the tables of the tests."""
    import lamina
    from lamina import saving
    from tests.oracles.families import CONFIGS
    from tests.tables.layers import LAYERS

    made = [c.make(lamina) for c in [*LAYERS, *CONFIGS] if "code" not in traits(c)]
    return [json.dumps(saving.serialize_keras_object(item)) for item in made]


def traits(case: Any) -> Any:
    """Return the traits of a case, if its class has any."""
    return getattr(case, "traits", ())


def _saved(save: str, name: str) -> list[bytes]:
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for model in models():
            path = Path(folder) / name
            getattr(model, save)(path)
            found.append(path.read_bytes())
    return found


@cache
def archives() -> list[bytes]:
    """Return the models' `.keras` files."""
    return _saved("save", "model.keras")


@cache
def tensor_files() -> list[bytes]:
    """Return the weights of the first model as a `.safetensors` file."""
    return _saved("save_weights", "model.safetensors")[:1]


@cache
def legacy_models() -> list[str]:
    """Return models of Keras 1 and 2, whose weights have other layouts."""

    def model(version: str, backend: str, *layers: Any) -> str:
        stack = [{"class_name": c, "config": config} for c, config, _ in layers]
        stack[0]["config"]["batch_input_shape"] = [None, 6, 2]
        training = {
            "optimizer_config": {"class_name": "Adam", "config": {"lr": 0.1}},
            "loss": "mse",
            "metrics": ["acc"],
        }
        parts = {
            "model": {"class_name": "Sequential", "config": stack},
            "training": training,
            "attributes": {"keras_version": version, "backend": backend},
            "layers": {c["name"]: weights for _, c, weights in layers if weights},
        }
        return json.dumps(parts)

    dense = "Dense", {"name": "d", "units": 2}, {"d/k:0": [3, 2], "d/b:0": [2]}
    gates = {f"l_{m}_{g}": [3] for g in "icfo" for m in "WUb"}
    gates |= {n: [2 + (n[2] == "U"), 3] for n in gates if n[2] in "WU"}
    old = "LSTM", {"name": "l", "output_dim": 3, "activation": "tanh"}, gates
    fused = {"l/k": [2, 12], "l/r": [3, 12], "l/b": [24]}
    cudnn = "CuDNNLSTM", {"name": "l", "units": 3}, fused
    window = {"nb_filter": 3, "filter_length": 2, "border_mode": "same", "name": "c"}
    line = "Convolution1D", window, {"c_W": [3, 2, 2, 1], "c_b": [3]}
    flat = "GlobalMaxPooling1D", {"name": "g"}, {}
    return [
        model("2.2.4", "tensorflow", cudnn, dense),
        model("1.2.2", "theano", old),
        model("1.1.0", "theano", line, flat, dense),
        model("2.1.6", "tensorflow", flat, ("Dense", {"name": "d", "units": 2},
              {"d/k:0": [2, 2], "d/b:0": [2]})),
    ]  # fmt: skip


@cache
def weight_files() -> list[bytes]:
    """Return the weights of the first model as lamina and as h5py write them."""
    import h5py

    written = _saved("save_weights", "model.weights.h5")[0]
    buffer = io.BytesIO()
    with h5py.File(io.BytesIO(written)) as old, h5py.File(buffer, "w") as new:
        groups: list[str] = []
        old.visit(groups.append)
        for path in groups:
            if isinstance(old[path], h5py.Dataset):
                new[path] = old[path][()]
            else:
                new.require_group(path).attrs["name"] = path
    return [written, buffer.getvalue()]


@cache
def all_files() -> list[bytes]:
    """Return files of all formats of models and weights."""
    old = [legacy_file(json.loads(text)) for text in legacy_models()]
    return [*archives()[-8:], *weight_files(), *tensor_files() * 2, *old]


@cache
def array_files() -> list[bytes]:
    """Return `.npz` files as data sets have them, compressed or not."""
    import numpy as np

    found = []
    for save in (np.savez, np.savez_compressed):
        buffer = io.BytesIO()
        save(buffer, x=np.arange(24.0).reshape(2, 3, 4), y=np.arange(3, dtype="u1"))
        found.append(buffer.getvalue())
    return found


@cache
def run_files() -> list[bytes]:
    """Return a checkpoint of a training run."""
    import numpy as np

    model = models()[0]
    with tempfile.TemporaryDirectory() as folder:
        model.fit(np.ones((8, 3)), np.ones((8, 2)), verbose=0, resume=folder)
        return [path.read_bytes() for path in Path(folder).glob("step-*")]


@cache
def kernel_files() -> list[str]:
    """Return an autotuner file with results of this machine and another one."""
    from lamina.ops.kernels import autotune

    answers = {"conv(float32[1, 8]) by window_slices, reference": "window_slices"}
    return [json.dumps({autotune._machine(): answers, "another": answers})]


@cache
def logs() -> list[bytes]:
    """Return a file that `CSVLogger` writes."""
    return [b"epoch,loss,val_loss\r\n0,0.5,0.75\r\n1,0.25,0.5\r\n"]


# Loading


def run_config(config: Any, folder: Path) -> None:
    from lamina import saving

    saving.deserialize_keras_object(config)


def run_text(text: bytes, folder: Path) -> None:
    import lamina

    # A program may have read the file with an unknown encoding.
    whole: Any = text if len(text) % 2 else text.decode("utf-8", "surrogateescape")
    lamina.models.model_from_json(whole)


def run_archive(data: bytes, folder: Path) -> None:
    import lamina

    path = folder / "model"
    path.write_bytes(data)
    lamina.models.load_model(path)


def run_weights(data: bytes, folder: Path) -> None:
    path = folder / "weights"
    path.write_bytes(data)
    models()[0].load_weights(path, skip_mismatch=len(data) % 2 == 0)


def run_legacy(data: bytes, folder: Path) -> None:
    if len(data) % 3:
        run_archive(data, folder)
    else:
        run_weights(data, folder)


def run_inspect(data: bytes, folder: Path) -> None:
    from lamina.saving.inspect import inspect_file, inspection_text

    path = folder / "model"
    path.write_bytes(data)
    inspection_text(inspect_file(path))


def run_arrays(data: bytes, folder: Path) -> None:
    from lamina.datasets.arrays import read_arrays

    path = folder / "arrays.npz"
    path.write_bytes(data)
    read_arrays(str(path), "x", "y")


def run_run(data: bytes, folder: Path) -> None:
    from lamina.training.checkpoint.run_file import read_run

    path = folder / "step-000000000001.run"
    path.write_bytes(data)
    read_run(path)


def run_kernels(data: bytes, folder: Path) -> None:
    """Load an autotuner file; lamina replaces a damaged one without an error."""
    from lamina.ops.kernels import autotune

    path = folder / "kernels.json"
    path.write_bytes(data)
    before = os.environ["LAMINA_COMPILE_CACHE"]
    os.environ["LAMINA_COMPILE_CACHE"] = str(folder)
    try:
        autotune._write(autotune._read())
    finally:
        os.environ["LAMINA_COMPILE_CACHE"] = before
    json.loads(path.read_text())


def run_log(data: bytes, folder: Path) -> None:
    from lamina.callbacks import CSVLogger

    path = folder / "log.csv"
    path.write_bytes(data)
    logger = CSVLogger(path, append=True)
    logger.on_train_begin()
    logger.on_epoch_end(2, {"loss": 0.125})
    logger.on_train_end()
    assert path.read_bytes().startswith(data)


FORMATS = {
    form.name: form
    for form in (
        Format("object", object_configs, mutate_config, run_config),
        Format("config", model_configs, mutate_config, run_config),
        Format("text", model_configs, mutate_text, run_text),
        Format("weights", weight_files, mutate_bytes, run_weights),
        Format("safetensors", tensor_files, mutate_tensors, run_weights),
        Format("inspect", all_files, mutate_file, run_inspect),
        Format("h5", legacy_models, mutate_legacy, run_legacy),
        Format("keras", archives, mutate_archive, run_archive),
        Format("npz", array_files, mutate_members, run_arrays),
        Format("run", run_files, mutate_run, run_run),
        Format("kernels", kernel_files, mutate_json, run_kernels),
        Format("log", logs, mutate_bytes, run_log),
    )
}
