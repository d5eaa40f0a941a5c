"""Stateless calls, device loops, shapes, masks and names of metrics."""

from __future__ import annotations

import logging
from collections import Counter

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lamina
from lamina import layers, metrics
from lamina.core.masks import set_mask
from lamina.core.scope import StateScope
from lamina.core.variable import Variable
from lamina.errors import ArgumentError, ShapeError, UnknownNameError
from lamina.metrics.base import metric_registry
from lamina.metrics.confusion import count_outcomes
from tests.tables.arrays import floats, ints, one_hot, probabilities

CLASSES = [c for c in metric_registry.objects.values() if isinstance(c, type)]
NEEDED = {
    "IoU": {"num_classes": 3, "target_class_ids": [0, 2]},
    "OneHotIoU": {"num_classes": 3, "target_class_ids": [1]},
    "MeanIoU": {"num_classes": 3},
    "OneHotMeanIoU": {"num_classes": 3},
    "MeanMetricWrapper": {"fn": metrics.mean_absolute_error},
    "SensitivityAtSpecificity": {"specificity": 0.5},
    "SpecificityAtSensitivity": {"sensitivity": 0.5},
    "PrecisionAtRecall": {"recall": 0.5},
    "RecallAtPrecision": {"precision": 0.5},
}
# The tests of a class run one after the other, as they need the same programs: that is
# what the scope of their parameters is for.
by_name = pytest.mark.parametrize(
    "kind", CLASSES, ids=lambda c: c.__name__, scope="module"
)


def make(kind, **options):
    return kind(**NEEDED.get(kind.__name__, {}), **options)


def data_for(kind):
    """Return four batches of valid arguments."""
    name = kind.__name__
    if name in ("Mean", "Sum"):
        return (floats(4, 6),)
    if name == "Accuracy" or name in ("IoU", "MeanIoU"):
        return ints(4, 6, below=3), ints(4, 6, below=3, seed=1)
    if name.startswith("Sparse"):
        return ints(4, 6, below=3), probabilities(4, 6, 3)
    return one_hot(4, 6, 3), probabilities(4, 6, 3)


@by_name
def test_device_loop_equals_eager_updates(kind):
    batches = data_for(kind)
    metric = make(kind)
    metric.build(batches[0].shape[1:], batches[-1].shape[1:])
    start = [v.value for v in metric.variables]

    @jax.jit
    def gather(count, values):
        def body(i, values):
            batch = [jnp.asarray(x)[i] for x in batches]
            return metric.stateless_update_state(values, *batch)

        return metric.stateless_result(jax.lax.fori_loop(0, count, body, values))

    looped = gather(3, start)
    assert all((v.numpy() == 0).all() for v in metric.variables)
    for i in range(3):
        metric.update_state(*(x[i] for x in batches))
    np.testing.assert_allclose(looped, metric.result(), rtol=1e-5, atol=1e-6)


@by_name
def test_config_round_trip(kind):
    metric = make(kind, name="mine")
    again = metrics.deserialize(metrics.serialize(metric))
    assert type(again) is kind
    assert again.get_config() == metric.get_config()
    assert again.get_config()["name"] == "mine"


@by_name
def test_invalid_arguments_are_named_in_the_error(kind):
    for argument, check in kind.arguments.items():
        if argument not in kind.__init__.__code__.co_varnames:
            continue
        for bad in check.bad:
            with pytest.raises(ArgumentError, match=argument):
                kind(**NEEDED.get(kind.__name__, {}) | {argument: bad})


@by_name
def test_reset_restores_the_initial_state(kind):
    batch = [x[0] for x in data_for(kind)]
    metric = make(kind)
    first = metric(*batch)
    metric(*(x[1] for x in data_for(kind)))
    metric.reset_state()
    assert all((v.numpy() == 0).all() for v in metric.variables)
    np.testing.assert_array_equal(metric(*batch), first)
    values = metric.stateless_reset_state()
    assert all((v == 0).all() for v in values)
    np.testing.assert_array_equal(metric.result(), first)


