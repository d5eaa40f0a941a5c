"""Compile arguments and optimizer state in files of Keras 1 and 2."""

from __future__ import annotations

from collections import defaultdict
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from lamina.core.custom_objects import custom_tables, find_class
from lamina.core.module import accepted_names
from lamina.core.variable import Variable
from lamina.optimizers import Nadam, Optimizer
from lamina.saving.legacy.config import KerasVersion
from lamina.saving.legacy.names import LOSSES
from lamina.saving.legacy.weights import Arrays, StoredLayer, Values, upgrade_arrays
from lamina.typing import Config

# Slots of each optimizer, in the order of Keras 1 and 2.
_SLOTS = {
    "SGD": ("momentum",),
    "RMSprop": ("velocity",),
    "Adagrad": ("accumulator",),
    "Adadelta": ("accumulated_grad", "accumulated_delta_var"),
    "Adam": ("momentum", "velocity", "velocity_hat"),
    "Adamax": ("momentum", "norm"),
    "Nadam": ("momentum", "velocity"),
}
# Names of slots in tf.keras; those of Keras 3 stay.
_SLOT_NAMES = {
    "accum_grad": "accumulated_grad",
    "accum_var": "accumulated_delta_var",
    "m": "momentum",
    "mg": "average_gradient",
    "rms": "velocity",
    "u": "norm",
    "v": "velocity",
    "vhat": "velocity_hat",
    **{name: name for names in _SLOTS.values() for name in names},
    "average_gradient": "average_gradient",
    "linear": "linear",
}
# Older versions sorted the weights by name before they made the slots.
_FIRST_WITH_LAYER_ORDER = (2, 0, 6)
# After this many steps the product of Nadam's momenta underflows to 0.
_MAX_SCHEDULE_STEPS = 100_000


def upgrade_compile_config(training: Config, origin: KerasVersion) -> Config:
    """Convert the arguments of `compile` to the Keras 3 format."""
    optimizer = _upgrade_optimizer(training["optimizer_config"], origin)
    found: Config = {"optimizer": optimizer}
    kinds = {"loss": "losses", "metrics": "metrics", "weighted_metrics": "metrics"}
    for key, kind in kinds.items():
        found[key] = _upgrade_names(training.get(key), origin, f"keras.{kind}")
    found["loss_weights"] = training.get("loss_weights")
    return {key: value for key, value in found.items() if value}


def _upgrade_optimizer(entry: Config, origin: KerasVersion) -> Config:
    if origin.version >= (3,):
        return {"module": "keras.optimizers", **entry}
    kind = entry["class_name"].rpartition(">")[2]
    config = dict(entry["config"])
    rate = config.pop("lr", config.get("learning_rate", 0.001))
    decay = config.pop("decay", 0.0)
    if kind == "Nadam":  # Decay of the momentum, see `_restore_schedule`.
        decay = 0.0
    if decay and not isinstance(rate, dict):
        schedule = {
            "initial_learning_rate": rate,
            "decay_steps": 1,
            "decay_rate": decay,
        }
        rate = {"class_name": "InverseTimeDecay", "config": schedule}
    if isinstance(rate, dict):
        rate = {"module": "keras.optimizers.schedules", **rate}
    config["learning_rate"] = rate
    inner = config.get("inner_optimizer")
    if isinstance(inner, dict):
        config["inner_optimizer"] = _upgrade_optimizer(inner, origin)
    if "clipnorm" in config and not origin.tensorflow:
        # In Keras without TensorFlow, `clipnorm` is the global norm.
        config["global_clipnorm"] = config.pop("clipnorm")
    known = accepted_names(find_class({"class_name": kind}))
    config = {k: v for k, v in config.items() if k in known and v is not None}
    return {"module": "keras.optimizers", "class_name": kind, "config": config}


def _upgrade_names(value: object, origin: KerasVersion, module: str) -> Any:
    """Convert losses or metrics in nested lists and dictionaries.

    `module` distinguishes losses and metrics whose classes have the same name.
    """
    if isinstance(value, str):
        if _is_custom(value):
            return {"class_name": "function", "config": value, "registered_name": value}
        return LOSSES.get(value, value) if origin.version < (3,) else value
    if isinstance(value, list):
        return [_upgrade_names(item, origin, module) for item in value]
    if not isinstance(value, dict):
        return value
    if "class_name" not in value:
        return {k: _upgrade_names(item, origin, module) for k, item in value.items()}
    reference = {"module": module, **value}
    if origin.version >= (3,):
        return reference
    config = {k: v for k, v in (value.get("config") or {}).items() if k != "dtype"}
    if value["class_name"] in ("MeanMetricWrapper", "LossFunctionWrapper"):
        # These classes wrap a function that was given by name.
        return _upgrade_names(str(config.get("fn")), origin, module)
    if config.get("reduction") == "auto":
        config["reduction"] = "sum_over_batch_size"
    return {**reference, "config": config}


def _is_custom(name: str) -> bool:
    """Return whether a name is that of a function of the user's."""
    found = next((table[name] for table in custom_tables() if name in table), None)
    return found is not None and not isinstance(found, type)


