"""Whole models and weights in the `.h5` files of Keras 1, Keras 2 and tf.keras.

Keras 3 writes this layout too, on request; so does lamina, in `legacy_write`. What a
file says is told in today's words first, by `legacy_config`; then it goes the same way
as any other config, through the registry, and nothing in it is run.
"""

from __future__ import annotations

import warnings
from typing import Any

from lamina.core.budget import untrusted_config
from lamina.core.registry import custom_object_scope, deserialize
from lamina.core.variable import deferred_init
from lamina.errors import FileFormatError
from lamina.io.bounded_json import read_json
from lamina.io.hdf5 import Group
from lamina.io.load_report import LoadReport
from lamina.saving.legacy.config import KerasVersion, upgrade_config
from lamina.saving.legacy.optimizer import read_optimizer, upgrade_compile_config
from lamina.saving.legacy.weights import (
    Placed,
    is_legacy,
    layer_orders,
    read_legacy_weights,
    stored_arrays,
    weight_names,
)
from lamina.training.trainer import Trainer

__all__ = ["is_legacy", "load_legacy_model", "load_legacy_weights"]

_LARGEST_ITEM = 8
_UNSAVED_BYTES = 2**26


def load_legacy_model(
    file: Group,
    what: str,
    custom_objects: dict[str, Any] | None,
    compile: bool,
    skip_mismatch: bool = False,
    strict: bool = True,
) -> Any:
    """The model in a file.

    Args:
        file: what the file holds.
        what: what messages call it.
        custom_objects: classes and functions of yours by the name the file uses.
        compile: whether to compile the model as it was when saved.
        skip_mismatch: whether weights that don't fit are left as they are.
        strict: whether weights that only one side has are an error.

    Raises:
        FileFormatError: the file has weights only, or names or says something that
            lamina doesn't know.
    """
    text = file.attributes.get("model_config")
    if text is None:
        raise FileFormatError(
            f"{what} holds only weights, not a model. Build the model, and call "
            "`model.load_weights(file)`."
        )
    config = read_json(str(text), f"The model in {what}")
    origin, problem = _origin(file, config), ""
    stored = sum(_LARGEST_ITEM * d.size for _, d in file.datasets())
    budget = stored + _UNSAVED_BYTES
    with (
        untrusted_config(
            config, f"The model in {what}", budget, "its file holds weights for"
        ),
        custom_object_scope(custom_objects),
        deferred_init(),
    ):
        config = upgrade_config(config, origin)
        model = deserialize(config)
        if not isinstance(model, Trainer):
            raise FileFormatError(
                f"The file holds a {type(model).__name__}, not a model."
            )
        orders = dict(layer_orders(config))
        model.load_report, placed = read_legacy_weights(
            model, file, origin, skip_mismatch, strict, orders
        )
        training = file.attributes.get("training_config")
        if compile and training is not None:
            training = read_json(str(training), f"The training in {what}")
            model.compile_from_config(upgrade_compile_config(training, origin))
            problem = _take_state(model, file, placed, origin, training)
    if problem:
        warnings.warn(
            f"The state of {type(model.optimizer).__name__} in {what} was not loaded: "
            f"{problem}. Training goes on from these weights with a fresh optimizer.",
            stacklevel=3,
        )
    return model


def load_legacy_weights(
    model: Any,
    file: Group,
    what: str,
    skip_mismatch: bool,
    strict: bool,
    by_name: bool = False,
) -> LoadReport:
    """Read all weights of a model from a file.

    Args:
        model: a model whose weights exist.
        file: what the file holds.
        what: what messages call it.
        skip_mismatch: whether weights that don't fit are left as they are.
        strict: whether weights that only one side has are an error.
        by_name: whether layers go by their names alone.
    """
    text = file.attributes.get("model_config")
    config = {} if text is None else read_json(str(text), f"The model in {what}")
    # What is laid out anew may have any shape, or none that fits.
    with untrusted_config(config, f"What is in {what}"):
        origin = _origin(file, config)
        report, _ = read_legacy_weights(
            model, file, origin, skip_mismatch, strict, by_name=by_name
        )
    return report


def _origin(file: Group, config: dict[str, Any]) -> KerasVersion:
    inner = file.members.get("model_weights")
    attributes = inner.attributes if isinstance(inner, Group) else {}
    return KerasVersion.of(
        {**attributes, **file.attributes}, config, weight_names(file)
    )


def _take_state(
    model: Any,
    file: Group,
    placed: list[Placed],
    origin: KerasVersion,
    training: dict[str, Any],
) -> str:
    """Take the optimizer's state; returns why it was left, or an empty text."""
    group = file.members.get("optimizer_weights")
    arrays = stored_arrays(group) if isinstance(group, Group) else []
    problem = ""
    if arrays:
        problem = read_optimizer(model.optimizer, arrays, placed, origin, training)
    model.continue_from(getattr(model.optimizer, "iterations", 0))
    return problem