def test_creating_metrics_compiles_nothing(caplog):
    jax.config.update("jax_log_compiles", True)
    try:
        with caplog.at_level(logging.WARNING, "jax"):
            metrics.Mean()
            metrics.AUC(num_thresholds=77)
            metrics.F1Score().build((4, 9), (4, 9))
    finally:
        jax.config.update("jax_log_compiles", False)
    assert "Compiling" not in caplog.text


def test_variables_made_while_tracing_hold_arrays():
    metric = metrics.F1Score()

    def step(y_true, y_pred):
        with StateScope():
            metric.update_state(y_true, y_pred)

    jax.eval_shape(step, one_hot(4, 3), probabilities(4, 3))
    assert [v.numpy().tolist() for v in metric.variables] == [[0.0] * 3] * 4


def test_16_bit_predictions_are_accumulated_in_float32():
    scores = jnp.asarray(np.eye(300)[[299, 257]], jnp.bfloat16)
    accuracy = metrics.SparseCategoricalAccuracy()
    assert float(accuracy([299, 256], scores)) == 0.5
    error = metrics.MeanAbsoluteError()
    for _ in range(300):
        error.update_state(jnp.zeros((1, 1)), jnp.ones((1, 1), jnp.bfloat16))
    assert float(error.count.value) == 300.0
    assert error.result().dtype == jnp.float32


@pytest.mark.parametrize(
    ("kind", "true", "pred"),
    [
        ("MeanSquaredError", (4,), (4, 2)),
        ("RootMeanSquaredError", (4, 1), (4, 2)),
        ("BinaryAccuracy", (4,), (4, 2)),
        ("CategoricalAccuracy", (4, 1), (4, 2)),
        ("SparseCategoricalAccuracy", (4, 2), (4, 2)),
        ("TopKCategoricalAccuracy", (4, 1), (4, 2)),
        ("SparseTopKCategoricalAccuracy", (3,), (4, 2)),
        ("Precision", (4,), (4, 2)),
        ("AUC", (4, 1), (4, 2)),
        ("F1Score", (4, 3), (4, 2)),
        ("R2Score", (4, 3), (4, 2)),
        ("PearsonCorrelation", (4, 3), (4, 2)),
    ],
)
def test_mismatched_shapes_are_not_broadcast(kind, true, pred):
    with pytest.raises(ShapeError) as caught:
        getattr(metrics, kind)().update_state(np.ones(true), np.ones(pred))
    assert str(true) in str(caught.value)
    assert str(pred) in str(caught.value)


def test_wrapped_function_receives_targets_of_equal_rank():
    def distance(y_true, y_pred):
        return abs(y_true - y_pred)

    metric = metrics.MeanMetricWrapper(distance)
    assert float(metric(np.array([0.0, 1.0]), np.array([[0.0], [3.0]]))) == 1.0


def test_masked_steps_are_ignored():
    labels, scores = ints(2, 3, below=4), jnp.asarray(probabilities(2, 3, 4))
    mask = np.array([[True, True, False], [True, False, False]])
    set_mask(scores, jnp.asarray(mask))
    right = labels == np.argmax(scores, -1)
    accuracy = metrics.SparseCategoricalAccuracy()
    assert np.isclose(accuracy(labels, scores), right[mask].mean())
    accuracy.reset_state()
    rows = np.array([1.0, 3.0])
    weights = mask * rows[:, None]
    expected = (right * weights).sum() / weights.sum()
    assert np.isclose(accuracy(labels, scores, rows), expected)


def test_nested_metrics_are_tracked():
    class Spread(metrics.Metric):
        def __init__(self, name="spread"):
            super().__init__(name=name)
            self.seen = self.add_weight(initializer="ones", name="seen")
            self.mean = metrics.Mean()

        def update_state(self, values, sample_weight=None):
            self.seen.assign_add(1)
            self.mean.update_state(values, sample_weight)

        def result(self):
            return {"mean": self.mean.result(), "seen": self.seen.value}

    metric = Spread()
    assert [v.path for v in metric.variables] == [
        "spread/seen",
        "mean/total",
        "mean/count",
    ]
    assert metric([1.0, 3.0])["mean"] == 2.0
    assert repr(metric) == "<Spread name=spread, result={'mean': 2.0, 'seen': 2.0}>"
    assert metric.get_config() == {"name": "spread"}
    metric.reset_state()
    assert float(metric.result()["seen"]) == 0.0


