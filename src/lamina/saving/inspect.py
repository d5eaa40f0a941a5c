"""Inspection of model files without building the model."""

from __future__ import annotations

import json
import math
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate
from typing import Any, NamedTuple

from lamina.core.module import snake_case
from lamina.core.untrusted import readable_size
from lamina.io.bounded_json import read_json
from lamina.io.byte_range import ByteRange, sha256
from lamina.io.files import StrPath, open_file
from lamina.io.hdf5 import Dataset, Group
from lamina.io.load_report import format_table
from lamina.io.safetensors import Tensors
from lamina.saving.archive import CONFIG, Archive, read_contents
from lamina.typing import Config

_MAX_CELL_CHARS = 500
_HASH, _WEIGHTS = "sha256", "model_weights"
_VERSIONS = ("keras_version", "backend")
_LAYER_COLUMNS = ("layer", "class", "input shape", "parameters")


def inspect_file(filepath: StrPath) -> dict[str, Any]:
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
        contents, whole = read_contents(file), ByteRange(file, repr(file.name))
        if isinstance(contents, Archive):
            found = _archive_parts(contents)
        elif isinstance(contents, Tensors):
            hashes = {"arrays": contents.metadata.get(_HASH)}
            found = _Parts("safetensors", contents.arrays, contents.metadata, hashes)
        else:
            found = _hdf5_parts(contents, whole.what)
        hashes = {"file": sha256([whole]), **_strings_of(found.hashes)}
    head = {"file": os.fspath(filepath), "size": whole.size}
    return {**head, **_describe(found), _HASH: hashes}


class _Parts(NamedTuple):
    """Parts that files of all formats have, if only in part."""

    kind: str
    arrays: dict[str, Dataset]
    versions: Mapping[str, object]
    hashes: Mapping[str, object]
    config: Config | None = None
    compiled: object = None
    records: object = None


def _archive_parts(contents: Archive) -> _Parts:
    config, metadata = contents.json(CONFIG), contents.metadata
    arrays = dict(contents.weights().datasets())
    found = _Parts("keras", arrays, metadata, contents.hashes, config)
    compiled, records = config.get("compile_config"), metadata.get("variables")
    return found._replace(compiled=compiled, records=records)


def _hdf5_parts(file: Group, what: str) -> _Parts:
    attributes, arrays = file.attributes, dict(file.datasets())
    versions = {k: str(attributes[k]) for k in _VERSIONS if k in attributes}
    hashes = {"arrays": attributes.get(_HASH)}
    if "layer_names" not in attributes and "model_config" not in attributes:
        return _Parts("h5", arrays, versions, hashes)
    weights = file.group(_WEIGHTS)
    if weights is not None:
        # The optimizer's state is stored next to the group of weights.
        rest = [name for name in arrays if not name.startswith(f"{_WEIGHTS}/")]
        state = {f"optimizer/{name}": arrays[name] for name in rest}
        arrays = {**dict(weights.datasets()), **state}
    config, compiled = (
        read_json(str(attributes[n]), f"The {n} in {what}") if n in attributes else None
        for n in ("model_config", "training_config")
    )
    return _Parts("legacy h5", arrays, versions, hashes, config, compiled)


def _describe(parts: _Parts) -> dict[str, Any]:
    records = parts.records if isinstance(parts.records, dict) else {}
    variables = [
        _variable(location, parts.arrays[location], records.get(location))
        for location in sorted(parts.arrays, key=_natural_key)
    ]
    counts: Counter[str | None] = Counter()  # owner: None, or the optimizer
    for variable in variables:
        if "seed_generator" not in variable["location"]:
            counts[variable["owner"]] += math.prod(variable["shape"])
    model = layers = None
    if parts.config is not None:
        inner = parts.config.get("config")
        name = inner.get("name") if isinstance(inner, dict) else None
        model = {"class": parts.config.get("class_name"), "name": name}
        listed = list(_list_layers(parts.config))
        _assign_owners(variables, listed, by_name=parts.kind == "legacy h5")
        internal = ("group", "path")
        layers = [{k: v for k, v in x.items() if k not in internal} for x in listed]
    versions = {k: v for k, v in parts.versions.items() if k != _HASH}
    return {
        "format": parts.kind,
        "versions": _strings_of(versions),
        "model": model,
        "layers": layers,
        "parameters": counts[None],
        "optimizer_values": counts["optimizer"],
        "variables": variables,
        "compile": parts.compiled if isinstance(parts.compiled, dict) else None,
    }


def _natural_key(location: str) -> list[str]:
    """Return a sort key that puts `vars/2` before `vars/10`."""
    return [p.zfill(12) if p.isdecimal() else p for p in location.split("/")]


def _variable(location: str, dataset: Dataset, record: object) -> dict[str, Any]:
    path = record.get("path") if isinstance(record, dict) else None
    return {
        "location": location,
        "owner": "optimizer" if location.startswith("optimizer/") else None,
        "path": path if isinstance(path, str) else None,
        "name": location.rpartition("/")[2],
        "shape": list(dataset.shape),
        "dtype": dataset.dtype.name,
    }


