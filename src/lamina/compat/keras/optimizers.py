"""Custom optimizers as Keras 1 and 2 and tf.keras 2 had them written.

Keras 1 and 2: a rule is a method `get_updates`, which lists updates of variables.
tf.keras 2: it is a method `_resource_apply_dense`, which assigns to one variable.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from lamina import initializers
from lamina.compat.defaults import Release, release
from lamina.compat.keras.backend.rules import RuleStep, value_of
from lamina.compat.notices import tell
from lamina.compat.patches.apply import Changes, extend_patches
from lamina.core.module import is_user_defined
from lamina.core.registry import serialize
from lamina.core.scope import no_state
from lamina.core.variable import Variable
from lamina.lazy import LazyImport
from lamina.typing import DTypeLike, InitializerLike

if TYPE_CHECKING:
    from lamina.optimizers import Optimizer

_as_dtype = LazyImport("lamina.compat.tensorflow.base.tensors:as_dtype")
_MADE = "_made_by_rule"


@functools.cache
def rule_of(cls: type) -> str:
    """Return the name of the method that is a custom optimizer's old rule, or ""."""
    today = ("update", "update_step", "apply", "apply_gradients")
    if any(is_user_defined(cls, name) for name in today):
        return ""
    old = ("get_updates", "_resource_apply_dense")
    return next((name for name in old if is_user_defined(cls, name)), "")


def wrap_build(build: Callable[..., None]) -> Callable[..., None]:
    """Return a `build` that also creates the variables of an old rule.

    Until Keras 3, several models could be compiled with one optimizer.
    """

    @functools.wraps(build)
    def call(optimizer: Optimizer, variables: Iterable[Variable]) -> None:
        known, given = optimizer.changed_variables, list(variables)
        new = [v for v in given if v not in set(known)]
        is_extended = optimizer.built and new and release() < Release.KERAS_3
        is_new = is_extended or not optimizer.built
        if is_extended:
            tell("one optimizer for several models", "an optimizer for each model")
            _extend(build, optimizer, [*known, *new])
        else:
            build(optimizer, given)
        rule = rule_of(type(optimizer)) if is_new else ""
        if rule == "get_updates":
            setattr(optimizer, _MADE, _made_by(optimizer))
        elif rule:
            extend_patches(_typed_variables)
            create: Any = optimizer
            create._create_slots(optimizer.changed_variables)

    return call


def _extend(
    build: Callable[..., None], optimizer: Any, variables: Sequence[Variable]
) -> None:
    """Build for more variables, and keep the state of the first ones."""
    slots = optimizer._slots
    averages, accumulators = optimizer._averages, optimizer._accumulators
    optimizer.built = False
    build(optimizer, variables)
    optimizer._slots = {key: slots.get(key, v) for key, v in optimizer._slots.items()}
    optimizer._averages = averages + optimizer._averages[len(averages) :]
    more = optimizer._accumulators[len(accumulators) :]
    optimizer._accumulators = accumulators + more


def wrap_apply_rule(apply_rule: Callable[..., None]) -> Callable[..., None]:
    """Return a method that updates variables, by the old rule if there is one."""

    @functools.wraps(apply_rule)
    def call(
        optimizer: Optimizer,
        gradients: list[jax.Array],
        variables: list[Variable],
        rate: jax.Array,
    ) -> None:
        rule = rule_of(type(optimizer))
        if rule == "get_updates":
            _apply_updates(optimizer, gradients, variables)
        elif rule:
            _apply_dense(optimizer, gradients, variables)
        else:
            apply_rule(optimizer, gradients, variables, rate)

    return call


@functools.cache
def _view(cls: type) -> type:
    """Return a subclass whose objects may be assigned anything while JAX traces."""
    plain = {"__setattr__": object.__setattr__, "__module__": cls.__module__}
    return type(cls.__name__, (cls,), plain)


def _updates(optimizer: Optimizer, step: RuleStep) -> list[tuple[Variable, Any]]:
    """Return what `get_updates` lists, for a copy of the optimizer."""
    view: Any = object.__new__(_view(type(optimizer)))
    vars(view).update(vars(optimizer), updates=[], weights=[])
    names = inspect.signature(view.get_updates).parameters
    given = {
        "loss": step,
        "params": optimizer.changed_variables,
        "constraints": {},
    }
    with step:
        found = view.get_updates(**{n: v for n, v in given.items() if n in names})
    return [(u[0], value_of(u[1])) for u in found if isinstance(u, tuple)]


