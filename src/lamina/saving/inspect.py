"""What a model file holds, told without building anything of it."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Iterator
from io import BufferedReader
from typing import Any

from lamina.core.files import open_file
from lamina.core.limits import readable_size
from lamina.errors import FileFormatError
from lamina.saving import archive, hdf5
from lamina.saving.archive import CONFIG, WEIGHTS, Archive
from lamina.saving.bounded_json import read_json
from lamina.saving.hdf5 import Dataset, Group, read_hdf5
from lamina.saving.region import Region
from lamina.saving.safetensors import is_safetensors, read_safetensors

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
            found = _hdf5(read_hdf5(Region(file, repr(file.name))), repr(file.name))
        elif is_safetensors(first):
            tensors = read_safetensors(Region(file, repr(file.name)))
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
        size = Region(file, repr(file.name)).size
        found["sha256"] = {"file": _sha256(file), **found["sha256"]}
    return {"file": os.fspath(filepath), "size": size, **found}


def _sha256(file: BufferedReader) -> str:
    digest = hashlib.sha256()
    for chunk in Region(file, repr(file.name)).chunks():
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
    return {**found, **_architecture(config), "compile": compiled}


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
            found |= _architecture(config) if key == "model" else {key: config}
    return found


def _found(kind: str, stored: Any, names: dict[str, Any] | None = None) -> Any:
    variables = [_variable(n, d, (names or {}).get(n)) for n, d in stored]
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


def _variable(place: str, dataset: Dataset, note: Any) -> dict[str, Any]:
    path = note.get("path") if isinstance(note, dict) else None
    return {
        "place": place,
        "path": path if isinstance(path, str) else None,
        "shape": list(dataset.shape),
        "dtype": dataset.dtype.name,
    }


def _texts(notes: dict[str, Any]) -> dict[str, str]:
    return {k: v for k, v in notes.items() if isinstance(v, str)}


def _architecture(config: dict[str, Any]) -> dict[str, Any]:
    inner = config.get("config")
    name = inner.get("name") if isinstance(inner, dict) else None
    model = {"class": config.get("class_name"), "name": name}
    return {"model": model, "layers": list(_layers(config))}


def _layers(config: dict[str, Any], depth: int = 0) -> Iterator[dict[str, Any]]:
    """The layers that a config lists, those of models inside after the model."""
    inner = config.get("config")
    listed = inner.get("layers") if isinstance(inner, dict) else inner
    for layer in listed if isinstance(listed, list) else ():
        if isinstance(layer, dict) and isinstance(layer.get("config"), (dict, list)):
            own = layer["config"]
            name = own.get("name") if isinstance(own, dict) else layer.get("name")
            yield {"name": name, "class": layer.get("class_name"), "depth": depth}
            yield from _layers(layer, depth + 1)


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
        rows = [
            ("  " * v["depth"] + str(v["name"]), v["class"]) for v in found["layers"]
        ]
        lines += ["", *_table(("layer", "class"), rows)]
    if found["variables"]:
        rows = [
            (v["path"] or v["place"], tuple(v["shape"]), v["dtype"])
            for v in found["variables"]
        ]
        lines += ["", *_table(("variable", "shape", "type"), rows)]
    if compiled:
        rows = [(k, _short(v)) for k, v in compiled.items() if v is not None]
        lines += ["", *_table(("compiled with", ""), rows)]
    lines += ["", *_table(("SHA-256 of", ""), list(found["sha256"].items()))]
    return "\n".join(_printable(line) for line in lines)


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
    return json.dumps(value)


def _cut(text: str) -> str:
    return text if len(text) <= _WIDEST else f"{text[:_WIDEST]} ..."


def _printable(text: str) -> str:
    """What a file says can't move the cursor or colour a terminal."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
