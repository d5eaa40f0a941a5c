"""Monitored metrics: names, directions and warnings."""

from __future__ import annotations

import warnings

import pytest

from lamina import metrics
from lamina.errors import ArgumentError
from lamina.training.callbacks import EarlyStopping, ReduceLROnPlateau
from tests.unit.training.callbacks.helpers import Pretender, follow

HIGHER = [
    "accuracy", "val_acc", "val_sparse_categorical_accuracy", "auc", "val_precision",
    "recall", "f1_score", "r2_score", "mean_io_u_iou", "cosine_similarity",
    "decoder_accuracy", "pearson_correlation",
]  # fmt: skip
LOWER = [
    "loss", "val_loss", "decoder_loss", "val_mae", "mse", "mean_squared_error",
    "root_mean_squared_error", "log_cosh_error", "poisson", "kl_divergence",
    "binary_crossentropy", "squared_hinge",
]  # fmt: skip


def direction(monitor, found=()):
    callback = EarlyStopping(monitor)
    model = Pretender()
    model.metrics = found
    callback.set_model(model)
    callback.on_train_begin()
    return callback.is_better(2.0, 1.0)


@pytest.mark.parametrize("name", HIGHER)
def test_higher_is_better(name):
    assert direction(name)


@pytest.mark.parametrize("name", LOWER)
def test_lower_is_better(name):
    assert not direction(name)


@pytest.mark.parametrize(
    ("metric", "higher"),
    [
        (metrics.SparseTopKCategoricalAccuracy(2, name="m"), True),
        (metrics.BinaryIoU(name="m"), True),
        (metrics.MeanIoU(2, name="m"), True),
        (metrics.F1Score(name="m"), True),
        (metrics.AUC(name="m"), True),
        (metrics.SensitivityAtSpecificity(0.5, name="m"), True),
        (metrics.PrecisionAtRecall(0.5, name="m"), True),
        (metrics.LogCoshError(name="m"), False),
        (metrics.KLDivergence(name="m"), False),
        (metrics.RootMeanSquaredError(name="m"), False),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("logged", ["m", "val_m", "decoder_m"])
def test_direction_follows_from_the_metric_class(metric, higher, logged):
    assert direction(logged, [metric]) == higher


def test_unknown_direction_is_refused_before_training():
    with pytest.raises(ArgumentError, match="mode='max' or mode='min'"):
        direction("val_reward")
    with pytest.raises(ArgumentError, match="Did you mean 'val_mean_io_u'"):
        direction("val_mean_iou_", [metrics.MeanIoU(2)])


@pytest.mark.parametrize("mode", ["min", "max"])
def test_mode_overrides_the_name(mode):
    callback = EarlyStopping("reward", mode=mode, patience=9)
    follow(callback, [1, 2, 3, 2], "reward")
    assert callback.best == {"min": 1, "max": 3}[mode]


@pytest.mark.parametrize(
    ("asked", "there", "words"),
    [
        ("val_acc", ["accuracy", "val_accuracy"], "Did you mean 'val_accuracy'"),
        ("accuracy", ["acc", "loss"], "Did you mean 'acc'"),
        ("acc", ["accuracy", "loss"], "Did you mean 'accuracy'"),
        ("val_los", ["loss", "val_loss"], "Did you mean 'val_loss'"),
        ("val_loss", ["reward"], "Pass `validation_data`"),
        ("loss", ["reward"], "metrics are: reward"),
    ],
)
@pytest.mark.parametrize("make", [EarlyStopping, ReduceLROnPlateau])
def test_missing_metric_gives_one_warning(make, asked, there, words):
    callback = make(asked, mode="min")
    callback.set_model(Pretender())
    callback.on_train_begin()
    with pytest.warns(UserWarning, match=f"{words}.*") as caught:
        callback.on_epoch_end(0, dict.fromkeys(there, 1.0))
        callback.on_epoch_end(1, dict.fromkeys(there, 1.0))
    assert len(caught) == 1
    assert all(name in str(caught[0].message) for name in there)


def test_metric_with_several_values_gives_a_warning():
    callback = EarlyStopping("loss")
    callback.set_model(Pretender())
    callback.on_train_begin()
    with pytest.warns(UserWarning, match="several values"):
        callback.on_epoch_end(0, {"loss": [1.0, 2.0]})


def test_available_metric_gives_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        follow(EarlyStopping("loss"), [1, 2])
