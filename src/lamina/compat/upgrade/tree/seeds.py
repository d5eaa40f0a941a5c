# pyright: reportMissingImports=false, reportUntypedBaseClass=false
# pyright: reportUnknownParameterType=false
"""Seeds of random numbers: Keras 3 computes those without one only once in JAX."""

from __future__ import annotations

import inspect
from types import FunctionType
from typing import Any

import libcst as cst

from lamina.compat.upgrade.calls.arguments import Arguments
from lamina.compat.upgrade.context import code_of
from lamina.compat.upgrade.resolve import Found
from lamina.compat.upgrade.tree.constructors import ConstructorRewriter
from lamina.layers import Lambda

_GLOBAL = "_seed"
_ADDED = "_with_seed"
_DEFINITIONS = {
    _GLOBAL: f"{_GLOBAL} = keras.random.SeedGenerator()\n",
    _ADDED: f"def {_ADDED}(layer):\n    layer.seed_generator = {_GLOBAL}\n"
    "    return layer\n",
}
_ATTRIBUTE = "self.seed_generator"
_ASSIGNED = f"{_ATTRIBUTE} = keras.random.SeedGenerator()"


class SeedRewriter(ConstructorRewriter):
    """Passes generators of seeds to the random numbers of layers and functions."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        # Functions of the program that draw random numbers.
        self._random: set[str] = set()

    def _with_seed(self, found: Found, call: cst.Call) -> cst.Call:
        """Return a call with a generator of seeds, if it draws random numbers."""
        arguments = Arguments(call.args)
        is_public = (found.name or "").startswith("random.")
        is_old = found.name is None or (is_public and self._module_around() is not None)
        if not is_old or not isinstance(found.value, FunctionType):
            return call
        if not self.context.is_for_keras or arguments.has_stars:
            return call
        names = inspect.signature(found.value).parameters
        is_given = arguments.source("seed") not in (None, "None")
        is_given = is_given or len(arguments.positional) == len(names)
        if "seed" not in names or names["seed"].default is not None or is_given:
            return call
        seed = self._seed()
        if seed is None:
            return call
        arguments.remove("seed")
        arguments.add("seed", seed)
        return call.with_changes(args=arguments.finished())

    def _seed(self) -> str | None:
        """Return the generator for numbers drawn here, None outside of functions."""
        cls = self._module_around()
        if cls is not None:
            self._construct(cls, _ASSIGNED)
            return _ATTRIBUTE
        functions = [n for n in self._around if not isinstance(n, cst.ClassDef)]
        if not functions:
            return None
        if isinstance(functions[0], cst.FunctionDef):
            self._random.add(functions[0].name.value)
        self.context.definitions[_GLOBAL] = _DEFINITIONS[_GLOBAL]
        self.context.imports["keras"] = "keras"
        return _GLOBAL

    def _with_generator(self, found: Found, call: Any) -> Any:
        """Return a layer with the generator of the function that it calls."""
        if found.value is not Lambda or not call.args:
            return call
        function = code_of(call.args[0].value)
        is_random = function in self._random or f"={_GLOBAL}" in function
        if not is_random:
            return call
        self.context.definitions[_ADDED] = _DEFINITIONS[_ADDED]
        return cst.Call(cst.Name(_ADDED), [cst.Arg(call)])
