"""Rules for the last activation, the loss and the metrics of an output."""

from __future__ import annotations

from lamina import metrics
from lamina.core.creation import created_at
from lamina.layers import Dropout, Softmax
from lamina.training.checks.case import Case, OutputCase, activation_of
from lamina.training.checks.rules.base import Advice, rule

# Activation that makes probabilities for each loss.
SQUASHING = {
    "binary_crossentropy": "sigmoid",
    "binary_focal_crossentropy": "sigmoid",
    "categorical_crossentropy": "softmax",
    "categorical_focal_crossentropy": "softmax",
    "sparse_categorical_crossentropy": "softmax",
}
# Activations of single values whose results are not probabilities.
_NOT_PROBABILITIES = (
    *("linear", "relu", "relu6", "tanh", "elu", "selu", "gelu", "silu", "leaky_relu"),
    *("softplus", "exponential", "softsign", "mish"),
)
_RANGES = {
    "sigmoid": (0.0, 1.0),
    "hard_sigmoid": (0.0, 1.0),
    "softmax": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "relu": (0.0, float("inf")),
    "softplus": (0.0, float("inf")),
}
_TOP_K = metrics.TopKCategoricalAccuracy, metrics.SparseTopKCategoricalAccuracy
_OFF = 0.1  # difference of a sum of probabilities from 1
_DIFFERENCES = (
    *("mean_squared_error", "mean_absolute_error", "huber", "log_cosh"),
    *("hinge", "squared_hinge"),
    *("mean_absolute_percentage_error", "mean_squared_logarithmic_error"),
)


@rule("softmax-one-unit", "warning", each="outputs")
def softmax_over_one_unit(out: OutputCase) -> Advice:
    last = out.activation
    if last.name != "softmax" or out.units != 1:
        return None
    return (
        f"Layer {last.layer!r} ends in a softmax over one unit, which is always 1, so "
        "nothing can be learned.",
        "For two classes use Dense(1, activation='sigmoid') with "
        "'binary_crossentropy'.",
        last.where,
    )


@rule("activation-and-from-logits", "warning", each="outputs")
def activation_and_from_logits(out: OutputCase) -> Advice:
    last, wanted = out.activation, SQUASHING.get(out.kind)
    if not (wanted and out.takes_logits and last.name in ("softmax", "sigmoid")):
        return None
    if last.name == "softmax" and out.units == 1:
        return None
    return (
        f"Layer {last.layer!r} ends in a {last.name}, and the loss has "
        f"from_logits=True, so it applies a {wanted} to probabilities again.",
        "Remove one of the two.",
        last.where,
    )


@rule("output-activation", "warning", each="outputs")
def output_is_no_probability(out: OutputCase) -> Advice:
    last, wanted = out.activation, SQUASHING.get(out.kind)
    others = ", or the loss from_logits=True"
    if out.kind == "kl_divergence":
        wanted, others = "softmax", ""
    if not wanted or out.takes_logits or last.name not in _NOT_PROBABILITIES:
        return None
    return (
        f"Layer {last.layer!r} ends in the activation {last.name!r}, so its outputs "
        f"are not probabilities from 0 to 1, which the loss {out.kind!r} needs.",
        f"Give it activation={wanted!r}{others}.",
        last.where,
    )


@rule("sigmoid-for-classes", "warning", each="outputs")
def sigmoid_under_categorical_crossentropy(out: OutputCase) -> Advice:
    last = out.activation
    if SQUASHING.get(out.kind) != "softmax" or last.name != "sigmoid":
        return None
    # The loss itself refuses one unit.
    if out.units in (None, 1) or out.takes_logits:
        return None
    return (
        f"Layer {last.layer!r} ends in a sigmoid, which treats each of the "
        f"{out.units} units alone, but the loss {out.kind!r} needs probabilities that "
        "sum to 1.",
        "Give it activation='softmax'; for several labels in a row, compile with "
        "loss='binary_crossentropy'.",
        last.where,
    )


