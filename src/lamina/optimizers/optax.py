"""Optax gradient transformations as optimizers. Needs nothing of Optax itself."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, Unpack

import jax
import jax.numpy as jnp

from lamina.core.check import Check
from lamina.core.variable import Variable
from lamina.errors import ArgumentError
from lamina.optimizers.arguments import SharedArguments
from lamina.optimizers.base import Optimizer
from lamina.optimizers.gradients import upcast

__all__ = ["OptaxOptimizer", "is_transformation"]


def is_transformation(value: Any) -> bool:
    """Whether a value has the two functions of an Optax transformation."""
    return callable(getattr(value, "init", None)) and callable(
        getattr(value, "update", None)
    )


def _key_kind(leaf: Any) -> Any:
    """The kind of a random key, which an array of numbers does not tell, or `None`."""
    is_key = jnp.issubdtype(jnp.asarray(leaf).dtype, jax.dtypes.prng_key)
    return jax.random.key_impl(leaf) if is_key else None


def _data(leaf: Any) -> jax.Array:
    return jnp.asarray(leaf) if _key_kind(leaf) is None else jax.random.key_data(leaf)


class OptaxOptimizer(Optimizer):
    """An Optax transformation, such as `optax.adamw(1e-3)`, as an optimizer.

    value += learning_rate * update, where the update is what the transformation makes
    of all gradients. It sees parameters as a dictionary by path, so that masks and
    labels can go by name.

    Args:
        transformation: has `init(params)` and `update(gradients, state, params)`.
        learning_rate: a factor on top of the transformation's own learning rate.
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

    def __init__(
        self,
        transformation: Any,
        learning_rate: Any = 1.0,
        **kwargs: Unpack[SharedArguments],
    ) -> None:
        super().__init__(learning_rate, **kwargs)
        self.transformation = transformation

    def build(self, variables: Iterable[Variable]) -> None:
        """Make the transformation's state."""
        first = not self.built
        super().build(variables)
        if first:
            paths = [v.path for v in self._positions]
            if len(set(paths)) < len(paths):
                paths = [f"{path}:{i}" for i, path in enumerate(paths)]
            self._paths = paths
            values = [v.raw for v in self._positions]
            with jax.ensure_compile_time_eval():
                state = self.transformation.init(self._by_path(values))
            leaves, self._structure = jax.tree.flatten(state)
            self._key_kinds = [_key_kind(leaf) for leaf in leaves]
            self._state = [
                self._own(_data(leaf), f"state_{i}") for i, leaf in enumerate(leaves)
            ]

    def _by_path(self, values: Iterable[jax.Array]) -> dict[str, jax.Array]:
        return dict(zip(self._paths, values, strict=True))

    def _descend(
        self,
        gradients: list[jax.Array],
        variables: list[Variable],
        learning_rate: jax.Array,
    ) -> None:
        given = dict(zip(variables, gradients, strict=True))
        values = {v: v.value for v in self._positions}
        full = [given.get(v, jnp.zeros_like(value)) for v, value in values.items()]
        updates, state = self.transformation.update(
            self._by_path(full), self._state_tree(), self._by_path(values.values())
        )
        for variable, path in zip(values, self._paths, strict=True):
            if variable in given:
                move = learning_rate * upcast(updates[path])
                variable.assign(upcast(values[variable]) + move)
        for held, leaf in zip(self._state, jax.tree.leaves(state), strict=True):
            held.assign(_data(leaf))

    def _state_tree(self) -> Any:
        leaves = [
            held.value
            if kind is None
            else jax.random.wrap_key_data(held.value, impl=kind)
            for held, kind in zip(self._state, self._key_kinds, strict=True)
        ]
        return jax.tree.unflatten(self._structure, leaves)

    def get_config(self) -> dict[str, Any]:
        """Raises: a transformation consists of functions, which files can't hold."""
        raise ArgumentError(
            "An Optax transformation can't be written into a config or a file. Save "
            "the model without its optimizer, and compile it again after loading."
        )
