"""Rules for the values of labels."""

from __future__ import annotations

import numpy as np

from lamina import metrics
from lamina.training.checks.case import Case, OutputCase
from lamina.training.checks.label_values import Labels
from lamina.training.checks.rules.base import Advice, rule
from lamina.training.checks.rules.outputs import SQUASHING
from lamina.training.checks.rules.repeated_rows import repeats_rows
from lamina.training.plan.arguments import loss_kind

_SQUARED = ("mean_squared_error", "mean_absolute_error", "huber", "log_cosh")
_SPARSE = "sparse_categorical_crossentropy"
_ACCURACIES = (
    metrics.BinaryAccuracy,
    metrics.CategoricalAccuracy,
    metrics.SparseCategoricalAccuracy,
)
_MAX_CLASSES = 50
_MIN_ROWS = 100
_CHANCE = 0.001
# Lowest targets that a loss accepts, and the reason.
_DOMAINS = {
    "mean_squared_logarithmic_error": (-1.0, "takes the logarithm of 1 + y"),
    "poisson": (0.0, "models counts, which are never negative"),
    "kl_divergence": (0.0, "compares probabilities"),
}


@rule("constant-targets", "warning", each="outputs")
def constant_targets(out: OutputCase) -> Advice:
    labels, case = out.labels, out.case
    if labels is None or len(labels.values) < 20 or _has_constant_inputs(case):
        return None
    # Own losses ignore targets, and a generator is trained to be taken for real.
    if not (case.is_whole and out.is_known_loss) or _is_frozen_in_part(case):
        return None
    first = labels.values[0]
    if not (labels.values == first).all() or np.unique(first).size > 2:
        return None
    return (
        f"All {len(labels.values)} rows have the same target for {out.title}, so the "
        "model learns to return that, whatever the inputs are.",
        "Check how y is made.",
    )


def _is_frozen_in_part(case: Case) -> bool:
    return any(case.has_weights(n) and not case.is_trained(n) for n in case.nodes)


def _has_constant_inputs(case: Case) -> bool:
    """Return whether inputs are constant, as in a program that only tries something."""
    return all(
        data.is_number and data.range[0] == data.range[1] for data in case.inputs
    )


@rule("imbalanced-classes", "advice", each="outputs")
def imbalanced_classes(out: OutputCase) -> Advice:
    counts = _classes(out)
    options = out.case.options
    rows = sum(counts.values())
    if len(counts) < 2 or rows < _MIN_ROWS or out.kind not in SQUASHING:
        return None
    if options.class_weight or out.case.arrays[2] is not None:
        return None
    most, count = max(counts.items(), key=lambda item: item[1])
    if count / rows < 0.9:
        return None
    return (
        f"{count / rows:.0%} of the rows have the class {most:g}, so a model that "
        "always answers it has that accuracy.",
        "Weight the classes: fit(..., class_weight={...}), or use a metric such as "
        "'AUC'.",
    )


@rule("labels-from-one", "advice", each="outputs")
def labels_start_at_one(out: OutputCase) -> Advice:
    if out.kind != _SPARSE or out.labels is None or out.units is None:
        return None
    if not out.case.is_whole:
        return None
    low, high = out.labels.range
    if not (low == 1 and high == out.units - 1 and out.labels.values.size >= 20):
        return None
    return (
        f"The labels range from 1 to {high:g}, and the model has {out.units} units: "
        "the first one stands for a class that no row has.",
        f"Pass `y - 1` as labels and give the last layer {out.units - 1} units.",
        out.activation.where,
    )


@rule("unused-units", "advice", each="outputs")
def more_units_than_classes(out: OutputCase) -> Advice:
    counts, units = _classes(out), out.units
    if out.kind != _SPARSE or not counts or units is None or 0 not in counts:
        return None
    rows, classes = sum(counts.values()), len(counts)
    if units <= max(counts) + 1 or classes < max(counts) + 1 or units > _MAX_CLASSES:
        return None
    _, held_out = _class_counts(out.case)
    if rows < 20 * units or max(held_out, default=0) >= classes:
        return None
    return (
        f"The model has {units} units, but the labels are {classes} classes, 0 to "
        f"{classes - 1}.",
        f"Give the last layer {classes} units.",
        out.activation.where,
    )


