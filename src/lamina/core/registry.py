"""Registries of objects by name, and the conversion of objects to configs and back.

Every kind of object has one `Registry`. A name from a string or a file resolves only
through these tables and through objects that the user has registered or passed in.
Nothing is imported by name, whatever a file contains.
"""

from __future__ import annotations

import inspect
import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from lamina.core.budget import untrusted_config
from lamina.core.custom_objects import (
    custom_object_scope,
    custom_tables,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
)
from lamina.core.dtypes import (
    KNOWN_DTYPES,
    DTypePolicy,
    DTypePolicyMap,
    policy_config,
)
from lamina.core.scope import local
from lamina.core.tracebacks import filter_traceback
from lamina.errors import (
    ArgumentError,
    FileFormatError,
    UnknownNameError,
    did_you_mean,
    shown,
)

_registries: dict[str, Registry] = {}


def snake_case(name: str) -> str:
    """Convert a name to snake case: `"MaxPooling2D"` to `"max_pooling2d"`."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


class Registry:
    """The objects of one kind, by name.

    Args:
        kind: the noun for one of them in messages, such as "activation".
        module: the module's name in configs, such as "keras.activations".
        accepts: modules of other kinds whose objects `get` also accepts.
    """

    def __init__(self, kind: str, module: str, accepts: Sequence[str] = ()) -> None:
        self.kind, self.module, self.accepts = kind, module, accepts
        self.objects: dict[str, Any] = {}
        self.aliases: dict[str, Any] = {}
        _registries[module] = self

    def add(self, *objects: Any, **aliases: Any) -> None:
        """Add classes and functions under their names, and aliases for some."""
        for item in objects:
            self.objects[item.__name__] = item
            self.aliases.setdefault(snake_case(item.__name__), item)
        self.aliases.update(aliases)

    def find(self, name: str) -> Any:
        """Return the object of a name.

        Raises:
            UnknownNameError: the name is unknown; the message has the nearest ones.
        """
        for table in (*custom_tables(), self.aliases, self.objects):
            if name in table:
                return table[name]
        lowered = {k.lower(): v for k, v in (self.objects | self.aliases).items()}
        if name.lower() in lowered:
            return lowered[name.lower()]
        names = self._readable_names()
        known = [*names, *self.objects]
        raise UnknownNameError(
            f"Unknown {self.kind}: {shown(name)}.{did_you_mean(name, known)} "
            f"Known names: {', '.join(sorted(names, key=str.lower))}."
        )

    def _readable_names(self) -> list[str]:
        """Return one name of each object: `IoU` rather than `io_u`, and no wrappers."""
        pairs = self.aliases.items()
        names = [o.__name__ if re.search("(^|_)[a-z](_|$)", n) else n for n, o in pairs]
        return [name for name in names if not name.endswith("_wrapper")]

    @filter_traceback
    def get(self, identifier: Any) -> Any:
        """Return an object for a name, a config, a class, or the object itself.

        Raises:
            ArgumentError: `identifier` is none of these.
        """
        found = identifier
        if isinstance(identifier, str):
            found = self.find(identifier)
        elif isinstance(identifier, dict):
            module = identifier.get("module") or self.module
            found = deserialize({**identifier, "module": module})
        if inspect.isclass(found):
            found = found()
        if found is None or self._fits(found, identifier):
            return found
        raise ArgumentError(
            f"Cannot interpret {shown(identifier)} as {_article(self.kind)} "
            f"{self.kind}: pass a name, an object or a function."
        )

    def _fits(self, found: Any, identifier: Any) -> bool:
        """Return whether an object may be of this kind."""
        if _module_of(type(found)) not in (None, self.module, *self.accepts):
            return False
        is_named = isinstance(identifier, (str, dict)) or inspect.isclass(identifier)
        return callable(found) or (is_named and not isinstance(found, dict))

    @filter_traceback
    def deserialize(
        self, config: Any, custom_objects: dict[str, Any] | None = None
    ) -> Any:
        """Return the object of a config or name, which may use `custom_objects`."""
        with custom_object_scope(custom_objects):
            return self.get(config)


def _article(noun: str) -> str:
    return "an" if noun[0] in "aeiou" else "a"


def _module_of(item: Any) -> str | None:
    """Return the module of the registry that has an object, or `None`."""
    for module, registry in _registries.items():
        if registry.objects.get(item.__name__) is item:
            return module
    return None


def _reference(item: Any) -> dict[str, Any]:
    """Return the entries of a config that name a class or function."""
    module = _module_of(item)
    registered = None if module else get_registered_name(item)
    return {
        "module": module,
        "class_name": item.__name__,
        "registered_name": registered,
    }


def serialize(value: Any) -> Any:
    """Return a JSON-able config of a value, as Keras writes it."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, (list, tuple)):
        return type(value)([serialize(v) for v in value])
    if isinstance(value, dict):
        return {k: serialize(v) for k, v in value.items()}
    if isinstance(value, slice):
        parts = {k: serialize(getattr(value, k)) for k in ("start", "stop", "step")}
        return {"class_name": "__slice__", "config": parts}
    if value is ...:
        return {"class_name": "__ellipsis__", "config": {}}
    if isinstance(value, bytes):
        return {"class_name": "__bytes__", "config": {"value": value.decode()}}
    if isinstance(value, DTypePolicy):
        return policy_config(value)
    if hasattr(value, "get_config"):
        inner = {k: serialize(v) for k, v in value.get_config().items()}
        config = {**_reference(type(value)), "config": inner, **_extra_configs(value)}
        shared_id = local.shared_id(value) if local.shared_id else None
        return (
            config if shared_id is None else {**config, "shared_object_id": shared_id}
        )
    if inspect.isfunction(value):
        return _serialize_function(value)
    if hasattr(value, "__array__"):
        array = np.asarray(value)
        config = {"value": array.tolist(), "dtype": array.dtype.name}
        return {"class_name": "__numpy__", "config": config}
    raise ArgumentError(
        f"Cannot write {value!r} into a config: give it a `get_config` method, or "
        "register it with `lamina.saving.register_keras_serializable`."
    )


