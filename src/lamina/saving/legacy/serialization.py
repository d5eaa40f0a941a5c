"""Configs of single objects in the form of Keras 2: a class name and arguments."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from lamina.core.custom_objects import custom_object_scope, get_registered_name
from lamina.core.registry import deserialize
from lamina.errors import ArgumentError, UnknownNameError, did_you_mean, shown
from lamina.tracebacks import filter_traceback


@filter_traceback
def serialize_keras_object(instance: Any) -> Any:
    """Return the config of an object in the form of Keras 2.

    Args:
        instance: an object with `get_config`, a function, or `None`.

    Returns:
        A dictionary of `class_name` and `config`, a function's name, or `None`.

    Raises:
        ArgumentError: the object has neither `get_config` nor a name.

    Example:
        >>> import lamina
        >>> serialize_keras_object(lamina.regularizers.L1(0.5))
        {'class_name': 'L1', 'config': {'l1': 0.5}}
    """
    if instance is None:
        return None
    if hasattr(instance, "get_config"):
        values = instance.get_config()
        config = {name: _serialized(value) for name, value in values.items()}
        return {"class_name": get_registered_name(type(instance)), "config": config}
    if hasattr(instance, "__name__"):
        return get_registered_name(instance)
    raise ArgumentError(
        f"Cannot serialize {shown(instance)}: it has no `get_config` method. Add one "
        "that returns the constructor's arguments."
    )


def _serialized(value: object) -> Any:
    is_object = hasattr(value, "get_config") or inspect.isfunction(value)
    return serialize_keras_object(value) if is_object else value


@filter_traceback
def deserialize_keras_object(
    identifier: object,
    module_objects: Mapping[str, Any] | None = None,
    custom_objects: Mapping[str, Any] | None = None,
    printable_module_name: str = "object",
) -> Any:
    """Return the object of a config in the form of Keras 2.

    Args:
        identifier: a config from `serialize_keras_object`, a name, a function, or
            `None`.
        module_objects: classes and functions by name.
        custom_objects: classes and functions by name, which take precedence.
        printable_module_name: the noun for the object in messages.

    Raises:
        UnknownNameError: no object has the name.
        ArgumentError: `identifier` is none of these.

    Example:
        >>> import lamina
        >>> config = {"class_name": "L1", "config": {"l1": 0.5}}
        >>> deserialize_keras_object(config, {"L1": lamina.regularizers.L1}).l1
        0.5
    """
    if identifier is None or inspect.isfunction(identifier):
        return identifier
    known = {**(module_objects or {}), **(custom_objects or {})}
    if isinstance(identifier, dict):
        with custom_object_scope(known):
            return deserialize(identifier)
    if not isinstance(identifier, str):
        raise ArgumentError(
            f"Cannot interpret {shown(identifier)} as a config of this kind: "
            f"{printable_module_name}. Pass a dictionary or a name."
        )
    if identifier not in known:
        raise UnknownNameError(
            f"Unknown {printable_module_name}: {shown(identifier)}."
            f"{did_you_mean(identifier, known)} Pass it in `custom_objects`."
        )
    found = known[identifier]
    return found() if inspect.isclass(found) else found
