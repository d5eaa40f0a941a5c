"""Every metric, over two updates: one plain, one weighted by sample."""

from __future__ import annotations

import numpy as np

from tests.tables.arrays import floats, ints, one_hot, probabilities
from tests.tables.cases import MetricCase, Update
from tests.tables.losses import SIGNS

WEIGHTS = floats(9, low=0, high=2, seed=7)


def twice(make_pair, weights=WEIGHTS):
    """Return two updates drawn from different seeds."""
    return (Update(make_pair(1)), Update(make_pair(2), weights))


REALS = twice(lambda seed: (floats(9, 3, seed=seed), floats(9, 3, seed=seed + 10)))
COLUMNS = twice(lambda seed: (floats(9, 1, seed=seed), floats(9, 1, seed=seed + 10)))
POSITIVES = twice(
    lambda seed: (
        floats(9, 3, low=0.1, seed=seed),
        floats(9, 3, low=0.1, seed=seed + 9),
    )
)
CLASSES = twice(lambda seed: (one_hot(9, 4, seed=seed), probabilities(9, 4, seed=seed)))
SPARSE = twice(
    lambda seed: (ints(9, below=4, seed=seed), probabilities(9, 4, seed=seed))
)
SPARSE_COLUMN = twice(
    lambda seed: (ints(9, 1, below=4, seed=seed), probabilities(9, 4, seed=seed))
)
BINARY = twice(
    lambda seed: (ints(9, below=2, seed=seed), floats(9, low=0, seed=seed + 3))
)
BINARY_COLUMNS = twice(
    lambda seed: (ints(9, 1, below=2, seed=seed), floats(9, 1, low=0, seed=seed + 3))
)
LABELS = twice(
    lambda seed: (ints(9, 3, below=2, seed=seed), floats(9, 3, low=0, seed=seed + 3))
)
LOGITS = twice(
    lambda seed: (
        ints(9, below=2, seed=seed),
        floats(9, low=-4, high=4, seed=seed + 3),
    )
)
EQUALS = twice(
    lambda seed: (ints(9, below=3, seed=seed), ints(9, below=3, seed=seed + 1))
)
HINGED = (
    Update((SIGNS, floats(4, 3))),
    Update((SIGNS * -1, floats(4, 3)), WEIGHTS[:4]),
)
VALUES = (
    Update((floats(5),)),
    Update((floats(2, 3),), np.array([0.5, 2.0], "float32")),
    Update((np.float32(4.0),)),
)


def case(name, kind, updates, **options):
    return MetricCase(name, lambda k: getattr(k.metrics, kind)(**options), updates)


MEANS = [
    case("mean", "Mean", VALUES),
    case("sum", "Sum", VALUES),
    case("mse", "MeanSquaredError", REALS),
    case("mae", "MeanAbsoluteError", REALS),
    case("mape", "MeanAbsolutePercentageError", REALS),
    case("msle", "MeanSquaredLogarithmicError", POSITIVES),
    case("rmse", "RootMeanSquaredError", REALS),
    case("log_cosh", "LogCoshError", REALS),
    case("cosine", "CosineSimilarity", REALS),
    case("cosine_axis", "CosineSimilarity", (REALS[0],), axis=0),
    case("kl", "KLDivergence", CLASSES),
    case("poisson", "Poisson", POSITIVES),
    case("hinge", "Hinge", HINGED),
    case("squared_hinge", "SquaredHinge", HINGED),
    case("categorical_hinge", "CategoricalHinge", CLASSES),
    case("binary_crossentropy", "BinaryCrossentropy", LABELS),
    case(
        "binary_crossentropy_logits",
        "BinaryCrossentropy",
        REALS[:1],
        from_logits=True,
        label_smoothing=0.1,
    ),
    case("categorical_crossentropy", "CategoricalCrossentropy", CLASSES),
    case(
        "categorical_crossentropy_smoothed",
        "CategoricalCrossentropy",
        CLASSES,
        from_logits=True,
        label_smoothing=0.1,
    ),
    case("sparse_categorical_crossentropy", "SparseCategoricalCrossentropy", SPARSE),
    case(
        "sparse_categorical_crossentropy_ignored",
        "SparseCategoricalCrossentropy",
        SPARSE,
        ignore_class=1,
    ),
    MetricCase(
        "wrapped",
        lambda k: k.metrics.MeanMetricWrapper(
            k.losses.binary_crossentropy, name="wrapped", from_logits=True
        ),
        REALS,
    ),
    case("r2", "R2Score", REALS),
    case("r2_unaggregated", "R2Score", REALS, class_aggregation=None),
    case(
        "r2_by_variance",
        "R2Score",
        REALS,
        class_aggregation="variance_weighted_average",
    ),
    case("r2_adjusted", "R2Score", COLUMNS, num_regressors=2),
]