def _strings_of(entries: Mapping[str, object]) -> dict[str, str]:
    return {k: v for k, v in entries.items() if isinstance(v, str)}


def _list_layers(
    config: Config, group: str = "", path: str = "", depth: int = 0
) -> Iterator[dict[str, Any]]:
    """Yield the layers in a config, each followed by its sublayers.

    `group` is the layer's group in Keras's weights layout: its snake-case class name,
    numbered in the order of the layers.
    """
    inner = config.get("config")
    listed = inner.get("layers") if isinstance(inner, dict) else inner
    counts: Counter[str] = Counter()
    for layer in listed if isinstance(listed, list) else ():
        inner = layer.get("config") if isinstance(layer, dict) else None
        if not isinstance(inner, (dict, list)):
            continue
        kind = snake_case(str(layer.get("class_name")))
        name = (inner if isinstance(inner, dict) else layer).get("name")
        number = f"_{counts[kind]}" if counts[kind] else ""
        counts[kind] += 1
        one = {
            "name": name,
            "class": layer.get("class_name"),
            "depth": depth,
            "input_shape": _input_shape(layer),
            "parameters": 0,
            "group": f"{group}layers/{kind}{number}",
            "path": f"{path}{name}",
        }
        yield one
        yield from _list_layers(layer, f"{one['group']}/", f"{one['path']}/", depth + 1)


def _input_shape(layer: Config) -> object:
    """Return the shape that a layer was built for, or `None` if it is not recorded."""
    build, config = layer.get("build_config"), layer["config"]
    shapes = [build.get("input_shape")] if isinstance(build, dict) else []
    if isinstance(config, dict):
        shapes += [config.get("batch_shape"), config.get("batch_input_shape")]
    return next(filter(None, shapes), None)


def _assign_owners(
    variables: list[dict[str, Any]], layers: list[dict[str, Any]], by_name: bool
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
        parts = variable["location"].split("/")[:-1]
        groups = parts if by_name else list(accumulate(parts, "{}/{}".format))
        known = [n for n, group in enumerate(groups) if group in by_group]
        if not known:
            continue
        owner = variable["owner"] = by_group[groups[known[-1]]]["path"]
        variable["name"] = variable["location"].split("/", known[-1] + 1)[-1]
        if "seed_generator" not in variable["location"]:
            for path in accumulate(owner.split("/"), "{}/{}".format):
                if path in by_path:
                    by_path[path]["parameters"] += math.prod(variable["shape"])
    variables.sort(key=lambda v: order.get(v["owner"], len(order)))


def inspection_text(found: dict[str, Any]) -> str:
    """Format the result of `inspect_file` as text.

    Args:
        found: dictionary returned by `inspect_file`.
    """
    model, size = found["model"], readable_size(found["size"])
    lines = [f"{found['file']}: {found['format']}, {size}"]
    lines += [f"{k.replace('_', ' ')}: {v}" for k, v in found["versions"].items()]
    lines += [f"model: {model['class']} {model['name']!r}"] if model else []
    lines += [f"parameters: {found['parameters']:,}"]
    if found["optimizer_values"]:
        lines.append(f"values of the optimizer: {found['optimizer_values']:,}")
    lines = [_truncate(line) for line in lines]
    compiled = {k: v for k, v in (found["compile"] or {}).items() if v is not None}
    tables: dict[tuple[str, ...], Iterable[tuple[object, ...]]] = {
        _LAYER_COLUMNS: map(_layer_row, found["layers"] or ()),
        ("variable", "shape", "type"): map(_variable_row, found["variables"]),
        ("compiled with", ""): ((k, _format_value(v)) for k, v in compiled.items()),
        ("SHA-256 of", ""): found["sha256"].items(),
    }
    for head, rows in tables.items():
        texts = [tuple(_truncate(str(cell)) for cell in row) for row in rows]
        sides = ["right" if title == "parameters" else "left" for title in head]
        lines += ["", *format_table([head, *texts], sides)] if texts else []
    return "\n".join(printable(line) for line in lines)


def _layer_row(layer: dict[str, Any]) -> tuple[object, ...]:
    shape = layer["input_shape"]
    if isinstance(shape, list) and all(isinstance(n, int | None) for n in shape):
        text = str(tuple(shape))
    else:
        text = "" if shape is None else json.dumps(shape)
    name = "  " * layer["depth"] + str(layer["name"])
    return name, layer["class"], text, f"{layer['parameters']:,}"


def _variable_row(variable: dict[str, Any]) -> tuple[object, ...]:
    """Return the path of the owner and the name, as far as known, shape and dtype."""
    owner, path = variable["owner"], variable["path"]
    if owner in (None, "optimizer"):
        name = path or variable["location"]
    else:
        name = f"{owner}/{path.rpartition('/')[2] if path else variable['name']}"
    return name, tuple(variable["shape"]), variable["dtype"]


def _format_value(value: object) -> str:
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


def printable(text: str) -> str:
    """Escape characters that could control the terminal."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
