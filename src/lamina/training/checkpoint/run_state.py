"""Capture the state of a run as one tree, and restore it."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lamina import config
from lamina.core.module import Module
from lamina.core.variable import Variable
from lamina.errors import ArgumentError, ArgumentTypeError, FileFormatError
from lamina.io.load_report import LoadReport, Mismatch
from lamina.runtime.module_state import ModuleState
from lamina.training.callbacks.base import Callback
from lamina.training.callbacks.callback_list import CallbackList
from lamina.training.checkpoint.checkpoints import TrainPosition
from lamina.training.checkpoint.run_file import Tree, require_plain
from lamina.training.checkpoint.shards import variables_of
from lamina.training.state import MetricsOwner, TrainingState
from lamina.typing import Array, PyTree
from lamina.version import __version__

AS_BEFORE = "Start the run as before, or pass `resume` another folder."

# Version of the contents of checkpoints.
_FORMAT = 1

_COUNT = re.compile(r"_\d+(?=[_/]|$)")
_FINGERPRINT = re.compile("[0-9a-f]{64}")
# Number of rows that a fingerprint reads.
_FINGERPRINT_ROWS = 1000


def capture(
    state: TrainingState, callbacks: CallbackList, entries: Tree
) -> Callable[[], Tree]:
    """Take a snapshot of a run.

    The variables are copied on the device, asynchronously; the rest is copied at once.

    Args:
        state: the model's training.
        callbacks: the run's callbacks.
        entries: further entries of the tree.

    Returns:
        A function that waits for the device and returns the tree.
    """
    variables = {k: _snapshot(v.raw) for k, v in _variables(state).items()}
    hyperparameters = _hyperparameters(state)
    tree = {
        "format": _FORMAT,
        "stop": bool(state.model.stop_training),
        "numbers": [
            (type(m).__name__, name, value) for m, name, value in hyperparameters
        ],
        "callbacks": callbacks.state_dict(),
        **entries,
    }
    # Callbacks may change their state before the thread writes it.
    tree = _copy_tree(tree)

    return lambda: {**tree, "variables": variables}


def _snapshot(array: Array) -> Array | np.ndarray:
    try:
        return jnp.copy(array)
    except jax.errors.JaxRuntimeError:  # out of device memory
        return np.array(array)


def _copy_tree(value: object) -> Any:
    """Copy a tree; immutable JAX arrays are shared."""
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, dict):
        return {k: _copy_tree(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)([_copy_tree(v) for v in value])
    return value


def restore(
    state: TrainingState, callbacks: CallbackList, saved: dict[str, Any]
) -> TrainPosition:
    """Restore a run, and return its position.

    Raises:
        FileFormatError: the variables differ from those of the model, or another
            version of lamina wrote the checkpoint in another format.
    """
    if saved.get("format") != _FORMAT:
        raise FileFormatError(
            f"The checkpoint was written by lamina {saved['versions'].get('lamina')} "
            f"in a format that lamina {__version__} does not read. Complete the "
            "run with that version, or pass `resume` another folder."
        )
    restore_model(state, saved)
    callbacks.load_state_dict(saved["callbacks"])
    state.model.stop_training = saved["stop"]
    return TrainPosition(*saved["place"])


def restore_model(state: TrainingState, saved: Tree) -> None:
    """Restore weights, optimizer, metrics and hyperparameters.

    Raises:
        ArgumentError: the hyperparameters are those of other objects.
        FileFormatError: the variables differ from those of the model.
    """
    variables, values = _variables(state), saved["variables"]
    mismatches = [
        Mismatch(
            path,
            tuple(variables[path].shape) if path in variables else None,
            tuple(values[path].shape) if path in values else None,
        )
        for path in {**variables, **values}
    ]
    differing = [m for m in mismatches if m.in_model != m.in_file]
    if differing:
        table = LoadReport([], differing)
        raise FileFormatError(
            f"The checkpoint is of another model. {AS_BEFORE}\n{table}"
        )
    arrays = variables_of(saved, variables)
    for path, variable in variables.items():
        variable.assign(arrays[path])
    hyperparameters = _hyperparameters(state)
    names = [(type(m).__name__, name) for m, name, _ in hyperparameters]
    if names != [entry[:2] for entry in saved["numbers"]]:
        raise ArgumentError(
            f"The run was started with another optimizer or other layers. {AS_BEFORE}"
        )
    for (module, name, _), (*_, value) in zip(
        hyperparameters, saved["numbers"], strict=True
    ):
        setattr(module, name, value)
    state.steps_done = TrainPosition(*saved["place"]).step


def _variables(state: TrainingState) -> dict[str, Variable]:
    """Return each variable that a step may change, by a unique path."""
    found: dict[int, Variable] = {}
    for module in state.modules():
        found.update({id(v): v for v in module.all_variables()})
    by_path: dict[str, Variable] = {}
    for variable in found.values():
        # Numbers in automatic names differ between processes.
        base = path = _COUNT.sub("", variable.path)
        count = 1
        while path in by_path:
            path, count = f"{base}:{count}", count + 1
        by_path[path] = variable
    return by_path


def _hyperparameters(state: TrainingState) -> list[tuple[Module, str, float]]:
    found = ModuleState.of(state.modules())
    pairs = zip(found.attributes, found.hyperparameters(), strict=True)
    return [(module, name, value) for (module, name), value in pairs]


def require_plain_callbacks(callbacks: Iterable[Callback]) -> None:
    """Raise for callbacks whose state cannot be saved.

    Raises:
        ArgumentTypeError: a state contains something other than plain data.
    """
    for callback in callbacks:
        try:
            require_plain(callback.state_dict())
        except TypeError as error:
            raise ArgumentTypeError(
                f"The state of the callback {type(callback).__name__} cannot be saved: "
                f"{error}. Its `state_dict` must return numbers, strings, arrays, and "
                "lists, tuples and dictionaries of them."
            ) from None


def fingerprint(arrays: PyTree) -> str:
    """Hash the shapes of arrays and rows spread evenly over them."""
    digest = hashlib.sha256()
    for array in jax.tree.leaves(arrays):
        digest.update(f"{array.shape} {array.dtype}".encode())
        count = len(array)
        rows = np.linspace(0, count - 1, min(count, _FINGERPRINT_ROWS)).astype(int)
        digest.update(np.ascontiguousarray(array[rows]).tobytes())
    return digest.hexdigest()


def arguments_of(model: MetricsOwner, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of `fit` and `compile` as JSON data."""
    try:
        compiled = model.get_compile_config()
    except ArgumentError:  # an Optax transformation
        compiled = {"optimizer": type(model.optimizer).__name__}
    return {
        **_as_json(given),
        "precision": model.dtype_policy.name,
        "compile": _as_json(compiled or {}),
    }


