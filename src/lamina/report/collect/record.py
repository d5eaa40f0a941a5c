"""The record of a run: versions, device, data, arguments, and how to repeat it."""

from __future__ import annotations

import re
import shlex
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import numpy as np

from lamina.data.adapt import is_array_data
from lamina.data.arrays import is_array_like, map_arrays
from lamina.errors import LaminaError
from lamina.training.checkpoint.run_state import arguments_of, fingerprint, versions
from lamina.training.trainer import Trainer
from lamina.typing import ArrayLike, PyTree

# Arguments of `fit` that are data or objects, or say nothing about the result.
_OMITTED = (
    "x",
    "y",
    "sample_weight",
    "validation_data",
    "callbacks",
    "verbose",
    "host",
    "report",
    "resume",
    "check_data",
    "steps",
    "findings",
)
# A report is passed on to others; a command may contain passwords.
_SECRET = re.compile(r"(?i)(token|secret|password|passwd|api[-_]?key|credential)")


def record_of(model: Trainer, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the record of a run as JSON data.

    Args:
        model: a compiled model.
        arguments: the arguments of `fit`, by name, with the seed that was used.
    """
    given = {k: v for k, v in arguments.items() if k not in _OMITTED and v is not None}
    return {
        "started": time.strftime("%Y-%m-%d %H:%M:%S %z"),
        "command": command(),
        "versions": versions(),
        "arguments": arguments_of(model, given),
        "data": data_record(arguments.get("x"), arguments.get("y")),
        "validation_data": _validation_record(arguments.get("validation_data")),
    }


def command() -> str | None:
    """Return the command line of this process; `None` in an interactive session."""
    if hasattr(sys, "ps1") or "ipykernel" in sys.modules or not sys.orig_argv[1:]:
        return None
    words = ["python", *sys.orig_argv[1:]]
    hidden = False
    for i, word in enumerate(words):
        if hidden and not word.startswith("-"):
            words[i] = "***"
        name, separator, _ = word.partition("=")
        hidden = bool(_SECRET.search(name)) and not separator
        if separator and _SECRET.search(name):
            words[i] = f"{name}=***"
    text = shlex.join(words)
    return text if len(text) <= 300 else f"{text[:300]} ..."


def _validation_record(data: object) -> dict[str, Any] | None:
    if data is None:
        return None
    if isinstance(data, (tuple, list)):
        return data_record(data[0], data[1] if len(data) > 1 else None)
    return data_record(data, None)


def data_record(x: PyTree, y: PyTree) -> dict[str, Any] | None:
    """Return the shapes, types and fingerprint of data, or the kind of its source.

    Args:
        x: inputs: arrays, or an iterable of batches; `None` if they are unknown.
        y: targets, or `None`.
    """
    if x is None:
        return None
    if not is_array_data(x):
        return {"source": type(x).__name__}
    found: dict[str, Any] = {}
    for name, tree in (("x", x), ("y", y)):
        found.update(_shapes(name, tree))
    rows = [shape[0] for shape, _ in found.values() if shape]
    try:
        digest = fingerprint(map_arrays(_comparable, [x, y]))[:16]
    # A frame with columns of several types, or rows that are read on demand.
    except (TypeError, ValueError, AttributeError, LaminaError):
        digest = None
    arrays = {
        name: f"{tuple(shape)} {dtype}".strip()
        for name, (shape, dtype) in found.items()
    }
    return {"rows": rows[0] if rows else None, "arrays": arrays, "sha256": digest}


def _shapes(name: str, tree: PyTree) -> Iterator[tuple[str, tuple[list[int], str]]]:
    """Yield the name, shape and type of each array in a tree."""
    if isinstance(tree, Mapping):
        for key, value in tree.items():
            yield from _shapes(f"{name}.{key}", value)
    elif isinstance(tree, (list, tuple)) and tree and is_array_like(tree[0]):
        for i, value in enumerate(tree):
            yield from _shapes(f"{name}[{i}]", value)
    elif tree is not None:
        array: Any = tree if hasattr(tree, "shape") else np.asarray(tree)
        yield name, (list(array.shape), str(getattr(array, "dtype", "")))


def _comparable(value: ArrayLike) -> np.ndarray | jax.Array:
    """Return an array whose bytes depend on its values alone."""
    array = value if isinstance(value, jax.Array) else np.asarray(value)
    return array.astype(str) if array.dtype.kind == "O" else array


def folder_record(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the record that is in a run's folder, as `record_of` makes it."""
    known = ("data", "validation_data", "versions", "epochs")
    named = versions()
    arguments = {k: v for k, v in record.items() if k not in (*known, *named)}
    validation = record.get("validation_data")
    return {
        "versions": {k: record[k] for k in named if k in record},
        "arguments": {**arguments, "epochs": record.get("epochs")},
        "data": {"sha256": str(record.get("data", ""))[:16] or None},
        "validation_data": validation and {"sha256": str(validation)[:16]},
    }


def flattened(record: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return the entries of nested dictionaries by dotted names.

    The arguments of `fit` and `compile` have no prefix. The class of an object is the
    value of its name, a function's own name that of a function; the keys of configs are
    omitted.
    """
    found: dict[str, Any] = {}
    for key, value in record.items():
        name = f"{prefix}.{key}" if prefix else key
        if key in ("arguments", "compile"):
            name = prefix
        if isinstance(value, Mapping) and "class_name" in value:
            config = value.get("config") or {}
            if isinstance(config, str):  # the name of a function
                found[name] = config
                continue
            found[name] = value["class_name"]
            found.update(flattened(config, name))
        elif isinstance(value, Mapping):
            found.update(flattened(value, name))
        else:
            found[name] = value
    return found
