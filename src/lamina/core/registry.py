"""Names to objects and back: `"relu"`, `"Adam"`, configs, custom objects.

Every kind of object has one `Registry`. A name from a string or a file resolves only
through these tables and through objects the user has registered or passed in: nothing
is imported by name, and nothing a file can say makes it so.
"""

from __future__ import annotations

import inspect
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, TypeVar

import jax.numpy as jnp
import numpy as np

from lamina.core.budget import untrusted_config
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

__all__ = [
    "CustomObjectScope",
    "Registry",
    "custom_object_scope",
    "deserialize",
    "get_registered_name",
    "get_registered_object",
    "refuse_code",
    "register_serializable",
    "require_safe",
    "serialize",
    "serialize_once",
]

T = TypeVar("T")
_registries: dict[str, Registry] = {}
_custom: dict[str, Any] = {}
# The scopes entered in this thread or task, the innermost last.
_scopes: ContextVar[tuple[Mapping[str, Any], ...]] = ContextVar("scopes", default=())


def snake_case(name: str) -> str:
    """`"MaxPooling2D"` as `"max_pooling2d"`."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


class Registry:
    """The objects of one kind, by name.

    Args:
        kind: what messages call one of them, such as "activation".
        module: the module's name in configs, such as "keras.activations".
        takes: modules of other kinds that can stand in for this one.
    """

    def __init__(self, kind: str, module: str, takes: Sequence[str] = ()) -> None:
        self.kind, self.module, self.takes = kind, module, takes
        self.objects: dict[str, Any] = {}
        self.aliases: dict[str, Any] = {}
        _registries[module] = self

    def add(self, *objects: Any, **aliases: Any) -> None:
        """Add classes and functions under their names, and further names for some."""
        for item in objects:
            self.objects[item.__name__] = item
            self.aliases.setdefault(snake_case(item.__name__), item)
        self.aliases.update(aliases)

    def find(self, name: str) -> Any:
        """The object of that name.

        Raises:
            UnknownNameError: there is none; the nearest names are offered.
        """
        for table in (*reversed(_scopes.get()), _custom, self.aliases, self.objects):
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
        """An object from a name, a config, a class, or the object itself.

        Raises:
            ArgumentError: it is none of these.
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
            f"Can't make {_article(self.kind)} {self.kind} of {shown(identifier)}: "
            "give a name, an object or a function."
        )

    def _fits(self, found: Any, identifier: Any) -> bool:
        """Whether an object is of this kind, as far as can be told."""
        if _home(type(found)) not in (None, self.module, *self.takes):
            return False
        described = isinstance(identifier, (str, dict)) or inspect.isclass(identifier)
        return callable(found) or (described and not isinstance(found, dict))

    @filter_traceback
    def deserialize(
        self, config: Any, custom_objects: dict[str, Any] | None = None
    ) -> Any:
        """An object from a config or a name, which may refer to `custom_objects`."""
        with custom_object_scope(custom_objects):
            return self.get(config)


def _article(noun: str) -> str:
    return "an" if noun[0] in "aeiou" else "a"


def register_serializable(
    package: str = "Custom", name: str | None = None
) -> Callable[[T], T]:
    """Decorator: let files and configs refer to a class or function of yours.

    Args:
        package: the first part of the registered name, `package>name`.
        name: the second part; the object's own name by default.
    """

    def register(item: T) -> T:
        own = name or item.__name__  # type: ignore[attr-defined]
        if inspect.isclass(item) and not hasattr(item, "get_config"):
            raise ArgumentError(
                f"Can't register class {own!r}: it has no `get_config` method."
            )
        registered = f"{package}>{own}"
        _custom[registered] = item
        item._registered_name = registered  # type: ignore[attr-defined]
        return item

    return register


def get_registered_name(item: Any) -> str:
    """The name an object was registered under, else its own."""
    # Looked up in the object itself: a subclass is registered under its own name.
    return vars(item).get("_registered_name") or item.__name__


