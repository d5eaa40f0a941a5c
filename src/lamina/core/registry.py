"""Registries of objects by name, and the conversion of objects to configs and back.

Every kind of object has one `Registry`. A name from a string or a file resolves only
through these tables and through objects that the user has registered or passed in.
Only modules of lamina that a table lists are imported, whatever a file contains.
"""

from __future__ import annotations

import inspect
import re
from collections import ChainMap, Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

import jax.numpy as jnp
import numpy as np

from lamina.core.custom_objects import (
    NameTable,
    custom_object_scope,
    custom_tables,
    find_class,
    find_function,
    get_registered_name,
    library,
    module_of,
    snake_case,
)
from lamina.core.dtypes import KNOWN_DTYPES, POLICY_CLASSES, DTypePolicy, policy_config
from lamina.core.scope import local, override
from lamina.core.untrusted import untrusted_config
from lamina.errors import (
    ArgumentError,
    FileFormatError,
    UnknownNameError,
    did_you_mean,
    shown,
)
from lamina.lazy import LazyImport, LazyTable
from lamina.tracebacks import filter_traceback
from lamina.typing import ArrayLike, Config


class Registry:
    """The objects of one kind, by name.

    Args:
        kind: the noun for one of them in messages, such as "activation".
        module: the module's name in configs, such as "keras.activations".
        accepts: modules of other kinds whose objects `get` also accepts.
    """

    def __init__(self, kind: str, module: str, accepts: Sequence[str] = ()) -> None:
        self.kind, self.module, self.accepts = kind, module, accepts
        self.objects, self.aliases = library[module] = NameTable(
            LazyTable(), LazyTable()
        )

    def add(self, *objects: Any, **aliases: Any) -> None:
        """Add classes and functions under their names, and aliases for some."""
        for item in objects:
            self.objects[item.__name__] = item
            self.aliases.setdefault(snake_case(item.__name__), item)
        self.aliases.update(aliases)

    def add_lazy(self, origins: Mapping[str, str]) -> None:
        """Add objects that are imported when their names are looked up.

        Args:
            origins: `"package.module:name"` by name.
        """
        for name, origin in origins.items():
            self.objects[name] = LazyImport(origin)
            self.aliases.setdefault(snake_case(name), LazyImport(origin))

    def find(self, name: str) -> Any:
        """Return the object of a name.

        Raises:
            UnknownNameError: the name is unknown; the message has the nearest ones.
        """
        known = ChainMap(*custom_tables(), self.aliases, self.objects)
        if name in known:
            return known[name]
        lowered = {n.lower(): n for n in (*self.objects, *self.aliases)}
        if name.lower() in lowered:
            return known[lowered[name.lower()]]
        # One name of each object: `IoU` rather than `io_u`, and no wrappers.
        pairs = self.aliases.items()
        names = [o.__name__ if re.search("(^|_)[a-z](_|$)", n) else n for n, o in pairs]
        names = sorted((n for n in names if not n.endswith("_wrapper")), key=str.lower)
        others = [m for m, table in library.items() if name.lower() in table.aliases]
        hint = did_you_mean(name, [*names, *self.objects])
        if others:
            hint = f" It is a name in `{others[0].replace('keras', 'lamina')}`."
        raise UnknownNameError(
            f"Unknown {self.kind}: {shown(name)}.{hint} "
            f"Known names: {', '.join(names)}."
        )

    @filter_traceback
    def get(self, identifier: object) -> Any:
        """Return an object for a name, a config, a class, or the object itself.

        Raises:
            ArgumentError: `identifier` is none of these.

        Example:
            >>> type(lamina.regularizers.get("l2")).__name__
            'L2'
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
        article = "an" if self.kind[0] in "aeiou" else "a"
        raise ArgumentError(
            f"Cannot interpret {shown(identifier)} as {article} {self.kind}: pass a "
            "name, an object or a function."
        )

    def _fits(self, found: object, identifier: object) -> bool:
        """Return whether an object may be of this kind."""
        if module_of(type(found)) not in (None, self.module, *self.accepts):
            return False
        is_named = isinstance(identifier, (str, dict)) or inspect.isclass(identifier)
        return callable(found) or (is_named and not isinstance(found, dict))

    @filter_traceback
    def deserialize(
        self, config: object, custom_objects: dict[str, Any] | None = None
    ) -> Any:
        """Return the object of a config or name, which may use `custom_objects`.

        Example:
            >>> config = lamina.regularizers.serialize(lamina.regularizers.L2(0.5))
            >>> lamina.regularizers.deserialize(config).l2
            0.5
        """
        with custom_object_scope(custom_objects):
            return self.get(config)


class _Kind(NamedTuple):
    """A kind of plain value that configs hold as a `class_name` and a `config`."""

    accepts: Callable[[Any], bool]
    write: Callable[[Any], object]
    read: Callable[[Any], object]


def serialize(obj: object) -> Any:
    """Return a JSON-serializable config of a value, as Keras writes it.

    Example:
        >>> config = lamina.saving.serialize_keras_object(lamina.layers.Dense(3))
        >>> config["class_name"], config["config"]["units"]
        ('Dense', 3)
    """
    if obj is None or isinstance(obj, (bool, int, float, str)):
        return obj
    if isinstance(obj, np.generic):
        return obj.item()
    if isinstance(obj, (list, tuple)):
        return as_list_or_tuple(obj, [serialize(v) for v in obj])
    if isinstance(obj, dict):
        return {k: serialize(v) for k, v in obj.items()}
    if isinstance(obj, DTypePolicy):
        return policy_config(obj)
    if hasattr(obj, "get_config"):
        return _object_config(obj)
    for name, kind in _KINDS.items():
        if kind.accepts(obj):
            return {"class_name": name, "config": kind.write(obj)}
    if inspect.isfunction(obj):
        if module_of(obj) is not None:
            return obj.__name__
        name = get_registered_name(obj)
        reference = {"module": "builtins", "class_name": "function", "config": name}
        return {**reference, "registered_name": name}
    raise ArgumentError(
        f"Cannot write {obj!r} into a config: give it a `get_config` method, or "
        "register it with `lamina.saving.register_keras_serializable`."
    )


def as_list_or_tuple(like: object, values: list[Any]) -> list[Any] | tuple[Any, ...]:
    """Return a tuple for tuples, named ones too, and a list for all else."""
    return tuple(values) if isinstance(like, tuple) else values


def serialize_once(value: object) -> Any:
    """Serialize a value, with a `shared_object_id` on objects that it has repeatedly.

    Reading the config makes one object for each of these ids.
    """
    alive: list[object] = []  # so that no two objects have the same `id`
    numbers: dict[int, int] = {}

    def number(item: object) -> int:
        alive.append(item)
        return numbers.setdefault(id(item), len(numbers))

    with override(shared_id=number):
        config = serialize(value)
    return _with_repeated(config, Counter(_shared_ids(config)))


def _shared_ids(config: object) -> Iterator[int]:
    if isinstance(config, dict):
        if "shared_object_id" in config:
            yield config["shared_object_id"]
        config = list(config.values())
    if isinstance(config, (list, tuple)):
        for item in config:
            yield from _shared_ids(item)


def _with_repeated(config: Any, counts: Mapping[int, int]) -> Any:
    """Return a config without the ids that occur once."""
    if isinstance(config, (list, tuple)):
        return type(config)([_with_repeated(item, counts) for item in config])
    if not isinstance(config, dict):
        return config
    is_single = counts.get(config.get("shared_object_id", -1)) == 1
    return {
        key: _with_repeated(item, counts)
        for key, item in config.items()
        if not (is_single and key == "shared_object_id")
    }


def _object_config(item: Any) -> Config:
    cls = type(item)
    module = module_of(cls)
    config = {
        "module": module,
        "class_name": cls.__name__,
        "registered_name": None if module else get_registered_name(cls),
        "config": {k: serialize(v) for k, v in item.get_config().items()},
    }
    # Layers have a build config, models a compile config.
    for name in ("build_config", "compile_config"):
        get = getattr(item, f"get_{name}", None)
        extra = None if get is None else get()
        if extra is not None:
            config[name] = serialize(extra)
    shared_id = local.shared_id(item) if local.shared_id else None
    return config if shared_id is None else {**config, "shared_object_id": shared_id}


def require_safe(safe_mode: bool) -> None:
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
    config: object,
    custom_objects: dict[str, Any] | None = None,
    safe_mode: bool = True,
    *,
    module_objects: Mapping[str, Any] | None = None,
    printable_module_name: str = "object",
) -> Any:
    """Return the object that a config describes.

    Args:
        config: a config that `serialize` returned, or the name of one of the custom or
            module objects; a class in `module_objects` is called without arguments.
        custom_objects: classes and functions by their names in the config.
        safe_mode: must be true: no config can make lamina run code.
        module_objects: further classes and functions by their names in the config.
        printable_module_name: kept for compatibility; errors name the class.

    Raises:
        FileFormatError: the config names an object that is neither lamina's nor
            registered nor passed in, or its values are not valid. Nothing is imported
            by name.

    Example:
        >>> config = lamina.saving.serialize_keras_object(lamina.layers.Dense(3))
        >>> lamina.saving.deserialize_keras_object(config).units
        3
    """
    require_safe(safe_mode)
    if isinstance(config, str):
        named = (module_objects or {}).get(config, config)
        found = (custom_objects or {}).get(config)
        return found or (named() if isinstance(named, type) else named)
    objects = {**(module_objects or {}), **(custom_objects or {})}
    with custom_object_scope(objects), untrusted_config(config):
        return _object(config)


def _object(config: object) -> Any:
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
    name, inner = config["class_name"], config["config"]
    if name in _KINDS:
        return _KINDS[name].read(inner)
    if name in POLICY_CLASSES:
        return POLICY_CLASSES[name].from_config(inner)
    if name == "function":
        return find_function(config)
    shared_id = config.get("shared_object_id")
    if not isinstance(shared_id, int) or local.budget is None:
        return _build(find_class(config), config)
    if shared_id not in local.budget.shared:
        local.budget.shared[shared_id] = _build(find_class(config), config)
    return local.budget.shared[shared_id]


def _build(cls: Any, config: Config) -> Any:
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


def refuse_code(_: object) -> NoReturn:
    """Raise the error for a config with the code of a function."""
    raise FileFormatError(
        "The config has the code of a lambda. lamina never runs code from a file: "
        "write the function in your program, register it, or pass it in "
        "`custom_objects`."
    )


def _array_config(value: ArrayLike) -> Config:
    array = np.asarray(value)
    return {"value": array.tolist(), "dtype": array.dtype.name}


def _array(config: Config) -> np.ndarray:
    # NumPy's names of types include objects, and arrays as elements.
    if config["dtype"] not in KNOWN_DTYPES or config["dtype"] == "string":
        raise FileFormatError(
            f"The config has an array of the dtype {shown(config['dtype'])}, which is "
            "not supported."
        )
    return np.array(config["value"], jnp.dtype(config["dtype"]))


_SLICE = ("start", "stop", "step")
_ARRAYS = _Kind(lambda v: hasattr(v, "__array__"), _array_config, _array)
_KINDS = {
    "__numpy__": _ARRAYS,
    "__tensor__": _ARRAYS,
    "__bytes__": _Kind(
        lambda v: isinstance(v, bytes),
        lambda v: {"value": v.decode()},
        lambda c: c["value"].encode(),
    ),
    "__slice__": _Kind(
        lambda v: isinstance(v, slice),
        lambda v: {k: serialize(getattr(v, k)) for k in _SLICE},
        lambda c: slice(*(_object(c[k]) for k in _SLICE)),
    ),
    "__ellipsis__": _Kind(lambda v: v is ..., lambda _: {}, lambda _: ...),
    "__lambda__": _Kind(
        lambda v: inspect.isfunction(v) and v.__name__ == "<lambda>",
        lambda _: {"value": "<lambda>"},
        refuse_code,
    ),
}
