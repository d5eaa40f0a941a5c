"""Writer of `.h5` files in the layout of Keras 2, which Keras 3 writes on request.

The model's config is an attribute. Each layer has a group with its arrays, of which
those that are trained come first, and attributes list the names of both.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterable
from typing import Any

from lamina import losses
from lamina.core.variable import Variable
from lamina.errors import ArgumentError
from lamina.io.hdf5_write import CHECKSUM, HDF5File
from lamina.saving.legacy.weights import (
    MODELS_OWN,
    layer_orders,
    legacy_order,
)
from lamina.saving.weights import KERAS_VERSION, as_array

__all__ = ["legacy_model_file", "legacy_weights_file", "require_architecture"]

# An attribute holds 64 KiB, and a reference to a text in it 16 bytes.
_NAMES_PER_ATTRIBUTE = 4000
_VERSION = {"keras_version": KERAS_VERSION, "backend": "jax"}

Texts = dict[str, str | list[str]]


class _Groups:
    """The groups of a file that is being laid out, and their attributes."""

    def __init__(self) -> None:
        self.arrays: dict[str, dict[str, Any]] = {}
        self.attributes: dict[str, Texts] = {"": {"sha256": CHECKSUM}}

    def set_names(self, path: str, key: str, names: list[str]) -> None:
        """Write a list of names, spread over several attributes if it is long."""
        step = _NAMES_PER_ATTRIBUTE
        parts = [names[i : i + step] for i in range(0, len(names), step)]
        attributes = self.attributes.setdefault(path, {})
        if len(parts) > 1:
            attributes |= {f"{key}{i}": part for i, part in enumerate(parts)}
        else:
            attributes[key] = names

    def add(self, path: str, variables: Iterable[Variable]) -> None:
        """Write a group of arrays, each under its variable's path."""
        named = _by_unique_path(variables)
        self.arrays.setdefault(path, {})
        for name, variable in named.items():
            below, _, last = f"{path}/{name}".rpartition("/")
            self.arrays.setdefault(below, {})[last] = as_array(variable)
        self.set_names(path, "weight_names", list(named))

    def add_layers(self, root: str, model: Any, orders: dict[str, list[str]]) -> None:
        """Write a group for each layer of a model."""
        names = [layer.name for layer in model.layers]
        repeated = {name for name in names if names.count(name) > 1}
        if repeated or MODELS_OWN in names:
            raise ArgumentError(
                f"Two layers of {model.name!r} are named "
                f"{min(repeated, default=MODELS_OWN)!r}, and an `.h5` file has layers "
                "by name. Name them apart, or end the file's name in `.keras`."
            )
        prefix = f"{root}/".lstrip("/")
        self.attributes.setdefault(root, {}).update(_VERSION)
        self.set_names(root, "layer_names", names)
        for layer in model.layers:
            self.add(prefix + layer.name, legacy_order(layer, orders))
        self.add(prefix + MODELS_OWN, model.own_weights())

    def file(self) -> HDF5File:
        return HDF5File(self.arrays, self.attributes)


def legacy_weights_file(model: Any) -> HDF5File:
    """Lay out a model's weights.

    Raises:
        ArgumentError: two of its layers have one name.
    """
    groups = _Groups()
    groups.add_layers("", model, {})
    return groups.file()


def legacy_model_file(model: Any, config: dict[str, Any]) -> HDF5File:
    """Lay out a whole model.

    Args:
        model: a model made of layers in a stack or graph.
        config: its config, with how it was compiled if that is to be written.

    Raises:
        ArgumentError: two of its layers have one name.
    """
    config = dict(config)
    compiled = config.pop("compile_config", None)
    groups = _Groups()
    root = groups.attributes[""]
    root |= {**_VERSION, "model_config": json.dumps(config)}
    groups.add_layers("model_weights", model, dict(layer_orders(config)))
    if compiled and compiled.get("optimizer"):
        root["training_config"] = json.dumps(_training_config(compiled))
        if model.optimizer.built:
            groups.add("optimizer_weights", model.optimizer.variables)
    return groups.file()


def require_architecture(model: Any) -> None:
    """Refuse a model whose layers only its own code connects.

    Raises:
        ArgumentError: it is neither a stack nor a graph of layers.
    """
    if getattr(model, "_graph", None) is None and not hasattr(model, "_stack"):
        raise ArgumentError(
            f"An `.h5` file has no place for {type(model).__name__}, whose layers are "
            "connected by its own `call`. End the file's name in `.keras`, or write "
            "the weights alone with `model.save_weights(path)`."
        )


def _by_unique_path(variables: Iterable[Variable]) -> dict[str, Variable]:
    """Name variables by their paths, which may repeat or be the start of others."""
    listed = [(v, [part for part in v.path.split("/") if part]) for v in variables]
    groups = {"/".join(p[:i]) for _, p in listed for i in range(1, len(p))}
    found: dict[str, Variable] = {}
    for variable, parts in listed:
        name = "/".join(parts) or "variable"
        while name in found or name in groups:
            name += "_1"
        found[name] = variable
    return found


def _training_config(compiled: dict[str, Any]) -> dict[str, Any]:
    training = {
        key: _by_name(value)
        if key in ("loss", "metrics", "weighted_metrics")
        else value
        for key, value in compiled.items()
        if key != "optimizer"
    }
    training["loss"] = _full_names(training.get("loss"))
    optimizer = compiled["optimizer"]
    name = optimizer.get("registered_name") or optimizer["class_name"]
    training["optimizer_config"] = {"class_name": name, "config": optimizer["config"]}
    return training


def _by_name(value: Any) -> Any:
    """Replace the configs of functions by their names, as the layout has them."""
    if isinstance(value, dict) and value.get("class_name") == "function":
        return value["config"]
    if isinstance(value, dict) and "class_name" not in value:
        return {key: _by_name(item) for key, item in value.items()}
    return [_by_name(item) for item in value] if isinstance(value, list) else value


def _full_names(loss: Any) -> Any:
    """Replace `"mse"` and the like by full names: Keras 3 reads no others in losses."""
    if isinstance(loss, str):
        found = losses.loss_registry.aliases.get(loss)
        return found.__name__ if inspect.isfunction(found) else loss
    if isinstance(loss, dict) and "class_name" not in loss:
        return {key: _full_names(item) for key, item in loss.items()}
    return [_full_names(item) for item in loss] if isinstance(loss, list) else loss
