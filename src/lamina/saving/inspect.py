"""Inspection of model files without building the model."""

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

_MAX_CELL_CHARS = 500


def inspect_file(filepath: str | os.PathLike[str]) -> dict[str, Any]:
    """Describe the contents of a `.keras`, `.weights.h5`, `.h5` or `.safetensors` file.

    No class is looked up and no array is read into memory. Checksums in the file are
    verified.

    Args:
        filepath: path of the file. The format is detected from its content.

    Returns:
        A JSON-serializable dictionary: `file`, `format`, `size` in bytes, `versions`,
        `model`, `layers`, `parameters` (number of values in layers),
        `optimizer_values`, `variables`, `compile` and `sha256`. Information that is
        not in the file is `None`.

    Raises:
        FileFormatError: the file is damaged or has another format.
    """
    with open_file(filepath) as file:
        first = file.read(9)
        if first.startswith(archive.SIGNATURE):
            found = _inspect_keras_zip(Archive(file))
        elif first.startswith(hdf5.SIGNATURE):
            root = read_hdf5(ByteRange(file, repr(file.name)))
            found = _inspect_hdf5(root, repr(file.name))
        elif is_safetensors(first):
            tensors = read_safetensors(ByteRange(file, repr(file.name)))
            found = _description("safetensors", tensors.arrays.items())
            found["versions"] = {
                k: v for k, v in tensors.metadata.items() if k != "sha256"
            }
            found["sha256"] = _strings_of({"arrays": tensors.metadata.get("sha256")})
        else:
            raise FileFormatError(
                f"{file.name!r} is not a model file: it is neither a `.keras` zip, "
                "nor HDF5, nor safetensors."
            )
        size = ByteRange(file, repr(file.name)).size
        found["sha256"] = {"file": _sha256(file), **found["sha256"]}
    return {"file": os.fspath(filepath), "size": size, **found}


def _sha256(file: BufferedReader) -> str:
    digest = hashlib.sha256()
    for chunk in ByteRange(file, repr(file.name)).chunks():
        digest.update(chunk)
    return digest.hexdigest()


def _inspect_keras_zip(contents: Archive) -> dict[str, Any]:
    config = contents.json(CONFIG)
    names = contents.metadata.get("variables")
    stored = dict(read_hdf5(contents.region(WEIGHTS)).datasets())
    found = _description(
        "keras", stored.items(), names if isinstance(names, dict) else {}
    )
    found["versions"] = _strings_of(
        {k: v for k, v in contents.metadata.items() if k != "sha256"}
    )
    found["sha256"] = _strings_of(contents.hashes)
    compiled = config.get("compile_config")
    _assign_owners(found["variables"], layer_list := _list_layers(config))
    return {
        **found,
        **_architecture(config, layer_list),
        "compile": compiled if isinstance(compiled, dict) else None,
    }


def _inspect_hdf5(file: Group, what: str) -> dict[str, Any]:
    attributes = file.attributes
    kind = (
        "legacy h5"
        if "layer_names" in attributes or "model_config" in attributes
        else "h5"
    )
    stored = list(file.datasets())
    if kind == "legacy h5":
        # The optimizer's state is stored next to the group of weights.
        inner = "model_weights/"
        stored = [
            (n.removeprefix(inner) if n.startswith(inner) else f"optimizer/{n}", d)
            for n, d in stored
        ] if "model_weights" in file.members else stored  # fmt: skip
    found = _description(kind, stored)
    found["versions"] = {
        k: str(v) for k, v in attributes.items() if k in ("keras_version", "backend")
    }
    found["sha256"] = _strings_of({"arrays": attributes.get("sha256")})
    for name, key in (("model_config", "model"), ("training_config", "compile")):
        if name in attributes:
            config = read_json(str(attributes[name]), f"The {name} in {what}")
            if key == "compile":
                found[key] = config
                continue
            layers = _list_layers(config)
            _assign_owners(found["variables"], layers, by_name=True)
            found |= _architecture(config, layers)
    return found


def _description(kind: str, stored: Any, names: dict[str, Any] | None = None) -> Any:
    variables = [
        _variable(n, d, (names or {}).get(n))
        for n, d in sorted(stored, key=lambda item: _natural_key(item[0]))
    ]
    parameters = optimizer_values = 0
    for variable in variables:
        if "seed_generator" in variable["place"]:
            continue
        if variable["place"].startswith("optimizer/"):
            optimizer_values += math.prod(variable["shape"])
        else:
            parameters += math.prod(variable["shape"])
    return {
        "format": kind,
        "versions": {},
        "model": None,
        "layers": None,
        "parameters": parameters,
        "optimizer_values": optimizer_values,
        "variables": variables,
        "compile": None,
        "sha256": {},
    }


def _natural_key(location: str) -> list[str]:
    """Return a sort key that puts `vars/2` before `vars/10`."""
    return [p.zfill(12) if p.isdecimal() else p for p in location.split("/")]


def _variable(location: str, dataset: Dataset, record: Any) -> dict[str, Any]:
    path = record.get("path") if isinstance(record, dict) else None
    is_slot = location.startswith("optimizer/")
    return {
        "place": location,
        "owner": location.partition("/")[0] if is_slot else None,
        "path": path if isinstance(path, str) else None,
        "name": location.rpartition("/")[2],
        "shape": list(dataset.shape),
        "dtype": dataset.dtype.name,
    }


