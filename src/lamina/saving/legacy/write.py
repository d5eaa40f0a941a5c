"""Writer of `.h5` files in the Keras 2 layout, which Keras 3 supports too.

The model's config is an attribute. Each layer has a group of arrays, the trainable ones
first, and attributes list the names of layers and arrays.
"""

from __future__ import annotations

import inspect
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from lamina import losses
from lamina.core.process import whole_array
from lamina.core.variable import Variable
from lamina.errors import ArgumentError
from lamina.io.hdf5_write import CHECKSUM, HDF5File
from lamina.layers.base import Layer
from lamina.layers.base.call_graph import graph_of
from lamina.saving.legacy import weights
from lamina.saving.records import KERAS_VERSION, as_array
from lamina.training.trainer import Trainer
from lamina.typing import Config

# An attribute holds at most 64 KiB, and each reference to a text takes 16 bytes.
_NAMES_PER_ATTRIBUTE = 4000
_VERSION = {"keras_version": KERAS_VERSION, "backend": "jax"}

Texts = dict[str, str | list[str]]


class _Groups:
    """Groups and attributes of a file to be written."""

    def __init__(self) -> None:
        self.arrays: dict[str, dict[str, Any]] = {}
        self.attributes: dict[str, Texts] = {"": {"sha256": CHECKSUM}}

    def set_names(self, path: str, key: str, names: list[str]) -> None:
        """Add a list of names, split over several attributes if it is long."""
        step = _NAMES_PER_ATTRIBUTE
        parts = [names[i : i + step] for i in range(0, len(names), step)]
        attributes = self.attributes.setdefault(path, {})
        if len(parts) > 1:
            attributes |= {f"{key}{i}": part for i, part in enumerate(parts)}
        else:
            attributes[key] = names

    def add(self, path: str, variables: Iterable[Variable]) -> None:
        """Add a group of arrays, each under its variable's path."""
        named = _by_unique_path(variables)
        self.arrays.setdefault(path, {})
        for name, variable in named.items():
            group, _, key = f"{path}/{name}".rpartition("/")
            self.arrays.setdefault(group, {})[key] = whole_array(as_array(variable))
        self.set_names(path, "weight_names", list(named))

    def add_layers(self, root: str, model: Layer, orders: dict[str, list[str]]) -> None:
        """Add a group for each layer of a model."""
        layers = list(dict.fromkeys(model.layers))
        names = [layer.name for layer in layers]
        counts = Counter([*names, weights.MODEL_WEIGHTS])
        repeated = [name for name in counts if counts[name] > 1]
        if repeated:
            raise ArgumentError(
                f"Two layers of {model.name!r} are named {repeated[0]!r}, but layers "
                "in an `.h5` file must have unique names. Rename one, or use the "
                "suffix `.keras`."
            )
        prefix = f"{root}/".lstrip("/")
        self.attributes.setdefault(root, {}).update(_VERSION)
        self.set_names(root, "layer_names", names)
        for layer in layers:
            self.add(prefix + layer.name, weights.legacy_order(layer, orders))
        self.add(prefix + weights.MODEL_WEIGHTS, model.own_weights())

    def to_file(self) -> HDF5File:
        return HDF5File(self.arrays, self.attributes)


def legacy_weights_file(model: Trainer) -> HDF5File:
    """Lay out a model's weights.

    Raises:
        ArgumentError: two of its layers have the same name.
    """
    groups = _Groups()
    groups.add_layers("", model, {})
    return groups.to_file()


def legacy_model_file(model: Trainer, config: Config) -> HDF5File:
    """Lay out a whole model.

    Args:
        model: a Sequential or functional model.
        config: its config, with the compile config if that is to be written.

    Raises:
        ArgumentError: two of its layers have the same name.
    """
    config = dict(config)
    compiled = config.pop("compile_config", None)
    groups = _Groups()
    root = groups.attributes[""]
    root |= {**_VERSION, "model_config": json.dumps(config)}
    groups.add_layers("model_weights", model, dict(weights.layer_orders(config)))
    if compiled and compiled.get("optimizer"):
        root["training_config"] = json.dumps(_training_config(compiled))
        if model.optimizer.built:
            groups.add("optimizer_weights", model.optimizer.variables)
    return groups.to_file()


def require_architecture(model: Trainer) -> None:
    """Check that a model is Sequential or functional.

    Raises:
        ArgumentError: the model is a subclass with its own `call`.
    """
    if graph_of(model) is None and not model.is_sequential:
        raise ArgumentError(
            f"{type(model).__name__} cannot be saved to an `.h5` file, because its "
            "layers are connected by its own `call`. Use the suffix `.keras`, or save "
            "only the weights with `model.save_weights(path)`."
        )


def _by_unique_path(variables: Iterable[Variable]) -> dict[str, Variable]:
    """Give variables unique names that are not prefixes of each other."""
    listed = [(v, [part for part in v.path.split("/") if part]) for v in variables]
    groups = {"/".join(p[:i]) for _, p in listed for i in range(1, len(p))}
    found: dict[str, Variable] = {}
    for variable, parts in listed:
        name = "/".join(parts) or "variable"
        while name in found or name in groups:
            name += "_1"
        found[name] = variable
    return found


def _training_config(compiled: Config) -> Config:
    training = {key: value for key, value in compiled.items() if key != "optimizer"}
    aliases = {
        "loss": losses.loss_registry.aliases,
        "metrics": {},
        "weighted_metrics": {},
    }
    for key in aliases.keys() & training.keys():
        training[key] = _names(training[key], aliases[key])
    optimizer = compiled["optimizer"]
    name = optimizer.get("registered_name") or optimizer["class_name"]
    training["optimizer_config"] = {"class_name": name, "config": optimizer["config"]}
    return training


def _names(value: object, aliases: Mapping[str, object]) -> object:
    """Replace the configs of functions and their aliases by their names.

    Keras 2 has no such configs, and Keras 3 needs the full names of losses.
    """
    if isinstance(value, list):
        return [_names(item, aliases) for item in value]
    if isinstance(value, dict) and "class_name" not in value:
        return {key: _names(item, aliases) for key, item in value.items()}
    if isinstance(value, dict) and value["class_name"] == "function":
        value = value["config"]
    found = aliases.get(value) if isinstance(value, str) else None
    return found.__name__ if inspect.isfunction(found) else value