def _made_by(optimizer: Optimizer) -> list[Any]:
    variables = optimizer.changed_variables
    step: list[RuleStep] = []

    def trace(gradients: list[jax.Array]) -> list[Any]:
        step.append(RuleStep(variables, gradients))
        return [value for _, value in _updates(optimizer, step[0])]

    with no_state():
        jax.eval_shape(trace, [np.zeros(v.shape, v.dtype) for v in variables])
    return step[0].made


def _apply_updates(
    optimizer: Optimizer, gradients: Sequence[jax.Array], variables: Sequence[Variable]
) -> None:
    given = dict(zip(map(id, variables), gradients, strict=True))
    trained = optimizer.changed_variables
    full = [given.get(id(v), jnp.zeros(v.shape, v.dtype)) for v in trained]
    skipped = {id(v) for v in trained} - given.keys()
    step = RuleStep(trained, full, vars(optimizer)[_MADE])
    for variable, value in _updates(optimizer, step):
        if id(variable) not in skipped:
            variable.assign(value)


def _apply_dense(
    optimizer: Any, gradients: Sequence[jax.Array], variables: Sequence[Variable]
) -> None:
    names = inspect.signature(optimizer._resource_apply_dense).parameters
    options = {"apply_state": {}} if "apply_state" in names else {}
    for gradient, variable in zip(gradients, variables, strict=True):
        optimizer._resource_apply_dense(gradient, variable, **options)


def _typed_variables() -> Changes:
    """Return a change of variables, whose dtype had attributes in TensorFlow."""
    today: Any = Variable.dtype
    as_dtype = _as_dtype.load()
    yield Variable, "dtype", property(lambda variable: as_dtype(today.fget(variable)))


def legacy_get_updates_support(function: Callable[..., Any]) -> Any:
    """Return the function itself."""
    return function


def create_slots(optimizer: Optimizer, var_list: Sequence[Variable]) -> None:
    """Do nothing: a rule without state."""


def add_slot(
    optimizer: Any,
    var: Variable,
    slot_name: str,
    initializer: InitializerLike = "zeros",
    shape: Sequence[int] | None = None,
) -> Variable:
    """Create a state variable of a trained variable."""
    key = slot_name, optimizer._positions[var]
    if key not in optimizer._slots:
        initialize = initializers.get(initializer)
        value = initialize(tuple(var.shape if shape is None else shape), var.dtype)
        slot = optimizer._make_variable_for(var, np.asarray(value), slot_name)
        optimizer._slots = {**optimizer._slots, key: slot}
    return optimizer._slots[key]


def get_slot(optimizer: Any, var: Variable, slot_name: str) -> Variable:
    """Return a state variable of a trained variable."""
    return optimizer._slots[slot_name, optimizer._positions[var]]


def set_hyper(optimizer: Any, name: str, value: Any) -> None:
    """Set a hyperparameter by its name."""
    if name != "decay":  # the learning rate has the decay already
        setattr(optimizer, name, value)


def serialize_hyper(optimizer: Optimizer, name: str) -> Any:
    """Return a hyperparameter as a value of a config."""
    value = getattr(optimizer, name)
    return float(value) if hasattr(value, "dtype") else serialize(value)


def get_hyper(optimizer: Optimizer, name: str, dtype: DTypeLike = None) -> Any:
    """Return a hyperparameter, as an array if there is a dtype."""
    value = getattr(optimizer, name)
    value = value() if callable(value) and not isinstance(value, Variable) else value
    return value if dtype is None else value_of(value).astype(dtype)


def decayed_rate(optimizer: Any, var_dtype: DTypeLike) -> Any:
    """Return the learning rate of the current step."""
    return value_of(optimizer.learning_rate).astype(var_dtype)


def owned(name: str, today: Callable[[Any], Any]) -> property:
    """Return a property that a custom optimizer may replace by a variable of its own.

    Args:
        name: the name.
        today: function that returns the value otherwise.
    """
    key = f"_own_{name}"

    def get(optimizer: Optimizer) -> Any:
        found = vars(optimizer).get(key)
        return today(optimizer) if found is None else found

    def assign(optimizer: Optimizer, value: Any) -> None:
        setattr(optimizer, key, value)

    return property(get, assign)
