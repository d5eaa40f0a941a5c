"""Loading of models and weights from `.h5` files of Keras 1, Keras 2 and tf.keras.

Keras 3 can write this layout too, and so can lamina, in `legacy.write`. Configs are
converted to the Keras 3 format by `legacy.config` and then deserialized by the registry
like any other; no code in a file is run.
"""

from __future__ import annotations

import warnings
from typing import Any

from lamina.core.budget import untrusted_config
from lamina.core.custom_objects import custom_object_scope
from lamina.core.registry import deserialize
from lamina.core.variable import deferred_init
from lamina.errors import FileFormatError
from lamina.io.bounded_json import read_json
from lamina.io.hdf5 import Group
from lamina.io.load_report import LoadReport
from lamina.saving.legacy.config import KerasVersion, upgrade_config
from lamina.saving.legacy.optimizer import read_optimizer, upgrade_compile_config
from lamina.saving.legacy.weights import (
    StoredLayer,
    layer_orders,
    read_legacy_weights,
    stored_arrays,
    weight_names,
)
from lamina.training.trainer import Trainer

_MAX_ITEMSIZE = 8
_UNSAVED_BYTES = 2**26


def load_legacy_model(
    file: Group,
    what: str,
    custom_objects: dict[str, Any] | None,
    compile: bool,
    skip_mismatch: bool = False,
    strict: bool = True,
) -> Any:
    """Load the model in a file.

    Args:
        file: root group of the file.
        what: name of the file in error messages.
        custom_objects: your classes and functions, by the names in the file.
        compile: whether to compile the model with the saved arguments.
        skip_mismatch: whether to skip weights that do not match.
        strict: whether a weight that only one side has is an error.

    Raises:
        FileFormatError: the file holds only weights, or uses a class, function or
            argument that lamina does not support.
    """
    text = file.attributes.get("model_config")
    if text is None:
        raise FileFormatError(
            f"{what} holds only weights, not a model. Build the model, and call "
            "`model.load_weights(file)`."
        )
    config = read_json(str(text), f"The model in {what}")
    origin, problem = _detect_version(file, config), ""
    stored = sum(_MAX_ITEMSIZE * d.size for _, d in file.datasets())
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
        model.load_report, stored_layers = read_legacy_weights(
            model, file, origin, skip_mismatch, strict, orders
        )
        training = file.attributes.get("training_config")
        if compile and training is not None:
            training = read_json(str(training), f"The training in {what}")
            model.compile_from_config(upgrade_compile_config(training, origin))
            problem = _load_optimizer(model, file, stored_layers, origin, training)
    if problem:
        warnings.warn(
            f"The state of {type(model.optimizer).__name__} in {what} was not loaded: "
            f"{problem}. Training continues with a new optimizer state.",
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
    """Load the weights of a model from a file.

    Args:
        model: a model whose weights exist.
        file: root group of the file.
        what: name of the file in error messages.
        skip_mismatch: whether to skip weights that do not match.
        strict: whether a weight that only one side has is an error.
        by_name: whether to match layers by name only.

    Raises:
        FileFormatError: the file's weights do not match the model's.
    """
    text = file.attributes.get("model_config")
    config = {} if text is None else read_json(str(text), f"The model in {what}")
    # Arrays with wrong shapes can fail while their layout is converted.
    with untrusted_config(config, f"The content of {what}"):
        origin = _detect_version(file, config)
        report, _ = read_legacy_weights(
            model, file, origin, skip_mismatch, strict, by_name=by_name
        )
    return report


def _detect_version(file: Group, config: dict[str, Any]) -> KerasVersion:
    inner = file.members.get("model_weights")
    attributes = inner.attributes if isinstance(inner, Group) else {}
    return KerasVersion.of(
        {**attributes, **file.attributes}, config, weight_names(file)
    )


def _load_optimizer(
    model: Any,
    file: Group,
    stored_layers: list[StoredLayer],
    origin: KerasVersion,
    training: dict[str, Any],
) -> str:
    """Load the optimizer's state; return the problem, or an empty string."""
    group = file.members.get("optimizer_weights")
    arrays = stored_arrays(group) if isinstance(group, Group) else []
    problem = ""
    if arrays:
        problem = read_optimizer(
            model.optimizer, arrays, stored_layers, origin, training
        )
    model.continue_from(getattr(model.optimizer, "iterations", 0))
    return problem
