"""Variables and hyperparameters of modules, as inputs and cache keys of programs."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any

from lamina.core.module import Module, all_modules, hyperparameter_names
from lamina.core.variable import Variable, structure_version

# Maximum number of programs in one cache.
_LIMIT = 32


class ModuleState:
    """The inputs of programs that come from modules instead of data.

    Equal states have the same variables and hyperparameters, of which the same are
    frozen or zero, so that a program traced with one takes the values of the other. A
    state holds references to its modules, so that no other object gets their `id`
    while it is a key.

    Args:
        modules: the modules whose hyperparameters are inputs; children not included.
        variables: the variables that are inputs.
    """

    def __init__(
        self, modules: Iterable[Module], variables: Iterable[Variable]
    ) -> None:
        self.version = structure_version()
        self.modules = list(modules)
        self.variables = list({id(v): v for v in variables}.values())
        self.attributes = [
            (module, name)
            for module in self.modules
            for name in hyperparameter_names(type(module))
            if isinstance(module.__dict__.get(name), (int, float))
        ]
        self.names = [(id(module), name) for module, name in self.attributes]
        self._key = (
            tuple((id(m), getattr(m, "trainable", None)) for m in self.modules),
            tuple((id(v), v.trainable) for v in self.variables),
            # Code may omit computations that a rate of zero makes useless.
            tuple((name, value == 0) for name, value in zip(
                self.names, self.hyperparameters(), strict=True
            )),
        )  # fmt: skip
        self._hash = hash(self._key)

    @classmethod
    def of(cls, roots: Sequence[Module]) -> ModuleState:
        """Return the state of modules and all below them."""
        modules = all_modules(roots)
        return cls(modules, [v for m in modules for v in m.own_variables()])

    def hyperparameters(self) -> list[float]:
        """Return the current values of the hyperparameters."""
        return [float(module.__dict__[name]) for module, name in self.attributes]

    def bind_hyperparameters(self, values: Sequence[Any]) -> dict[tuple[int, str], Any]:
        """Return values of the hyperparameters by owner and name."""
        return dict(zip(self.names, values, strict=True))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ModuleState) and self._key == other._key

    def __hash__(self) -> int:
        return self._hash


class ProgramCache:
    """A cache of programs by the state of the modules that they were traced with.

    Args:
        describe: returns the modules' current state. It is called again only if a
            module was created, attached or frozen, or a hyperparameter was or becomes
            zero or `None`: walking over a model can take longer than an epoch.
    """

    def __init__(self, describe: Callable[[], ModuleState]) -> None:
        self._describe = describe
        self._state: ModuleState | None = None
        self._extra: dict[int, Variable] = {}
        self._programs: OrderedDict[Hashable, Any] = OrderedDict()

    def state(self) -> ModuleState:
        """Return the current state, with the variables of `add_variables`."""
        if self._state is None or self._state.version != structure_version():
            state = self._describe()
            if self._extra:
                variables = [*state.variables, *self._extra.values()]
                state = ModuleState(state.modules, variables)
            self._state = state
        return self._state

    def add_variables(self, captured: Mapping[int, Variable]) -> None:
        """Add variables to the inputs that are not the modules' own."""
        self._state = None
        known = {id(v) for v in self.state().variables}
        self._extra |= {k: v for k, v in captured.items() if k not in known}
        self._state = None

    def find(self, key: Hashable) -> Any:
        """Return the program for a key and the current state, or `None`."""
        found = self._programs.get((self.state(), key))
        if found is not None:
            self._programs.move_to_end((self.state(), key))
        return found

    def store(self, key: Hashable, program: Any, state: ModuleState) -> None:
        """Store a program that was traced with a state.

        If tracing created modules, the program also serves the state with them, unless
        they have hyperparameters, which are not among its inputs.
        """
        now = self.state()
        self._programs[now if now.names == state.names else state, key] = program
        if len(self._programs) > _LIMIT:
            self._programs.popitem(last=False)

    def programs(self) -> list[Any]:
        """Return all programs of the cache."""
        return list(self._programs.values())
