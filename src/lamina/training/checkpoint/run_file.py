"""Checkpoint files: a tree of arrays and plain data, with checksums."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import struct
from importlib import import_module
from pathlib import Path
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from lamina.errors import FileFormatError
from lamina.io.files import atomic_write
from lamina.io.safetensors import CHECKSUM, SafetensorsFile

# Plain data and arrays in nested dictionaries, lists and tuples.
Tree: TypeAlias = dict[str, Any]

_TREE, _DIGEST = "run", "run_sha256"
_MALFORMED = (OSError, KeyError, TypeError, ValueError, RecursionError, ImportError)


def write_run(path: Path, tree: Tree) -> None:
    """Write a tree of plain data and arrays to a file, atomically.

    Arrays are written in chunks, so that memory holds no second copy of them.

    Args:
        path: path of the file.
        tree: dictionaries, lists, tuples, strings, bytes, numbers, arrays, tensors.

    Raises:
        TypeError: the tree contains something else.
        SaveError: the file cannot be written.
    """
    contents = _contents(tree)
    with atomic_write(path, contents.size) as file:
        contents.write(file)


def run_bytes(tree: Tree) -> bytes:
    """Return the bytes of the file that `write_run` would write.

    Raises:
        TypeError: the tree contains something other than plain data and arrays.
    """
    file = io.BytesIO()
    _contents(tree).write(file)
    return file.getvalue()


def _contents(tree: Tree) -> SafetensorsFile:
    arrays: dict[str, Any] = {}
    text = json.dumps(_plain(tree, arrays))
    metadata = {_TREE: text, _DIGEST: _digest(text, _specs(arrays))}
    return SafetensorsFile(arrays, metadata)


def require_plain(value: object) -> None:
    """Raise if a value cannot be written.

    Raises:
        TypeError: it contains something other than plain data and arrays.
    """
    json.dumps(_plain(value, {}))


def read_run(path: Path) -> Tree:
    """Read the tree in a file.

    Raises:
        FileFormatError: the file is damaged or is not a checkpoint.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(os.fspath(path), framework="np") as file:
            metadata = file.metadata() or {}
            arrays = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        text = metadata[_TREE]
        header, data = metadata[_DIGEST], metadata[CHECKSUM]
        if _digest(text, _specs(arrays)) != header or _digest_of_arrays(path) != data:
            raise FileFormatError(f"{str(path)!r} is damaged: its checksum is wrong.")
        return _restored(json.loads(text), arrays)
    except FileFormatError:
        raise
    except (SafetensorError, *_MALFORMED) as error:
        raise FileFormatError(f"{str(path)!r} cannot be read: {error}.") from None


def _digest(text: str, specs: dict[str, Any]) -> str:
    """Return the checksum of the header; the arrays have another one."""
    header = json.dumps([text, specs], sort_keys=True)
    return hashlib.sha256(header.encode()).hexdigest()


def _specs(arrays: dict[str, Any]) -> dict[str, Any]:
    return {key: [a.dtype.name, list(a.shape)] for key, a in arrays.items()}


def _digest_of_arrays(path: Path) -> str:
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        file.seek(8 + length)
        return hashlib.file_digest(file, "sha256").hexdigest()


# Types that JSON lacks are objects with one key that names the type. An array is stored
# under its path in the tree, so that other programs can read it by name.


def _plain(value: object, arrays: dict[str, Any], path: str = "") -> Any:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, dict):
        pairs = [
            [_plain(k, arrays), _plain(v, arrays, f"{path}/{k}")]
            for k, v in value.items()
        ]
        return {"dict": pairs}
    if isinstance(value, (list, tuple)):
        items = [_plain(v, arrays, f"{path}/{i}") for i, v in enumerate(value)]
        return {"tuple": items} if isinstance(value, tuple) else items
    if isinstance(value, bytes):
        return {"bytes": base64.b64encode(value).decode()}
    if not hasattr(value, "__array__"):
        raise TypeError(f"an object of type {type(value).__name__} cannot be saved")
    # Arrays on a device are fetched one by one when they are written.
    array = value if isinstance(value, jax.Array) else np.asarray(value)
    if array.dtype.kind in "OUSMm":
        raise TypeError(f"an array of dtype {array.dtype} cannot be saved")
    key = path.lstrip("/")
    while key in arrays:  # keys may contain slashes
        key += "'"
    # Loaders of torch do not accept an array for a tensor in their state.
    kind = "tensor" if type(value).__module__ == "torch" else "array"
    arrays[key] = array
    # NumPy has no bfloat16 or float8.
    if array.dtype.kind == "V":
        flat = np.ascontiguousarray(array).reshape(array.shape)
        arrays[key] = flat.view(f"u{array.dtype.itemsize}")
    return {kind: [key, array.dtype.name]}


def _restored(value: object, arrays: dict[str, np.ndarray]) -> Any:
    if isinstance(value, list):
        return [_restored(v, arrays) for v in value]
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "dict":
        return {_restored(k, arrays): _restored(v, arrays) for k, v in content}
    if kind == "tuple":
        return tuple(_restored(v, arrays) for v in content)
    if kind == "bytes":
        return base64.b64decode(content)
    key, name = content
    array = arrays[key].view(jnp.dtype(name))
    if kind == "tensor":
        # Only states of torch's loaders contain tensors.
        return import_module("torch").from_numpy(array.copy())
    return array
