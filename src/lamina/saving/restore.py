"""Making a model's variables: those that its file records, before it gives values.

What a layer's constructor has not made, the layer's own code makes as it did when it
was first built or called, for the shapes and arguments that the file tells. What that
leaves out, because some other method made it, is made from the file's record of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lamina.core.module import Module, is_user_defined, signature
from lamina.core.registry import serialize
from lamina.core.variable import Variable
from lamina.errors import FileFormatError
from lamina.io.hdf5 import Group
from lamina.layers import Layer
from lamina.layers.base.call_spec import CallSpec
from lamina.optimizers import Optimizer
from lamina.saving.loading import arrays_at, described, keys_by_name
from lamina.saving.weights import module_variables, saved_modules

__all__ = ["Restorer", "build_configs", "call_specs"]


def build_configs(modules: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """The shapes that each module was built for, by its path."""
    found: dict[str, Any] = {}
    for path, module in modules:
        get = getattr(module, "get_build_config", None)
        shapes = get() if get else None
        if shapes is not None:
            found[path] = serialize(shapes)
    return found


def call_specs(modules: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """How each layer of a user's own was first called, by its path."""
    found: dict[str, Any] = {}
    for path, module in modules:
        call = vars(module).get("_first_call")
        config = call.get_config() if call else None
        if config is not None:
            found[path] = config
    return found


class Restorer:
    """Gives a model the variables that its file records.

    Args:
        root: the model, made from its config.
        file: the arrays of the file.
        shapes: what `build_configs` returned.
        calls: what `call_specs` returned.
        records: what `variable_records` returned, as `checked_records` lets it pass.
    """

    def __init__(
        self,
        root: Module,
        file: Group,
        shapes: dict[str, Any],
        calls: dict[str, Any],
        records: dict[str, Any],
    ) -> None:
        self.root, self.file, self.shapes = root, file, shapes
        self.records = records
        self.calls = {path: CallSpec.from_config(call) for path, call in calls.items()}
        self.failed: dict[str, Exception] = {}
        self.places: dict[str, Any] = {}

    def run(self) -> None:
        """Make what is missing.

        First what a user's `build` makes, which may build what is inside. Of the rest,
        what is inside is built first, so that it has the shapes that it had, whatever
        the module around it would call it with. Building can bring forth modules.
        """
        for path, module in saved_modules(self.root):
            if is_user_defined(type(module), "build") and not module.built:
                self._build(path, module)
        before, modules = 0, list(saved_modules(self.root))
        while len(modules) > before:
            for path, module in reversed(modules):
                self._build(path, module)
            before, modules = len(modules), list(saved_modules(self.root))
        for path, module in modules:
            self._fill(path, module)
        for path, module in reversed(modules):
            if path in self.failed:
                del self.failed[path]
                self._repeat(path, module)
                module.built = True
        for kept in module_variables(saved_modules(self.root), filled=False):
            keys = keys_by_name(*kept, self.records)
            theirs = {new: old for old, new in keys.items()}
            for key, value in kept.values.items():
                if keys and key not in theirs:
                    continue  # not in the file
                place = f"{kept.place}/{theirs.get(key, key)}"
                self.places[place] = value
                path = self.records.get(place, {}).get("path", "")
                # A layer that was built alone does not know what it is part of.
                if isinstance(value, Variable) and path.endswith(f"/{value.name}"):
                    value.path = path

    def build_optimizers(self, orders: dict[str, list[str]]) -> set[str]:
        """Give each optimizer the variables, and in the order, that it had.

        Args:
            orders: what `optimizer_orders` returned.

        Returns:
            The names of those that changed variables which the model no longer has, so
            that it can't be told which slot is whose.
        """
        lost: set[str] = set()
        for path, module in list(saved_modules(self.root)):
            if not isinstance(module, Optimizer):
                continue
            order = orders.get(path)
            if module.built and not order and "/" not in path:
                fresh = type(module).from_config(module.get_config())
                if not self._has_slots(path, fresh):
                    # The file was written before the first training step.
                    setattr(self.root, path, fresh)
                    continue
            # Named again and again, one variable could get any number of slots.
            if not isinstance(order, list) or not 0 < len(order) == len({*order}):
                continue
            if not {*order} <= {*self.places}:
                lost.add(path.split("/")[0])
                continue
            variables = [self.places[place] for place in order]
            if module.built and "/" not in path:
                known = {id(v) for v in variables}
                more = [v for v in module.changed_variables if id(v) not in known]
                now = zip(module.changed_variables, variables, strict=False)
                if any(a is not b for a, b in now):
                    # Slots go by place: they are made anew for the order of the file.
                    module = type(module).from_config(module.get_config())
                    setattr(self.root, path, module)
                    variables += more
            if not module.built:
                module.build(variables)
        return lost

    def _has_slots(self, path: str, fresh: Optimizer) -> bool:
        """Return whether the file has more than an optimizer that was never built."""
        return any(
            len(arrays_at(self.file, f"{path}/{kept.place}")) > len(kept.values)
            for kept in module_variables(saved_modules(fresh), filled=False)
        )

    def hint(self) -> str:
        """Why variables may be missing, or an empty text."""
        lines = [
            f"The call of {path!r} could not be repeated: {described(error)}"
            for path, error in list(self.failed.items())[:3]
        ]
        return "\n".join(["", *lines]) if lines else ""

    def _build(self, path: str, module: Any) -> None:
        unbuilt = getattr(module, "built", True) is False
        called = path in self.calls and path not in self.failed
        if unbuilt and called and _builds_by_call(type(module)):
            self._repeat(path, module)
        elif unbuilt and self.shapes.get(path):
            module.build_from_config(self.shapes[path])
        if called and path not in self.failed and self._lacks_variables(path, module):
            self._repeat(path, module)

    def _repeat(self, path: str, module: Any) -> None:
        try:
            self.calls[path].repeat(module)
        except FileFormatError:
            raise
        except Exception as error:  # whatever a user's call may raise
            self.failed[path] = error

    def _lacks_variables(self, path: str, module: Any) -> bool:
        return len(module.own_variables()) < len(arrays_at(self.file, _place(path)))

    def _fill(self, path: str, module: Any) -> None:
        """Make the variables whose attributes the layer keeps empty."""
        if not (isinstance(module, Layer) and is_user_defined(type(module))):
            return
        place = _place(path)
        for key, dataset in arrays_at(self.file, place).items():
            record = self.records.get(f"{place}/{key}", {})
            name = record.get("attribute")
            if isinstance(name, str) and _is_empty(module, name):
                variable = module.add_weight(
                    dataset.shape,
                    "zeros",
                    dtype=dataset.dtype.name,
                    trainable=record.get("trainable") is True,
                    name=record["path"].rpartition("/")[2],
                )
                setattr(module, name, variable)


def _place(path: str) -> str:
    return f"{path}/vars".lstrip("/")


def _is_empty(module: Layer, name: str) -> bool:
    """Whether a layer's author keeps this attribute for something not made yet."""
    reserved = name.startswith("_") or name in signature(Layer.__init__).parameters
    if reserved or not name.isidentifier() or hasattr(type(module), name):
        return False
    return vars(module).get(name, ...) is None


def _builds_by_call(cls: type) -> bool:
    """Whether a class leaves to `call` what its `build` would make."""
    return not any(
        is_user_defined(cls, name) for name in ("build", "build_from_config")
    )