@rule("classes-as-numbers", "advice", each="outputs")
def classes_under_regression_loss(out: OutputCase) -> Advice:
    labels = out.labels
    if out.kind not in _SQUARED or labels is None:
        return None
    # A few numbers may look like classes by chance.
    if len(labels.values) < (4 if labels.are_one_hot else 20):
        return None
    classes = len(labels.counts)
    wants_classes = labels.are_one_hot or any(
        isinstance(m, _ACCURACIES) for m in out.plan.metrics
    )
    if not wants_classes or not 2 <= classes <= _MAX_CLASSES:
        return None
    if labels.are_one_hot:
        activation, loss = "softmax", "categorical_crossentropy"
    elif classes == 2 and out.units == 1:
        activation, loss = "sigmoid", "binary_crossentropy"
    else:
        activation, loss = "softmax", _SPARSE
    units = 1 if activation == "sigmoid" else classes
    return (
        f"The labels are {classes} classes, but the loss {out.kind!r} treats them as "
        "numbers to come close to.",
        f"End the model in Dense({units}, activation={activation!r}) and compile with "
        f"loss={loss!r}.",
        out.case.compiled_at,
    )


@rule("scaled-labels", "warning", each="outputs")
def labels_divided_like_pixels(out: OutputCase) -> Advice:
    labels = out.labels
    if labels is None or labels.are_integers or labels.width > 1:
        return None
    if out.units is not None and out.units > 20:
        return None
    whole = labels.values.astype("float64") * 255
    if not np.allclose(whole, np.rint(whole), atol=1e-3):
        return None
    high = float(np.rint(whole.max()))
    if not 1 <= high <= 20 or labels.range[0] < 0 or len(labels.values) < 20:
        return None
    return (
        f"The labels are 0 to {high:g} divided by 255, like pixels.",
        "Divide only x by 255.",
    )


@rule("unscaled-targets", "advice", each="outputs")
def targets_of_large_values(out: OutputCase) -> Advice:
    labels = out.labels
    if out.kind not in ("mean_squared_error", "mean_absolute_error"):
        return None
    if labels is None or len(labels.values) < 20 or out.activation.name != "linear":
        return None
    deviation = float(labels.values.std())
    if deviation < 100:
        return None
    low, high = labels.range
    return (
        f"The targets range from {low:g} to {high:g} with a standard deviation of "
        f"{deviation:.3g}, and the model begins near 0: it needs many epochs, or its "
        "steps grow too large.",
        "Train on (y - y.mean()) / y.std(), and reverse that for predictions.",
    )


@rule("loss-domain", "warning", each="outputs")
def targets_outside_domain_of_loss(out: OutputCase) -> Advice:
    labels = out.labels
    if labels is None or not out.is_known_loss:
        return None
    low, high = labels.range
    if out.kind == "mean_absolute_percentage_error" and (labels.values == 0).any():
        return (
            f"The loss {out.kind!r} divides by the targets, and some are 0: their "
            "errors count a hundred million times.",
            "Compile with loss='mae', or remove these rows.",
            out.case.compiled_at,
        )
    least, reason = _DOMAINS.get(out.kind, (low, ""))
    if low >= least and not (out.kind == "kl_divergence" and high > 1.001):
        return None
    return (
        f"The loss {out.kind!r} {reason}, but the targets range from {low:g} to "
        f"{high:g}.",
        "For any real numbers compile with loss='mse'.",
        out.case.compiled_at,
    )


@rule("sorted-validation-split", "warning")
def validation_split_of_sorted_rows(case: Case) -> Advice:
    train, held_out = map(set, _class_counts(case))
    if not train or not case.options.validation_split:
        return None
    labels = case.outputs[0].labels
    assert labels is not None  # it has classes
    parts = labels.values, np.asarray(case.validation[1])
    # One-hot columns are as sorted as their indices.
    indices = [p.argmax(-1) if p.ndim > 1 and p.shape[-1] > 1 else p for p in parts]
    order = np.diff(np.concatenate([i.ravel().astype("float64") for i in indices]))
    is_sorted = bool((order >= 0).all() or (order <= 0).all())
    if not is_sorted and len(held_out - train) < 0.5 * len(held_out):
        return None
    return (
        "`validation_split` takes the last rows, but the rows are sorted by class: "
        f"those of validation have {_shown(sorted(held_out))}, which training sees "
        "rarely or never.",
        "Shuffle before: order = np.random.permutation(len(x)); x, y = x[order], "
        "y[order].",
    )


@rule("validation-only-classes", "warning")
def classes_only_in_validation(case: Case) -> Advice:
    train, held_out = _class_counts(case)
    if not train or case.options.validation_split:
        return None
    rows, total = sum(train.values()), sum(held_out.values())
    # Rare classes may be missing by chance.
    likely = {c for c, n in held_out.items() if (1 - n / total) ** rows < _CHANCE}
    missing = sorted(likely - set(train))
    if not missing:
        return None
    return (
        f"The validation data has {_shown(missing)}, which no row of training has, so "
        "the model cannot learn it.",
        "Split rows at random, for example with sklearn's "
        "train_test_split(stratify=y).",
    )


