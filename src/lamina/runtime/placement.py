"""Placement of variables and batches on devices, and the layout of their arrays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import jax
import numpy as np
from jax.sharding import Sharding

from lamina.core.scope import local
from lamina.core.tracing.trace_state import platform
from lamina.core.variable import Variable, bump_structure_version, state_lock
from lamina.typing import Array, PyTree


class Distribution(Protocol):
    """Protocol of `lamina.distribution.Distribution`."""

    # Whether some variables are split among devices instead of copied to each.
    splits_variables: bool

    @property
    def devices(self) -> Sequence[Any]:
        """The JAX devices."""
        ...

    def variable_sharding(self, variable: Variable) -> Sharding:
        """Return the sharding of a variable."""
        ...

    def batch_sharding(self, shape: Sequence[int], axis: int = 0) -> Sharding:
        """Return the sharding of an array whose rows lie along an axis."""
        ...


_shared: list[Distribution | None] = [None]


def current() -> Any:
    """Return the distribution in use: that of the call in progress, or the global one.

    Its type is `Any`, as the protocol describes only a part of it.
    """
    return local.distribution or _shared[0]


def set_current(distribution: Distribution | None) -> None:
    """Set the global distribution; with `None`, arrays lie on one device."""
    _shared[0] = distribution


def is_spread() -> bool:
    """Return whether a distribution of more than one device is in use."""
    distribution = current()
    return distribution is not None and len(distribution.devices) > 1


def splits_variables() -> bool:
    """Return whether the distribution in use splits variables among devices."""
    return is_spread() and current().splits_variables


def put(array: Any, sharding: Sharding) -> jax.Array:
    """Return an array with a sharding; it is the same one if it has that already."""
    if isinstance(array, jax.Array):
        same = array.sharding.is_equivalent_to(sharding, array.ndim)
        if same and array.committed:
            return array
    if sharding.is_fully_addressable:
        return jax.device_put(array, sharding)
    whole = np.asarray(array)
    return jax.make_array_from_callback(whole.shape, sharding, whole.__getitem__)


def place(variables: Iterable[Variable]) -> None:
    """Put variables where the distribution in use wants them, if there is one."""
    distribution = current()
    if distribution is None:
        return
    with state_lock:
        for variable in variables:
            storage = variable.storage
            if storage.distribution is distribution:
                continue
            sharding = distribution.variable_sharding(variable)
            array = put(variable.raw, sharding)
            if array is not variable.raw:
                storage.drop_donation_buffer()
            if storage.sharding != sharding:
                bump_structure_version()
            storage.sharding, storage.distribution = sharding, distribution
            # `put` may share the memory of an array that a user has.
            storage.set(array, storage.aliased)


def put_replicated(array: Any) -> jax.Array:
    """Return an array of which each device of the distribution has a copy."""
    return put(array, current().replicated)


def put_batch(
    tree: PyTree, axis: int = 0, distribution: Distribution | None = None
) -> Any:
    """Distribute the rows of arrays.

    Args:
        tree: arrays.
        axis: the axis of the rows.
        distribution: the distribution, by default the one in use.
    """
    found = distribution or current()
    if found is None:
        return tree
    return jax.tree.map(lambda a: put(a, found.batch_sharding(np.shape(a), axis)), tree)


def split_rows(batch: PyTree) -> PyTree:
    """Let each device compute a part of the rows of a batch in a program."""
    if not is_spread():
        return batch
    distribution = current()

    def split(array: Array) -> Array:
        sharding = distribution.batch_sharding(array.shape)
        return jax.lax.with_sharding_constraint(array, sharding)

    return jax.tree.map(split, batch)


def with_layout(path: str, outputs: PyTree) -> PyTree:
    """Return the outputs of a layer with the layout that the distribution has for them.

    An output that the devices cannot have equal parts of is returned as it is.

    Args:
        path: the layer's path.
        outputs: arrays.
    """
    layout = (
        current().get_tensor_layout(f"{path}/output") if splits_variables() else None
    )
    if layout is None:
        return outputs

    def lay_out(output: Array) -> Array:
        if not layout.divides(output.shape):
            return output
        return jax.lax.with_sharding_constraint(output, layout.backend_layout)

    return jax.tree.map(lay_out, outputs)


def placed(variables: Sequence[Variable], values: Sequence[Array]) -> list[Array]:
    """Return new values of variables in a program, where the variables are."""
    if not is_spread():
        return [*values]
    pairs = zip(variables, values, strict=True)
    return [jax.lax.with_sharding_constraint(a, v.storage.sharding) for v, a in pairs]


def as_rows(arrays: Iterable[jax.Array]) -> list[jax.Array]:
    """Reshape each array to one dimension on a CPU.

    XLA:CPU loops over each axis separately, up to seven times slower if the last axis
    is short. It updates an array in place only if the layout does not change. Arrays
    that are split among devices would first have to be gathered.
    """
    if platform() != "cpu" or splits_variables():
        return list(arrays)
    return [a.reshape(-1) if a.ndim > 1 else a for a in arrays]
