"""The outputs of a model, and values that are given for each of them.

Labels, losses and weights may have the structure of the outputs, be a flat list in
their order, or a dictionary by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import jax

from lamina.errors import ArgumentError, DataError, LaminaError, did_you_mean
from lamina.typing import PyTree

Path = tuple[Any, ...]


class Given(NamedTuple):
    """A value of an argument of `compile`, for one output or several together."""

    path: Path
    part: PyTree  # the index of an output, or a structure of indices
    value: Any

    @property
    def indices(self) -> list[int]:
        """Return the indices of the outputs."""
        return jax.tree.leaves(self.part)


class _Argument(NamedTuple):
    """An argument of `compile`: its name, and the names of the outputs."""

    name: str
    outputs: Sequence[str | None]
    many: bool  # whether one output may have a list of values


class Outputs:
    """Structure and names of a model's outputs.

    Args:
        y_pred: the outputs.
        output_names: the names of a graph's outputs, if they are known.
    """

    def __init__(
        self, y_pred: PyTree, output_names: Sequence[str] | None = None
    ) -> None:
        leaves, structure = jax.tree.flatten(y_pred)
        self.structure: Any = jax.tree.unflatten(structure, range(len(leaves)))
        self._paths = [path for path, _ in _leaves(self.structure)]
        is_known = output_names is not None and len(output_names) == len(leaves)
        self._output_names = output_names if is_known else None
        self.names = [self.name(path, i) for i, path in enumerate(self._paths)]

    @classmethod
    def of(cls, model: object, y_pred: PyTree) -> Outputs:
        """Return the outputs of a model, with names of its graph if it has one."""
        return cls(y_pred, getattr(model, "output_names", None))

    def __len__(self) -> int:
        return len(self.names)

    def name(self, path: Path, index: int | None) -> str | None:
        """Return the name in logs: the path, with the output's name for a position."""
        *start, last = path or (0,)
        if index is not None and isinstance(last, int):
            if self._output_names is not None:
                last = self._output_names[index]
            elif not start:
                last = f"output_{index + 1}" if len(self._paths) > 1 else None
        return None if last is None else "/".join(map(str, (*start, last)))

    def find(self, key: str) -> int | None:
        """Return the index of the output with a name or path such as `"b/c"`."""
        paths = ["/".join(map(str, path)) for path in self._paths]
        for known in (self.names, paths, self._output_names or ()):
            if key in known:
                return known.index(key)
        return None

    def flatten(
        self, tree: PyTree, what: str, used: Sequence[bool] | None = None
    ) -> list[Any]:
        """Return labels, weights or outputs as a flat list in the outputs' order.

        Args:
            tree: an array, or several in lists or dictionaries.
            what: `"y"`, `"y_pred"` or `"sample_weight"`.
            used: whether each output has a loss; only these need labels.

        Raises:
            DataError: the number or the names do not match the outputs.
        """
        count = len(self)
        if tree is None:
            return [None] * count
        if isinstance(tree, dict):
            found = self._by_key(_by_path(tree), what, DataError)
            return [found.get(i) for i in range(count)]
        leaves = jax.tree.leaves(tree, is_leaf=lambda v: v is None)
        if len(leaves) == 1 and what == "sample_weight":
            return leaves * count
        if used is not None and len(leaves) == sum(used) < count:
            given = iter(leaves)
            return [next(given) if is_used else None for is_used in used]
        if not count:
            raise DataError(
                f"The model has no outputs to compare {what} with: `call` returned no "
                "tensor. End it with `return`."
            )
        if len(leaves) != count:
            raise DataError(
                f"The model has {count} outputs ({self.names}), but the number of "
                f"arrays in {what} is {len(leaves)}. Give one for each, or a "
                "dictionary by name."
            )
        return leaves

    def _by_key(
        self, values: dict[str, Any], what: str, error: type[LaminaError]
    ) -> dict[int, Any]:
        found = {key: self.find(key) for key in values}
        unknown = [key for key, index in found.items() if index is None]
        if unknown:
            known = [name for name in self.names if name]
            raise error(
                f"{what} has the key {unknown[0]!r}, but the model's outputs are "
                f"{known}.{did_you_mean(unknown[0], known)}"
            )
        return {i: values[key] for key, i in found.items() if i is not None}

    def assign(
        self, value: object, argument: str, for_all: bool = False, many: bool = False
    ) -> list[Given]:
        """Return the values of an argument of `compile`, each with its outputs.

        Args:
            value: a value, or several in lists and dictionaries.
            argument: the argument's name, for messages.
            for_all: whether a single value applies to every output.
            many: whether one output may have a list of values.

        Raises:
            ArgumentError: the number or the names do not match the outputs.
        """
        described = _Argument(argument, self.names, many)
        if isinstance(value, dict):
            found = self._of_dictionary(value, described)
        elif len(self) == 1:
            path = self._paths[0]
            found = [Given(path, 0, _only(value, many))]
        elif isinstance(value, (list, tuple)):
            found = _pairs(value, (), self.structure, described)
        elif value is None or for_all:
            found = [Given(path, i, value) for i, path in enumerate(self._paths)]
        else:
            raise ArgumentError(
                f"compile: the model has {len(self)} outputs ({self.names}), so "
                f"`{argument}` must be a list or a dictionary. Received: {value!r}."
            )
        return [given for given in found if given.value is not None]

    def _of_dictionary(
        self, value: dict[Any, Any], argument: _Argument
    ) -> Iterator[Given]:
        part = self.structure
        if isinstance(part, dict) and value.keys() <= part.keys():
            yield from _pairs(value, (), part, argument)
            return
        what = f"compile: `{argument.name}`"
        found = self._by_key(_by_path(value, (dict,)), what, ArgumentError)
        for index, item in found.items():
            yield Given(self._paths[index], index, item)


