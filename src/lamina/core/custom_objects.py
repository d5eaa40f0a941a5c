"""Classes and functions that names and configs may refer to."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any, NamedTuple, TypeVar

from lamina.errors import (
    ArgumentError,
    ArgumentTypeError,
    FileFormatError,
    did_you_mean,
    shown,
)
from lamina.lazy import LazyImport, LazyTable
from lamina.typing import Config

T = TypeVar("T")
_custom: dict[str, Any] = {}
# The objects of registries, by the registry's module in configs.
library: dict[str, NameTable] = {}
# Packages with registries that `import lamina` does not import.
_LATE = LazyImport("lamina.models"), LazyImport("lamina.distillation")
# The scopes entered in this thread or task, the innermost last.
_scopes: ContextVar[tuple[dict[str, Any], ...]] = ContextVar("scopes", default=())


class NameTable(NamedTuple):
    """The objects of one kind by name, and by other names."""

    objects: LazyTable
    aliases: LazyTable


def module_of(item: Any) -> str | None:
    """Return the module of the registry that has an object, or `None`."""
    for module, table in library.items():
        if table.objects.get(item.__name__) is item:
            return module
    return None


def complete_library() -> dict[str, NameTable]:
    """Return the tables of all registries, for names that files contain."""
    for package in _LATE:
        package.load()
    return library


def custom_tables() -> tuple[dict[str, Any], ...]:
    """Return the tables of custom objects by name, in order of precedence."""
    return (*reversed(_scopes.get()), _custom)


def register_serializable(
    package: str = "Custom", name: str | None = None
) -> Callable[[T], T]:
    """Decorate a class or function so that files and configs can refer to it.

    Args:
        package: the first part of the registered name, `package>name`.
        name: the second part; the object's name by default.

    Example:
        >>> @lamina.saving.register_keras_serializable("shop")
        ... class Double(lamina.layers.Layer):
        ...     def call(self, inputs):
        ...         return 2 * inputs
        >>> lamina.saving.get_registered_name(Double)
        'shop>Double'
    """

    def register(item: T) -> T:
        item_name = name or item.__name__  # type: ignore[attr-defined]
        if inspect.isclass(item) and not hasattr(item, "get_config"):
            raise ArgumentError(
                f"Cannot register class {item_name!r}: it has no `get_config` method. "
                "Define one that returns the arguments of the constructor."
            )
        registered = f"{package}>{item_name}"
        _custom[registered] = item
        item._registered_name = registered  # type: ignore[attr-defined]
        return item

    return register


def get_registered_name(obj: Any) -> str:
    """Return the name an object was registered under, or else its `__name__`.

    Example:
        >>> get_registered_name(lamina.layers.Dense)
        'Dense'
    """
    # Not with `getattr`: a subclass is not registered under its base's name.
    return vars(obj).get("_registered_name") or obj.__name__


def snake_case(name: str) -> str:
    """Convert a name to snake case: `"MaxPooling2D"` to `"max_pooling2d"`."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def get_registered_object(
    name: str,
    custom_objects: Mapping[str, Any] | None = None,
    module_objects: Mapping[str, Any] | None = None,
) -> Any:
    """Return the object registered or passed in under a name, or `None`.

    Args:
        name: the registered name.
        custom_objects: objects by name, which take precedence.
        module_objects: objects by name, used if no other table has the name.

    Example:
        >>> get_registered_object("twice", {"twice": lambda x: 2 * x})(3)
        6
    """
    tables: tuple[Mapping[str, Any], ...] = (
        custom_objects or {},
        *custom_tables(),
        module_objects or {},
    )
    return next((table[name] for table in tables if name in table), None)


def get_custom_objects() -> dict[str, Any]:
    """Return the dictionary of registered objects; changes to it are effective.

    Example:
        >>> get_custom_objects()["triple"] = lambda x: 3 * x
        >>> layer = lamina.layers.Activation("triple")
        >>> layer(jnp.array([1, 2])).tolist()
        [3, 6]
        >>> del get_custom_objects()["triple"]
    """
    return _custom


