"""Variables and hyperparameters of modules, as inputs and cache keys of programs."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

from lamina.core.module import Module, all_modules, hyperparameter_names
from lamina.core.variable import Variable, structure_version
from lamina.errors import StateError

# A program may use variables that were not bound, and a layer that it builds may add
# more. If that does not end, the function creates variables each time.
_ATTEMPTS = 4

# Maximum number of programs in one cache.
_LIMIT = 128


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
            tuple((id(v), v.trainable, v.storage.sharding) for v in self.variables),
            # Code may omit computations that a rate of zero makes useless.
            tuple(
                zip(self.names, [h == 0 for h in self.hyperparameters()], strict=True)
            ),
        )
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


class TracedProgram(Protocol):
    """A program that was traced with a state of modules."""

    @property
    def state(self) -> ModuleState:
        """The state, whose variables and hyperparameters are inputs."""
        ...

    @property
    def captured(self) -> Mapping[int, Variable]:
        """Variables that it uses besides those of the state."""
        ...


P = TypeVar("P", bound=TracedProgram)
T = TypeVar("T", bound=TracedProgram)


class ProgramCache(Generic[P]):
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
        self._programs: OrderedDict[Hashable, P] = OrderedDict()
        self._last: tuple[ModuleState, Hashable, P] | None = None  # of `get`

    def state(self) -> ModuleState:
        """Return the current state, with the variables that programs have captured."""
        if self._state is None or self._state.version != structure_version():
            state = self._describe()
            if self._extra:
                variables = [*state.variables, *self._extra.values()]
                state = ModuleState(state.modules, variables)
            self._state = state
        return self._state

    def get(self, key: Hashable, make: Callable[[ModuleState], P]) -> P:
        """Return the program for a key and the current state; make it if needed."""
        state, last = self.state(), self._last
        if last is not None and last[0] is state and last[1] == key:
            return last[2]
        found = self._programs.get((state, key))
        if found is not None:
            self._programs.move_to_end((state, key))
            self._last = state, key, found
            return found
        program = self.make(make)
        # If tracing created modules, the program also serves the state with them,
        # unless they have hyperparameters, which are not among its inputs.
        now, state = self.state(), program.state
        self._programs[now if now.names == state.names else state, key] = program
        if len(self._programs) > _LIMIT:
            self._programs.popitem(last=False)
        return program

    def make(self, make: Callable[[ModuleState], T]) -> T:
        """Make a program, again as long as it uses variables that are not its inputs.

        Raises:
            StateError: there are new ones each time.
        """
        captured: Mapping[int, Variable] = {}
        for _ in range(_ATTEMPTS):
            program = make(self.state())
            captured = program.captured
            if not captured:
                return program
            self._add_variables(captured)
        path = next(iter(captured.values())).path
        raise StateError(
            f"Variable {path!r} is created again each time the step or call runs, so "
            "it cannot hold state. Create layers, metrics and variables once, in "
            "`__init__` or `build`."
        )

    def _add_variables(self, captured: Mapping[int, Variable]) -> None:
        self._state = None
        known = {id(v) for v in self.state().variables}
        self._extra |= {k: v for k, v in captured.items() if k not in known}
        self._state = None

    def programs(self) -> list[P]:
        """Return all programs of the cache."""
        return list(self._programs.values())