@rule("softmax-for-labels", "warning", each="outputs")
def softmax_for_several_labels(out: OutputCase) -> Advice:
    labels, last = out.labels, out.activation
    classes = SQUASHING.get(out.kind) == "softmax" or last.name == "softmax"
    if not classes or out.kind not in SQUASHING or not out.is_known_loss:
        return None
    if labels is None or not labels.has_several_ones or labels.width != out.units:
        return None
    return (
        f"Rows have several labels of {labels.width}, but a softmax shares a "
        "probability of 1 among them.",
        f"End the model in Dense({labels.width}, activation='sigmoid') and compile "
        "with loss='binary_crossentropy'.",
        last.where,
    )


@rule("binary-loss-of-classes", "advice", each="outputs")
def binary_crossentropy_of_classes(out: OutputCase) -> Advice:
    labels, last = out.labels, out.activation
    if out.kind != "binary_crossentropy" or last.name != "softmax" or labels is None:
        return None
    # For two classes it is the same.
    if labels.width < 3 or labels.width != out.units or not out.is_known_loss:
        return None
    if not (labels.values.sum(-1) == 1).all() or not labels.are_integers:
        return None
    return (
        f"The rows have one of {labels.width} classes, but the loss {out.kind!r} "
        "judges each class alone, and its 'accuracy' counts each class of a row.",
        "Compile with loss='categorical_crossentropy'.",
        out.case.compiled_at,
    )


@rule("softmax-axis", "warning")
def softmax_over_rows(case: Case) -> Advice:
    for node in case.nodes:
        layer = node.operation
        if not isinstance(layer, Softmax) or layer.axis != 0:
            continue
        return (
            f"Layer {layer.name!r} (Softmax) has axis=0, the axis of the rows, so each "
            "prediction depends on the other rows of its batch.",
            "Remove the argument; the default is -1.",
            created_at(layer),
        )
    return None


@rule("softmax-for-values", "warning", each="outputs")
def softmax_of_values_that_do_not_sum_to_one(out: OutputCase) -> Advice:
    labels, last = out.labels, out.activation
    if out.kind not in _DIFFERENCES or last.name != "softmax" or labels is None:
        return None
    low, high = labels.range
    if labels.width < 2 or labels.width != out.units or low < -0.01 or high > 1.01:
        return None
    sums = labels.values.sum(-1, dtype="float64")
    if (abs(sums - 1) > _OFF).mean() < 1 / 4 or labels.has_several_ones:
        return None
    return (
        f"Layer {last.layer!r} ends in a softmax, whose {labels.width} outputs sum to "
        f"1, but the targets of a row sum to {sums.min():.3g} to {sums.max():.3g}.",
        "Remove the last activation, or use 'sigmoid' for targets from 0 to 1.",
        last.where,
    )


@rule("target-range", "warning", each="outputs")
def targets_out_of_reach(out: OutputCase) -> Advice:
    last, labels = out.activation, out.labels
    limits = _RANGES.get(last.name or "")
    if limits is None or labels is None or out.kind not in _DIFFERENCES:
        return None
    (least, most), (low, high) = limits, labels.range
    margin = 0.01 * (most - least) if most < float("inf") else 0.0
    if low >= least - margin and high <= most + margin:
        return None
    if last.name == "softmax" and out.units == 1:
        return None
    reach = "values of 0 and above"
    if most < float("inf"):
        reach = f"values from {least:g} to {most:g}"
    return (
        f"Layer {last.layer!r} ends in a {last.name}, which returns {reach}, but the "
        f"targets range from {low:g} to {high:g}: they cannot be reached.",
        "For continuous targets remove the last activation, or scale the targets to "
        "its range.",
        last.where,
    )


