"""Checkpoints of several processes, of which each writes its parts of the arrays.

Orbax writes them. A checkpoint is a folder with two items: `variables`, of which each
process writes its shards, and `run`, the bytes of a file of `run_file` with the rest,
which the first process writes. The folder gets its name when all of it is on the disk.
"""

from __future__ import annotations

import importlib
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from lamina.core.process import broadcast, host_array
from lamina.core.variable import Variable
from lamina.distribution.processes import run_in_first_process
from lamina.errors import ArgumentError, FileFormatError, missing_package
from lamina.runtime.placement import is_shared, place
from lamina.training.checkpoint.run_file import Tree, read_run, run_bytes

_RUN, _VARIABLES, _SPECS, _FOLDER = "run", "variables", "specs", "folder"
_MAX_NAME = 64
# Seconds until a network file system shows a file that another machine has written.
_SHARED_SECONDS = 10.0


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
    specs = {k: (a.dtype.name, tuple(a.shape)) for k, a in arrays.items()}
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
    orbax = load_orbax()
    this = jax.process_index()
    alone = orbax.options.MultiprocessingOptions(this, active_processes={this})
    args = orbax.args.Composite(**{_RUN: orbax.args.StandardRestore()})
    try:
        handler = orbax.CompositeCheckpointHandler()
        reader = orbax.Checkpointer(handler, multiprocessing_options=alone)
        contents = reader.restore(path.absolute(), args=args)[_RUN][_RUN]
    except Exception as error:  # Orbax documents no classes
        raise _damaged(path, error) from None
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, path.name)
        file.write_bytes(np.asarray(contents).tobytes())
        tree = read_run(file)
    specs = tree.pop(_SPECS)
    shapes = {
        k: jax.ShapeDtypeStruct(s, jax.numpy.dtype(d)) for k, (d, s) in specs.items()
    }
    return {**tree, _VARIABLES: shapes, _FOLDER: str(path)}


def variables_of(tree: Tree, variables: Mapping[str, Variable]) -> Mapping[str, Any]:
    """Return the values of the variables of a checkpoint.

    Each process reads those parts that its devices have. If several processes train,
    all of them must call this.

    Args:
        tree: a checkpoint.
        variables: the model's variables, by path.

    Raises:
        FileFormatError: the values cannot be read.
    """
    found = tree[_VARIABLES]
    if _FOLDER not in tree:
        return found
    orbax, path = load_orbax(), Path(tree[_FOLDER])
    place(variables.values())
    wanted = {
        k: jax.ShapeDtypeStruct(
            spec.shape, spec.dtype, sharding=variables[k].raw.sharding
        )
        for k, spec in found.items()
    }
    parts = {k: spec for k, spec in wanted.items() if spec.size > 0}
    args = orbax.args.Composite(**{_VARIABLES: orbax.args.StandardRestore(parts)})
    try:
        reader = orbax.Checkpointer(orbax.CompositeCheckpointHandler())
        values = reader.restore(path.absolute(), args=args)[_VARIABLES]
    except Exception as error:  # Orbax documents no classes
        raise _damaged(path, error) from None
    return {
        k: values[k] if k in values else np.zeros(s.shape, s.dtype)
        for k, s in wanted.items()
    }


def _damaged(path: Path, error: Exception) -> FileFormatError:
    lines = str(error).splitlines() or [type(error).__name__]
    return FileFormatError(
        f"{str(path)!r} cannot be read: {lines[0].rstrip('.')}. Delete it to resume "
        "from the checkpoint before it."
    )


def in_first_process(function: Callable[[], object]) -> None:
    """Let the first of the processes that train a model call a function."""
    if is_shared():
        run_in_first_process(function)
    else:
        function()


def broadcast_name(name: str) -> str:
    """Return the name of a file that the first process passes."""
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