def serialize_once(value: Any) -> Any:
    """Serialize a value, with a `shared_object_id` on objects that it has repeatedly.

    Reading the config makes one object for each of these ids.
    """
    # The list keeps all objects alive, so that no two have the same `id`.
    seen: list[Any] = []
    local.shared_id = seen.append
    try:
        config = serialize(value)
        counts = Counter(id(item) for item in seen)
        shared = {key: i for i, key in enumerate(counts) if counts[key] > 1}
        if shared:
            local.shared_id = lambda item: shared.get(id(item))
            config = serialize(value)
        return config
    finally:
        local.shared_id = None


def _extra_configs(value: Any) -> dict[str, Any]:
    """Return the build config of a layer and the compile config of a model, if any."""
    found: dict[str, Any] = {}
    for name in ("build_config", "compile_config"):
        get = getattr(value, f"get_{name}", None)
        config = get() if get is not None else None
        if config is not None:
            found[name] = serialize(config)
    return found


def _serialize_function(value: Callable[..., Any]) -> Any:
    if _module_of(value) is not None:
        return value.__name__
    if value.__name__ == "<lambda>":
        return {"class_name": "__lambda__", "config": {"value": "<lambda>"}}
    reference = _reference(value)
    return {
        "module": "builtins",
        "class_name": "function",
        "config": reference["registered_name"],
        "registered_name": reference["registered_name"],
    }


def require_safe(safe_mode: Any) -> None:
    """Refuse to turn off safe mode.

    Raises:
        ArgumentError: `safe_mode` is false.
    """
    if not safe_mode:
        raise ArgumentError(
            "There is no unsafe mode: lamina never runs code from a file. Pass the "
            "functions that the model needs in `custom_objects`."
        )


def deserialize(
    config: Any, custom_objects: dict[str, Any] | None = None, safe_mode: bool = True
) -> Any:
    """Return the object that a config describes.

    Args:
        config: a config that `serialize` returned.
        custom_objects: classes and functions by their names in the config.
        safe_mode: must be true: no config can make lamina run code.

    Raises:
        FileFormatError: the config names an object that is neither lamina's nor
            registered nor passed in, or its values are not valid. Nothing is imported
            by name.
    """
    require_safe(safe_mode)
    with custom_object_scope(custom_objects), untrusted_config(config):
        return _object(config)


def _object(config: Any) -> Any:
    if isinstance(config, (list, tuple)):
        return type(config)([_object(v) for v in config])
    if not isinstance(config, dict):
        return config
    if "class_name" not in config or "config" not in config:
        return {k: _object(v) for k, v in config.items()}
    for key in ("class_name", "module", "registered_name"):
        if not isinstance(config.get(key), (str, type(None))):
            raise FileFormatError(
                f"The config of an object has {key}={shown(config[key])}; {key} must "
                f"be a string, got {type(config[key]).__name__}."
            )
    special = _SPECIAL.get(config["class_name"])
    if special is not None:
        found = special(config["config"])
        if special is _function and inspect.isfunction(found) and _module_of(found):
            _require_name(config, config["config"])
        return found
    shared_id = config.get("shared_object_id")
    if not isinstance(shared_id, int) or local.budget is None:
        return _build(find_class(config), config)
    if shared_id not in local.budget.shared:
        local.budget.shared[shared_id] = _build(find_class(config), config)
    return local.budget.shared[shared_id]