def _strings_of(entries: dict[str, Any]) -> dict[str, str]:
    return {k: v for k, v in entries.items() if isinstance(v, str)}


def _architecture(
    config: dict[str, Any], layers: list[dict[str, Any]]
) -> dict[str, Any]:
    inner = config.get("config")
    name = inner.get("name") if isinstance(inner, dict) else None
    model = {"class": config.get("class_name"), "name": name}
    internal = ("group", "path")
    shown = [{k: v for k, v in one.items() if k not in internal} for one in layers]
    return {"model": model, "layers": shown}


def _list_layers(
    config: dict[str, Any], group: str = "", path: str = "", depth: int = 0
) -> list[dict[str, Any]]:
    """List the layers in a config, each followed by its sublayers.

    `group` is the layer's group in Keras's weights layout: its snake-case class name,
    numbered in the order of the layers.
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
        layer_config, kind = layer["config"], snake_case(str(layer.get("class_name")))
        named = layer_config if isinstance(layer_config, dict) else layer
        name = named.get("name")
        layer_group = f"{group}layers/{kind}" + (
            f"_{counts[kind]}" if counts[kind] else ""
        )
        counts[kind] += 1
        one = {
            "name": name,
            "class": layer.get("class_name"),
            "depth": depth,
            "input_shape": _input_shape(layer),
            "parameters": 0,
            "group": layer_group,
            "path": f"{path}{name}",
        }
        found += [
            one,
            *_list_layers(layer, f"{layer_group}/", f"{path}{name}/", depth + 1),
        ]
    return found


def _input_shape(layer: dict[str, Any]) -> Any:
    """Return the shape that a layer was built for, or `None` if it is not recorded."""
    build, config = layer.get("build_config"), layer["config"]
    for source, key in (
        (build, "input_shape"),
        (config, "batch_shape"),
        (config, "batch_input_shape"),
    ):
        if isinstance(source, dict) and source.get(key):
            return source[key]
    return None


def _assign_owners(
    variables: list[dict[str, Any]], layers: list[dict[str, Any]], by_name: bool = False
) -> None:
    """Assign each variable to its layer and count the layers' parameters.

    Args:
        variables: variables of the file; `owner` and `name` are set, and the list is
            sorted in the order of the layers.
        layers: layers of the config; `parameters` is set.
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
    """Format the result of `inspect_file` as text.

    Args:
        found: dictionary returned by `inspect_file`.
    """
    model, compiled = found["model"], found["compile"]
    size = readable_size(found["size"])
    lines = [f"{found['file']}: {found['format']}, {size}"]
    lines += [
        _truncate(f"{k.replace('_', ' ')}: {v}") for k, v in found["versions"].items()
    ]
    if model:
        lines.append(_truncate(f"model: {model['class']} {model['name']!r}"))
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
        rows = [(k, _format_value(v)) for k, v in compiled.items() if v is not None]
        lines += ["", *_table(("compiled with", ""), rows)]
    lines += ["", *_table(("SHA-256 of", ""), list(found["sha256"].items()))]
    return "\n".join(_printable(line) for line in lines)


def _layer_table(layers: list[dict[str, Any]]) -> list[str]:
    rows = [
        (
            "  " * layer["depth"] + str(layer["name"]),
            layer["class"],
            _format_shape(layer["input_shape"]),
            f"{layer['parameters']:,}",
        )
        for layer in layers
    ]
    return _table(("layer", "class", "input shape", "parameters"), rows)


def _format_shape(shape: Any) -> str:
    if isinstance(shape, list) and all(isinstance(n, int | None) for n in shape):
        return str(tuple(shape))
    return "" if shape is None else json.dumps(shape)


def _variable_name(variable: dict[str, Any]) -> str:
    """Join the path of the owner and the name of the variable, as far as known."""
    owner, path = variable["owner"], variable["path"]
    if owner is None or owner == "optimizer":
        return path or variable["place"]
    return f"{owner}/{path.rpartition('/')[2] if path else variable['name']}"


def _table(head: tuple[str, ...], rows: Any) -> list[str]:
    texts = [head, *(tuple(_truncate(str(cell)) for cell in row) for row in rows)]
    widths = [max(len(row[i]) for row in texts) for i in range(len(head))]
    pairs = [zip(row, widths, strict=True) for row in texts]
    return ["  ".join(t.ljust(w) for t, w in row).rstrip() for row in pairs]


def _format_value(value: Any) -> str:
    """Format a config on one line: an object as its class and arguments."""
    if isinstance(value, dict) and isinstance(value.get("config"), dict):
        given = {k: v for k, v in value["config"].items() if v is not None}
        inside = ", ".join(f"{k}={_format_value(v)}" for k, v in given.items())
        return f"{value.get('class_name')}({inside})"
    if isinstance(value, list):
        return f"[{', '.join(map(_format_value, value))}]"
    # A learning rate of 0.001 is stored as the float32 0.0010000000474974513.
    return f"{value:.6g}" if isinstance(value, float) else json.dumps(value)


def _truncate(text: str) -> str:
    return text if len(text) <= _MAX_CELL_CHARS else f"{text[:_MAX_CELL_CHARS]} ..."


def _printable(text: str) -> str:
    """Escape characters that could control the terminal."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
