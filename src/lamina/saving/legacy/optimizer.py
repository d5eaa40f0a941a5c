"""How a model was compiled, and its optimizer's state, in files of Keras 1 and 2."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina.core.module import accepted_names
from lamina.core.registry import find_class
from lamina.core.variable import Variable
from lamina.saving.legacy.config import KerasVersion
from lamina.saving.legacy.weights import Placed, upgrade_arrays

__all__ = ["upgrade_compile_config", "read_optimizer"]

_LOSSES = {
    "cosine": "cosine_similarity",
    "cosine_proximity": "cosine_similarity",
    "kullback_leibler_divergence": "kl_divergence",
    "logcosh": "log_cosh",
}
# What each kind remembers of a variable, in the order in which Keras 1 and 2 wrote it.
_SLOTS = {
    "SGD": ("momentum",),
    "RMSprop": ("velocity",),
    "Adagrad": ("accumulator",),
    "Adadelta": ("accumulated_grad", "accumulated_delta_var"),
    "Adam": ("momentum", "velocity", "velocity_hat"),
    "Adamax": ("momentum", "norm"),
    "Nadam": ("momentum", "velocity"),
}
# The same in the names of tf.keras.
_NAMES = {
    "SGD": {"m": "momentum"},
    "RMSprop": {"rms": "velocity", "mg": "average_gradient"},
    "Adadelta": {
        "accum_grad": "accumulated_grad",
        "accum_var": "accumulated_delta_var",
    },
    "Adamax": {"m": "momentum", "u": "norm", "v": "norm"},
}
# After which the product of numbers well below 1 is 0.
_ENOUGH_STEPS = 100_000
_COMMON_NAMES = {"m": "momentum", "v": "velocity", "vhat": "velocity_hat"}


def upgrade_compile_config(
    training: dict[str, Any], origin: KerasVersion
) -> dict[str, Any]:
    """The arguments of `compile` as lamina reads them."""
    found = {
        "optimizer": _optimizer(training["optimizer_config"], origin),
        "loss": _named(training.get("loss"), origin, "keras.losses"),
        "loss_weights": training.get("loss_weights"),
        **{
            key: _named(training.get(key), origin, "keras.metrics")
            for key in ("metrics", "weighted_metrics")
        },
    }
    return {key: value for key, value in found.items() if value}


def _optimizer(entry: dict[str, Any], origin: KerasVersion) -> dict[str, Any]:
    if origin.version >= (3,):
        return {"module": "keras.optimizers", **entry}
    kind = entry["class_name"].rpartition(">")[2]
    config = dict(entry["config"])
    rate = config.pop("lr", config.get("learning_rate", 0.001))
    decay = config.pop("decay", 0.0)
    if kind == "Nadam":  # was the decay of its momentum, see `_follow_schedule`
        decay = 0.0
    if isinstance(rate, dict):
        rate = {"module": "keras.optimizers.schedules", **rate}
    elif decay:
        schedule = {
            "initial_learning_rate": rate,
            "decay_steps": 1,
            "decay_rate": decay,
        }
        rate = {
            "module": "keras.optimizers.schedules",
            "class_name": "InverseTimeDecay",
            "config": schedule,
        }
    config["learning_rate"] = rate
    inner = config.get("inner_optimizer")
    if isinstance(inner, dict):
        config["inner_optimizer"] = _optimizer(inner, origin)
    if "clipnorm" in config and not origin.tensorflow:
        # Keras itself took the norm of all gradients together.
        config["global_clipnorm"] = config.pop("clipnorm")
    known = accepted_names(find_class({"class_name": kind}))
    kept = {k: v for k, v in config.items() if k in known and v is not None}
    return {"module": "keras.optimizers", "class_name": kind, "config": kept}


def _named(value: Any, origin: KerasVersion, module: str) -> Any:
    """Losses or metrics, in whatever lists and dictionaries they stand.

    Some classes of both have one name, so `module` says which are meant.
    """
    if isinstance(value, str):
        return _LOSSES.get(value, value) if origin.version < (3,) else value
    if isinstance(value, list):
        return [_named(item, origin, module) for item in value]
    if not isinstance(value, dict):
        return value
    if "class_name" not in value:
        return {key: _named(item, origin, module) for key, item in value.items()}
    reference = {"module": module, **value}
    if origin.version >= (3,):
        return reference
    config = {k: v for k, v in (value.get("config") or {}).items() if k != "dtype"}
    if value["class_name"] in ("MeanMetricWrapper", "LossFunctionWrapper"):
        # Written for each plain name: the name says what is meant.
        name = str(config.get("fn"))
        return _LOSSES.get(name, name)
    if config.get("reduction") == "auto":
        config["reduction"] = "sum_over_batch_size"
    return {**reference, "config": config}


def read_optimizer(
    optimizer: Any,
    arrays: Sequence[tuple[str, np.ndarray]],
    placed: Sequence[Placed],
    origin: KerasVersion,
    training: dict[str, Any],
) -> str:
    """Take an optimizer's state from a file.

    Args:
        optimizer: built for the model's variables.
        arrays: what the file has, with names.
        placed: where what is trained is, in the file's order.
        origin: what wrote the file.
        training: how the file says that the model was compiled.

    Returns:
        Why the state was left as it is, or an empty text.
    """
    if origin.version >= (3,):
        values = [array for _, array in arrays]
        if len(values) != len(optimizer.variables):
            return "the file has it for another optimizer"
        return _take(list(zip(optimizer.variables, values, strict=True)))
    kind = type(optimizer).__name__
    wanted = {v.name: v for v in optimizer.variables if v.name != "learning_rate"}
    scalars = [array for _, array in arrays if array.ndim == 0]
    arrays = [(name, array) for name, array in arrays if array.ndim]
    slots = _by_slot(kind, arrays, placed)
    pairs = []
    if scalars:
        pairs.append((wanted.pop("iteration"), np.asarray(int(scalars[0]))))
        if kind == "Nadam":
            config = training["optimizer_config"]["config"]
            product = _follow_schedule(optimizer, config, scalars)
            pairs.append((wanted.pop("product"), product))
    for name, parts in slots.items():
        paths = [v.path.replace("/", "_") for p in placed for v in p.trained]
        if f"{paths[0]}_{name}" in wanted:
            values = _laid_out(parts, placed, origin)
            pairs += [
                (wanted.pop(f"{path}_{name}"), value)
                for path, value in zip(paths, values, strict=True)
            ]
    scheduled = isinstance(optimizer.get_config()["learning_rate"], dict)
    if wanted.keys() == {"iteration"} and not scheduled:
        wanted = {}  # nothing depends on what these rules of Keras did not write
    if wanted:
        return f"the file has nothing for {next(iter(wanted))!r}"
    return _take(pairs)


def _follow_schedule(
    optimizer: Any, config: dict[str, Any], scalars: Sequence[np.ndarray]
) -> np.ndarray:
    """Let the momentum of Nadam grow as it did; returns the product of it so far.

    Only the optimizers that TensorFlow had before 2.11 wrote that product.
    """
    decay = config.get("schedule_decay", config.get("decay", 1.0))
    optimizer.schedule_decay = float(decay)
    if len(scalars) > 1:
        return np.asarray(scalars[1])
    steps = np.arange(1, min(int(scalars[0]), _ENOUGH_STEPS) + 1)
    momenta = optimizer.beta_1 * (1 - 0.5 * 0.96 ** (steps * optimizer.schedule_decay))
    return np.asarray(np.prod(momenta), "float32")


def _take(pairs: Sequence[tuple[Variable, np.ndarray]]) -> str:
    """Assign all or nothing."""
    if any(tuple(variable.shape) != value.shape for variable, value in pairs):
        return "the arrays in the file have other shapes"
    for variable, value in pairs:
        variable.assign(value)
    return ""


def _by_slot(
    kind: str, arrays: Sequence[tuple[str, np.ndarray]], placed: Sequence[Placed]
) -> dict[str, list[np.ndarray]]:
    """The arrays of each slot in the file's order."""
    slots: dict[str, list[np.ndarray]] = {}
    renamed = {**_COMMON_NAMES, **_NAMES.get(kind, {})}
    known = {*renamed.values(), *renamed, "momentum", "velocity", "accumulator"}
    known |= {"linear", "average_gradient", "accumulated_grad", "accumulated_delta_var"}
    for name, array in arrays:
        parts = name.removesuffix(":0").split("/")
        # The older ones end in the slot's name, the newer have it in second place.
        found = [p for p in (parts[-1], *parts[1:2]) if p in known]
        if not found:
            return _by_place(kind, arrays, placed)
        slots.setdefault(renamed.get(found[0], found[0]), []).append(array)
    return slots


def _by_place(
    kind: str, arrays: Sequence[tuple[str, np.ndarray]], placed: Sequence[Placed]
) -> dict[str, list[np.ndarray]]:
    """Keras itself wrote all of one slot, then all of the next."""
    count = sum(place.arrays for place in placed)
    return {
        name: [array for _, array in arrays[i * count : (i + 1) * count]]
        for i, name in enumerate(_SLOTS.get(kind, ()))
        if len(arrays) >= (i + 1) * count
    }


def _laid_out(
    arrays: Sequence[np.ndarray], placed: Sequence[Placed], origin: KerasVersion
) -> list[np.ndarray]:
    """A slot's arrays as they are laid out today."""
    found: list[np.ndarray] = []
    start = 0
    for layer, trained, count in placed:
        part = upgrade_arrays(layer, list(arrays[start : start + count]), origin)
        start += count
        found += part[: len(trained)]
    return found
