"""The formats that `tools.fuzz` damages: valid inputs, how to damage and to load them.

A new format is one more entry of `FORMATS`.
"""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from collections.abc import Callable
from copy import deepcopy
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

__all__ = ["FORMATS", "Format"]


class Format(NamedTuple):
    """One kind of input."""

    name: str
    inputs: Callable[[], list[Any]]
    mutate: Callable[[Random, Any], Any]
    run: Callable[[Any, Path], None]


# Values that have broken loaders.
INTERESTING: list[Any] = [
    None, True, False, 0, 1, -1, 2, 3, 255, 256, 2**31 - 1, 2**31, -(2**31), 2**63,
    2**64, 10**6, 10**9, 10**12, -(10**12), 0.0, -0.0, 0.5, 1.5, 1e-300, 1e308,
    float("nan"), float("inf"), -float("inf"),
    "", "a", "/", "../x", "\0", "\ud800", "\u202e", "x" * 300,
    "relu", "softmax", "same", "valid", "causal",
    "channels_first", "channels_last", "float16", "int32", "string", "mixed_float16",
    "linear", "zeros", "int", "one_hot", "__class__", "mse", "accuracy", "adam",
    [], {}, [None], [1], [1, 2], [[1]], [[[]]], [-1], [10**9, 10**9], {"a": 1},
    {"class_name": "Dense"},
    {"class_name": "__numpy__", "config": {"value": [1.0, 2.0], "dtype": "float32"}},
    {"class_name": "__lambda__", "config": {"value": ["x", None, None]}},
    {"class_name": "function", "module": "builtins", "config": "relu",
     "registered_name": "relu"},
    {"class_name": "function", "module": "os", "config": "system",
     "registered_name": "system"},
    {"class_name": "DTypePolicy", "module": "keras", "config": {"name": "float16"},
     "registered_name": None},
    {"class_name": "Zeros", "module": "keras.initializers", "config": {},
     "registered_name": None},
]  # fmt: skip
NUMBERS = [0, 1, 2, 3, 4, 8, 255, 256, 2**16, 2**31, 2**32 - 1, 2**63, 2**64 - 1]


