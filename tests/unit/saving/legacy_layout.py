"""Files as Keras 1 and 2 wrote them."""

from __future__ import annotations

import json

import h5py
import numpy as np

import lamina
from tests.tables.arrays import floats

ROWS = floats(4, 3, seed=1)


def listed(group, key, names, parts=1):
    names = np.array([name.encode() for name in names])
    if parts == 1:
        group.attrs[key] = names
    for i, some in enumerate(np.array_split(names, parts) if parts > 1 else ()):
        group.attrs[f"{key}{i}"] = some


def write(path, config, weights, training=None, parts=1, state=(), **attributes):
    """A file as Keras 1 and 2 wrote it: `weights` has named arrays by layer."""
    with h5py.File(path, "w") as file:
        for key, value in attributes.items():
            file.attrs[key] = value.encode()
        root = file
        if config is not None:
            file.attrs["model_config"] = json.dumps(config).encode()
            root = file.create_group("model_weights")
        listed(root, "layer_names", list(weights), parts)
        for layer, arrays in weights.items():
            group = root.create_group(layer)
            listed(group, "weight_names", list(arrays), parts)
            for name, array in arrays.items():
                group[name] = array
        if training is not None:
            file.attrs["training_config"] = json.dumps(training).encode()
            group = file.create_group("optimizer_weights")
            listed(group, "weight_names", [f"v{i}:0" for i in range(len(state))])
            for i, array in enumerate(state):
                group[f"v{i}:0"] = array
    return path


def stack(*layers, shape=(None, 3), listing=True):
    """A Sequential of layers, the first of which says what goes in."""
    entries = [
        {"class_name": kind, "config": {"name": f"l{i}", **config}}
        for i, (kind, config) in enumerate(layers)
    ]
    entries[0]["config"]["batch_input_shape"] = list(shape)
    return {
        "class_name": "Sequential",
        "config": entries if listing else {"name": "s", "layers": entries},
    }


def predicted(path, x, **options):
    return np.asarray(lamina.models.load_model(path, **options).predict_on_batch(x))


def numbered(arrays, names=None, suffix=":0"):
    names = names or [f"w{i}" for i in range(len(arrays))]
    return {f"{n}{suffix}": a for n, a in zip(names, arrays, strict=True)}


def dense(units=2, **options):
    return "Dense", {"units": units, "activation": "linear", **options}


KERNEL, BIAS = floats(3, 2, seed=3), floats(2, seed=4)
