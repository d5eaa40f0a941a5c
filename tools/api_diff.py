"""Compare lamina's public names and arguments with those of an installed Keras.

    python -m tools.api_diff                  the number of differences in each module
    python -m tools.api_diff losses ops.nn    each difference in these modules

A difference is a name, a member of a class, or an argument that only Keras has, or an
argument with another position or default. Differences that docs/keras-compatibility.md
lists under "Names and arguments" are counted as documented, and those of features in
`LATER` as planned. The exit status is 1 if any others exist.
"""

from __future__ import annotations

import argparse
import fnmatch
import importlib
import inspect
import os
import pkgutil
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("KERAS_BACKEND", "jax")

DOCUMENT = Path(__file__).parents[1] / "docs" / "keras-compatibility.md"
HEADING = "## Names and arguments"

# Features that do not exist yet, as patterns of full names without the package.
LATER = (
    "quantizers",
    "quantizers.*",
    "Quantizer",
    "dtype_policies.*Quantized*",
    "dtype_policies.AWQ*",
    "dtype_policies.GPTQ*",
    "dtype_policies.Int4*",
    "export",
    "export.*",
    "*.quantize",
    "*.quantized_*",
    "*.get_quantization_layer_structure",
    "*.quantization_mode",
    "*.export",
    "*.variable_serialization_spec",
    "*(quantization_config)",
    "*(gptq_unpacked_column_size)",
)
_SKIPPED_MODULES = ("src", "_tf_keras", "backend.common", "api")
_POSITIONAL = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
)


class Difference(NamedTuple):
    """One name or argument that differs.

    Args:
        module: the module without the package, such as `"ops.nn"`; "" for the package.
        name: the full name without the package, with an argument in parentheses.
        text: what differs.
    """

    module: str
    name: str
    text: str

    def matches(self, patterns: tuple[str, ...]) -> bool:
        """Return whether a pattern covers the name."""
        return any(fnmatch.fnmatchcase(self.name, p) for p in patterns)


def documented_names(text: str) -> tuple[str, ...]:
    """Return the patterns in the first column of the table under `HEADING`."""
    _, _, section = text.partition(HEADING)
    section = section.partition("\n## ")[0]
    cells = [
        line.split("|")[1] for line in section.splitlines() if line.startswith("| `")
    ]
    return tuple(name for cell in cells for name in re.findall(r"`([^`]+)`", cell))


def keras_modules() -> Iterator[str]:
    """Yield the public modules of Keras without the package, the package first."""
    import keras

    yield ""
    found = pkgutil.walk_packages(keras.__path__, "keras.", onerror=lambda _: None)
    for module in found:
        name = module.name.removeprefix("keras.")
        if not name.startswith(_SKIPPED_MODULES) and "._" not in f".{name}":
            yield name


def import_module(package: str, module: str) -> Any:
    """Return a module by its name without the package, or None if it does not exist."""
    found = importlib.import_module(package)
    for part in filter(None, module.split(".")):
        found = getattr(found, part, None)
    if inspect.ismodule(found) or not module:
        return found
    try:
        return importlib.import_module(f"{package}.{module}")
    except ModuleNotFoundError:
        return None


def public_names(module: Any) -> list[str]:
    """Return the public names of a module of Keras, without its submodules."""
    return sorted(
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and not inspect.ismodule(value)
    )


def compare_module(module: str) -> Iterator[Difference]:
    """Yield the differences in a module."""
    expected, actual = import_module("keras", module), import_module("lamina", module)
    prefix = f"{module}." if module else ""
    if actual is None and module:
        yield Difference(module, module, "missing module")
    for name in public_names(expected):
        if not hasattr(actual, name):
            yield Difference(module, prefix + name, "missing")
            continue
        one, other = getattr(expected, name), getattr(actual, name)
        for item, text in compare(one, other):
            yield Difference(module, prefix + name + item, text)


def compare(expected: Any, actual: Any) -> Iterator[tuple[str, str]]:
    """Yield the suffix of a name and what differs, for two public objects."""
    if inspect.isclass(expected) and inspect.isclass(actual):
        for member in missing_members(expected, actual):
            yield f".{member}", "missing"
    elif not callable(expected):
        return
    for argument, text in compare_arguments(expected, actual):
        yield f"({argument})", text