# Damage


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every container and key in a config."""
    found: list[tuple[Any, Any]] = []
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            keys: Any = list(item)
        elif isinstance(item, list):
            keys = range(len(item))
        else:
            continue
        for key in keys:
            found.append((item, key))
            stack.append(item[key])
    return found


def changed_value(random: Random, value: Any, others: list[tuple[Any, Any]]) -> Any:
    """Something else in place of a value."""
    choice = random.random()
    if (
        choice < 0.25
        and isinstance(value, (int, float))
        and not isinstance(value, bool)
    ):
        return random.choice([value + 1, value - 1, -value, value * 1000, value / 2])
    if choice < 0.35 and isinstance(value, str) and value:
        at = random.randrange(len(value))
        return value[:at] + random.choice(["", "/", "\0", "9", "A"]) + value[at + 1 :]
    if choice < 0.55:
        container, key = random.choice(others)
        return deepcopy(container[key])
    if choice < 0.65:
        return random.choice([[value], {"a": value}, [value, deepcopy(value)]])
    return deepcopy(random.choice(INTERESTING))


def mutate_config(random: Random, text: str) -> Any:
    """A config with one to four changes."""
    config = json.loads(text)
    for _ in range(random.randint(1, 4)):
        known = places(config)
        if not known:
            break
        if random.random() < 0.1 and change_object(random, known):
            continue
        container, key = random.choice(known)
        choice = random.random()
        if choice < 0.12:
            del container[key]
        elif choice < 0.2 and isinstance(container, list):
            at = random.randrange(len(container) + 1)
            container.insert(at, deepcopy(container[key]))
        elif choice < 0.25 and isinstance(container, dict):
            _, other = random.choice(known)
            container[str(other)] = container.pop(key)
        else:
            container[key] = changed_value(random, container[key], known)
    return config


def change_object(random: Random, known: list[tuple[Any, Any]]) -> bool:
    """Wrap a layer, or let a graph call another function; whether there was one."""
    found = [c for c, key in known if key == "class_name" and "config" in c]
    if not found:
        return False
    item = random.choice(found)
    calls = item.get("inbound_nodes")
    if (
        isinstance(calls, list) and calls
    ):  # unless a change before made it another thing
        names = function_names()
        config = {"name": item.get("name"), "function": random.choice(names)}
        item |= {"module": "lamina.ops", "class_name": "Op", "config": config}
        call = calls[0]
        if isinstance(call, dict) and isinstance(call.get("args"), list):
            call["args"] += random.choices(INTERESTING, k=random.randrange(3))
    else:
        inner = deepcopy({k: item.get(k) for k in ("module", "class_name", "config")})
        kind, name = random.choice(
            [("TimeDistributed", "layer"), ("Bidirectional", "layer"), ("RNN", "cell")]
        )
        config = {name: inner}
        item |= {"module": "keras.layers", "class_name": kind, "config": config}
    return True


@cache
def function_names() -> list[str]:
    """The functions that graphs can call."""
    from lamina import ops

    return sorted(ops.__all__)


def mutate_bytes(random: Random, data: bytes) -> bytes:
    """Bytes with one to eight changes."""
    found = bytearray(data)
    for _ in range(random.choice([1, 1, 2, 3, 8])):
        if not found:
            break
        at = random.randrange(len(found))
        choice = random.random()
        if choice < 0.35:
            found[at] = random.randrange(256)
        elif choice < 0.45:
            found[at] ^= 1 << random.randrange(8)
        elif choice < 0.75:
            # Numbers stand at multiples of their size.
            size = random.choice([1, 2, 4, 8])
            at -= at % size
            number = random.choice([*NUMBERS, random.randrange(len(found))])
            found[at : at + size] = (number % 2 ** (8 * size)).to_bytes(size, "little")
        elif choice < 0.9:
            size = random.choice([1, 8, 16, 40, 64])
            source = random.randrange(len(found))
            found[at : at + size] = found[source : source + size]
        elif choice < 0.95:
            del found[at : at + random.choice([1, 8, 100])]
        else:
            del found[at:]
    return bytes(found)


def mutate_text(random: Random, text: str) -> bytes:
    """JSON with changes of letters."""
    return mutate_bytes(random, text.encode())


def mutate_archive(random: Random, data: bytes) -> bytes:
    """A `.keras` file with a changed member, or with changed bytes of its own."""
    if random.random() < 0.15:
        return mutate_bytes(random, data)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    if random.random() < 0.9:
        members["metadata.json"] = b"{}"  # no checksums
    name = random.choice(list(members))
    if name.endswith(".json") and random.random() < 0.8:
        config = mutate_config(random, members[name].decode())
        members[name] = json.dumps(config).encode()
    else:
        members[name] = mutate_bytes(random, members[name])
    buffer = io.BytesIO()
    kind = random.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
    with zipfile.ZipFile(buffer, "w", kind) as archive:
        for name, member in members.items():
            archive.writestr(name, member)
    return buffer.getvalue()


def mutate_tensors(random: Random, data: bytes) -> bytes:
    """A `.safetensors` file with a changed header, or with changed bytes."""
    if random.random() < 0.3:
        return mutate_bytes(random, data)
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    if random.random() < 0.9:
        header.pop("__metadata__", None)  # no checksum
    text = json.dumps(mutate_config(random, json.dumps(header))).encode()
    return len(text).to_bytes(8, "little") + text + data[end:]


def mutate_legacy(random: Random, text: str) -> bytes:
    """An `.h5` file of an older Keras with a changed part, or changed bytes."""
    parts = json.loads(text)
    choice = random.random()
    if choice < 0.4:
        parts["model"] = mutate_config(random, json.dumps(parts["model"]))
    elif choice < 0.5:
        parts["training"] = mutate_config(random, json.dumps(parts["training"]))
    elif choice < 0.6:
        number = random.choice(["1.2.2", "2.0", "2.4.0-tf", "3.0", "9" * 5000, "", "x"])
        parts["attributes"]["keras_version"] = number
    elif choice < 0.8:
        mutate_arrays(random, parts["layers"])
    data = legacy_file(parts)
    return data if choice < 0.8 else mutate_bytes(random, data)


def mutate_file(random: Random, data: bytes) -> bytes:
    """A file of any format, damaged in the way of that format."""
    if data.startswith(b"PK"):
        return mutate_archive(random, data)
    if data.startswith(b"\x89HDF"):
        return mutate_bytes(random, data)
    return mutate_tensors(random, data)


def mutate_arrays(random: Random, layers: dict[str, dict[str, Any]]) -> None:
    """Other shapes, names and numbers of weights."""
    layer = random.choice(list(layers))
    weights = layers[layer]
    name = random.choice(list(weights))
    choice = random.random()
    if choice < 0.4:
        at = random.randrange(len(weights[name]))
        weights[name][at] = random.choice([0, 1, 2, 3, 8, 40])
    elif choice < 0.5:
        weights[name] = random.choice([[], [1], [2, 2], [16], [1] * 5])
    elif choice < 0.65:
        del weights[name]
    elif choice < 0.8:
        weights[random.choice(["a", "a/b", "z_W_i:0", "../a"])] = weights.pop(name)
    else:
        layers[random.choice(["a", "dense", "model_weights"])] = layers.pop(layer)


# Valid inputs


@cache
def models() -> list[Any]:
    """Small models of every form, and of layers of every kind."""
    import lamina
    from lamina import layers, optimizers

    lamina.utils.clear_session()
    lamina.utils.set_random_seed(1)
    tiny = lamina.Sequential([layers.Input((3,)), layers.Dense(2)])
    tiny.compile("adam", "mse")
    x = lamina.Input((4,), name="x")
    shared = layers.Dense(4, name="shared")
    wired = lamina.Model(x, layers.Add()([shared(shared(x)), x]), name="wired")
    wired.compile(optimizers.Adam(0.01), "mse", metrics=["mae"])
    picture = lamina.Sequential(
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
    picture.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    words = lamina.Sequential(
        [
            layers.Input((5,), dtype="int32"),
            layers.Embedding(7, 3, mask_zero=True),
            layers.Bidirectional(layers.LSTM(2, return_sequences=True)),
            layers.TimeDistributed(layers.Dense(2)),
            layers.GRU(2),
        ]
    )
    other = lamina.Input((4,), name="other")
    nested = lamina.Model([x, other], {"sum": wired(x) + other, "dense": shared(other)})
    for model in (tiny, wired, picture):
        model.optimizer.build(model.trainable_variables)
    # Those that take longest to build come least often.
    return [tiny] * 8 + [wired] * 4 + [nested] * 2 + [picture, words]


@cache
def model_configs() -> list[str]:
    """The models' configs."""
    from lamina import saving

    return [json.dumps(saving.serialize_keras_object(m)) for m in models()]


