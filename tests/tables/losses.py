"""Every loss with its options, weights, reductions and shapes."""

from __future__ import annotations

from functools import partial

import numpy as np

from tests.tables.arrays import floats, ints, one_hot, probabilities
from tests.tables.cases import LossCase

TARGETS = floats(4, 3, low=-2, high=2, seed=1)
OUTPUTS = floats(4, 3, low=-2, high=2, seed=2)
POSITIVE = (floats(4, 3, low=0.1, high=4, seed=1), floats(4, 3, low=0.1, high=4))
PROBABILITIES = (probabilities(4, 3, seed=1), probabilities(4, 3, seed=2))
SIGNS = np.where(floats(4, 3, seed=3) > 0, 1.0, -1.0).astype("float32")
BINARY_LABELS = (SIGNS + 1) / 2
PROBABILITY = floats(4, 3, low=0.02, high=0.98, seed=4)
CLASSES = one_hot(4, 3, seed=5)
SCORES = floats(4, 3, low=-3, high=3, seed=6)
INDICES = ints(4, below=3, seed=5)
ROW_WEIGHTS = floats(4, low=0, high=2, seed=7)
STEPS = (floats(4, 5, 3, seed=1), floats(4, 5, 3, seed=2))
STEP_WEIGHTS = floats(4, 5, low=0, high=2, seed=7)


def pair(name, kind, function, y_true, y_pred, **options):
    """Return the case of a class and its function, with the same options."""
    return LossCase(
        name,
        lambda k: getattr(k.losses, kind)(**options),
        y_true,
        y_pred,
        function=lambda k: partial(getattr(k.losses, function), **options),
    )


def weighted(name, kind, y_true, y_pred, sample_weight, **options):
    return LossCase(
        name,
        lambda k: getattr(k.losses, kind)(**options),
        y_true,
        y_pred,
        sample_weight,
    )


REGRESSION = [
    pair("mse", "MeanSquaredError", "mean_squared_error", TARGETS, OUTPUTS),
    pair("mae", "MeanAbsoluteError", "mean_absolute_error", TARGETS, OUTPUTS),
    pair(
        "mape",
        "MeanAbsolutePercentageError",
        "mean_absolute_percentage_error",
        TARGETS,
        OUTPUTS,
    ),
    pair(
        "mape_of_zero",
        "MeanAbsolutePercentageError",
        "mean_absolute_percentage_error",
        np.zeros((2, 2), "float32"),
        floats(2, 2),
    ),
    pair(
        "msle",
        "MeanSquaredLogarithmicError",
        "mean_squared_logarithmic_error",
        *POSITIVE,
    ),
    pair(
        "msle_of_negatives",
        "MeanSquaredLogarithmicError",
        "mean_squared_logarithmic_error",
        TARGETS,
        OUTPUTS,
    ),
    pair("huber", "Huber", "huber", TARGETS, OUTPUTS),
    pair("huber_delta", "Huber", "huber", TARGETS, OUTPUTS, delta=0.5),
    pair("log_cosh", "LogCosh", "log_cosh", TARGETS, OUTPUTS),
    pair("log_cosh_far", "LogCosh", "log_cosh", TARGETS * 100, OUTPUTS),
    pair("cosine", "CosineSimilarity", "cosine_similarity", TARGETS, OUTPUTS),
    pair(
        "cosine_axis", "CosineSimilarity", "cosine_similarity", TARGETS, OUTPUTS, axis=0
    ),
    pair("poisson", "Poisson", "poisson", *POSITIVE),
    pair("kl", "KLDivergence", "kl_divergence", *PROBABILITIES),
    pair("kl_of_zero", "KLDivergence", "kl_divergence", CLASSES, PROBABILITIES[1]),
    pair("mse_steps", "MeanSquaredError", "mean_squared_error", *STEPS),
    pair(
        "mse_column_against_row",
        "MeanSquaredError",
        "mean_squared_error",
        TARGETS[:, 0],
        OUTPUTS[:, :1],
    ),
    pair(
        "mse_row_against_column",
        "MeanSquaredError",
        "mean_squared_error",
        TARGETS[:, :1],
        OUTPUTS[:, 0],
    ),
    pair(
        "mse_integers",
        "MeanSquaredError",
        "mean_squared_error",
        ints(4, 3, below=4),
        OUTPUTS,
    ),
]