def _only(value: object, many: bool) -> object:
    """Return the value of the only output, which may be given in a list."""
    if not isinstance(value, (list, tuple)):
        return value
    flat = _flat(value)
    return flat[0] if len(flat) == 1 and not many else flat


def _pairs(value: Any, path: Path, part: Any, argument: _Argument) -> Iterator[Given]:
    """Yield values with the outputs at the same position of a structure."""
    if isinstance(part, int):
        yield Given(path, part, value)
        return
    if value is None:
        return
    if isinstance(value, dict):
        parts = dict(_items(part))
        for key, item in value.items():
            if key not in parts:
                raise ArgumentError(
                    f"compile: `{argument.name}` has the key {key!r} where the model's "
                    f"outputs have {list(parts)}.{did_you_mean(str(key), parts)}"
                )
            yield from _pairs(item, (*path, key), parts[key], argument)
        return
    if not isinstance(value, (list, tuple)):
        yield Given(path, part, value)
        return
    parts, leaves = list(_items(part)), list(_leaves(part, path))
    if len(value) == len(parts) and not isinstance(part, dict):
        for item, (key, inner) in zip(value, parts, strict=True):
            yield from _pairs(item, (*path, key), inner, argument)
        return
    flat = value if argument.many or len(value) == len(leaves) else _flat(value)
    if len(flat) != len(leaves):
        names = [argument.outputs[index] for _, index in leaves]
        raise ArgumentError(
            f"compile: `{argument.name}` has {len(flat)} "
            f"{'entry' if len(flat) == 1 else 'entries'} for {len(leaves)} outputs "
            f"({names}). Give one for each output, or a dictionary by name."
        )
    for item, (leaf_path, index) in zip(flat, leaves, strict=True):
        yield Given(leaf_path, index, item)


def _items(part: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the keys and parts of a container, in the order of its leaves."""
    if isinstance(part, (list, tuple)):
        yield from enumerate(part)
    elif isinstance(part, dict):
        # JAX sorts the keys of all dictionaries but those of an OrderedDict.
        first = {key: min(jax.tree.leaves(v), default=0) for key, v in part.items()}
        yield from ((key, part[key]) for key in sorted(part, key=first.__getitem__))
    else:
        yield from enumerate(jax.tree.leaves(part))


def _leaves(part: Any, path: Path = ()) -> Iterator[tuple[Path, int]]:
    if isinstance(part, int):
        yield path, part
        return
    for key, inner in _items(part):
        yield from _leaves(inner, (*path, key))


def _flat(value: object) -> list[Any]:
    return jax.tree.leaves(value, is_leaf=lambda v: not isinstance(v, (list, tuple)))


def _by_path(
    tree: PyTree, nested: tuple[type, ...] = (dict, list, tuple)
) -> dict[str, Any]:
    """Flatten nested dictionaries into one, whose keys are paths such as `"b/c"`."""
    if not isinstance(tree, nested):
        return {"": tree}
    items: Any = tree
    parts = sorted(items.items()) if isinstance(tree, dict) else enumerate(items)
    return {
        f"{key}/{path}" if path else str(key): leaf
        for key, part in parts
        for path, leaf in _by_path(part, nested).items()
    }