def _build(cls: Any, config: dict[str, Any]) -> Any:
    inner = config["config"] or {}
    if not isinstance(inner, dict):
        raise FileFormatError(
            f"The config of {config['class_name']!r} must be a dictionary of its "
            f"arguments. Received: {shown(inner)}."
        )
    if hasattr(cls, "from_config"):
        item = cls.from_config(dict(inner))
    else:
        item = cls(**{k: _object(v) for k, v in inner.items()})
    build = config.get("build_config")
    if build and hasattr(item, "build_from_config"):
        item.build_from_config(build)
    return item


# Modules of classes in files of Keras, old and new. Its ops are excluded: they have
# names that layers have too.
_KERAS = re.compile(r"(keras|keras_core|tf_keras|tensorflow|lamina)(?!\.(src\.)?ops)\b")


def find_class(config: dict[str, Any]) -> Any:
    """Return the class that a config names, by the allow-list of registries only.

    A class of lamina's is found by its module and name: a registered name cannot
    replace it. A class of another module is the user's.
    """
    name, module = config["class_name"], config.get("module")
    library_class = None
    if module is None or module in _registries or _KERAS.match(module):
        registry = _registries.get(module or "")
        tables = [registry] if registry else list(_registries.values())
        matches = (r.objects[name] for r in tables if name in r.objects)
        library_class = next(matches, None)
        if library_class is None and registry is not None:
            library_class = registry.aliases.get(name)  # its name in older releases
    is_known = library_class is not None and module
    keys = [name] if is_known else [config.get("registered_name"), name]
    for key in keys:
        item = get_registered_object(key) if key else None
        if item is not None:
            return item
    if library_class is not None:
        _require_name(config, name)
        return library_class
    known = [n for r in _registries.values() for n in r.objects if n != name]
    raise FileFormatError(
        f"The config names {shown(name)} of module {shown(module)}, which lamina "
        f"does not know.{did_you_mean(name, known)} If it is yours, pass it as "
        f"`custom_objects={{{shown(name)}: {_identifier(name)}}}` or register it with "
        "`lamina.saving.register_keras_serializable`."
    )


def _require_name(config: dict[str, Any], name: str) -> None:
    # An object of lamina's with the registered name of another: the config was altered.
    if config.get("registered_name") not in (None, "", name, config["class_name"]):
        raise FileFormatError(
            f"The config names lamina's {shown(name)} with registered_name="
            f"{shown(config['registered_name'])}. Remove 'registered_name' from it."
        )


def _identifier(name: str) -> str:
    return name if name.isidentifier() and len(name) < 100 else "..."


def _function(name: Any) -> Any:
    if not isinstance(name, str):
        raise FileFormatError(
            f"The config names the function {shown(name)}: the name must be a string."
        )
    found = get_registered_object(name)
    if found is not None:
        return found
    for registry in _registries.values():
        item = registry.objects.get(name)
        if inspect.isfunction(item):
            return item
    # Keras up to 3.6 wrote functions without the package they are registered in.
    found = next(
        (v for k, v in get_custom_objects().items() if k.endswith(f">{name}")), None
    )
    if found is not None:
        return found
    raise FileFormatError(
        f"The config names the function {shown(name)}, which lamina does not know. "
        f"Pass it as `custom_objects={{{shown(name)}: ...}}`."
    )


def refuse_code(_: Any) -> Any:
    """Raise the error for a config with the code of a function."""
    raise FileFormatError(
        "The config has the code of a lambda. lamina never runs code from a file: "
        "write the function in your program, register it, or pass it in "
        "`custom_objects`."
    )


def _array(config: dict[str, Any]) -> np.ndarray:
    # NumPy's names of types include objects, and arrays as elements.
    if config["dtype"] not in KNOWN_DTYPES or config["dtype"] == "string":
        raise FileFormatError(
            f"The config has an array of the dtype {shown(config['dtype'])}, which is "
            "not supported."
        )
    return np.array(config["value"], jnp.dtype(config["dtype"]))


_SPECIAL: dict[str, Callable[[Any], Any]] = {
    "__numpy__": _array,
    "__tensor__": _array,
    "__bytes__": lambda c: c["value"].encode(),
    "__slice__": lambda c: slice(*(_object(c[k]) for k in ("start", "stop", "step"))),
    "__ellipsis__": lambda c: ...,
    "__lambda__": refuse_code,
    "function": _function,
    "DTypePolicy": DTypePolicy.from_config,
    "FloatDTypePolicy": DTypePolicy.from_config,
    "DTypePolicyMap": DTypePolicyMap.from_config,
}
