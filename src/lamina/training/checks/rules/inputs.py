"""Rules for the values of inputs."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina.core.creation import created_at
from lamina.layers import RNN, Dense, Embedding, Normalization, Rescaling
from lamina.training.checks.case import Case, InputCase
from lamina.training.checks.rules.base import Advice, rule

_CONVOLUTIONS = ("Conv2D", "SeparableConv2D", "DepthwiseConv2D")
_SCALING = (
    *("Normalization", "Rescaling", "BatchNormalization", "LayerNormalization"),
    *("Discretization", "GroupNormalization", "UnitNormalization", "Lambda"),
    *("RandomContrast", "RandomBrightness", "AutoContrast", "Equalization"),
)
# Wider tables are often images or other signals.
_MAX_COLUMNS = 40
# Ratio of two standard deviations. Those of 0..255 and 0..1 have 255.
_ANOTHER_SCALE = 20


def _first_weighted(data: InputCase) -> Any:
    """Return the layer that sees the data as it is, if it multiplies it by weights."""
    if not data.is_number or not data.first_calls:
        return None
    for node in data.first_calls[:-1]:
        kind = type(node.operation).__name__
        if kind in _SCALING or not hasattr(node.operation, "get_config"):
            return None
    layer = data.first_layer
    if layer is None or isinstance(layer, Embedding):
        return None
    return None if type(layer).__name__ in _SCALING else layer


@rule("unscaled-input", "advice", each="inputs")
def inputs_of_large_values(data: InputCase) -> Advice:
    layer = _first_weighted(data)
    if layer is None or len(data.array) < 20:
        return None
    low, high = data.range
    deviation = float(data.sample.astype("float32").std(dtype="float64"))
    if not np.isfinite(deviation) or max(-low, high) < 20 or deviation < 8:
        return None
    if _mixed_scales(data) is not None:
        return None
    mend = "Standardize it: layers.Normalization(), with adapt(x), as the first layer."
    if low >= 0 and 128 <= high <= 255:
        mend = "Divide it by 255, or begin the model with layers.Rescaling(1 / 255)."
    return (
        f"{data.name} is not scaled: its values range from {low:g} to {high:g}, and "
        f"layer {layer.name!r} takes them as they are; training is slow or unstable.",
        mend,
    )


@rule("feature-scales", "advice", each="inputs")
def columns_of_different_magnitude(data: InputCase) -> Advice:
    scales = _mixed_scales(data)
    if scales is None or _first_weighted(data) is None:
        return None
    return (
        f"The columns of {data.name} have different scales: their standard "
        f"deviations range from {scales[0]:.2g} to {scales[1]:.2g}, so the "
        "largest column dominates.",
        "Standardize each: layers.Normalization(), with adapt(x), as the first layer.",
    )


def _mixed_scales(data: InputCase) -> tuple[float, float] | None:
    """Return the smallest and largest deviation of columns that differ too much."""
    if not _is_table(data):
        return None
    deviations = data.sample.astype("float64").std(axis=0)
    deviations = deviations[deviations > 0]
    if (
        deviations.size < 2
        or deviations.max() < 1000 * deviations.min()
        or deviations.max() < 10
    ):
        return None
    return float(deviations.min()), float(deviations.max())


@rule("constant-columns", "advice", each="inputs")
def columns_with_one_value(data: InputCase) -> Advice:
    if not _is_table(data) or len(data.array) < 50:
        return None
    sample = data.sample
    constant = np.flatnonzero((sample == sample[0]).all(axis=0))
    if constant.size in (0, sample.shape[1]):
        return None
    values = np.asarray(data.array)
    constant = constant[(values[:, constant] == values[0, constant]).all(axis=0)]
    if constant.size == 0:
        return None
    return (
        f"{_columns(constant)} of {data.name} the same value in all rows.",
        "Check how it is made; it carries no information.",
    )


@rule("constant-input", "warning", each="inputs")
def input_with_one_value(data: InputCase) -> Advice:
    if not data.is_number or len(data.array) < 20 or data.array.size < 40:
        return None
    low, high = data.range
    if low != high or not bool((np.asarray(data.array) == low).all()):
        return None
    # A program that only tries something has constant targets too.
    labels = [out.labels for out in data.case.outputs if out.labels is not None]
    if not labels or all(each.range[0] == each.range[1] for each in labels):
        return None
    return (
        f"All values of {data.name} are {low:g}, so the model cannot tell rows apart.",
        f"Check how {data.name} is made.",
    )


@rule("duplicated-columns", "advice", each="inputs")
def columns_that_are_equal(data: InputCase) -> Advice:
    if not _is_table(data) or len(data.array) < 50:
        return None
    sample = data.sample
    seen: dict[bytes, int] = {}
    for i in range(sample.shape[1]):
        first = seen.setdefault(sample[:, i].tobytes(), i)
        if first == i or (sample[:, i] == sample[0, i]).all():
            continue
        values = np.asarray(data.array)
        if (values[:, i] == values[:, first]).all():
            return (
                f"Columns {first} and {i} of {data.name} are equal.",
                "Remove one of them.",
            )
    return None


@rule("scaled-twice", "warning", each="inputs")
def data_that_is_scaled_twice(data: InputCase) -> Advice:
    if not data.is_number or not data.first_calls:
        return None
    first = data.first_calls[0].operation
    low, high = data.range
    if not isinstance(first, Rescaling) or high > 1 or low < -1 or low == high:
        return None
    scale = np.max(first.scale)
    if scale > 1 / 50:
        return None
    return (
        f"The values of {data.name} range from {low:g} to {high:g} already, and layer "
        f"{first.name!r} (Rescaling) multiplies them by {scale:.3g}.",
        "Remove the layer, or pass the values as they were, 0 to 255.",
        created_at(first),
    )


@rule("validation-scale", "warning", each="inputs")
def validation_data_of_another_scale(data: InputCase) -> Advice:
    held_out = data.case.validation
    if not held_out or not data.is_number or len(data.case.inputs) != 1:
        return None
    other = InputCase(data.case, data.name, held_out[0], data.tensor)
    if not other.is_number or min(len(data.sample), len(other.sample)) < 10:
        return None
    spreads = [float(each.sample.std()) for each in (data, other)]
    if not min(spreads) or max(spreads) / min(spreads) < _ANOTHER_SCALE:
        return None
    (low, high), (least, most) = data.range, other.range
    return (
        f"{data.name} ranges from {low:g} to {high:g}, but in `validation_data` it "
        f"ranges from {least:g} to {most:g}.",
        "Scale both in the same way, best by a layer of the model.",
    )


@rule("channels-first", "warning", each="inputs")
def channels_first_images(data: InputCase) -> Advice:
    layer, shape = data.first_layer, tuple(data.array.shape)
    if type(layer).__name__ not in _CONVOLUTIONS or len(shape) != 4:
        return None
    if layer.data_format != "channels_last" or len(data.first_calls) > 2:
        return None
    if shape[1] not in (1, 3) or shape[3] <= 4 or shape[2] != shape[3]:
        return None
    return (
        f"{data.name} has shape {shape}, which looks like images with the channels "
        f"first, but layer {layer.name!r} expects the channels last and slides over "
        f"the axes of sizes {shape[1]} and {shape[2]}.",
        f"Pass {data.name}.transpose(0, 2, 3, 1), and Input(({shape[2]}, {shape[3]}, "
        f"{shape[1]})).",
    )


@rule("one-time-step", "advice", each="inputs")
def sequences_of_one_step(data: InputCase) -> Advice:
    layer, shape = data.first_layer, tuple(data.array.shape)
    is_recurrent = isinstance(layer, RNN) and len(shape) == 3
    if not is_recurrent or shape[1] != 1 or shape[2] < 2 or layer.stateful:
        return None
    return (
        f"{data.name} has shape {shape}: each row is a sequence of one step, so layer "
        f"{layer.name!r} has nothing to remember.",
        f"For a series of {shape[2]} values use the shape (rows, {shape[2]}, 1).",
    )


@rule("padding-without-mask", "advice", each="inputs")
def last_steps_of_padding(data: InputCase) -> Advice:
    if not data.is_number or len(data.array.shape) != 2:
        return None
    layer = data.first_layer
    if not isinstance(layer, Embedding) or layer.mask_zero or len(data.array) < 20:
        return None
    after = [b.operation for a, b in data.case.pairs if a.operation is layer]
    if not after or not isinstance(after[0], RNN) or after[0].return_sequences:
        return None
    if after[0].go_backwards:
        return None
    zeros = (data.sample[:, -max(data.sample.shape[1] // 4, 2) :] == 0).all(axis=1)
    if zeros.mean() < 0.5 or not (data.sample != 0).any():
        return None
    return (
        f"{zeros.mean():.0%} of the rows of {data.name} end in zeros, and layer "
        f"{after[0].name!r} returns its last step, which has read padding since.",
        f"Write {type(layer).__name__}(..., mask_zero=True), or pad in front: "
        "pad_sequences(x, padding='pre').",
        created_at(layer),
    )


@rule("targets-in-inputs", "warning")
def targets_are_a_column_of_inputs(case: Case) -> Advice:
    if len(case.outputs) != 1 or case.outputs[0].labels is None:
        return None
    labels = case.outputs[0].labels
    # Continuous targets are sometimes a feature, to try something.
    if not labels.counts or len(labels.values) < 20 or len(case.inputs) != 1:
        return None
    data = case.inputs[0]
    if not _is_table(data) or data.sample.shape[1] < 2:
        return None
    values, y = np.asarray(data.array), labels.values.reshape(len(labels.values), -1)
    if y.shape != (len(values), 1) or (y == y[0]).all():
        return None
    same = np.flatnonzero((values == y).all(axis=0))
    if not same.size:
        return None
    return (
        f"Column {same[0]} of {data.name} is y itself, so the model only copies it.",
        f"Remove the column: np.delete(x, {same[0]}, axis=1).",
    )


def _is_table(data: InputCase) -> bool:
    """Return whether data is a table of continuous columns."""
    if not data.is_number or len(data.array.shape) != 2 or len(data.array) < 20:
        return False
    is_dense = data.tensor is None or isinstance(data.first_layer, Dense)
    return is_dense and 2 <= data.array.shape[1] <= _MAX_COLUMNS


def _columns(indices: np.ndarray) -> str:
    names = ", ".join(map(str, indices[:5].tolist()))
    return f"Column {names} has" if len(indices) == 1 else f"Columns {names} have"


@rule("not-adapted", "warning")
def normalization_without_statistics(case: Case) -> Advice:
    for layer in dict.fromkeys(node.operation for node in case.nodes):
        if not isinstance(layer, Normalization) or layer.input_mean is not None:
            continue
        if np.any(layer.adapt_mean) or np.any(np.asarray(layer.adapt_variance) != 1):
            continue
        return (
            f"Layer {layer.name!r} has not been adapted, so it does not change its "
            "input.",
            "Call layer.adapt(x) before the model is trained.",
            created_at(layer),
        )
    return None