def get_registered_object(
    name: str, custom_objects: dict[str, Any] | None = None
) -> Any:
    """The object registered or passed in under a name, or `None`."""
    for table in (custom_objects or {}, *reversed(_scopes.get()), _custom):
        if name in table:
            return table[name]
    return None


def get_custom_objects() -> dict[str, Any]:
    """What names and configs may refer to anywhere: change it to add to that."""
    return _custom


class CustomObjectScope:
    """Context manager: names and configs may refer to these classes and functions.

    A nested scope adds to the scopes around it and takes precedence over them. A scope
    holds for the thread or asynchronous task that enters it and for no other.

    Args:
        custom_objects: classes and functions by the name that configs use.

    Example:
        >>> with CustomObjectScope({"double": lambda x: 2 * x}):
        ...     get_registered_object("double")(3)
        6
    """

    def __init__(self, custom_objects: Mapping[str, Any] | None) -> None:
        self.custom_objects = custom_objects or {}

    def __enter__(self) -> CustomObjectScope:
        _scopes.set((*_scopes.get(), dict(self.custom_objects)))
        return self

    def __exit__(self, *_: object) -> None:
        _scopes.set(_scopes.get()[:-1])


custom_object_scope = CustomObjectScope


def _home(item: Any) -> str | None:
    for module, registry in _registries.items():
        if registry.objects.get(item.__name__) is item:
            return module
    return None


def _reference(item: Any) -> dict[str, Any]:
    """The parts of a config that name a class or function."""
    module = _home(item)
    registered = None if module else get_registered_name(item)
    return {
        "module": module,
        "class_name": item.__name__,
        "registered_name": registered,
    }


def serialize(value: Any) -> Any:
    """A JSON-able form of a value, as Keras writes it."""
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
        number = local.serialized(value) if local.serialized else None
        return config if number is None else {**config, "shared_object_id": number}
    if inspect.isfunction(value):
        return _serialize_function(value)
    if hasattr(value, "__array__"):
        array = np.asarray(value)
        config = {"value": array.tolist(), "dtype": array.dtype.name}
        return {"class_name": "__numpy__", "config": config}
    raise ArgumentError(
        f"Can't write {value!r} into a config: give it a `get_config` method, or "
        "register it with `lamina.saving.register_keras_serializable`."
    )


def serialize_once(value: Any) -> Any:
    """Like `serialize`, with a number on whatever stands in several places.

    By that number it is one object again when the config is read.
    """
    # Objects that come up are kept, so that no two have the same `id`.
    met: list[Any] = []
    local.serialized = met.append
    try:
        config = serialize(value)
        counts = Counter(id(item) for item in met)
        numbers = {key: i for i, key in enumerate(counts) if counts[key] > 1}
        if numbers:
            local.serialized = lambda item: numbers.get(id(item))
            config = serialize(value)
        return config
    finally:
        local.serialized = None


def _extra_configs(value: Any) -> dict[str, Any]:
    """How a layer was built and a model was compiled, where that is known."""
    found: dict[str, Any] = {}
    for name in ("build_config", "compile_config"):
        get = getattr(value, f"get_{name}", None)
        config = get() if get is not None else None
        if config is not None:
            found[name] = serialize(config)
    return found


def _serialize_function(value: Any) -> Any:
    if _home(value) is not None:
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
    """Refuse to turn off what can't be turned off.

    Raises:
        ArgumentError: `safe_mode` is not true.
    """
    if not safe_mode:
        raise ArgumentError(
            "There is no unsafe mode: lamina never runs code from a file. Pass the "
            "functions that the model needs in `custom_objects`."
        )


