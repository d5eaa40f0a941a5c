"""Everything a run stands on, as one tree, and back."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import version
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lamina import config
from lamina.core.variable import Variable
from lamina.errors import ArgumentError, ArgumentTypeError, FileFormatError
from lamina.io.load_report import LoadReport, Mismatch
from lamina.runtime.module_state import ModuleState
from lamina.training.checkpoint.run_file import require_plain

__all__ = [
    "TrainPosition",
    "arguments_of",
    "capture",
    "fingerprint",
    "require_plain_callbacks",
    "require_same",
    "restore",
    "restore_model",
    "versions",
]

# Counts up when checkpoints hold something else than they did.
_FORMAT = 1

_COUNT = re.compile(r"_\d+(?=[_/]|$)")
# How many rows a fingerprint looks at.
_ROWS = 1000


class TrainPosition(NamedTuple):
    """Where a run stands: the next batch of an epoch, the steps before the epoch."""

    epoch: int
    batch: int
    step: int


def capture(
    model: Any, callbacks: Any, place: TrainPosition, bad: Any = None, **more: Any
) -> Callable[[], dict[str, Any] | None]:
    """Take a snapshot of a run.

    The variables are copied on the device, in its turn; the rest is copied here.

    Args:
        model: the model in training.
        callbacks: their list.
        place: where the run stands.
        bad: the number of a batch that was not finite, or a negative one.
        **more: what else to keep.

    Returns:
        A function that waits for the device and returns the tree, or `None` if a
        batch was not finite: training stops at a place of its own then.
    """
    variables = {k: _snapshot(v.raw) for k, v in _variables(model).items()}
    facts = {
        "format": _FORMAT,
        "place": tuple(place),
        "stop": bool(model.stop_training),
        "numbers": _numbers(model),
        "callbacks": callbacks.state_dict(),
        **more,
    }
    # What callbacks go on changing is written later.
    facts = _copied(facts)

    def finished() -> dict[str, Any] | None:
        if bad is not None and int(bad) >= 0:
            return None
        return {**facts, "variables": variables}

    return finished


def _snapshot(array: Any) -> Any:
    try:
        return jnp.copy(array)
    except jax.errors.JaxRuntimeError:  # the device has no room for another one
        return np.array(array)


def _copied(value: Any) -> Any:
    """A copy of a tree; arrays of the device, which nobody changes, are shared."""
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, dict):
        return {k: _copied(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)([_copied(v) for v in value])
    return value


def restore(model: Any, callbacks: Any, saved: dict[str, Any]) -> TrainPosition:
    """Put a run back as it was; returns where it stands.

    Raises:
        FileFormatError: the variables are not those of the model, or another version
            of lamina wrote them in another way.
    """
    if saved.get("format") != _FORMAT:
        raise FileFormatError(
            f"The checkpoint was written by lamina {saved['versions'].get('lamina')}, "
            f"which kept runs in another way than lamina {version('lamina')} does. End "
            "the run with that version, or give `resume` another folder."
        )
    restore_model(model, saved)
    callbacks.load_state_dict(saved["callbacks"])
    model.stop_training = saved["stop"]
    return TrainPosition(*saved["place"])


def restore_model(model: Any, saved: dict[str, Any]) -> None:
    """Put back what a step changes: weights, optimizer, metrics, hyperparameters.

    Raises:
        FileFormatError: the variables are not those of the model.
    """
    variables, values = _variables(model), saved["variables"]
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
        raise FileFormatError(
            "The checkpoint is one of another model. Give `resume` another folder, or "
            f"build the model as before.\n{LoadReport([], differing)}"
        )
    for path, variable in variables.items():
        variable.assign(values[path])
    _set_numbers(model, saved["numbers"])
    model.continue_from(TrainPosition(*saved["place"]).step)


def _variables(model: Any) -> dict[str, Variable]:
    """Each variable that a step may change, by a path of its own."""
    found: dict[int, Variable] = {}
    for module in model._modules():
        found.update({id(v): v for v in module.all_variables()})
    by_path: dict[str, Variable] = {}
    for variable in found.values():
        # Names made by counting differ from one process to another.
        base = path = _COUNT.sub("", variable.path)
        count = 1
        while path in by_path:
            path, count = f"{base}:{count}", count + 1
        by_path[path] = variable
    return by_path


def _numbers(model: Any) -> list[tuple[str, str, float]]:
    """The hyperparameters as they are: class, name, value."""
    return [(type(m).__name__, name, v) for m, name, v in _owned_numbers(model)]


def _set_numbers(model: Any, saved: list[tuple[str, str, float]]) -> None:
    owned = _owned_numbers(model)
    if [(type(m).__name__, name) for m, name, _ in owned] != [n[:2] for n in saved]:
        raise ArgumentError(
            "The run was started with another optimizer or with other layers. Compile "
            "the model as before, or give `resume` another folder."
        )
    for (module, name, _), (*_, value) in zip(owned, saved, strict=True):
        setattr(module, name, value)


def _owned_numbers(model: Any) -> list[tuple[Any, str, float]]:
    state = ModuleState.of(model._modules())
    pairs = zip(state.attributes, state.hyperparameters(), strict=True)
    return [(module, name, value) for (module, name), value in pairs]


def require_plain_callbacks(callbacks: Iterable[Any]) -> None:
    """Refuse callbacks whose state can't be kept, before any time is lost.

    Raises:
        ArgumentTypeError: one has something other than plain data in its state.
    """
    for callback in callbacks:
        try:
            require_plain(callback.state_dict())
        except TypeError as error:
            raise ArgumentTypeError(
                f"The state of the callback {type(callback).__name__} can't be kept: "
                f"{error}. Its `state_dict` must return numbers, strings, arrays and "
                "lists, tuples and dictionaries of them."
            ) from None


def fingerprint(arrays: Any) -> str:
    """A hash of the shapes of arrays and of rows spread evenly over them."""
    digest = hashlib.sha256()
    for array in jax.tree.leaves(arrays):
        digest.update(f"{array.shape} {array.dtype}".encode())
        rows = np.linspace(0, len(array) - 1, min(len(array), _ROWS)).astype(int)
        digest.update(np.ascontiguousarray(array[rows]).tobytes())
    return digest.hexdigest()


def arguments_of(model: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """What a run was started with, as JSON: arguments, how the model is compiled."""
    try:
        compiled = model.get_compile_config()
    except ArgumentError:  # an Optax transformation
        compiled = {"optimizer": type(model.optimizer).__name__}
    return {
        **_as_json(given),
        "precision": model.dtype_policy.name,
        "compile": _as_json(compiled or {}),
    }


def _as_json(value: Any) -> Any:
    """A value for people to read and for comparing with another one."""
    if isinstance(value, Mapping):
        # Names are made by counting, and differ from one process to another.
        return {str(k): _as_json(v) for k, v in value.items() if k != "name"}
    if isinstance(value, (list, tuple, range, set)):
        return [_as_json(v) for v in value]
    if isinstance(value, (np.generic, np.ndarray, jax.Array)):
        return _as_json(value.tolist())
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return type(value).__name__


def require_same(saved: Any, now: Any, where: Any) -> None:
    """Refuse to go on with a run that was started in another way.

    Raises:
        ArgumentError: the arguments or the data differ.
    """
    lines = list(_differences(saved, now))
    if lines:
        raise ArgumentError(
            f"The run in {str(where)!r} was started in another way: "
            f"{'; '.join(lines)}. Start it as before, or give `resume` another folder."
        )


def _differences(saved: Any, now: Any, name: str = "") -> Iterable[str]:
    """What differs, as far as both have it: another version may note other things."""
    classes = [v.get("class_name") for v in (saved, now) if isinstance(v, dict)]
    if len(classes) == 2 and classes[0] == classes[1]:
        for key in (k for k in now if k in saved):
            # The layers of a config say nothing to whom the message is for.
            inner = name if key in ("compile", "config") else f"{name} {key}".strip()
            yield from _differences(saved[key], now[key], inner)
    elif saved != now:
        yield f"{name} was {_short(saved)} and is now {_short(now)}"


def _short(value: Any) -> str:
    if isinstance(value, dict) and "class_name" in value:
        return str(value["class_name"])
    text = json.dumps(value) if not isinstance(value, str) else repr(value)
    return text if len(text) < 100 else text[:97] + "..."


def versions() -> dict[str, Any]:
    """What a run's bits depend on besides its own state."""
    device = jax.devices()[0]
    settings: Any = jax.config
    return {
        "lamina": version("lamina"),
        "python": platform.python_version(),
        "jax": jax.__version__,
        "numpy": np.__version__,
        "platform": f"{sys.platform} {platform.machine()}",
        "device": f"{device.platform} {device.device_kind}",
        "cores": os.cpu_count(),
        "matmul_precision": settings.jax_default_matmul_precision,
        "deterministic": config.is_deterministic(),
    }
