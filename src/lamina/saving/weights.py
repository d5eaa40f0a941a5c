"""Every module's variables as groups of an HDF5 file, laid out as Keras does.

A module's own variables stand in `path/vars/0`, `path/vars/1`, ...; below it come the
modules it holds, by attribute, and inside lists by class: `layers/dense_1`.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import IO, Any

import numpy as np

from lamina.core.module import Module, snake_case
from lamina.core.random import SeedGenerator
from lamina.errors import FileFormatError

__all__ = ["read_weights", "saved_modules", "write_weights"]

# Held by models, layers and optimizers for their own bookkeeping.
_SKIPPED = frozenset(
    ["_graph_layers", "_stack", "_input_layer", "_plan", "_loss_tracker", "_arguments"]
)


def saved_modules(root: Module) -> Iterator[tuple[str, Any]]:
    """Each module that a file has a place for, with its path, parents first."""
    seen: set[int] = set()

    def visit(path: str, value: Any) -> Iterator[tuple[str, Any]]:
        if isinstance(value, (list, tuple, dict)):
            yield from visit_each(path, value)
        elif isinstance(value, Module) and id(value) not in seen:
            seen.add(id(value))
            yield path, value
            for name, child in _attributes(value):
                yield from visit(f"{path}/{name}".lstrip("/"), child)

    def visit_each(path: str, container: Any) -> Iterator[tuple[str, Any]]:
        items = container.values() if isinstance(container, dict) else container
        counts: dict[str, int] = {}
        for item in items:
            if isinstance(item, Module):
                base = snake_case(type(item).__name__)
            elif isinstance(item, (list, tuple, dict)):
                base = "container"
            else:
                continue
            count = counts.get(base, 0)
            counts[base] = count + 1
            name = f"{base}_{count}" if count else base
            yield from visit(f"{path}/{name}", item)

    yield from visit("", root)


def _attributes(module: Module) -> Iterator[tuple[str, Any]]:
    """A module's attributes: a stack's or graph's layers first, private ones last."""
    if getattr(module, "_graph", None) is not None or hasattr(module, "_stack"):
        yield "layers", module.layers  # type: ignore[attr-defined]
    names = [n for n in vars(module) if n not in _SKIPPED]
    for name in sorted(names, key=lambda n: (n.startswith("_"), n)):
        yield name, vars(module)[name]


def write_weights(root: Module, file: IO[bytes] | str) -> None:
    """Write all variables of a module and of those below it."""
    import h5py

    with h5py.File(file, "w") as h5:
        for path, module in saved_modules(root):
            if not hasattr(module, "save_own_variables"):
                continue
            group = h5.create_group(f"{path}/vars".lstrip("/"))
            group.attrs["name"] = getattr(module, "name", "")
            values: dict[str, np.ndarray] = {}
            module.save_own_variables(values)
            for key, value in values.items():
                group[key] = _storable(value)
                if value.dtype.name == "bfloat16":
                    group[key].attrs["dtype"] = "bfloat16"


def _storable(value: np.ndarray) -> np.ndarray:
    """HDF5 has no bfloat16; its bits are kept as they are."""
    return value.view(np.uint16) if value.dtype.name == "bfloat16" else value


def read_weights(
    root: Module, data: bytes | str, skip: frozenset[str] = frozenset()
) -> None:
    """Read all variables of a module and of those below it.

    Args:
        root: a module whose variables exist.
        data: the file's path or contents.
        skip: paths of modules to leave as they are.

    Raises:
        FileFormatError: the file lacks a module that has variables, or is no HDF5.
    """
    import h5py

    try:
        h5 = h5py.File(io.BytesIO(data) if isinstance(data, bytes) else data, "r")
    except OSError as error:
        raise FileFormatError(f"The weights can't be read: {error}.") from None
    with h5:
        for path, module in saved_modules(root):
            if path in skip or not hasattr(module, "load_own_variables"):
                continue
            place = f"{path}/vars".lstrip("/")
            found: Any = h5.get(place, {})
            values = {k: _restored(v) for k, v in found.items()}
            if not isinstance(module, SeedGenerator):
                expected: dict[str, np.ndarray] = {}
                module.save_own_variables(expected)
                _check_fit(place, values, expected)
            if values:
                module.load_own_variables(values)


def _restored(dataset: Any) -> np.ndarray:
    value = np.asarray(dataset)
    if dataset.attrs.get("dtype") == "bfloat16":
        import ml_dtypes

        return value.view(ml_dtypes.bfloat16)
    return value


def _check_fit(
    place: str, values: dict[str, np.ndarray], expected: dict[str, np.ndarray]
) -> None:
    missing = [k for k in expected if k not in values]
    if missing or len(values) > len(expected):
        raise FileFormatError(
            f"The model has {len(expected)} variables at {place!r}, the file has "
            f"{len(values)}. They are of different architectures."
        )
    for key, value in expected.items():
        if values[key].shape != value.shape:
            raise FileFormatError(
                f"The variable {place}/{key} has shape {value.shape} in the model and "
                f"{values[key].shape} in the file. They are of different "
                "architectures."
            )