def deserialize(
    config: Any, custom_objects: dict[str, Any] | None = None, safe_mode: bool = True
) -> Any:
    """The object that a config describes.

    Args:
        config: what `serialize` returned.
        custom_objects: classes and functions by the name the config uses.
        safe_mode: must be true: no config can make lamina run code.

    Raises:
        FileFormatError: the config names something that is neither lamina's nor
            registered nor passed in, or its parts don't fit. Nothing is ever imported
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
                f"The config of an object has {key}={shown(config[key])}, which is "
                "no text."
            )
    special = _SPECIAL.get(config["class_name"])
    if special is not None:
        found = special(config["config"])
        if special is _function and inspect.isfunction(found) and _home(found):
            _require_name(config, config["config"])
        return found
    number = config.get("shared_object_id")
    if not isinstance(number, int) or local.budget is None:
        return _build(find_class(config), config)
    if number not in local.budget.shared:
        local.budget.shared[number] = _build(find_class(config), config)
    return local.budget.shared[number]


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


# Where Keras's files, old and new, say that classes come from; its ops, which are no
# classes here, have names that layers have too.
_KERAS = re.compile(r"(keras|keras_core|tf_keras|tensorflow|lamina)(?!\.(src\.)?ops)\b")


def find_class(config: dict[str, Any]) -> Any:
    """The class a config names, by the allow-list of registries only.

    A class of lamina's is found by its module and name; the name it is registered
    under can't put another in its place. A class of another module is the user's.
    """
    name, module = config["class_name"], config.get("module")
    own = None
    if module is None or module in _registries or _KERAS.match(module):
        home = _registries.get(module or "")
        tables = [home] if home else list(_registries.values())
        own = next((r.objects[name] for r in tables if name in r.objects), None)
        if own is None and home is not None:
            own = home.aliases.get(name)  # what older releases called it
    keys = [name] if own and module else [config.get("registered_name"), name]
    for key in keys:
        item = get_registered_object(key) if key else None
        if item is not None:
            return item
    if own is not None:
        _require_name(config, name)
        return own
    known = [n for r in _registries.values() for n in r.objects if n != name]
    raise FileFormatError(
        f"The config names {shown(name)} of module {shown(module)}, which lamina "
        f"doesn't know.{did_you_mean(name, known)} If it is yours, pass it as "
        f"`custom_objects={{{shown(name)}: {_word(name)}}}` or register it with "
        "`lamina.saving.register_keras_serializable`."
    )


def _require_name(config: dict[str, Any], name: str) -> None:
    # A thing of lamina's that claims to be a user's: the config was altered.
    if config.get("registered_name") not in (None, "", name, config["class_name"]):
        raise FileFormatError(
            f"The config names lamina's {shown(name)} with registered_name="
            f"{shown(config['registered_name'])}. Remove 'registered_name' from it."
        )


def _word(name: str) -> str:
    return name if name.isidentifier() and len(name) < 100 else "..."


def _function(name: Any) -> Any:
    if not isinstance(name, str):
        raise FileFormatError(f"The config names the function {shown(name)}: no text.")
    found = get_registered_object(name)
    if found is not None:
        return found
    for registry in _registries.values():
        item = registry.objects.get(name)
        if inspect.isfunction(item):
            return item
    # Keras up to 3.6 wrote functions without the package they are registered in.
    found = next((v for k, v in _custom.items() if k.endswith(f">{name}")), None)
    if found is not None:
        return found
    raise FileFormatError(
        f"The config names the function {shown(name)}, which lamina doesn't know. Pass "
        f"it as `custom_objects={{{shown(name)}: ...}}`."
    )


def refuse_code(_: Any) -> Any:
    """Raise the error for the body of a function."""
    raise FileFormatError(
        "The config holds the body of a lambda. lamina never runs code from a file: "
        "write the function in your program, register it, or pass it in "
        "`custom_objects`."
    )


def _array(config: dict[str, Any]) -> np.ndarray:
    # NumPy's own names of types could ask for objects, or for an array an element.
    if config["dtype"] not in KNOWN_DTYPES or config["dtype"] == "string":
        raise FileFormatError(f"The config holds an array of {shown(config['dtype'])}.")
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
