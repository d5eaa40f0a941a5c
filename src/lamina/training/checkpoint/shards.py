"""Checkpoints of several processes, of which each writes its parts of the arrays.

Orbax writes them. A checkpoint is a folder with two items: `variables`, of which each
process writes its shards, and `run`, the bytes of a file of `run_file` with the rest,
which the first process writes. The folder gets its name when all of it is on the disk.
Checksums of arrays do not depend on how they are split: others may read other parts.
"""

from __future__ import annotations

import importlib
import math
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lamina.core.process import broadcast, host_array
from lamina.core.variable import Variable
from lamina.distribution.processes import run_in_first_process
from lamina.errors import ArgumentError, FileFormatError, missing_package
from lamina.runtime.placement import any_process, is_shared, place
from lamina.training.checkpoint.run_file import Tree, read_run, run_bytes

_RUN, _VARIABLES, _SPECS, _FOLDER = "run", "variables", "specs", "folder"
_MAX_NAME = 64
_MOST_REASON = 150  # characters: Orbax appends the specification of an array
# Seconds until a network file system shows a file that another machine has written.
_SHARED_SECONDS = 10.0
# Odd, so that each changed byte changes the checksum.
_FACTOR = 2654435761


class DamagedError(FileFormatError):
    """A checkpoint cannot be read, so that an earlier one is needed."""


def load_orbax() -> Any:
    """Return the package Orbax.

    Raises:
        MissingPackageError: Orbax is not installed.
    """
    try:
        return importlib.import_module("orbax.checkpoint")
    except ImportError:
        purpose = "checkpoints of several processes"
        raise missing_package("orbax-checkpoint", purpose, "distributed") from None


def write_shards(path: Path, tree: Tree) -> Callable[[], None]:
    """Start to write a checkpoint.

    All processes must call this at the same position, in the thread that trains.

    Args:
        path: path of the folder.
        tree: the state of the run, as `run_state.capture` returns it.

    Returns:
        A function that waits until all processes have written their parts.
    """
    orbax = load_orbax()
    save, composite = orbax.args.StandardSave, orbax.args.Composite
    arrays = tree[_VARIABLES]
    specs = {k: (a.dtype.name, tuple(a.shape), _checksum(a)) for k, a in arrays.items()}
    rest = jax.tree.map(
        lambda leaf: host_array(leaf) if isinstance(leaf, jax.Array) else leaf,
        {**tree, _VARIABLES: {}, _SPECS: specs},
        is_leaf=lambda node: node is None,
    )
    contents = np.frombuffer(run_bytes(rest), np.uint8)
    # Orbax refuses arrays without elements.
    parts = {k: a for k, a in arrays.items() if a.size > 0}
    items = {_RUN: save({_RUN: contents}), _VARIABLES: save(parts)}
    writer = orbax.AsyncCheckpointer(orbax.CompositeCheckpointHandler())
    writer.save(path.absolute(), args=composite(**items), force=True)

    def finish() -> None:
        writer.wait_until_finished()
        writer.close()

    return finish


def read_shards(path: Path) -> Tree:
    """Read the state of a run, with the shapes of variables in place of their values.

    Raises:
        FileFormatError: it cannot be read.
        MissingPackageError: Orbax is not installed.
    """
    contents = _read_item(path, _RUN)[_RUN]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, path.name)
        file.write_bytes(np.asarray(contents).tobytes())
        tree = read_run(file)
    specs = tree[_SPECS].items()
    shapes = {k: jax.ShapeDtypeStruct(s, jnp.dtype(d)) for k, (d, s, _) in specs}
    return {**tree, _VARIABLES: shapes, _FOLDER: str(path)}


def folder_of(tree: Tree) -> Path:
    """Return the path of a checkpoint that `read_shards` has read."""
    return Path(tree[_FOLDER])