ACCURACIES = [
    case("accuracy", "Accuracy", EQUALS),
    case("binary_accuracy", "BinaryAccuracy", BINARY),
    case("binary_accuracy_columns", "BinaryAccuracy", BINARY_COLUMNS),
    case("binary_accuracy_threshold", "BinaryAccuracy", LABELS, threshold=0.3),
    case("categorical_accuracy", "CategoricalAccuracy", CLASSES),
    case("sparse_categorical_accuracy", "SparseCategoricalAccuracy", SPARSE),
    case("sparse_categorical_column", "SparseCategoricalAccuracy", SPARSE_COLUMN),
    case("top_k", "TopKCategoricalAccuracy", CLASSES, k=2),
    case("sparse_top_k", "SparseTopKCategoricalAccuracy", SPARSE, k=2),
    case("sparse_top_k_of_all", "SparseTopKCategoricalAccuracy", SPARSE),
    case(
        "sparse_top_k_sorted",
        "SparseTopKCategoricalAccuracy",
        twice(lambda s: (ints(9, below=4, seed=s), ints(9, 4, below=4, seed=s + 1))),
        k=2,
        from_sorted_ids=True,
    ),
]

CONFUSIONS = [
    *[
        case(name, kind, BINARY)
        for name, kind in (
            ("true_positives", "TruePositives"),
            ("true_negatives", "TrueNegatives"),
            ("false_positives", "FalsePositives"),
            ("false_negatives", "FalseNegatives"),
        )
    ],
    case("true_positives_thresholds", "TruePositives", BINARY, thresholds=[0.2, 0.7]),
    case("precision", "Precision", BINARY),
    case("precision_columns", "Precision", BINARY_COLUMNS),
    case("precision_thresholds", "Precision", BINARY, thresholds=[0.2, 0.5, 0.9]),
    case("precision_class", "Precision", LABELS, class_id=1),
    case("precision_top_k", "Precision", LABELS, top_k=2),
    case("recall", "Recall", BINARY),
    case("recall_threshold", "Recall", LABELS, thresholds=0.3),
    case("recall_thresholds", "Recall", BINARY, thresholds=[0.2, 0.5, 0.9]),
    case("recall_class", "Recall", LABELS, class_id=2),
    case("recall_top_k", "Recall", LABELS, top_k=1),
    case("precision_of_nothing", "Precision", BINARY, thresholds=1.0),
    case("f1", "F1Score", CLASSES),
    case("f1_macro", "F1Score", CLASSES, average="macro"),
    case("f1_micro", "F1Score", CLASSES, average="micro"),
    case("f1_weighted", "F1Score", CLASSES, average="weighted"),
    case("f1_threshold", "F1Score", LABELS, threshold=0.4),
    case("fbeta", "FBetaScore", CLASSES, beta=2.0),
    case("fbeta_threshold", "FBetaScore", LABELS, beta=0.5, threshold=0.3),
]

AREAS = [
    case("auc", "AUC", BINARY),
    case("auc_columns", "AUC", BINARY_COLUMNS),
    case("auc_few_thresholds", "AUC", BINARY, num_thresholds=5),
    case("auc_precision_recall", "AUC", BINARY, curve="PR"),
    case("auc_minoring", "AUC", BINARY, summation_method="minoring"),
    case("auc_majoring", "AUC", BINARY, curve="PR", summation_method="majoring"),
    case("auc_thresholds", "AUC", BINARY, thresholds=[0.1, 0.5, 0.8]),
    case("auc_logits", "AUC", LOGITS, from_logits=True),
    case("auc_labels", "AUC", LABELS[:1], multi_label=True),
    case("auc_many_labels", "AUC", LABELS, multi_label=True, num_labels=3),
    case(
        "auc_weighted_labels",
        "AUC",
        LABELS,
        multi_label=True,
        num_labels=3,
        label_weights=[0.5, 1.0, 2.0],
    ),
]

INDEXED = twice(
    lambda seed: (ints(9, 2, below=3, seed=seed), ints(9, 2, below=3, seed=seed + 1)),
    floats(9, 2, low=0, high=2, seed=7),
)
HOT = twice(lambda seed: (one_hot(9, 4, seed=seed), probabilities(9, 4, seed=seed)))

OVERLAPS = [
    case("iou", "IoU", INDEXED, num_classes=3, target_class_ids=[0, 2]),
    case(
        "iou_ignored",
        "IoU",
        INDEXED,
        num_classes=3,
        target_class_ids=[1],
        ignore_class=0,
    ),
    case("mean_iou", "MeanIoU", INDEXED, num_classes=3),
    case(
        "mean_iou_scores",
        "MeanIoU",
        SPARSE,
        num_classes=4,
        sparse_y_pred=False,
    ),
    case("binary_iou", "BinaryIoU", BINARY, threshold=0.4),
    case("binary_iou_class", "BinaryIoU", BINARY, target_class_ids=[1]),
    case("one_hot_iou", "OneHotIoU", HOT, num_classes=4, target_class_ids=[0, 3]),
    case("one_hot_mean_iou", "OneHotMeanIoU", HOT, num_classes=4),
]

CORRELATIONS = [
    case("pearson", "PearsonCorrelation", REALS),
    case("concordance", "ConcordanceCorrelation", REALS),
]

TRADEOFFS = [
    case("precision_at_recall", "PrecisionAtRecall", BINARY, recall=0.6),
    case("recall_at_precision", "RecallAtPrecision", BINARY, precision=0.6),
    case("sensitivity", "SensitivityAtSpecificity", BINARY, specificity=0.4),
    case(
        "specificity",
        "SpecificityAtSensitivity",
        BINARY,
        sensitivity=0.5,
        num_thresholds=9,
    ),
]

METRICS = [
    *MEANS,
    *ACCURACIES,
    *CONFUSIONS,
    *AREAS,
    *OVERLAPS,
    *CORRELATIONS,
    *TRADEOFFS,
]