def test_get_finds_metrics_by_name():
    for name in ("mae", "MAE", "mean_absolute_error", "MeanAbsoluteError"):
        assert isinstance(metrics.get(name), metrics.MeanAbsoluteError)
    assert isinstance(metrics.get("binary_accuracy"), metrics.BinaryAccuracy)
    assert metrics.serialize(metrics.binary_accuracy) == "binary_accuracy"
    first, second = metrics.AUC(), metrics.AUC()
    assert (first.name, second.name) == ("auc", "auc_1")
    with pytest.raises(UnknownNameError, match="Did you mean 'Accuracy'"):
        metrics.get("accurcy")


@pytest.mark.parametrize("by_label", [False, True])
def test_bucketed_counts_equal_compared_counts(by_label):
    grid = np.linspace(0, 1, 11)
    y_pred = np.concatenate([floats(30, 2, low=0), [[0, 1], [1, 0]]]).astype("float32")
    y_true, weights = ints(32, 2, below=2), floats(32, 2, low=0, seed=3)
    bucketed = count_outcomes(y_true, y_pred, weights, grid, by_label)
    # A further threshold makes the grid uneven, and so comparison is used.
    compared = count_outcomes(y_true, y_pred, weights, np.append(grid, 2.0), by_label)
    for fast, plain in zip(bucketed, compared, strict=True):
        np.testing.assert_allclose(fast, plain[:-1], atol=1e-5)


def test_operating_points_follow_the_definition():
    y_true, y_pred = ints(60, below=2), floats(60, low=0, seed=1)
    points = []
    for threshold in np.linspace(0, 1, 50):
        is_positive = y_pred > threshold
        tp, fp = (
            (is_positive & (y_true == 1)).sum(),
            (is_positive & (y_true == 0)).sum(),
        )
        recall = tp / (y_true == 1).sum()
        specificity = 1 - fp / (y_true == 0).sum()
        points.append((recall, specificity, tp / max(tp + fp, 1)))
    recall, specificity, precision = np.array(points).T
    for kind, constraint, objective in (
        ("SensitivityAtSpecificity", specificity, recall),
        ("SpecificityAtSensitivity", recall, specificity),
        ("PrecisionAtRecall", recall, precision),
        ("RecallAtPrecision", precision, recall),
    ):
        metric = getattr(metrics, kind)(0.55, num_thresholds=50)
        expected = objective[constraint >= 0.55].max()
        np.testing.assert_allclose(metric(y_true, y_pred), expected, rtol=1e-6)


def test_prgain_of_a_perfect_classifier_is_1():
    metric = metrics.AUC(curve="PRGAIN")
    assert np.isclose(metric([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9]), 1.0)


def test_iou_follows_the_definition():
    y_true, y_pred = ints(5, 6, below=3), ints(5, 6, below=3, seed=1)
    overlaps = [
        ((y_true == c) & (y_pred == c)).sum() / ((y_true == c) | (y_pred == c)).sum()
        for c in range(3)
    ]
    assert np.isclose(metrics.MeanIoU(3)(y_true, y_pred), np.mean(overlaps))
    some = metrics.IoU(3, [0, 2])(y_true, y_pred)
    assert np.isclose(some, np.mean([overlaps[0], overlaps[2]]))
    hot = metrics.OneHotMeanIoU(3)(np.eye(3)[y_true], np.eye(3)[y_pred])
    assert np.isclose(hot, np.mean(overlaps))
    is_valid = y_true != 1
    ignoring = metrics.IoU(3, [0], ignore_class=1)(y_true, y_pred)
    union = ((y_true == 0) | (y_pred == 0)) & is_valid
    assert np.isclose(ignoring, ((y_true == 0) & (y_pred == 0)).sum() / union.sum())
    with pytest.raises(ArgumentError, match="target_class_ids"):
        metrics.IoU(3, [3])


