"""Variables and hyperparameters of modules: the inputs and cache keys of programs."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any

from lamina.core.module import Module, all_modules, hyperparameter_names
from lamina.core.variable import Variable, structure_version

__all__ = ["ModuleState", "ProgramCache"]


class ModuleState:
    """What programs of some modules take besides data.

    Equal states have the same variables and hyperparameters, frozen alike and zero
    alike, so that a program traced with one takes the values of the other. A state
    keeps its modules alive: while it is a key, no other object can have their `id`.

    Args:
        modules: the modules whose hyperparameters are inputs, each by itself.
        variables: the variables that are inputs.
    """

    def __init__(
        self, modules: Iterable[Module], variables: Iterable[Variable]
    ) -> None:
        self.version = structure_version()
        self.modules = list(modules)
        self.variables = list({id(v): v for v in variables}.values())
        self.owned = [
            (module, name)
            for module in self.modules
            for name in hyperparameter_names(type(module))
            if isinstance(module.__dict__.get(name), (int, float))
        ]
        self.names = [(id(module), name) for module, name in self.owned]
        self._key = (
            tuple((id(m), getattr(m, "trainable", None)) for m in self.modules),
            tuple((id(v), v.trainable) for v in self.variables),
            # Code may leave out what a rate of zero makes useless.
            tuple((name, value == 0) for name, value in zip(
                self.names, self.numbers(), strict=True
            )),
        )  # fmt: skip
        self._hash = hash(self._key)

    @classmethod
    def of(cls, roots: Sequence[Module]) -> ModuleState:
        """The state of modules and all below them."""
        modules = all_modules(roots)
        return cls(modules, [v for m in modules for v in m.own_variables()])

    def numbers(self) -> list[float]:
        """The hyperparameters as they are now."""
        return [float(module.__dict__[name]) for module, name in self.owned]

    def bound(self, numbers: Sequence[Any]) -> dict[tuple[int, str], Any]:
        """Values for the hyperparameters, by owner and name."""
        return dict(zip(self.names, numbers, strict=True))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ModuleState) and self._key == other._key

    def __hash__(self) -> int:
        return self._hash


class ProgramCache:
    """Programs by the state of the modules that they were traced with.

    Args:
        describe: the modules' present state. It is asked for again only after a
            module was made, attached or frozen, or a hyperparameter became zero or
            `None` or stopped being it: a walk over a model takes longer than a short
            epoch.
        limit: how many programs are kept.
    """

    def __init__(self, describe: Callable[[], ModuleState], limit: int = 32) -> None:
        self._describe, self._limit = describe, limit
        self._state: ModuleState | None = None
        self._extra: dict[int, Variable] = {}
        self._programs: OrderedDict[Hashable, Any] = OrderedDict()

    def state(self) -> ModuleState:
        """The present state, with the variables that `add_variables` was given."""
        if self._state is None or self._state.version != structure_version():
            state = self._describe()
            if self._extra:
                variables = [*state.variables, *self._extra.values()]
                state = ModuleState(state.modules, variables)
            self._state = state
        return self._state

    def add_variables(self, captured: Mapping[int, Variable]) -> None:
        """Make variables inputs which the modules do not own."""
        self._state = None
        known = {id(v) for v in self.state().variables}
        self._extra |= {k: v for k, v in captured.items() if k not in known}
        self._state = None

    def find(self, key: Hashable) -> Any:
        """The program stored for a key and a state like the present one, or `None`."""
        found = self._programs.get((self.state(), key))
        if found is not None:
            self._programs.move_to_end((self.state(), key))
        return found

    def store(self, key: Hashable, program: Any, state: ModuleState) -> None:
        """Keep a program that was traced with a state.

        Tracing may make modules. The program serves the state with them too, unless
        they have hyperparameters, which are not among its inputs.
        """
        now = self.state()
        self._programs[now if now.names == state.names else state, key] = program
        if len(self._programs) > self._limit:
            self._programs.popitem(last=False)

    def programs(self) -> list[Any]:
        """All programs that are kept."""
        return list(self._programs.values())