HINGES = [
    pair("hinge", "Hinge", "hinge", SIGNS, OUTPUTS),
    pair("hinge_of_bits", "Hinge", "hinge", BINARY_LABELS, OUTPUTS),
    pair("squared_hinge", "SquaredHinge", "squared_hinge", SIGNS, OUTPUTS),
    pair(
        "squared_hinge_of_bits", "SquaredHinge", "squared_hinge", BINARY_LABELS, OUTPUTS
    ),
    pair(
        "categorical_hinge", "CategoricalHinge", "categorical_hinge", CLASSES, OUTPUTS
    ),
]


def binary(name, y_pred=PROBABILITY, y_true=BINARY_LABELS, **options):
    return pair(
        f"binary_{name}",
        "BinaryCrossentropy",
        "binary_crossentropy",
        y_true,
        y_pred,
        **options,
    )


def categorical(name, y_pred, y_true=CLASSES, **options):
    return pair(
        f"categorical_{name}",
        "CategoricalCrossentropy",
        "categorical_crossentropy",
        y_true,
        y_pred,
        **options,
    )


def sparse(name, y_pred, y_true=INDICES, **options):
    return pair(
        f"sparse_{name}",
        "SparseCategoricalCrossentropy",
        "sparse_categorical_crossentropy",
        y_true,
        y_pred,
        **options,
    )


SURE = np.eye(3, dtype="float32")[[0, 1, 2, 0]]
CROSSENTROPY = [
    binary("probabilities"),
    binary("logits", SCORES, from_logits=True),
    binary("logits_extreme", SCORES * 50, from_logits=True),
    binary("smoothed", label_smoothing=0.2),
    binary("smoothed_logits", SCORES, from_logits=True, label_smoothing=0.2),
    binary("sure", BINARY_LABELS[::-1].copy()),
    binary("axis", axis=0),
    categorical("probabilities", PROBABILITIES[1]),
    categorical("unscaled", PROBABILITY),
    categorical("logits", SCORES, from_logits=True),
    categorical("logits_extreme", SCORES * 50, from_logits=True),
    categorical("soft", PROBABILITIES[1], PROBABILITIES[0]),
    categorical("smoothed", PROBABILITIES[1], label_smoothing=0.1),
    categorical("smoothed_logits", SCORES, from_logits=True, label_smoothing=0.1),
    categorical("sure", SURE),
    categorical("axis", probabilities(4, 3).T.copy(), CLASSES.T.copy(), axis=0),
    categorical("steps", probabilities(4, 5, 3), one_hot(4, 5, 3)),
    sparse("probabilities", PROBABILITIES[1]),
    sparse("logits", SCORES, from_logits=True),
    sparse("logits_extreme", SCORES * 50, from_logits=True),
    sparse("column", PROBABILITIES[1], INDICES[:, None]),
    sparse("float_labels", PROBABILITIES[1], INDICES.astype("float32")),
    sparse("ignored", PROBABILITIES[1], ignore_class=1),
    sparse("ignored_logits", SCORES, from_logits=True, ignore_class=-1),
    sparse("sure", SURE),
    sparse("steps", probabilities(4, 5, 3), ints(4, 5, below=3)),
]


def generalized(name, y_pred, y_true=INDICES, q=0.5):
    return pair(
        f"generalized_{name}",
        "CategoricalGeneralizedCrossEntropy",
        "categorical_generalized_cross_entropy",
        y_true,
        y_pred,
        q=q,
    )


GENERALIZED = [
    generalized("half", PROBABILITIES[1]),
    generalized("nearly_absolute", PROBABILITIES[1], q=0.9),
    generalized("steps", probabilities(4, 5, 3), ints(4, 5, below=3)),
]

UNIT = floats(6, 4, low=-1, high=1, seed=8)
UNIT /= np.linalg.norm(UNIT, axis=1, keepdims=True)
PAIRED = np.array([0, 0, 1, 1, 2, 0])  # the embedding of class 2 has no partner


def embeddings(name, **options):
    return pair(f"circle{name}", "Circle", "circle", PAIRED, UNIT, **options)