def _as_json(value: object) -> Any:
    """Convert a value to JSON data that can be read and compared."""
    if isinstance(value, Mapping):
        # Automatic names differ between processes.
        return {str(k): _as_json(v) for k, v in value.items() if k != "name"}
    if isinstance(value, (list, tuple, range, set)):
        return [_as_json(v) for v in value]
    if isinstance(value, (np.generic, np.ndarray, jax.Array)):
        return _as_json(value.tolist())
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return type(value).__name__


def require_same(saved: object, now: object, folder: Path) -> None:
    """Raise if a run was started with other arguments or data.

    Raises:
        ArgumentError: the arguments or the data differ.
    """
    lines = list(differences(saved, now))
    if lines:
        raise ArgumentError(
            f"The run in {str(folder)!r} was started differently: "
            f"{'; '.join(lines)}. {AS_BEFORE}"
        )


def differences(saved: Any, now: Any, name: str = "") -> Iterator[str]:
    """Yield a clause for each entry of both records whose value has changed."""
    classes = [v.get("class_name") for v in (saved, now) if isinstance(v, dict)]
    if len(classes) == 2 and classes[0] == classes[1]:
        for key in (k for k in now if k in saved):
            # Omit the keys of configs: users do not know them.
            inner = name if key in ("compile", "config") else f"{name} {key}".strip()
            yield from differences(saved[key], now[key], inner)
    elif saved != now and _FINGERPRINT.fullmatch(f"{saved}") and now is not None:
        yield f"{name} has other values"
    elif saved != now:
        yield f"{name} was {_short(saved)} and is now {_short(now)}"


def _short(value: object) -> str:
    if isinstance(value, dict) and "class_name" in value:
        return str(value["class_name"])
    text = "an array" if _FINGERPRINT.fullmatch(f"{value}") else repr(value)
    return text if len(text) < 100 else text[:97] + "..."


def versions() -> dict[str, Any]:
    """Return the versions and settings that affect rounding."""
    device = jax.devices()[0]
    settings: Any = jax.config
    return {
        "lamina": __version__,
        "python": platform.python_version(),
        "jax": jax.__version__,
        "numpy": np.__version__,
        "platform": f"{sys.platform} {platform.machine()}",
        "device": f"{device.platform} {device.device_kind}",
        "cores": os.cpu_count(),
        "matmul_precision": settings.jax_default_matmul_precision,
        "deterministic": config.is_deterministic(),
    }
