"""A run in a file: arrays and plain data, with a checksum over all of it."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import struct
from importlib import import_module
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lamina.errors import FileFormatError
from lamina.io.files import replacing
from lamina.io.safetensors_write import CHECKSUM, SafetensorsFile

__all__ = ["read_run", "require_plain", "write_run"]

_FACTS, _DIGEST = "run", "run_sha256"


def write_run(path: Path, facts: dict[str, Any]) -> None:
    """Write a tree of plain data and arrays to a file, whole or not at all.

    Arrays go to the disk in pieces, so that no second copy of them is in memory.

    Args:
        path: where to.
        facts: dictionaries, lists, tuples, strings, bytes, numbers, arrays, tensors.

    Raises:
        TypeError: something else is in it.
        SaveError: the disk can't take the file.
    """
    arrays: dict[str, Any] = {}
    text = json.dumps(_plain(facts, arrays))
    places = {key: [a.dtype.name, list(a.shape)] for key, a in arrays.items()}
    contents = SafetensorsFile(arrays, {_FACTS: text, _DIGEST: _digest(text, places)})
    with replacing(path, contents.size) as file:
        contents.write(file)


def require_plain(value: Any) -> None:
    """Refuse what can't be written.

    Raises:
        TypeError: something other than plain data and arrays is in it.
    """
    json.dumps(_plain(value, {}))


def read_run(path: Path) -> dict[str, Any]:
    """The tree in a file.

    Raises:
        FileFormatError: the file is damaged or is something else.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(os.fspath(path), framework="np") as file:
            metadata = file.metadata() or {}
            arrays = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        text = metadata[_FACTS]
        places = {key: [a.dtype.name, list(a.shape)] for key, a in arrays.items()}
        header, data = metadata[_DIGEST], metadata[CHECKSUM]
        if _digest(text, places) != header or _digest_of_arrays(path) != data:
            raise FileFormatError(f"{str(path)!r} is damaged: its checksum is wrong.")
        return _restored(json.loads(text), arrays)
    except (
        SafetensorError, OSError, KeyError, TypeError, ValueError, RecursionError,
        ImportError,
    ) as error:  # fmt: skip
        if isinstance(error, FileFormatError):
            raise
        raise FileFormatError(f"{str(path)!r} can't be read: {error}.") from None


def _digest(text: str, places: dict[str, Any]) -> str:
    """The checksum of what stands before the arrays, which have their own."""
    header = json.dumps([text, places], sort_keys=True)
    return hashlib.sha256(header.encode()).hexdigest()


def _digest_of_arrays(path: Path) -> str:
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        file.seek(8 + length)
        return hashlib.file_digest(file, "sha256").hexdigest()


# What JSON has no form for is an object with one key that says what it is. An array
# is kept under its place in the tree, so that other programs can read it by name.


def _plain(value: Any, arrays: dict[str, Any], place: str = "") -> Any:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, dict):
        return {
            "dict": [
                [_plain(k, arrays), _plain(v, arrays, f"{place}/{k}")]
                for k, v in value.items()
            ]
        }
    if isinstance(value, (list, tuple)):
        items = [_plain(v, arrays, f"{place}/{i}") for i, v in enumerate(value)]
        return {"tuple": items} if isinstance(value, tuple) else items
    if isinstance(value, bytes):
        return {"bytes": base64.b64encode(value).decode()}
    if not hasattr(value, "__array__"):
        raise TypeError(f"a {type(value).__name__} can't be kept in a file")
    # What is on a device is fetched when its turn comes.
    array = value if isinstance(value, jax.Array) else np.asarray(value)
    if array.dtype.kind in "OUSMm":
        raise TypeError(f"an array of {array.dtype} can't be kept in a file")
    key = place.lstrip("/")
    while key in arrays:  # names may have slashes of their own
        key += "'"
    # A loader of torch's does not take an array where it gave a tensor.
    kind = "tensor" if type(value).__module__ == "torch" else "array"
    # NumPy alone does not know bfloat16 and the like.
    if array.dtype.kind == "V":
        flat = np.ascontiguousarray(array).reshape(array.shape)
        arrays[key] = flat.view(f"u{array.dtype.itemsize}")
    else:
        arrays[key] = array
    return {kind: [key, array.dtype.name]}


def _restored(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    if isinstance(value, list):
        return [_restored(v, arrays) for v in value]
    if not isinstance(value, dict):
        return value
    ((kind, held),) = value.items()
    if kind == "dict":
        return {_restored(k, arrays): _restored(v, arrays) for k, v in held}
    if kind == "tuple":
        return tuple(_restored(v, arrays) for v in held)
    if kind == "bytes":
        return base64.b64decode(held)
    key, name = held
    array = arrays[key].view(jnp.dtype(name))
    if kind == "tensor":
        # Only who has torch keeps the states of its loaders.
        return import_module("torch").from_numpy(array.copy())
    return array
