"""Creation of the variables that a model had when it was saved.

Layers are built, or called on placeholders, with the shapes and arguments in the file.
Variables that other methods of a layer created are made from the file's records.
"""

from __future__ import annotations

from lamina.core.module import is_user_defined, signature
from lamina.core.variable import Variable
from lamina.errors import FileFormatError
from lamina.layers import Layer
from lamina.layers.base.call_spec import CallSpec
from lamina.optimizers import Optimizer
from lamina.saving.loading import format_error, match_keys
from lamina.saving.records import StoredModel, module_records, saved_modules

# Without a user-defined one of these, a layer creates its variables in `call`.
_BUILDERS = ("build", "build_from_config")


class Restorer:
    """Builder of the variables that a file records for a model.

    Args:
        root: the model, made from its config.
        stored: contents of the file.
    """

    def __init__(self, root: Layer, stored: StoredModel) -> None:
        self.root, self.stored = root, stored
        self.calls = {k: CallSpec.from_config(c) for k, c in stored.calls.items()}
        self.failed: dict[str, Exception] = {}
        self.by_location: dict[str, Variable] = {}

    def _layers(self) -> list[tuple[str, Layer]]:
        found = saved_modules(self.root)
        return [(path, item) for path, item in found if isinstance(item, Layer)]

    def run(self) -> None:
        """Create the missing variables.

        User-defined `build` methods run first, as they may build sublayers. The other
        layers are built from the inside out, so that each uses its recorded shapes
        rather than those its parent passes. Building can create further layers.
        """
        for path, layer in self._layers():
            if is_user_defined(type(layer), "build") and not layer.built:
                self._build(path, layer)
        built_count, layers = 0, self._layers()
        while len(layers) > built_count:
            for path, layer in reversed(layers):
                self._build(path, layer)
            built_count, layers = len(layers), self._layers()
        for path, layer in layers:
            self._create_recorded(path, layer)
        for path, layer in reversed(layers):
            if path in self.failed:
                del self.failed[path]
                self._replay_call(path, layer)
                layer.built = True
        self._index_variables()

    def _index_variables(self) -> None:
        """Find each variable's location in the file and restore its path."""
        for record in module_records(self.root, complete=False):
            stored = self.stored.at(record.path)
            keys = match_keys(record, stored)
            stored_keys = {ours: theirs for theirs, ours in keys.items()}
            for key, value in record.variables.items():
                stored_key = stored_keys.get(key) if keys else key
                if stored_key is None or not isinstance(value, Variable):
                    continue  # The variable is not in the file.
                self.by_location[record.location(stored_key)] = value
                path = stored.variables.get(stored_key, {}).get("path", "")
                # The path of a layer that was built alone lacks its parents.
                if path.endswith(f"/{value.name}"):
                    value.path = path

    def build_optimizers(self) -> set[str]:
        """Build each optimizer for the variables it had, in the same order.

        Returns:
            Names of the optimizers whose slots cannot be matched, because they updated
            variables that the model no longer has.
        """
        unmatched: set[str] = set()
        for path, module in list(saved_modules(self.root)):
            if not isinstance(module, Optimizer):
                continue
            order = self.stored.at(path).order
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
            len(self.stored.at(f"{path}/{r.path}".rstrip("/")).datasets)
            > len(r.variables)
            for r in module_records(fresh, complete=False)
        )

    def hint(self) -> str:
        """Explain why variables may be missing, or return an empty string."""
        lines = [
            f"The first call of {path!r} could not be replayed: {format_error(error)}"
            for path, error in list(self.failed.items())[:3]
        ]
        return "\n".join(["", *lines]) if lines else ""

    def _build(self, path: str, layer: Layer) -> None:
        stored = self.stored.at(path)
        can_replay = path in self.calls and path not in self.failed
        has_build = any(is_user_defined(type(layer), name) for name in _BUILDERS)
        if not layer.built and can_replay and not has_build:
            self._replay_call(path, layer)
        elif not layer.built and stored.shapes:
            layer.build_from_config(stored.shapes)
        lacks_variables = len(layer.own_variables()) < len(stored.datasets)
        if can_replay and path not in self.failed and lacks_variables:
            self._replay_call(path, layer)

    def _replay_call(self, path: str, layer: Layer) -> None:
        try:
            self.calls[path].repeat(layer)
        except FileFormatError:
            raise
        except Exception as error:  # whatever a user's call may raise
            self.failed[path] = error

    def _create_recorded(self, path: str, layer: Layer) -> None:
        """Create recorded variables for attributes of the layer that are `None`."""
        if not is_user_defined(type(layer)):
            return
        stored = self.stored.at(path)
        for key, dataset in stored.datasets.items():
            record = stored.variables.get(key, {})
            name = record.get("attribute")
            if isinstance(name, str) and _is_reserved_for_variable(layer, name):
                variable = layer.add_weight(
                    dataset.shape,
                    "zeros",
                    dtype=dataset.dtype.name,
                    trainable=record.get("trainable") is True,
                    name=record["path"].rpartition("/")[2],
                )
                setattr(layer, name, variable)


def _is_reserved_for_variable(layer: Layer, name: str) -> bool:
    """Return whether a user-defined attribute of a layer is still `None`."""
    reserved = name.startswith("_") or name in signature(Layer.__init__).parameters
    if reserved or not name.isidentifier() or hasattr(type(layer), name):
        return False
    return vars(layer).get(name, ...) is None