def missing_members(expected: type, actual: type) -> list[str]:
    """Return the public methods and properties that only the first class defines.

    Those that it inherits are differences of its base class.
    """
    names = set(dir(actual))
    for base in actual.__mro__:
        if base.__module__.startswith("lamina"):
            names.update(vars(base).get("__annotations__", ()))
            names.update(re.findall(r"\bself\.(\w+)", inspect.getsource(base)))
    return sorted(n for n in vars(expected) if n[0] != "_" and n not in names)


def own_parameters(value: Any) -> dict[str, inspect.Parameter]:
    """Return the parameters that a function or constructor names, none if unknown."""
    try:
        return dict(inspect.signature(value).parameters)
    except (TypeError, ValueError):
        return {}


def parameters(value: Any) -> dict[str, inspect.Parameter]:
    """Return the parameters of a function or constructor.

    Those behind a constructor's `**kwargs` are taken from its base classes.
    """
    found = own_parameters(value)
    bases = value.__mro__[1:] if inspect.isclass(value) else ()
    for base in bases:
        if not any(p.kind is p.VAR_KEYWORD for p in found.values()):
            break
        found = {n: p for n, p in found.items() if p.kind is not p.VAR_KEYWORD}
        if base is object or "__init__" not in vars(base):
            continue
        for name, parameter in own_parameters(base).items():
            kind = parameter.kind
            if kind in _POSITIONAL:
                kind = parameter.KEYWORD_ONLY
            if kind is not parameter.VAR_POSITIONAL:
                found.setdefault(name, parameter.replace(kind=kind))
    return found


def compare_arguments(expected: Any, actual: Any) -> Iterator[tuple[str, str]]:
    """Yield each argument that differs, and how."""
    wanted = own_parameters(expected)
    found = parameters(actual)
    order = [n for n, p in found.items() if p.kind in _POSITIONAL]
    takes_any = any(p.kind is p.VAR_POSITIONAL for p in found.values())
    position = 0
    for name, parameter in wanted.items():
        if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            continue
        if name not in found:
            yield name, "missing argument"
            continue
        if parameter.kind in _POSITIONAL:
            in_place = order[position : position + 1] == [name]
            if not in_place and not takes_any:
                yield name, f"position {position} in Keras"
            position += 1
        one, other = parameter.default, found[name].default
        if not same_default(one, other):
            yield name, f"default {shown(one)} in Keras, {shown(other)} in lamina"


def same_default(one: Any, other: Any) -> bool:
    """Return whether two defaults mean the same; a number stands for equal numbers."""
    if isinstance(one, (tuple, list)):
        if isinstance(other, int):
            return all(same_default(item, other) for item in one)
        return isinstance(other, (tuple, list)) and list(one) == list(other)
    return shown(one) == shown(other)


def shown(default: Any) -> str:
    """Return a default as text, without memory addresses."""
    if default is inspect.Parameter.empty:
        return "none"
    text = repr(default)
    return type(default).__name__ if " at 0x" in text or "<" in text else text


def report(modules: list[str], patterns: tuple[str, ...]) -> int:
    """Print the differences and return how many are neither documented nor planned."""
    total = 0
    for module in sorted(keras_modules()):
        found = list(compare_module(module))
        known = [d for d in found if d.matches(patterns)]
        later = [d for d in found if d not in known and d.matches(LATER)]
        open_ = [d for d in found if d not in known and d not in later]
        total += len(open_)
        counts = f"{len(open_):5} open {len(known):5} documented {len(later):5} later"
        if found and (not modules or module in modules):
            print(f"{counts}  {module or 'keras'}")
        if module in modules or (module == "" and "keras" in modules):
            for difference in open_:
                print(f"      {difference.name}: {difference.text}")
    print(f"{total:5} open in all modules")
    return total


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("modules", nargs="*", help="modules to list, such as ops.nn")
    modules = parser.parse_args().modules
    patterns = documented_names(DOCUMENT.read_text(encoding="utf-8"))
    return 1 if report(modules, patterns) else 0


if __name__ == "__main__":
    sys.exit(main())
