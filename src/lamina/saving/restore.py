"""Creation of the variables that a model had when it was saved.

Layers are built, or called on placeholders, with the shapes and arguments in the file.
Variables that other methods of a layer created are made from the file's records.
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
from lamina.saving.loading import datasets_in, format_error, match_keys
from lamina.saving.weights import module_variables, saved_modules


def build_configs(modules: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Collect the build config of each module, by its path."""
    configs: dict[str, Any] = {}
    for path, module in modules:
        get_config = getattr(module, "get_build_config", None)
        shapes = get_config() if get_config else None
        if shapes is not None:
            configs[path] = serialize(shapes)
    return configs


def call_specs(modules: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Collect the first call of each user-defined layer, by its path."""
    configs: dict[str, Any] = {}
    for path, module in modules:
        call = vars(module).get("_first_call")
        config = call.get_config() if call else None
        if config is not None:
            configs[path] = config
    return configs


class Restorer:
    """Builder of the variables that a file records for a model.

    Args:
        root: the model, made from its config.
        file: root group of the file.
        shapes: result of `build_configs`.
        calls: result of `call_specs`.
        records: result of `validate_records`.
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
        self.by_location: dict[str, Any] = {}

    def run(self) -> None:
        """Create the missing variables.

        User-defined `build` methods run first, as they may build sublayers. The other
        modules are built from the inside out, so that each uses its recorded shapes
        rather than those its parent passes. Building can create further modules.
        """
        for path, module in saved_modules(self.root):
            if is_user_defined(type(module), "build") and not module.built:
                self._build(path, module)
        built_count, modules = 0, list(saved_modules(self.root))
        while len(modules) > built_count:
            for path, module in reversed(modules):
                self._build(path, module)
            built_count, modules = len(modules), list(saved_modules(self.root))
        for path, module in modules:
            self._create_recorded(path, module)
        for path, module in reversed(modules):
            if path in self.failed:
                del self.failed[path]
                self._replay_call(path, module)
                module.built = True
        self._index_variables()

    def _index_variables(self) -> None:
        """Find each variable's location in the file and restore its path."""
        for state in module_variables(saved_modules(self.root), complete=False):
            keys = match_keys(*state, self.records)
            stored_keys = {ours: stored for stored, ours in keys.items()}
            for key, value in state.values.items():
                if keys and key not in stored_keys:
                    continue  # The variable is not in the file.
                location = f"{state.group}/{stored_keys.get(key, key)}"
                self.by_location[location] = value
                path = self.records.get(location, {}).get("path", "")
                # The path of a layer that was built alone lacks its parents.
                if isinstance(value, Variable) and path.endswith(f"/{value.name}"):
                    value.path = path

    def build_optimizers(self, orders: dict[str, list[str]]) -> set[str]:
        """Build each optimizer for the variables it had, in the same order.

        Args:
            orders: result of `optimizer_orders`.

        Returns:
            Names of the optimizers whose slots cannot be matched, because they updated
            variables that the model no longer has.
        """
        unmatched: set[str] = set()
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
            # Repeated locations would create an unlimited number of slots.
            if not isinstance(order, list) or not 0 < len(order) == len({*order}):
                continue
            if not {*order} <= {*self.by_location}:
                unmatched.add(path.split("/")[0])
                continue
            variables = [self.by_location[location] for location in order]
            if module.built and "/" not in path:
                known = {id(v) for v in variables}
                added = [v for v in module.changed_variables if id(v) not in known]
                pairs = zip(module.changed_variables, variables, strict=False)
                if any(a is not b for a, b in pairs):
                    # Slots are stored by index, so build them in the file's order.
                    module = type(module).from_config(module.get_config())
                    setattr(self.root, path, module)
                    variables += added
            if not module.built:
                module.build(variables)
        return unmatched

    def _has_slots(self, path: str, fresh: Optimizer) -> bool:
        """Return whether the file has more variables than an unbuilt optimizer."""
        return any(
            len(datasets_in(self.file, f"{path}/{state.group}")) > len(state.values)
            for state in module_variables(saved_modules(fresh), complete=False)
        )

    def hint(self) -> str:
        """Explain why variables may be missing, or return an empty string."""
        lines = [
            f"The first call of {path!r} could not be replayed: {format_error(error)}"
            for path, error in list(self.failed.items())[:3]
        ]
        return "\n".join(["", *lines]) if lines else ""

    def _build(self, path: str, module: Any) -> None:
        is_unbuilt = getattr(module, "built", True) is False
        can_replay = path in self.calls and path not in self.failed
        if is_unbuilt and can_replay and _builds_by_call(type(module)):
            self._replay_call(path, module)
        elif is_unbuilt and self.shapes.get(path):
            module.build_from_config(self.shapes[path])
        if (
            can_replay
            and path not in self.failed
            and self._lacks_variables(path, module)
        ):
            self._replay_call(path, module)

    def _replay_call(self, path: str, module: Any) -> None:
        try:
            self.calls[path].repeat(module)
        except FileFormatError:
            raise
        except Exception as error:  # whatever a user's call may raise
            self.failed[path] = error

    def _lacks_variables(self, path: str, module: Any) -> bool:
        return len(module.own_variables()) < len(datasets_in(self.file, _group(path)))

    def _create_recorded(self, path: str, module: Any) -> None:
        """Create recorded variables whose attributes of the layer are `None`."""
        if not (isinstance(module, Layer) and is_user_defined(type(module))):
            return
        group = _group(path)
        for key, dataset in datasets_in(self.file, group).items():
            record = self.records.get(f"{group}/{key}", {})
            name = record.get("attribute")
            if isinstance(name, str) and _is_reserved_for_variable(module, name):
                variable = module.add_weight(
                    dataset.shape,
                    "zeros",
                    dtype=dataset.dtype.name,
                    trainable=record.get("trainable") is True,
                    name=record["path"].rpartition("/")[2],
                )
                setattr(module, name, variable)


def _group(path: str) -> str:
    return f"{path}/vars".lstrip("/")


def _is_reserved_for_variable(module: Layer, name: str) -> bool:
    """Return whether a user-defined attribute of a layer is still `None`."""
    reserved = name.startswith("_") or name in signature(Layer.__init__).parameters
    if reserved or not name.isidentifier() or hasattr(type(module), name):
        return False
    return vars(module).get(name, ...) is None


def _builds_by_call(cls: type) -> bool:
    """Return whether a class creates its variables in `call`, not in `build`."""
    return not any(
        is_user_defined(cls, name) for name in ("build", "build_from_config")
    )
