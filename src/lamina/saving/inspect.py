"""What a model file holds, told without building anything of it."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections import Counter
from io import BufferedReader
from itertools import accumulate
from typing import Any

from lamina.core.budget import readable_size
from lamina.core.module import snake_case
from lamina.errors import FileFormatError
from lamina.io import hdf5
from lamina.io.bounded_json import read_json
from lamina.io.byte_range import ByteRange
from lamina.io.files import open_file
from lamina.io.hdf5 import Dataset, Group, read_hdf5
from lamina.io.safetensors import is_safetensors, read_safetensors
from lamina.saving import archive
from lamina.saving.archive import CONFIG, WEIGHTS, Archive

__all__ = ["inspect_file", "inspection_text"]

_WIDEST = 500


def inspect_file(filepath: str | os.PathLike[str]) -> dict[str, Any]:
    """What a `.keras`, `.weights.h5`, `.h5` or `.safetensors` file holds.

    No class is looked up and no array is made. Checksums that the file notes are
    compared with its content.

    Args:
        filepath: the file; its content, not its name, says which kind it is.

    Returns:
        A dictionary that JSON can hold: `file`, `format`, `size` in bytes, `versions`,
        `model`, `layers`, `parameters` (numbers in layers), `optimizer_values`,
        `variables`, `compile` and `sha256`. What the file doesn't say is `None`.

    Raises:
        FileFormatError: the file is damaged, or of none of these kinds.
    """
    with open_file(filepath) as file:
        first = file.read(9)
        if first.startswith(archive.SIGNATURE):
            found = _keras_zip(Archive(file))
        elif first.startswith(hdf5.SIGNATURE):
            found = _hdf5(read_hdf5(ByteRange(file, repr(file.name))), repr(file.name))
        elif is_safetensors(first):
            tensors = read_safetensors(ByteRange(file, repr(file.name)))
            found = _found("safetensors", tensors.arrays.items())
            found["versions"] = {
                k: v for k, v in tensors.metadata.items() if k != "sha256"
            }
            found["sha256"] = _texts({"arrays": tensors.metadata.get("sha256")})
        else:
            raise FileFormatError(
                f"{file.name!r} is no model file: neither a `.keras` zip, nor HDF5, "
                "nor safetensors."
            )
        size = ByteRange(file, repr(file.name)).size
        found["sha256"] = {"file": _sha256(file), **found["sha256"]}
    return {"file": os.fspath(filepath), "size": size, **found}


def _sha256(file: BufferedReader) -> str:
    digest = hashlib.sha256()
    for chunk in ByteRange(file, repr(file.name)).chunks():
        digest.update(chunk)
    return digest.hexdigest()


def _keras_zip(contents: Archive) -> dict[str, Any]:
    config = contents.json(CONFIG)
    names = contents.metadata.get("variables")
    stored = dict(read_hdf5(contents.region(WEIGHTS)).datasets())
    found = _found("keras", stored.items(), names if isinstance(names, dict) else {})
    found["versions"] = _texts(
        {k: v for k, v in contents.metadata.items() if k != "sha256"}
    )
    found["sha256"] = _texts(contents.hashes)
    compiled = config.get("compile_config")
    compiled = compiled if isinstance(compiled, dict) else None
    _assign_owners(found["variables"], layer_list := _layers(config))
    return {**found, **_architecture(config, layer_list), "compile": compiled}


def _hdf5(file: Group, what: str) -> dict[str, Any]:
    notes = file.attributes
    kind = "legacy h5" if "layer_names" in notes or "model_config" in notes else "h5"
    stored = list(file.datasets())
    if kind == "legacy h5":
        # Beside the weights, under the layers' names, the optimizer's state.
        inner = "model_weights/"
        stored = [
            (n.removeprefix(inner) if n.startswith(inner) else f"optimizer/{n}", d)
            for n, d in stored
        ] if "model_weights" in file.members else stored  # fmt: skip
    found = _found(kind, stored)
    found["versions"] = {
        k: str(v) for k, v in notes.items() if k in ("keras_version", "backend")
    }
    found["sha256"] = _texts({"arrays": notes.get("sha256")})
    for name, key in (("model_config", "model"), ("training_config", "compile")):
        if name in notes:
            config = read_json(str(notes[name]), f"The {name} in {what}")
            if key == "compile":
                found[key] = config
                continue
            layers = _layers(config)
            _assign_owners(found["variables"], layers, by_name=True)
            found |= _architecture(config, layers)
    return found


def _found(kind: str, stored: Any, names: dict[str, Any] | None = None) -> Any:
    variables = [
        _variable(n, d, (names or {}).get(n))
        for n, d in sorted(stored, key=lambda item: _in_order(item[0]))
    ]
    counts = {True: 0, False: 0}
    for variable in variables:
        if "seed_generator" not in variable["place"]:
            inside = variable["place"].startswith("optimizer/")
            counts[inside] += math.prod(variable["shape"])
    return {
        "format": kind,
        "versions": {},
        "model": None,
        "layers": None,
        "parameters": counts[False],
        "optimizer_values": counts[True],
        "variables": variables,
        "compile": None,
        "sha256": {},
    }


def _in_order(place: str) -> list[str]:
    """A key that puts `vars/2` before `vars/10`; HDF5 sorts names as text."""
    numbers = (p.zfill(12) if p.isdecimal() else p for p in place.split("/"))
    return list(numbers)


def _variable(place: str, dataset: Dataset, note: Any) -> dict[str, Any]:
    path = note.get("path") if isinstance(note, dict) else None
    return {
        "place": place,
        "owner": place.partition("/")[0] if place.startswith("optimizer/") else None,
        "path": path if isinstance(path, str) else None,
        "name": place.rpartition("/")[2],
        "shape": list(dataset.shape),
        "dtype": dataset.dtype.name,
    }


def _texts(notes: dict[str, Any]) -> dict[str, str]:
    return {k: v for k, v in notes.items() if isinstance(v, str)}


def _architecture(
    config: dict[str, Any], layers: list[dict[str, Any]]
) -> dict[str, Any]:
    inner = config.get("config")
    name = inner.get("name") if isinstance(inner, dict) else None
    model = {"class": config.get("class_name"), "name": name}
    hidden = ("group", "path")
    shown = [{k: v for k, v in one.items() if k not in hidden} for one in layers]
    return {"model": model, "layers": shown}


def _layers(
    config: dict[str, Any], group: str = "", path: str = "", depth: int = 0
) -> list[dict[str, Any]]:
    """Layers in a config, each followed by those inside it.

    `group` is where Keras's weights layout puts a layer's variables: class names,
    counted in the order of the layers.
    """
    inner = config.get("config")
    listed = inner.get("layers") if isinstance(inner, dict) else inner
    counts: Counter[str] = Counter()
    found: list[dict[str, Any]] = []
    for layer in listed if isinstance(listed, list) else ():
        if not isinstance(layer, dict) or not isinstance(
            layer.get("config"), (dict, list)
        ):
            continue
        own, kind = layer["config"], snake_case(str(layer.get("class_name")))
        name = own.get("name") if isinstance(own, dict) else layer.get("name")
        place = f"{group}layers/{kind}" + (f"_{counts[kind]}" if counts[kind] else "")
        counts[kind] += 1
        one = {
            "name": name,
            "class": layer.get("class_name"),
            "depth": depth,
            "input_shape": _input_shape(layer),
            "parameters": 0,
            "group": place,
            "path": f"{path}{name}",
        }
        found += [one, *_layers(layer, f"{place}/", f"{path}{name}/", depth + 1)]
    return found


def _input_shape(layer: dict[str, Any]) -> Any:
    """The shape that a layer was built for, or `None` where its config has none."""
    build, own = layer.get("build_config"), layer["config"]
    sources = [(build, "input_shape"), (own, "batch_shape"), (own, "batch_input_shape")]
    shapes = (s[key] for s, key in sources if isinstance(s, dict) and s.get(key))
    return next(shapes, None)


def _assign_owners(
    variables: list[dict[str, Any]], layers: list[dict[str, Any]], by_name: bool = False
) -> None:
    """Note which layer owns each variable, and count the layers' parameters.

    Args:
        variables: of the file; each gets its `owner`, and their order is the layers'.
        layers: the layers; each gets its `parameters`.
        by_name: whether variables are stored under layers' names, as in legacy `.h5`
            files.
    """
    by_group = {layer["name" if by_name else "group"]: layer for layer in layers}
    by_path = {layer["path"]: layer for layer in layers}
    order = {path: n for n, path in enumerate(by_path)}
    for variable in variables:
        parts = variable["place"].split("/")[:-1]
        groups = parts if by_name else list(accumulate(parts, "{}/{}".format))
        known = [n for n, group in enumerate(groups) if group in by_group]
        if not known:
            continue
        owner = variable["owner"] = by_group[groups[known[-1]]]["path"]
        variable["name"] = variable["place"].split("/", known[-1] + 1)[-1]
        if "seed_generator" not in variable["place"]:
            for path in accumulate(owner.split("/"), "{}/{}".format):
                if path in by_path:
                    by_path[path]["parameters"] += math.prod(variable["shape"])
    variables.sort(key=lambda v: order.get(v["owner"], len(order)))


def inspection_text(found: dict[str, Any]) -> str:
    """What `inspect_file` returned, for people to read.

    Args:
        found: the dictionary.
    """
    model, compiled = found["model"], found["compile"]
    size = readable_size(found["size"])
    lines = [f"{found['file']}: {found['format']}, {size}"]
    lines += [_cut(f"{k.replace('_', ' ')}: {v}") for k, v in found["versions"].items()]
    if model:
        lines.append(_cut(f"model: {model['class']} {model['name']!r}"))
    lines.append(f"parameters: {found['parameters']:,}")
    if found["optimizer_values"]:
        lines.append(f"values of the optimizer: {found['optimizer_values']:,}")
    if found["layers"]:
        lines += ["", *_layer_table(found["layers"])]
    if found["variables"]:
        rows = [
            (_variable_name(v), tuple(v["shape"]), v["dtype"])
            for v in found["variables"]
        ]
        lines += ["", *_table(("variable", "shape", "type"), rows)]
    if compiled:
        rows = [(k, _short(v)) for k, v in compiled.items() if v is not None]
        lines += ["", *_table(("compiled with", ""), rows)]
    lines += ["", *_table(("SHA-256 of", ""), list(found["sha256"].items()))]
    return "\n".join(_printable(line) for line in lines)


def _layer_table(layers: list[dict[str, Any]]) -> list[str]:
    rows = [
        (
            "  " * layer["depth"] + str(layer["name"]),
            layer["class"],
            _shape(layer["input_shape"]),
            f"{layer['parameters']:,}",
        )
        for layer in layers
    ]
    return _table(("layer", "class", "input shape", "parameters"), rows)


def _shape(shape: Any) -> str:
    if isinstance(shape, list) and all(isinstance(n, int | None) for n in shape):
        return str(tuple(shape))
    return "" if shape is None else json.dumps(shape)


def _variable_name(variable: dict[str, Any]) -> str:
    """The owner's path and the variable's own name, as far as the file has them."""
    owner, path = variable["owner"], variable["path"]
    if owner is None or owner == "optimizer":
        return path or variable["place"]
    return f"{owner}/{path.rpartition('/')[2] if path else variable['name']}"


def _table(head: tuple[str, ...], rows: Any) -> list[str]:
    # Every cell is made as wide as the widest.
    texts = [head, *(tuple(_cut(str(cell)) for cell in row) for row in rows)]
    widths = [max(len(row[i]) for row in texts) for i in range(len(head))]
    pairs = [zip(row, widths, strict=True) for row in texts]
    return ["  ".join(t.ljust(w) for t, w in row).rstrip() for row in pairs]


def _short(value: Any) -> str:
    """A config in one line: an object as its class and arguments."""
    if isinstance(value, dict) and isinstance(value.get("config"), dict):
        given = {k: v for k, v in value["config"].items() if v is not None}
        inside = ", ".join(f"{k}={_short(v)}" for k, v in given.items())
        return f"{value.get('class_name')}({inside})"
    if isinstance(value, list):
        return f"[{', '.join(map(_short, value))}]"
    # A learning rate of 0.001 is stored as the float32 0.0010000000474974513.
    return f"{value:.6g}" if isinstance(value, float) else json.dumps(value)


def _cut(text: str) -> str:
    return text if len(text) <= _WIDEST else f"{text[:_WIDEST]} ..."


def _printable(text: str) -> str:
    """What a file says can't move the cursor or colour a terminal."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