def _read_item(path: Path, item: str, *wanted: Any) -> Any:
    """Read a part of a checkpoint in this process, without the others.

    Raises:
        DamagedError: it cannot be read.
    """
    orbax = load_orbax()
    this = jax.process_index()
    alone = orbax.options.MultiprocessingOptions(this, active_processes={this})
    args = orbax.args.Composite(**{item: orbax.args.StandardRestore(*wanted)})
    try:
        handler = orbax.CompositeCheckpointHandler()
        reader = orbax.Checkpointer(handler, multiprocessing_options=alone)
        return reader.restore(path.absolute(), args=args)[item]
    except Exception as error:  # Orbax documents no classes
        raise _damaged(path, str(error) or type(error).__name__) from None


def _checksum(array: Any) -> int:
    """Return a checksum that does not depend on how an array is split."""
    return int(host_array(_device_checksum(array)))


@jax.jit
def _device_checksum(array: jax.Array) -> jax.Array:
    size = array.dtype.itemsize
    if array.dtype == bool:
        array = array.astype(jnp.uint8)
    # A last axis has the bytes.
    data = jax.lax.bitcast_convert_type(array, jnp.uint8)
    data = data.reshape(*array.shape, size).astype(jnp.uint32)
    position = jnp.zeros(data.shape, jnp.uint32)
    for axis in range(data.ndim):
        stride = math.prod(data.shape[axis + 1 :]) % 2**32
        index = jax.lax.broadcasted_iota(jnp.uint32, data.shape, axis)
        position += index * jnp.uint32(stride)
    return jnp.sum(data * ((2 * position + 1) * jnp.uint32(_FACTOR)), dtype=jnp.uint32)


def variables_of(tree: Tree, variables: Mapping[str, Variable]) -> Mapping[str, Any]:
    """Return the values of the variables of a checkpoint.

    Each process reads those parts that its devices have. If several processes train,
    all of them must call this.

    Args:
        tree: a checkpoint.
        variables: the model's variables, by path.

    Raises:
        DamagedError: the values cannot be read, in one process or in several.
    """
    found = tree[_VARIABLES]
    if _FOLDER not in tree:
        return found
    path = folder_of(tree)
    place(variables.values())
    wanted = {
        k: jax.ShapeDtypeStruct(
            spec.shape, spec.dtype, sharding=variables[k].raw.sharding
        )
        for k, spec in found.items()
    }
    parts = {k: spec for k, spec in wanted.items() if spec.size > 0}
    values: dict[str, Any] = {}
    error: DamagedError | None = None
    try:
        values = _read_item(path, _VARIABLES, parts)
    except DamagedError as raised:  # raised when the others know
        error = raised
    if any_process(error is not None):
        raise error or _damaged(path, "another process found a damaged part")
    for name, value in values.items():
        if _checksum(value) != tree[_SPECS][name][2]:
            raise _damaged(path, f"the checksum of {name!r} is wrong")
    return {
        k: values[k] if k in values else np.zeros(s.shape, s.dtype)
        for k, s in wanted.items()
    }


def _damaged(path: Path, reason: str) -> DamagedError:
    line = reason.splitlines()[0][:_MOST_REASON].rstrip(".")
    return DamagedError(f"{str(path)!r} cannot be read: {line}.")


def in_first_process(function: Callable[[], object]) -> None:
    """Let the first of the processes that train a model call a function."""
    if is_shared():
        run_in_first_process(function)
    else:
        function()


def broadcast_name(name: str) -> str:
    """Return in each process the file name that the first process passes."""
    text = name.encode().ljust(_MAX_NAME)
    row = broadcast(np.frombuffer(text, np.uint8))
    return row.astype(np.uint8).tobytes().decode().rstrip()


def require_shared(path: Path) -> None:
    """Raise if this process does not see a file that the first process sees.

    Raises:
        ArgumentError: the folder is not the same one.
    """
    end = time.monotonic() + _SHARED_SECONDS
    while not path.exists():
        if time.monotonic() > end:
            raise ArgumentError(
                f"The first process has written {str(path)!r}, which process "
                f"{jax.process_index()} does not find. Pass `resume` a folder on a "
                "file system that all machines share, such as NFS."
            )
        time.sleep(0.1)