@rule("validation-is-training", "advice")
def validation_data_is_training_data(case: Case) -> Advice:
    x, held_out = case.arrays[0], case.validation
    if not held_out or not isinstance(x, np.ndarray) or case.options.validation_split:
        return None
    if not isinstance(held_out[0], np.ndarray) or not x.size or not held_out[0].size:
        return None
    if len(held_out[0]) < 20:
        return None
    # Slices of one array, such as every second row, may have no row in common.
    if not (np.shares_memory(x, held_out[0]) or repeats_rows(x, held_out[0])):
        return None
    return (
        "Rows of `validation_data` are rows of the training data, so its metrics do "
        "not tell how well the model does on new data.",
        "Pass rows that are not in x, or validation_split=0.2.",
    )


@rule("class-weight-missing", "advice", each="outputs")
def class_weight_without_a_class(out: OutputCase) -> Advice:
    weights, counts = out.case.options.class_weight, _classes(out)
    if not weights or not counts:
        return None
    missing = [c for c in counts if c not in {int(k) for k in weights}]
    # Few weights stress some classes, and the others keep 1 on purpose.
    if not missing or 2 * len(missing) > len(counts) or 1 in weights.values():
        return None
    return (
        f"`class_weight` has no weight for {_shown(missing)}, so its rows count 1.",
        "Give a weight for each class.",
    )


@rule("class-weight-values", "warning", each="outputs")
def class_weights_for_other_targets(out: OutputCase) -> Advice:
    weights, labels = out.case.options.class_weight, out.labels
    if not weights or labels is None:
        return None
    negative = [c for c, w in weights.items() if w < 0]
    if negative:
        return (
            f"`class_weight` is negative for {_shown(negative)}, so training makes "
            "its loss larger.",
            "Use weights of at least 0.",
        )
    if labels.width > 1 or labels.are_integers or not labels.values.size:
        return None
    return (
        "`class_weight` needs classes, but the targets are continuous, from "
        f"{labels.range[0]:g} to {labels.range[1]:g}: each is rounded towards 0.",
        "Pass a weight for each row as `sample_weight`.",
    )


@rule("sorted-batches", "warning", each="outputs")
def batches_of_one_class(out: OutputCase) -> Advice:
    counts, options = _classes(out), out.case.options
    if options.shuffle or not counts or len(counts) < 2 or options.validation_split:
        return None
    labels, size = out.labels, options.batch_size or 32
    assert labels is not None  # it has classes
    if 4 * size * len(counts) > sum(counts.values()) or not out.case.is_whole:
        return None
    values = labels.values
    indices = values.argmax(-1) if labels.width > 1 else values
    order = np.diff(indices.ravel().astype("float64"))
    if not ((order >= 0).all() or (order <= 0).all()):
        return None
    return (
        "The rows are sorted by class and shuffle=False, so almost every batch has "
        "one class only, and the model forgets the others.",
        "Remove shuffle=False.",
    )


@rule("zero-sample-weight", "warning")
def sample_weights_of_zero(case: Case) -> Advice:
    weight = case.arrays[2]
    if not isinstance(weight, np.ndarray) or not weight.size or weight.any():
        return None
    return (
        "All values of `sample_weight` are 0, so no row has a part in the loss.",
        "Check how they are computed.",
    )


def _classes(out: OutputCase) -> dict[int, int]:
    """Return the number of rows of each class, if all rows are known."""
    return out.labels.counts if out.labels and out.case.is_whole else {}


def _class_counts(case: Case) -> tuple[dict[int, int], dict[int, int]]:
    """Return the number of rows of each class, in training and in validation."""
    data = case.validation
    if len(case.outputs) != 1 or not data or len(data[1].shape) > 2:
        return {}, {}
    train, values = _classes(case.outputs[0]), np.asarray(data[1])
    if not train or loss_kind(case.outputs[0].loss) not in SQUASHING:
        return {}, {}
    if values.dtype.kind not in "biuf" or not values.size:
        return {}, {}
    held_out = Labels(values).counts
    if not 2 <= len(train) + len(held_out) <= 2 * _MAX_CLASSES:
        return {}, {}
    if min(sum(train.values()), sum(held_out.values())) < 20:
        return {}, {}
    return train, held_out


def _shown(classes: list[int]) -> str:
    names = ", ".join(f"{c:g}" for c in classes[:5])
    return f"class {names}" if len(classes) == 1 else f"the classes {names}"
