"""Methods that models had in Keras 1 and 2."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from lamina.compat.arguments import FUNCTIONS, renamed
from lamina.compat.notices import tell
from lamina.models import Model
from lamina.typing import Data

# Methods that have another name today.
FORMER_METHODS = {
    "fit_generator": "fit",
    "evaluate_generator": "evaluate",
    "predict_generator": "predict",
    "predict_proba": "predict",
    "to_yaml": "to_json",
}


def fit_generator(
    model: Model,
    generator: Iterable[Any],
    steps_per_epoch: int | None = None,
    epochs: int = 1,
    **options: Any,
) -> Any:
    """Train on a generator's batches, with the arguments of Keras 1 or 2."""
    tell("model.fit_generator", "model.fit")
    found = renamed("fit_generator", FUNCTIONS["fit_generator"], options)
    samples = found.pop("samples_per_epoch", None)
    if samples is not None:
        generator, steps_per_epoch = _counted(generator, samples)
    samples = found.pop("val_samples", None)
    validation = found.get("validation_data")
    if samples is not None and not isinstance(validation, (tuple, list, type(None))):
        counted = _counted(validation, samples)
        found["validation_data"], found["validation_steps"] = counted
    options = {"epochs": epochs, **found}
    return model.fit(generator, steps_per_epoch=steps_per_epoch, **options)


def evaluate_generator(
    model: Model, generator: Iterable[Any], steps: int | None = None, **options: object
) -> Any:
    """Evaluate on a generator's batches, with the arguments of Keras 1 or 2."""
    tell("model.evaluate_generator", "model.evaluate")
    return _over_generator(
        model.evaluate, "evaluate_generator", generator, steps, options
    )


def predict_generator(
    model: Model, generator: Iterable[Any], steps: int | None = None, **options: object
) -> Any:
    """Predict on a generator's batches, with the arguments of Keras 1 or 2."""
    tell("model.predict_generator", "model.predict")
    return _over_generator(
        model.predict, "predict_generator", generator, steps, options
    )


def _over_generator(
    method: Callable[..., Any],
    name: str,
    generator: Iterable[Any],
    steps: int | None,
    options: Mapping[str, Any],
) -> Any:
    found = {"verbose": 0, **renamed(name, FUNCTIONS[name], options)}
    samples = found.pop("val_samples", None)
    if samples is not None:
        generator, steps = _counted(generator, samples)
    return method(generator, steps=steps, **found)


def _counted(source: Iterable[Any], samples: int) -> tuple[Iterable[Any], int]:
    """Return batches, and the number of them that have this number of rows.

    The first batch tells the number of rows in each.
    """
    batches = iter(source)
    first = x = next(batches)
    while isinstance(x, (tuple, list, dict)):
        x = next(iter(x.values())) if isinstance(x, dict) else x[0]
    return itertools.chain([first], batches), max(1, -(-int(samples) // len(x)))


def predict_classes(
    model: Model, x: Data, batch_size: int | None = None, verbose: int = 0
) -> np.ndarray:
    """Return the most probable class of each row."""
    tell("model.predict_classes(x)", "model.predict(x).argmax(axis=-1), or > 0.5")
    scores = np.asarray(model.predict(x, batch_size=batch_size, verbose=verbose))
    if scores.shape[-1] > 1:
        return scores.argmax(axis=-1)
    return (scores > 0.5).astype("int32")


def predict_proba(
    model: Model, x: Data, batch_size: int | None = None, verbose: int = 0
) -> np.ndarray:
    """Return the outputs, which are probabilities if the model computes them."""
    tell("model.predict_proba", "model.predict")
    return model.predict(x, batch_size=batch_size, verbose=verbose)


def reset_states(model: Any) -> None:
    """Set the states of recurrent layers to zero, or that of one layer."""
    tell("model.reset_states", "layer.reset_state for each recurrent layer")
    for layer in getattr(model, "layers", [model]):
        if hasattr(layer, "layers"):
            reset_states(layer)
        elif hasattr(layer, "reset_state"):
            layer.reset_state()


def to_yaml(model: Model, **options: object) -> str:
    """Return the config as JSON, which is YAML too."""
    tell("model.to_yaml()", "model.to_json()")
    return model.to_json(**options)