class StoredState(NamedTuple):
    """State of an optimizer in a file.

    Args:
        arrays: names and arrays.
        layers: layers with trainable variables, in the file's order.
        origin: version that wrote the file.
        training: the training config in the file.
    """

    arrays: Arrays
    layers: list[StoredLayer]
    origin: KerasVersion
    training: Config

    def load(self, optimizer: Optimizer) -> str:
        """Load the state into an optimizer that is built for the model's variables.

        Returns:
            The problem if the state was not loaded, or an empty string.
        """
        if self.origin.version >= (3,):
            if len(self.arrays) != len(optimizer.variables):
                return "the file has the state of another optimizer"
            values = [array for _, array in self.arrays]
            return _assign_all(list(zip(optimizer.variables, values, strict=True)))
        kind = type(optimizer).__name__
        wanted = {v.name: v for v in optimizer.variables if v.name != "learning_rate"}
        scalars = [array for _, array in self.arrays if array.ndim == 0]
        pairs: list[tuple[Variable, np.ndarray]] = []
        if scalars:
            pairs.append((wanted.pop("iteration"), np.asarray(int(scalars[0]))))
            if isinstance(optimizer, Nadam):
                config = self.training["optimizer_config"]["config"]
                product = _restore_schedule(optimizer, config, scalars)
                pairs.append((wanted.pop("product"), product))
        variables = [v for layer in self.layers for v in layer.trainable]
        paths = [v.path.replace("/", "_") for v in variables]
        for name, parts in self._slots(kind).items():
            if f"{paths[0]}_{name}" in wanted:
                slots = [wanted.pop(f"{path}_{name}") for path in paths]
                pairs += zip(slots, self._upgrade_slot(parts), strict=True)
        scheduled = isinstance(optimizer.get_config()["learning_rate"], dict)
        if wanted.keys() == {"iteration"} and not scheduled:
            wanted = {}  # Without a schedule, the step count has no effect.
        if wanted:
            return f"the file has no {next(iter(wanted))!r}"
        return _assign_all(pairs)

    def _slots(self, kind: str) -> dict[str, Values]:
        """Group arrays by the slot in their names, or by order if there is none.

        In order, Keras writes all arrays of a slot, then those of the next.
        """
        arrays = [(name, array) for name, array in self.arrays if array.ndim]
        names = {**_SLOT_NAMES, **({"v": "norm"} if kind == "Adamax" else {})}
        slots: defaultdict[str, Values] = defaultdict(list)
        for name, array in arrays:
            parts = name.removesuffix(":0").split("/")
            # Old names end in the slot's name; newer ones have it as the second part.
            found = [names[p] for p in (parts[-1], *parts[1:2]) if p in names]
            if not found:
                break
            slots[found[0]].append(array)
        else:
            return slots
        count = sum(len(layer.names) for layer in self.layers)
        return {
            name: [array for _, array in arrays[i * count : (i + 1) * count]]
            for i, name in enumerate(_SLOTS.get(kind, ()))
            if len(arrays) >= (i + 1) * count
        }

    def _upgrade_slot(self, arrays: Values) -> Values:
        """Convert the arrays of a slot to the layout of Keras 3."""
        if self.origin.version < _FIRST_WITH_LAYER_ORDER:
            arrays = self._unsort(arrays)
        remaining, found = iter(arrays), Values()
        for layer, trainable, names in self.layers:
            part = upgrade_arrays(layer, [*islice(remaining, len(names))], self.origin)
            found += part[: len(trainable)]
        return found

    def _unsort(self, arrays: Values) -> Values:
        """Order arrays as the layers, given arrays in the order of weight names."""
        names = [name for layer in self.layers for name in layer.names]
        by_name = sorted(range(len(names)), key=names.__getitem__)
        arrays_by_index = dict(zip(by_name, arrays, strict=True))
        return [arrays_by_index[index] for index in range(len(names))]


def _restore_schedule(optimizer: Nadam, config: Config, scalars: Values) -> np.ndarray:
    """Restore Nadam's momentum schedule and return the product of its momenta.

    Only the optimizers of TensorFlow before 2.11 stored that product.
    """
    decay = config.get("schedule_decay", config.get("decay", 1.0))
    optimizer.momentum_decay = float(decay)
    if len(scalars) > 1:
        return np.asarray(scalars[1])
    steps = np.arange(1, min(int(scalars[0]), _MAX_SCHEDULE_STEPS) + 1)
    momenta = optimizer.beta_1 * (1 - 0.5 * 0.96 ** (steps * optimizer.momentum_decay))
    return np.asarray(np.prod(momenta), "float32")


def _assign_all(pairs: list[tuple[Variable, np.ndarray]]) -> str:
    """Assign all values, or none if a shape differs; return the problem."""
    if any(tuple(variable.shape) != value.shape for variable, value in pairs):
        return "the arrays in the file have other shapes"
    for variable, value in pairs:
        variable.assign(value)
    return ""