class CustomObjectScope:
    """Context manager in which names and configs may refer to custom objects.

    A nested scope adds to the scopes around it and takes precedence over them. A scope
    applies only to the thread or asynchronous task that enters it.

    Args:
        custom_objects: classes and functions by the name that configs use.

    Example:
        >>> with CustomObjectScope({"double": lambda x: 2 * x}):
        ...     get_registered_object("double")(3)
        6
    """

    def __init__(self, custom_objects: Mapping[str, Any] | None) -> None:
        if not isinstance(custom_objects, (Mapping, type(None))):
            raise ArgumentTypeError(
                "`custom_objects` must be a dictionary from names to classes and "
                f"functions, such as {{'Double': Double}}. Received: "
                f"{shown(custom_objects)}."
            )
        self.custom_objects = custom_objects or {}

    def __enter__(self) -> CustomObjectScope:
        _scopes.set((*_scopes.get(), dict(self.custom_objects)))
        return self

    def __exit__(self, *_: object) -> None:
        _scopes.set(_scopes.get()[:-1])


custom_object_scope = CustomObjectScope


# Modules of classes in files of Keras, old and new. Its ops are excluded: they have
# names that layers have too.
_KERAS = re.compile(r"(keras|keras_core|tf_keras|tensorflow|lamina)(?!\.(src\.)?ops)\b")


def find_class(config: Config) -> Any:
    """Return the class that a config names, by the allow-list of registries only.

    A class of lamina's is found by its module and name: a registered name cannot
    replace it. A class of another module is the user's.
    """
    library = complete_library()
    name, module = config["class_name"], config.get("module")
    library_class = None
    if module is None or module in library or _KERAS.match(module):
        table = library.get(module or "")
        tables = [table] if table else list(library.values())
        matches = (t.objects[name] for t in tables if name in t.objects)
        library_class = next(matches, None)
        if library_class is None and table is not None:
            library_class = table.aliases.get(name)  # its name in older releases
    is_known = library_class is not None and module
    for key in [name] if is_known else [config.get("registered_name"), name]:
        item = get_registered_object(key) if key else None
        if item is not None:
            return item
    if library_class is not None:
        _require_name(config, name)
        return library_class
    known = [n for table in library.values() for n in table.objects if n != name]
    what = f"{shown(name)} of module {shown(module)}" if module else shown(name)
    raise _unknown_object(what, did_you_mean(name, known), name)


def find_function(config: Config) -> Callable[..., Any]:
    """Return the function that a config names, lamina's or registered."""
    name = config["config"]
    if not isinstance(name, str):
        raise FileFormatError(
            f"The config names the function {shown(name)}: the name must be a string."
        )
    found = get_registered_object(name)
    if found is None:
        tables = complete_library().values()
        items = [table.objects[name] for table in tables if name in table.objects]
        found = next(filter(inspect.isfunction, items), None)
    if found is None:
        # Keras up to 3.6 wrote functions without the package they are registered in.
        items = [v for k, v in get_custom_objects().items() if k.endswith(f">{name}")]
        found = next(iter(items), None)
    if found is None:
        raise _unknown_object(f"the function {shown(name)}", "", name)
    if inspect.isfunction(found) and module_of(found):
        _require_name(config, name)
    return found


def _require_name(config: Config, name: str) -> None:
    # An object of lamina's with the registered name of another: the config was altered.
    if config.get("registered_name") not in (None, "", name, config["class_name"]):
        raise FileFormatError(
            f"The config names lamina's {shown(name)} with registered_name="
            f"{shown(config['registered_name'])}. Remove 'registered_name' from it."
        )


def _unknown_object(what: str, hint: str, name: str) -> FileFormatError:
    value = name if name.isidentifier() and len(name) < 100 else "..."
    return FileFormatError(
        f"The config names {what}, which lamina does not know.{hint} If it is yours, "
        f"pass it as `custom_objects={{{shown(name)}: {value}}}` or register it with "
        "`lamina.saving.register_keras_serializable`."
    )
