"""Placement of variables and batches on devices, and the layout of their arrays."""

from __future__ import annotations

import functools
import zlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec, Sharding

from lamina.core.process import count_exchange, process_count, put
from lamina.core.scope import local
from lamina.core.tracing.trace_state import platform
from lamina.core.variable import Variable, bump_structure_version, state_lock
from lamina.errors import StateError
from lamina.typing import Array, PyTree


class Distribution(Protocol):
    """Protocol of `lamina.distribution.Distribution`."""

    # Whether some variables are split among devices instead of copied to each.
    splits_variables: bool

    @property
    def devices(self) -> Sequence[Any]:
        """The JAX devices."""
        ...

    @property
    def replicated(self) -> Sharding:
        """The sharding of arrays that each device has a copy of."""
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
    """Set the global distribution; with `None`, arrays are on one device."""
    _shared[0] = distribution


def is_spread() -> bool:
    """Return whether a distribution of more than one device is in use."""
    distribution = current()
    return distribution is not None and len(distribution.devices) > 1


def is_shared() -> bool:
    """Return whether the distribution in use has devices of several processes."""
    if process_count() == 1 or current() is None:
        return False
    return not current().replicated.is_fully_addressable


def splits_variables() -> bool:
    """Return whether the distribution in use splits variables among devices."""
    return is_spread() and current().splits_variables


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


def processes(distribution: Distribution) -> list[int]:
    """Return the numbers of the processes of a distribution, in the order of rows."""
    return list(dict.fromkeys(d.process_index for d in distribution.devices))


def put_shares(
    tree: PyTree, axis: int = 0, distribution: Distribution | None = None
) -> Any:
    """Join the rows that each process has to arrays on the devices of all.

    Args:
        tree: arrays with the rows of this process.
        axis: the axis of the rows.
        distribution: the distribution, by default the one in use.

    Raises:
        StateError: devices of this process compute rows of another one.
    """
    found = distribution or current()
    order = processes(found)

    def join(share: np.ndarray) -> jax.Array:
        rows = share.shape[axis]
        shape = [n * len(order) if i == axis else n for i, n in enumerate(share.shape)]
        before = order.index(jax.process_index()) * rows

        def part(index: Any) -> np.ndarray:
            start, stop, _ = index[axis].indices(shape[axis])
            if not before <= start < stop <= before + rows:
                raise StateError(
                    "Shares of rows need a mesh on which each process computes its own "
                    "rows: let the processes be along the axis of batches."
                )
            own = slice(start - before, stop - before)
            return share[(*index[:axis], own, *index[axis + 1 :])]

        sharding = found.batch_sharding(shape, axis)
        return jax.make_array_from_callback(tuple(shape), sharding, part)

    return jax.tree.map(join, tree)


def own_rows(tree: PyTree) -> Any:
    """Return the rows of this process, of NumPy arrays with those of all."""
    order = processes(current())
    number = order.index(jax.process_index())

    def own(array: np.ndarray) -> np.ndarray:
        rows = len(array) // len(order)
        return array[number * rows : (number + 1) * rows]

    return jax.tree.map(own, tree)


def split_rows(batch: PyTree) -> PyTree:
    """Let each device compute a part of the rows of a batch in a program."""
    if not is_spread():
        return batch
    distribution = current()

    def split(array: Array) -> Array:
        sharding = distribution.batch_sharding(array.shape)
        return jax.lax.with_sharding_constraint(array, sharding)

    return jax.tree.map(split, batch)


def gathered(outputs: PyTree) -> Any:
    """Return outputs of a program such that each process can read all rows.

    JAX also cannot return an array that is split into fewer parts than there are
    devices along the axis of batches.
    """
    if not is_spread():
        return outputs
    count, whole = current().num_shards, current().replicated
    is_readable = whole.is_fully_addressable

    def gather(array: Array) -> Array:
        if is_readable and array.ndim > 0 and array.shape[0] % count == 0:
            return array
        return jax.lax.with_sharding_constraint(array, whole)

    return jax.tree.map(gather, outputs)


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


def count_dispatch() -> None:
    """Record a dispatch in which all processes communicate, if there are several."""
    if process_count() > 1 and current() and _has_all(tuple(current().devices)):
        count_exchange()


@functools.lru_cache(16)
def _has_all(devices: tuple[Any, ...]) -> bool:
    """Return whether each process has one of the devices."""
    return len({d.process_index for d in devices}) == process_count()


def agree(values: Sequence[int]) -> jax.Array:
    """Start to compute the largest of each number that several processes have.

    Args:
        values: the numbers of this process.
    """
    count_dispatch()
    return _agreement(tuple(current().devices), len(values))(values)


@functools.lru_cache(16)
def _agreement(
    devices: tuple[Any, ...], count: int
) -> Callable[[Sequence[int]], jax.Array]:
    mesh = Mesh(np.array(devices), ("devices",))
    rows, whole = (
        NamedSharding(mesh, PartitionSpec(*axes)) for axes in (mesh.axis_names, ())
    )
    largest = jax.jit(lambda a: jax.numpy.max(a, 0), out_shardings=whole)

    def start(values: Sequence[int]) -> jax.Array:
        row, shape = np.array([values], np.int32), (len(devices), count)
        return largest(jax.make_array_from_callback(shape, rows, lambda _: row))

    return start


def any_process(flag: bool) -> bool:
    """Return whether a flag is set in one of the processes of the distribution."""
    return bool(np.asarray(agree([flag]))[0]) if is_shared() else flag


def same_in_all(value: object) -> bool:
    """Return whether the processes of the distribution have values of the same text."""
    code = zlib.crc32(repr(value).encode()) >> 1
    largest, smallest = np.asarray(agree([code, -code]))
    return bool(largest == -smallest)


def as_rows(arrays: Iterable[jax.Array]) -> list[jax.Array]:
    """Reshape each array to one dimension on a CPU.

    XLA:CPU loops over each axis separately, up to seven times slower if the last axis
    is short. It updates an array in place only if the layout does not change. Arrays
    that are split among devices would first have to be gathered.
    """
    if platform() != "cpu" or splits_variables():
        return list(arrays)
    return [in_shape(a, (a.size,)) if a.ndim > 1 else a for a in arrays]


def in_shape(array: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """Reshape an array; in a trace, `jnp.reshape` takes longer."""
    return array if array.shape == shape else jax.lax.reshape(array, shape)
