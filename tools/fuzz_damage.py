"""Random damage of configs, bytes and files for `tools.fuzz`."""

from __future__ import annotations

import io
import json
import zipfile
from copy import deepcopy
from functools import cache
from random import Random
from typing import Any

__all__ = [
    "legacy_file",
    "mutate_archive",
    "mutate_bytes",
    "mutate_config",
    "mutate_file",
    "mutate_json",
    "mutate_legacy",
    "mutate_members",
    "mutate_run",
    "mutate_tensors",
    "mutate_text",
]

# Values that have broken loaders.
EDGE_VALUES: list[Any] = [
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
# NumPy's names of the element types of a `.safetensors` file.
DTYPES = {
    "F32": "float32", "I32": "int32", "U32": "uint32", "U8": "uint8", "BOOL": "bool",
    "F64": "float64", "I64": "int64", "U64": "uint64",
}  # fmt: skip
NUMBERS = [0, 1, 2, 3, 4, 8, 255, 256, 2**16, 2**31, 2**32 - 1, 2**63, 2**64 - 1]


def entries(value: Any) -> list[tuple[Any, Any]]:
    """Return the container and the key of every value in a config."""
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
    """Return a replacement of a value."""
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
    return deepcopy(random.choice(EDGE_VALUES))


def mutate_config(random: Random, text: str) -> Any:
    """Return a config with one to four changes."""
    config = json.loads(text)
    for _ in range(random.randint(1, 4)):
        known = entries(config)
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
    """Wrap a layer, or replace one by a call of an op; return False without layers."""
    found = [c for c, key in known if key == "class_name" and "config" in c]
    if not found:
        return False
    item = random.choice(found)
    calls = item.get("inbound_nodes")
    # An earlier change may have replaced the list of calls.
    if isinstance(calls, list) and calls:
        names = function_names()
        config = {"name": item.get("name"), "function": random.choice(names)}
        item |= {"module": "lamina.ops", "class_name": "Op", "config": config}
        call = calls[0]
        if isinstance(call, dict) and isinstance(call.get("args"), list):
            call["args"] += random.choices(EDGE_VALUES, k=random.randrange(3))
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
    """Return the names of the ops that a model's graph can call."""
    from lamina import ops

    return sorted(ops.__all__)


def mutate_bytes(random: Random, data: bytes) -> bytes:
    """Return bytes with one to eight changes."""
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
            # Numbers are aligned to their size.
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
    """Return the bytes of a JSON text with some bytes changed."""
    return mutate_bytes(random, text.encode())


def mutate_archive(random: Random, data: bytes) -> bytes:
    """Return a `.keras` file with a changed member, or with some bytes changed."""
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
    return zipped(random, members)


def zipped(random: Random, members: dict[str, bytes]) -> bytes:
    """Return a zip of these members, compressed or not."""
    buffer = io.BytesIO()
    kind = random.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
    with zipfile.ZipFile(buffer, "w", kind) as archive:
        for name, member in members.items():
            archive.writestr(name, member)
    return buffer.getvalue()


def mutate_members(random: Random, data: bytes) -> bytes:
    """Return a zip with some bytes changed, or a changed member and valid checksums."""
    if random.random() < 0.3:
        return mutate_bytes(random, data)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = random.choice(list(members))
    # The header of an `.npy` member is at its beginning.
    head, rest = members[name][:128], members[name][128:]
    members[name] = mutate_bytes(random, head) + rest
    return zipped(random, members)


def mutate_json(random: Random, text: str) -> bytes:
    """Return a JSON text with other values, or with some bytes changed."""
    if random.random() < 0.5:
        return mutate_bytes(random, text.encode())
    value = mutate_config(random, text)
    return json.dumps(random.choice([value, *EDGE_VALUES, value])).encode()


def mutate_run(random: Random, data: bytes) -> bytes:
    """Return a checkpoint with some bytes changed, or changed with valid checksums."""
    from lamina.training.checkpoint.run_file import _digest

    if random.random() < 0.4:
        return mutate_bytes(random, data)
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    notes = header["__metadata__"]
    notes["run"] = json.dumps(mutate_config(random, notes["run"]))
    shapes = {
        name: [DTYPES[entry["dtype"]], entry["shape"]]
        for name, entry in header.items()
        if name != "__metadata__"
    }
    notes["run_sha256"] = _digest(notes["run"], shapes)
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data[end:]


def mutate_tensors(random: Random, data: bytes) -> bytes:
    """Return a `.safetensors` file with a changed header, or some bytes changed."""
    if random.random() < 0.3:
        return mutate_bytes(random, data)
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    if random.random() < 0.9:
        header.pop("__metadata__", None)  # no checksum
    text = json.dumps(mutate_config(random, json.dumps(header))).encode()
    return len(text).to_bytes(8, "little") + text + data[end:]


def mutate_legacy(random: Random, text: str) -> bytes:
    """Return an `.h5` file of Keras 1 or 2 with a changed part, or changed bytes."""
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
    """Return a file of any format, changed by the rules of its format."""
    if data.startswith(b"PK"):
        return mutate_archive(random, data)
    if data.startswith(b"\x89HDF"):
        return mutate_bytes(random, data)
    return mutate_tensors(random, data)


def mutate_arrays(random: Random, layers: dict[str, dict[str, Any]]) -> None:
    """Change the shape or the name of a weight, or remove or rename its layer."""
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


def legacy_file(parts: dict[str, Any]) -> bytes:
    """Return an `.h5` file in the layout of Keras 1 and 2."""
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
