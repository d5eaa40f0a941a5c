"""Editor of the weights in `.keras` and `.weights.h5` files."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from lamina.core.untrusted import readable_size, require_memory
from lamina.errors import ArgumentError, ArgumentTypeError, FileFormatError, shown
from lamina.io.files import atomic_write, check_target, open_file
from lamina.io.hdf5 import Group
from lamina.io.hdf5_write import CHECKSUM, HDF5File
from lamina.saving.archive import CONFIG, Archive, read_contents
from lamina.saving.inspect import printable
from lamina.saving.records import as_array, group_of, module_records
from lamina.tracebacks import filter_traceback
from lamina.training.trainer import Trainer
from lamina.typing import ArrayLike

# Arrays, and objects with arrays, by name.
WeightTree: TypeAlias = dict[str, Any]
_WEIGHTS, _VARIABLES = ".weights.h5", "vars"


class KerasFileEditor:
    """Editor of a file's weights, for a model whose layers have changed.

    The file is read by the rules for files from others: it cannot run code or open
    other files, and its arrays must fit into `lamina.config.memory_limit()`. It is not
    changed; `save` writes another one.

    Args:
        filepath: a `.keras` or `.weights.h5` file.

    Attributes:
        weights_dict: the arrays, in nested dictionaries by the names of the objects.
        config: config of the model in a `.keras` file, otherwise `None`.
        metadata: metadata of a `.keras` file, otherwise `None`.

    Raises:
        ArgumentError: the path does not end in `.keras` or `.weights.h5`, or the file
            does not exist.
        FileFormatError: the file is damaged.

    Example:
        >>> import pathlib, tempfile
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> model = lamina.Sequential([lamina.Input((2,)), lamina.layers.Dense(1)])
        >>> model.save_weights(folder / "old.weights.h5")
        >>> editor = KerasFileEditor(folder / "old.weights.h5")
        Keras model file '.../old.weights.h5'
        >>> editor.rename_object("layers/dense", "dense_1")
        >>> list(editor.weights_dict["layers"])
        ['dense_1']
        >>> editor.save(folder / "new.weights.h5")
    """

    @filter_traceback
    def __init__(self, filepath: str | os.PathLike[str]) -> None:
        self.filepath = os.fspath(filepath)
        self.config: dict[str, Any] | None = None
        self.metadata: dict[str, Any] | None = None
        if not self.filepath.endswith((".keras", _WEIGHTS)):
            raise ArgumentError(
                "KerasFileEditor: the file's name must end in '.keras' or "
                f"'{_WEIGHTS}'. Received: {self.filepath!r}."
            )
        with open_file(filepath) as file:
            contents = read_contents(file)
            if isinstance(contents, Archive):
                self.config, self.metadata = contents.json(CONFIG), contents.metadata
                contents = contents.weights()
            if not isinstance(contents, Group):
                raise FileFormatError(f"{self.filepath!r} is not an HDF5 file.")
            size = sum(array.nbytes for _, array in contents.datasets())
            text = f"{self.filepath!r} has arrays of {readable_size(size)}"
            require_memory(size, text, FileFormatError)
            self.weights_dict: WeightTree = _read(contents)
        print(printable(f"Keras model file {self.filepath!r}"))

    def summary(self) -> None:
        """Print the objects and the shapes and types of their arrays."""
        print("Weights structure")
        for depth, name, value in _walk(self.weights_dict):
            array = ""
            if not isinstance(value, dict):
                array = f": shape={tuple(value.shape)}, dtype={value.dtype}"
            print(printable("  " * (depth + 1) + name + array))

    @filter_traceback
    def compare(self, reference_model: Trainer) -> dict[str, Any]:
        """Compare the weights with those of a model and print the differences.

        Args:
            reference_model: a built model.

        Returns:
            A dictionary of `status`, which is `"success"` or `"error"`, `error_count`,
            the number of differences, and `match_count`, the number of weights of the
            same path and shape.
        """
        expected: WeightTree = {}
        for record in module_records(reference_model):
            arrays = {k: as_array(v) for k, v in record.variables.items()}
            if arrays:
                _child(expected, record.path.split("/"), create=True).update(arrays)
        errors, matches = _compared(self.weights_dict, expected)
        for error in errors:
            print(printable(error))
        result = "does not match" if errors else "matches"
        print(f"The file {result} the model: {len(errors)} errors, {matches} matches.")
        return {
            "status": "error" if errors else "success",
            "error_count": len(errors),
            "match_count": matches,
        }

    @filter_traceback
    def rename_object(self, object_name: str, new_name: str) -> None:
        """Rename an object, such as a layer.

        Args:
            object_name: its path, such as `"layers/dense_2"`, or its name if that is
                unique.
            new_name: the new name, without a path.

        Raises:
            ArgumentError: there is no such object, or not only one; or an object has
                the new name already.
        """
        entry = self._find(object_name)
        if "/" in new_name or new_name in entry.parent:
            raise ArgumentError(
                f"rename_object: {new_name!r} must not contain '/' or be the name of "
                f"another object beside {object_name!r}."
            )
        entry.parent[new_name] = entry.parent.pop(entry.name)

    @filter_traceback
    def delete_object(self, object_name: str) -> None:
        """Remove an object and all in it.

        Args:
            object_name: its path, or its name if that is unique.

        Raises:
            ArgumentError: there is no such object, or not only one.
        """
        entry = self._find(object_name)
        del entry.parent[entry.name]

    @filter_traceback
    def add_object(self, object_path: str, weights: Mapping[str, ArrayLike]) -> None:
        """Add an object with weights.

        Args:
            object_path: its path, in an object that exists.
            weights: arrays by name, such as `{"0": kernel, "1": bias}`.

        Raises:
            ArgumentError: there is no object that could hold it.
            ArgumentTypeError: `weights` is not a dictionary.
        """
        *parents, name = object_path.split("/")
        _child(self.weights_dict, parents)[name] = _as_arrays("add_object", weights)

    @filter_traceback
    def delete_weight(self, object_name: str, weight_name: str) -> None:
        """Remove a weight of an object.

        Args:
            object_name: path of the object, or its name if that is unique.
            weight_name: name of the weight, such as `"0"`.

        Raises:
            ArgumentError: there is no such object or weight.
        """
        found = self._find(object_name).value
        if not isinstance(found, dict) or weight_name not in found:
            names = sorted(found) if isinstance(found, dict) else []
            raise ArgumentError(
                f"{object_name!r} has no weight {weight_name!r}. It has {names}."
            )
        del found[weight_name]

    @filter_traceback
    def add_weights(self, object_name: str, weights: Mapping[str, ArrayLike]) -> None:
        """Add weights to an object, or replace them.

        Args:
            object_name: path of the object, or its name if that is unique.
            weights: arrays by name, such as `{"0": kernel, "1": bias}`.

        Raises:
            ArgumentError: there is no such object.
            ArgumentTypeError: `weights` is not a dictionary.
        """
        arrays = _as_arrays("add_weights", weights)
        entry = self._find(object_name)
        _child({entry.name: entry.value}, [entry.name]).update(arrays)

    @filter_traceback
    def save(self, filepath: str | os.PathLike[str]) -> None:
        """Write the edited weights to a `.weights.h5` file.

        Args:
            filepath: path of the file, which is replaced if it exists.

        Raises:
            ArgumentError: the path does not end in `.weights.h5`.
            SaveError: the disk is full, or the folder cannot be written to.
        """
        path = check_target(filepath, [_WEIGHTS], overwrite=True)
        groups = {group_of(p): arrays for p, arrays in _groups(self.weights_dict)}
        contents = HDF5File(groups, {"": {"sha256": CHECKSUM}})
        with atomic_write(path, contents.size) as file:
            contents.write(file)

    def resave_weights(self, filepath: str | os.PathLike[str]) -> None:
        """Write the edited weights, as `save` does."""
        self.save(filepath)

    def _find(self, name: str) -> _Entry:
        """Return the entry of an object or weight, by its path or unique name."""
        if "/" in name:
            *parents, last = name.split("/")
            parent = _child(self.weights_dict, parents)
            entries = [_Entry(parent, last)] if last in parent else []
        else:
            entries = list(_entries(self.weights_dict, name))
        if len(entries) != 1:
            problem = "occurs more than once: pass its path" if entries else "not found"
            raise ArgumentError(
                f"{name!r} {problem}. `editor.summary()` shows all objects."
            )
        return entries[0]


class _Entry(NamedTuple):
    """An entry of a dictionary."""

    parent: WeightTree
    name: str

    @property
    def value(self) -> Any:
        return self.parent[self.name]


def _read(group: Group) -> WeightTree:
    """Return the arrays below a group, without the level of groups named "vars"."""
    result: WeightTree = {}
    for name, member in group.members.items():
        if not isinstance(member, Group):
            result[name] = member.read()
            continue
        inner = _read(member)
        if name == _VARIABLES:
            result.update(inner)
        elif inner:
            result[name] = inner
    return result


def _child(tree: WeightTree, names: list[str], create: bool = False) -> WeightTree:
    """Return the object at a path."""
    for name in filter(None, names):
        found = tree.setdefault(name, {}) if create else tree.get(name)
        if not isinstance(found, dict):
            raise ArgumentError(
                f"{'/'.join(names)!r} is not an object of the file. "
                "`editor.summary()` shows all objects."
            )
        tree = found
    return tree


def _entries(tree: WeightTree, name: str) -> Iterator[_Entry]:
    if name in tree:
        yield _Entry(tree, name)
    for value in tree.values():
        if isinstance(value, dict):
            yield from _entries(value, name)


def _walk(tree: WeightTree, depth: int = 0) -> Iterator[tuple[int, str, Any]]:
    for name, value in tree.items():
        yield depth, name, value
        if isinstance(value, dict):
            yield from _walk(value, depth + 1)


def _groups(tree: WeightTree, path: str = "") -> Iterator[tuple[str, WeightTree]]:
    """Yield the path and the own arrays of each object that has some."""
    arrays = {name: v for name, v in tree.items() if not isinstance(v, dict)}
    if arrays:
        yield path, arrays
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from _groups(value, f"{path}/{name}".lstrip("/"))


def _as_arrays(owner: str, weights: Mapping[str, ArrayLike]) -> WeightTree:
    if not isinstance(weights, Mapping):
        raise ArgumentTypeError(
            f"{owner}: `weights` must be a dictionary of arrays by name, such as "
            f"{{'0': kernel}}. Received: {shown(weights)}."
        )
    return {name: np.asarray(value) for name, value in weights.items()}


def _compared(
    found: WeightTree, expected: WeightTree, path: str = ""
) -> tuple[list[str], int]:
    """Return the differences of two objects, and the number of equal weights."""
    errors, matches = list[str](), 0
    for name in {**expected, **found}:
        location = f"{path}/{name}".lstrip("/")
        one, other = found.get(name), expected.get(name)
        if one is None or other is None:
            side = "model" if one is None else "file"
            errors.append(f"{location}: only the {side} has it.")
        elif isinstance(one, dict) and isinstance(other, dict):
            inner, count = _compared(one, other, location)
            errors, matches = errors + inner, matches + count
        elif getattr(one, "shape", None) != getattr(other, "shape", None):
            shapes = [shown(getattr(v, "shape", "an object")) for v in (one, other)]
            errors.append(
                f"{location}: {shapes[0]} in the file, {shapes[1]} in the model."
            )
        else:
            matches += 1
    return errors, matches