CIRCLES = [
    embeddings("", gamma=80.0),
    embeddings("_options", gamma=10.0, margin=0.25),
    embeddings("_with_itself", gamma=2.0, remove_diagonal=False),
    weighted(
        "circle_weighted", "Circle", PAIRED, UNIT, floats(6, low=0, high=2, seed=7)
    ),
]


def focal(name, y_pred, **options):
    return pair(
        f"binary_focal{name}",
        "BinaryFocalCrossentropy",
        "binary_focal_crossentropy",
        BINARY_LABELS,
        y_pred,
        **options,
    )


def categorical_focal(name, y_pred, **options):
    return pair(
        f"categorical_focal{name}",
        "CategoricalFocalCrossentropy",
        "categorical_focal_crossentropy",
        CLASSES,
        y_pred,
        **options,
    )


FOCAL = [
    focal("", PROBABILITY),
    focal("_balanced", PROBABILITY, apply_class_balancing=True, alpha=0.3, gamma=1.5),
    focal("_logits", SCORES, from_logits=True, label_smoothing=0.1),
    categorical_focal("", PROBABILITIES[1]),
    categorical_focal("_logits", SCORES, from_logits=True, label_smoothing=0.1),
    categorical_focal("_options", PROBABILITIES[1], alpha=0.4, gamma=1.0),
]

SEQUENCES = np.array([[1, 2, 3], [2, 2, 0], [4, 0, 0]])  # padded with the blank
UNALIGNED = [
    pair("ctc", "CTC", "ctc", SEQUENCES, floats(3, 8, 5, low=-2, high=2, seed=9)),
    weighted(
        "ctc_weighted", "CTC", SEQUENCES, floats(3, 8, 5, seed=9), ROW_WEIGHTS[:3]
    ),
]

REGIONS = [
    pair("dice", "Dice", "dice", BINARY_LABELS, PROBABILITY),
    pair("dice_axis", "Dice", "dice", BINARY_LABELS, PROBABILITY, axis=(1,)),
    pair("tversky", "Tversky", "tversky", BINARY_LABELS, PROBABILITY),
    pair(
        "tversky_options",
        "Tversky",
        "tversky",
        BINARY_LABELS,
        PROBABILITY,
        alpha=0.2,
        beta=0.7,
    ),
]

REDUCTIONS = [
    weighted(
        f"mse_{reduction}", "MeanSquaredError", *STEPS, STEP_WEIGHTS, reduction=reduce
    )
    for reduction, reduce in (
        ("sum", "sum"),
        ("unreduced", None),
        ("mean", "mean"),
        ("mean_by_weight", "mean_with_sample_weight"),
    )
]

WEIGHTED = [
    weighted("mse_weighted_rows", "MeanSquaredError", TARGETS, OUTPUTS, ROW_WEIGHTS),
    weighted(
        "mse_weighted_column",
        "MeanSquaredError",
        TARGETS,
        OUTPUTS,
        ROW_WEIGHTS[:, None],
    ),
    weighted("mae_weighted_steps", "MeanAbsoluteError", *STEPS, STEP_WEIGHTS),
    weighted(
        "binary_column",
        "BinaryCrossentropy",
        BINARY_LABELS[:, 0],
        PROBABILITY[:, :1],
        None,
    ),
    weighted(
        "binary_weighted", "BinaryCrossentropy", BINARY_LABELS, PROBABILITY, ROW_WEIGHTS
    ),
    weighted(
        "categorical_weighted_sum",
        "CategoricalCrossentropy",
        CLASSES,
        SCORES,
        ROW_WEIGHTS,
        from_logits=True,
        reduction="sum",
    ),
    weighted(
        "sparse_weighted_ignored",
        "SparseCategoricalCrossentropy",
        INDICES,
        PROBABILITIES[1],
        ROW_WEIGHTS,
        ignore_class=0,
    ),
]

LOSSES = [
    *REGRESSION,
    *HINGES,
    *CROSSENTROPY,
    *FOCAL,
    *GENERALIZED,
    *CIRCLES,
    *UNALIGNED,
    *REGIONS,
    *REDUCTIONS,
    *WEIGHTED,
]
