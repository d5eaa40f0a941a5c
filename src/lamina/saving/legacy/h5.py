"""Loading of models and weights from `.h5` files of Keras 1, Keras 2 and tf.keras.

Keras 3 can write this layout too, and so can lamina, in `legacy.write`. Configs are
converted to the Keras 3 format by `legacy.config` and then deserialized by the registry
like any other; no code in a file is run.
"""

from __future__ import annotations

import warnings
from typing import Any

from lamina.core.untrusted import untrusted_config
from lamina.io.bounded_json import read_json
from lamina.io.hdf5 import Group
from lamina.io.load_report import LoadReport, Tolerance
from lamina.saving.legacy import weights
from lamina.saving.legacy.config import KerasVersion, upgrade_config
from lamina.saving.legacy.optimizer import StoredState, upgrade_compile_config
from lamina.saving.loading import deserialize_model, stored_bytes, untrusted_model
from lamina.training.trainer import Trainer


def load_legacy_model(
    file: Group,
    what: str,
    custom_objects: dict[str, Any] | None,
    compile: bool,
    tolerance: Tolerance,
) -> Trainer:
    """Load the model in a file.

    Args:
        file: root group of the file, which has a model config.
        what: name of the file in error messages.
        custom_objects: your classes and functions, by the names in the file.
        compile: whether to compile the model with the saved arguments.
        tolerance: mismatches of weights to allow.

    Raises:
        FileFormatError: the file uses a class, function or argument that lamina does
            not support.
    """
    config, origin = _read_config(file, what)
    problem = ""
    with untrusted_model(config, what, stored_bytes(file), custom_objects):
        config = upgrade_config(config, origin)
        model = deserialize_model(config)
        orders = dict(weights.layer_orders(config))
        model.load_report, stored_layers = weights.read_legacy_weights(
            model, file, origin, tolerance, orders
        )
        training = file.attributes.get("training_config")
        if compile and training is not None:
            training = read_json(str(training), f"The training in {what}")
            model.compile_from_config(upgrade_compile_config(training, origin))
            group = file.group("optimizer_weights")
            arrays = weights.stored_arrays(group) if group else []
            state = StoredState(arrays, stored_layers, origin, training)
            problem = state.load(model.optimizer) if arrays else ""
            model.continue_from(getattr(model.optimizer, "iterations", 0))
    if problem:
        warnings.warn(
            f"The state of {type(model.optimizer).__name__} in {what} was not loaded: "
            f"{problem}. Training continues with a new optimizer state.",
            stacklevel=3,
        )
    return model


def load_legacy_weights(
    model: Trainer, file: Group, what: str, tolerance: Tolerance, by_name: bool
) -> LoadReport:
    """Load the weights of a model from a file.

    Args:
        model: a model whose weights exist.
        file: root group of the file.
        what: name of the file in error messages.
        tolerance: mismatches to allow.
        by_name: whether to match layers by name only.

    Raises:
        FileFormatError: the file's weights do not match the model's.
    """
    config, origin = _read_config(file, what)
    # Arrays with wrong shapes can fail while their layout is converted.
    with untrusted_config(config, f"The content of {what}"):
        report, _ = weights.read_legacy_weights(
            model, file, origin, tolerance, by_name=by_name
        )
    return report


def _read_config(file: Group, what: str) -> tuple[dict[str, Any], KerasVersion]:
    """Return the model's config, if any, and the version that wrote the file."""
    text = str(file.attributes.get("model_config", "{}"))
    config = read_json(text, f"The model in {what}")
    inner = file.group("model_weights")
    attributes = inner.attributes if inner else {}
    names = weights.weight_names(file)
    return config, KerasVersion.of({**attributes, **file.attributes}, text, names)