def test_correlations_equal_numpy():
    y_true, y_pred = floats(20, 1), floats(20, 1, seed=1)
    pearson = np.corrcoef(y_true[:, 0], y_pred[:, 0])[0, 1]
    metric = metrics.PearsonCorrelation(axis=0)
    np.testing.assert_allclose(metric(y_true, y_pred), pearson, rtol=1e-4)
    mean_gap = (y_true.mean() - y_pred.mean()) ** 2
    denominator = y_true.var() + y_pred.var() + mean_gap
    covariance = pearson * y_true.std() * y_pred.std()
    metric = metrics.ConcordanceCorrelation(axis=0)
    expected = 2 * covariance / denominator
    np.testing.assert_allclose(metric(y_true, y_pred), expected, rtol=1e-4)


class VariableResult(metrics.Metric):
    """A metric whose result is its variable."""

    def __init__(self):
        super().__init__(name="variable_result")
        self.total = self.add_weight((), "zeros", name="total")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.total.assign_add(jnp.sum(jnp.asarray(y_pred)))

    def result(self):
        return self.total


def test_result_may_be_a_variable():
    assert isinstance(VariableResult()([0.0], [2.0]), jax.Array)
    model = lamina.Sequential([lamina.Input((2,)), lamina.layers.Flatten()])
    model.compile(None, "mse", metrics=[VariableResult()])
    x = np.ones((4, 2), "float32")
    logs = model.evaluate(x, x, verbose=0, return_dict=True)
    assert logs["variable_result"] == 8.0
    assert not isinstance(logs["variable_result"], Variable)


# Keras 3.15.1's results.
BROADCAST = {
    "mean": (metrics.Mean, [[[1, 30], [20, 50]], [[1, 0.2]]], 15.416667),
    "sum": (metrics.Sum, [[[1, 5], [4, 2]], [[1, 0.2]]], 6.4),
    "rows": (metrics.Mean, [[[1, 2, 3], [1, 5, 6]], [1, 0]], 2.0),
    "number": (metrics.Mean, [[[1, 30], [20, 50]], 2.0], 25.25),
    "negatives": (
        lambda: metrics.TrueNegatives([0.15, 0.5]),
        [[[0, 1], [1, 0]], [[0.1, 0.6], [0.3, 0.2]], [[2, 5]]],
        [2.0, 7.0],
    ),
}


@pytest.mark.parametrize("name", BROADCAST)
def test_weights_are_broadcast_as_in_keras(name):
    make, arguments, expected = BROADCAST[name]
    *values, weights = (np.array(a, "float32") for a in arguments)
    found = make()(*values, sample_weight=weights)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_thresholds_are_known_before_build():
    metric = metrics.AUC(thresholds=[0.5], multi_label=True)
    np.testing.assert_allclose(metric.thresholds, [0, 0.5, 1], atol=1e-6)


def test_program_traces_results_and_resets_once():
    calls = Counter()

    class Counted(metrics.Metric):
        def __init__(self):
            super().__init__(name="counted")
            self.steps = self.add_variable((), "zeros")

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.steps.assign(self.steps.value + 1)

        def result(self):
            calls["result"] += 1
            # A matrix, which loops carry with one dimension, and a hyperparameter.
            row = model.layers[0].kernel.value[1]
            return self.steps.value * jnp.sum(row) + model.optimizer.learning_rate

        def reset_state(self):
            calls["reset"] += 1
            super().reset_state()

    model = lamina.Sequential([layers.Input((3,)), layers.Dense(2)])
    model.compile(lamina.optimizers.SGD(0.25), "mse", metrics=[Counted()])
    x, y = floats(12, 3), floats(12, 2, seed=1)
    history = model.fit(x, y, batch_size=4, epochs=2, verbose=0)
    # The step returns its result, too.
    assert calls == {"result": 2, "reset": 1}
    expected = 3 * model.layers[0].kernel.numpy()[1].sum() + 0.25
    np.testing.assert_allclose(history.history["counted"][-1], expected, rtol=1e-5)