@rule("activation-before-softmax", "warning", each="outputs")
def activation_before_softmax(out: OutputCase) -> Advice:
    calls = out.activation.calls
    if out.activation.name not in ("softmax", "sigmoid") or out.units == 1:
        return None
    # A layer with weights makes new values of what it gets.
    is_activation = type(calls[-1].operation).__name__ in ("Activation", "Softmax")
    if not is_activation or len(out.nodes) <= len(calls):
        return None
    before = out.nodes[len(calls)]
    name = activation_of(before.operation)
    if name not in ("relu", "softmax", "sigmoid"):
        return None
    return (
        f"Layer {before.name!r} has the activation {name!r}, and {calls[-1].name!r} "
        f"applies a {out.activation.name} to its result, which loses what the first "
        "one cuts off.",
        f"Remove the activation of {before.name!r}.",
        created_at(before.operation),
    )


@rule("dropout-on-output", "warning", each="outputs")
def dropout_after_last_layer(out: OutputCase) -> Advice:
    for node in out.nodes:
        if isinstance(node.operation, Dropout) and node.operation.rate > 0:
            return (
                f"Layer {node.name!r} (Dropout) acts on {out.title} itself, so "
                "training sees some predictions as 0.",
                "Move it before the last Dense layer.",
                created_at(node.operation),
            )
        if not _keeps_values(node.operation):
            return None
    return None


def _keeps_values(operation: object) -> bool:
    return type(operation).__name__ in ("Flatten", "Reshape", "Activation", "Softmax")


@rule("accuracy-of-regression", "advice", each="outputs")
def accuracy_of_continuous_targets(out: OutputCase) -> Advice:
    for metric in (*out.plan.metrics, *out.plan.weighted_metrics):
        if type(metric) is not metrics.BinaryAccuracy or out.labels is None:
            continue
        low, high = out.labels.range
        if out.labels.are_integers and (low, high) in ((0, 1), (0, 0), (1, 1)):
            continue
        if out.kind in SQUASHING and (low < 0 or high > 1):  # an error of the labels
            continue
        return (
            f"The metric {metric.name!r} compares outputs above {metric.threshold} "
            f"with labels of 1, but the labels range from {low:g} to {high:g}.",
            "For continuous values use a metric such as 'mae'; for classes, use one "
            "output per class.",
            out.case.compiled_at,
        )
    return None


@rule("threshold-of-logits", "advice", each="outputs")
def threshold_of_logits(out: OutputCase) -> Advice:
    if not out.takes_logits or out.activation.name not in ("linear", None):
        return None
    if SQUASHING.get(out.kind) != "sigmoid" or not out.activation.layer:
        return None
    for metric in (*out.plan.metrics, *out.plan.weighted_metrics):
        kind, name = type(metric), "threshold"
        if kind in (metrics.Precision, metrics.Recall):
            name = "thresholds"
        elif isinstance(metric, metrics.AUC) and not metric.from_logits:
            return (
                f"The metric {metric.name!r} compares outputs with thresholds from 0 "
                "to 1, but they are logits.",
                "Use metrics=[lamina.metrics.AUC(from_logits=True)].",
                out.case.compiled_at,
            )
        elif kind is not metrics.BinaryAccuracy:
            continue
        if getattr(metric, name) in (0.5, [0.5]):
            return (
                f"The metric {metric.name!r} counts outputs above 0.5 as class 1, but "
                "the outputs are logits, whose middle is 0.",
                f"Use metrics=[lamina.metrics.{kind.__name__}({name}=0.0)].",
                out.case.compiled_at,
            )
    return None


@rule("top-k-of-all", "advice", each="outputs")
def top_k_of_all_classes(out: OutputCase) -> Advice:
    for metric in (*out.plan.metrics, *out.plan.weighted_metrics):
        k = metric.k if isinstance(metric, _TOP_K) else None
        if k is not None and out.units and k >= out.units:
            return (
                f"The metric {metric.name!r} counts a row as right if its class is "
                f"among the {k} highest outputs, and there are {out.units}, so it is "
                "always 1.",
                f"Use metrics=[lamina.metrics.{type(metric).__name__}(k=2)].",
                out.case.compiled_at,
            )
    return None