@cache
def object_configs() -> list[str]:
    """Configs of every layer, loss, metric, optimizer and the like of the tests."""
    import lamina
    from lamina import saving
    from tests.oracles.families import CONFIGS
    from tests.tables.layers import LAYERS

    made = [c.make(lamina) for c in [*LAYERS, *CONFIGS] if "code" not in traits(c)]
    return [json.dumps(saving.serialize_keras_object(item)) for item in made]


def traits(case: Any) -> Any:
    """What is special about a case."""
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
    """The models' `.keras` files."""
    return _saved("save", "model.keras")


@cache
def tensor_files() -> list[bytes]:
    """Weights of the first model in the format of other libraries."""
    return _saved("save_weights", "model.safetensors")[:1]


def legacy_file(parts: dict[str, Any]) -> bytes:
    """An `.h5` file as Keras 1 and 2 wrote them, by what is in it."""
    import h5py
    import numpy as np

    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file.attrs["model_config"] = json.dumps(parts["model"])
        file.attrs["training_config"] = json.dumps(parts["training"])
        file.attrs.update(parts["attributes"])
        root = file.create_group("model_weights")
        root.attrs["layer_names"] = [n.encode() for n in parts["layers"]]
        for layer, weights in parts["layers"].items():
            group = root.require_group(layer)
            group.attrs["weight_names"] = [n.encode() for n in weights]
            for name, shape in weights.items():
                if name not in group:
                    group[name] = np.ones(shape, "f4")
    return buffer.getvalue()


@cache
def legacy_models() -> list[str]:
    """Models of Keras 1 and 2, with weights that were laid out in other ways."""

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
    """Weights of the first model, as lamina and as h5py write them."""
    import h5py

    own = _saved("save_weights", "model.weights.h5")[0]
    buffer = io.BytesIO()
    with h5py.File(io.BytesIO(own)) as old, h5py.File(buffer, "w") as new:
        groups: list[str] = []
        old.visit(groups.append)
        for path in groups:
            if isinstance(old[path], h5py.Dataset):
                new[path] = old[path][()]
            else:
                new.require_group(path).attrs["name"] = path
    return [own, buffer.getvalue()]


@cache
def all_files() -> list[bytes]:
    """One of each format."""
    old = [legacy_file(json.loads(text)) for text in legacy_models()]
    return [*archives()[-8:], *weight_files(), *tensor_files() * 2, *old]


# Loading


def run_config(config: Any, folder: Path) -> None:
    from lamina import saving

    saving.deserialize_keras_object(config)


def run_text(text: bytes, folder: Path) -> None:
    from lamina import saving
    from lamina.saving.bounded_json import read_json

    saving.deserialize_keras_object(read_json(text, "the text"))


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
    )
}
