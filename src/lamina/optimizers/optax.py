"""Optax gradient transformations as optimizers, without importing Optax."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, Unpack

import jax
import jax.numpy as jnp

from lamina.core.check import Check
from lamina.core.variable import Variable
from lamina.errors import ArgumentError
from lamina.optimizers.arguments import LearningRate, SharedArguments
from lamina.optimizers.base import Optimizer, takes_shared_arguments
from lamina.optimizers.gradients import upcast
from lamina.typing import ArrayLike


def is_transformation(value: object) -> bool:
    """Return whether a value has the two functions of an Optax transformation."""
    return callable(getattr(value, "init", None)) and callable(
        getattr(value, "update", None)
    )


def _key_impl(leaf: ArrayLike) -> Any:
    """Return the implementation of a random key, or `None` for other arrays."""
    is_key = jnp.issubdtype(jnp.asarray(leaf).dtype, jax.dtypes.prng_key)
    return jax.random.key_impl(leaf) if is_key else None


def _raw_data(leaf: ArrayLike) -> jax.Array:
    return jnp.asarray(leaf) if _key_impl(leaf) is None else jax.random.key_data(leaf)


class OptaxOptimizer(Optimizer):
    """Optimizer that wraps an Optax transformation, such as `optax.adamw(1e-3)`.

    value += learning_rate * update, where the transformation computes the updates
    from all gradients. Its parameters are a dictionary by path, so that masks and
    labels can refer to names.

    Args:
        transformation: an object with `init(params)` and
            `update(gradients, state, params)`.
        learning_rate: a factor in addition to the transformation's learning rate.
        kwargs: as for `Optimizer`.

    Example:
        >>> import optax
        >>> weight = Variable([1.0])
        >>> OptaxOptimizer(optax.sgd(0.5)).apply([[0.5]], [weight])
        >>> weight.numpy()
        array([0.75], dtype=float32)
    """

    arguments: ClassVar[dict[str, Check]] = {
        **Optimizer.arguments,
        "transformation": Check(
            "an Optax transformation", is_transformation, (3, "adam", None)
        ),
    }

    @takes_shared_arguments
    def __init__(
        self,
        transformation: Any,
        learning_rate: LearningRate = 1.0,
        **kwargs: Unpack[SharedArguments],
    ) -> None:
        super().__init__(learning_rate, **kwargs)
        self.transformation = transformation

    def build(self, variables: Iterable[Variable]) -> None:
        """Create the transformation's state."""
        is_first = not self.built
        super().build(variables)
        if is_first:
            paths = [v.path for v in self._positions]
            if len(set(paths)) < len(paths):
                paths = [f"{path}:{i}" for i, path in enumerate(paths)]
            self._paths = paths
            values = [v.raw for v in self._positions]
            with jax.ensure_compile_time_eval():
                state = self.transformation.init(self._name_by_path(values))
            leaves, self._structure = jax.tree.flatten(state)
            self._key_impls = [_key_impl(leaf) for leaf in leaves]
            self._state = [
                self._make_variable(_raw_data(leaf), f"state_{i}")
                for i, leaf in enumerate(leaves)
            ]

    def _name_by_path(self, values: Iterable[jax.Array]) -> dict[str, jax.Array]:
        return dict(zip(self._paths, values, strict=True))

    def _apply_rule(
        self, gradients: list[jax.Array], variables: list[Variable], rate: jax.Array
    ) -> None:
        given = dict(zip(variables, gradients, strict=True))
        values = {v: v.value for v in self._positions}
        full = [given.get(v, jnp.zeros_like(value)) for v, value in values.items()]
        updates, state = self.transformation.update(
            self._name_by_path(full),
            self._state_tree(),
            self._name_by_path(values.values()),
        )
        for variable, path in zip(values, self._paths, strict=True):
            if variable in given:
                move = rate * upcast(updates[path])
                variable.assign(upcast(values[variable]) + move)
        for stored, leaf in zip(self._state, jax.tree.leaves(state), strict=True):
            stored.assign(_raw_data(leaf))

    def _state_tree(self) -> Any:
        leaves = [
            stored.value
            if kind is None
            else jax.random.wrap_key_data(stored.value, impl=kind)
            for stored, kind in zip(self._state, self._key_impls, strict=True)
        ]
        return jax.tree.unflatten(self._structure, leaves)

    def get_config(self) -> dict[str, Any]:
        """Raise `ArgumentError`: the functions of a transformation have no config."""
        raise ArgumentError(
            "An Optax transformation cannot be serialized. Save the model with "
            "`include_optimizer=False`, and compile it again after loading."
        )
