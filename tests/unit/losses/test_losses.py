"""Shapes, weights, masks, names and errors of losses."""

from __future__ import annotations

import inspect
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lamina import layers, losses, metrics
from lamina.core.custom_objects import custom_object_scope
from lamina.core.masks import set_mask
from lamina.core.variable import Variable
from lamina.errors import (
    ArgumentError,
    ArgumentTypeError,
    ShapeError,
    UnknownNameError,
)
from lamina.losses.base import loss_registry, reduce_weighted
from tests.tables.arrays import floats, one_hot, probabilities

CLASSES = [
    c
    for c in dict.fromkeys(loss_registry.objects.values())
    if isinstance(c, type) and c is not losses.LossFunctionWrapper
]


@pytest.mark.parametrize(
    ("true", "pred", "rows"),
    [
        ((4,), (4, 1), (4,)),
        ((4, 1), (4,), (4,)),
        ((4, 3), (4, 3, 1), (4,)),
        ((4, 3, 1), (4, 3), (4,)),
        ((4, 3, 2), (4, 3, 2), (4, 3)),
    ],
)
def test_missing_last_axis_of_size_1_is_added(true, pred, rows):
    y_true, y_pred = floats(*true), floats(*pred, seed=1)
    expected = np.square(y_true.reshape(pred) - y_pred)
    value = losses.mean_squared_error(y_true, y_pred)
    assert value.shape == rows
    np.testing.assert_allclose(value.mean(), expected.mean(), rtol=1e-6)


@pytest.mark.parametrize(
    ("true", "pred", "fix"),
    [
        ((4,), (4, 3), "Dense(1)"),
        ((4, 1), (4, 3), "sparse_categorical_crossentropy"),
        ((4, 3), (4, 1), "Dense(3)"),
        ((4, 3), (4,), "Dense(3)"),
        ((5, 3), (4, 3), "rows"),
        ((1, 3), (4, 3), "rows"),
        ((4, 3), (4, 2), "(None, 3)"),
    ],
)
@pytest.mark.parametrize(
    "name", ["mse", "mae", "hinge", "kld", "bce", "cosine_similarity"]
)
def test_other_shapes_are_not_broadcast(name, true, pred, fix):
    loss = losses.LossFunctionWrapper(losses.get(name))
    with pytest.raises(ShapeError) as caught:
        loss(np.ones(true), np.ones(pred))
    assert str(true) in str(caught.value)
    assert str(pred) in str(caught.value)
    assert fix in str(caught.value)


def test_one_hot_targets_are_distinguished_from_class_indices():
    with pytest.raises(ShapeError, match="'categorical_crossentropy'"):
        losses.SparseCategoricalCrossentropy()(one_hot(4, 3), probabilities(4, 3))
    with pytest.raises(ShapeError, match="'sparse_categorical_crossentropy'"):
        losses.CategoricalCrossentropy()([0, 1, 2], probabilities(3, 3))


@pytest.mark.parametrize(
    "kind", ["CategoricalCrossentropy", "SparseCategoricalCrossentropy"]
)
def test_single_class_is_refused(kind):
    with pytest.raises(ShapeError, match="binary_crossentropy"):
        getattr(losses, kind)()(np.zeros((4, 1)), np.ones((4, 1)))


def test_class_axis_can_be_chosen():
    probs, labels = probabilities(2, 5, 3), np.array([[0, 1, 2, 1, 0]] * 2)
    last = losses.sparse_categorical_crossentropy(labels, probs)
    first = losses.sparse_categorical_crossentropy(labels, probs.mT, axis=1)
    np.testing.assert_allclose(first, last, rtol=1e-6)


def test_ignored_targets_allow_nan_predictions():
    probs = probabilities(3, 4)
    probs[1] = np.nan
    loss = losses.SparseCategoricalCrossentropy(ignore_class=-1)
    with_gradient = jax.jit(jax.value_and_grad(lambda p: loss([2, -1, 0], p)))
    value, gradient = with_gradient(probs)
    expected = losses.sparse_categorical_crossentropy([2, 0], probs[[0, 2]])
    np.testing.assert_allclose(value, expected.mean(), rtol=1e-6)
    assert np.isfinite(gradient).all()
    assert (gradient[1] == 0).all()


def test_gradient_of_a_zero_vector_is_finite():
    zero = np.zeros((2, 3), "float32")
    loss = losses.CosineSimilarity()
    gradient = jax.jit(jax.grad(lambda p: loss(floats(2, 3), p)))(zero)
    assert np.isfinite(gradient).all()


def test_bfloat16_losses_preserve_large_class_indices():
    probs = probabilities(1, 400)
    loss = losses.SparseCategoricalCrossentropy(dtype="bfloat16")
    expected = -np.log(probs[0, 399])
    np.testing.assert_allclose(float(loss([399], probs)), expected, rtol=0.02)


def test_unsigned_targets_do_not_wrap_around():
    class Distance(losses.Loss):
        def call(self, y_true, y_pred):
            return abs(1 - y_true - y_pred)

    assert float(Distance()(np.array([2], "uint8"), [0.0])) == 1.0


def test_losses_accept_variables_and_nested_arrays():
    y_pred = Variable([[1.0], [3.0]])
    assert float(losses.MeanSquaredError()([[0.0], [0.0]], y_pred)) == 5.0

    class Both(losses.Loss):
        def call(self, y_true, y_pred):
            return y_pred["mean"] - y_true + y_pred["shift"]

    pred = {"mean": np.ones(2), "shift": np.array([1.0, 3.0])}
    assert float(Both()(np.zeros(2), pred)) == 3.0


def test_weights_match_the_leading_axes():
    values, rows = floats(3, 4), floats(3, low=0, seed=1)
    expected = (values * rows[:, None]).mean()
    for weights in (rows, rows[:, None], np.tile(rows[:, None], (1, 4))):
        np.testing.assert_allclose(reduce_weighted(values, weights), expected, 1e-6)
    np.testing.assert_allclose(
        reduce_weighted(values, weights, reduction="mean_with_sample_weight"),
        (values * rows[:, None]).sum() / (4 * rows.sum()),
        rtol=1e-6,
    )
    assert float(reduce_weighted([2.0, 4.0], 0.5)) == 1.5
    assert float(reduce_weighted(2.0, [1.0, 0.0])) == 1.0


@pytest.mark.parametrize("shape", [(4,), (1,), (3, 2), (3, 4, 1, 2)])
def test_weights_of_incompatible_shape_are_refused(shape):
    with pytest.raises(ShapeError, match="sample_weight"):
        reduce_weighted(floats(3, 4), np.ones(shape))


def test_loss_of_an_empty_batch_is_zero():
    assert float(reduce_weighted(np.zeros((0, 3)))) == 0.0
    zeros = np.zeros(2)
    assert (
        float(reduce_weighted([1.0, 2.0], zeros, reduction="mean_with_sample_weight"))
        == 0
    )
    assert float(reduce_weighted([1.0, 2.0], mask=zeros)) == 0.0


def test_masked_steps_are_ignored():
    mask = np.array([[True, True, False], [True, False, False]])
    y_true, y_pred = floats(2, 3, 4), jnp.asarray(floats(2, 3, 4, seed=1))
    set_mask(y_pred, jnp.asarray(mask))
    expected = np.square(y_true - y_pred)[mask]
    assert np.isclose(losses.MeanSquaredError()(y_true, y_pred), expected.mean())
    total = losses.MeanSquaredError(reduction="sum")(y_true, y_pred)
    assert np.isclose(total, expected.mean(-1).sum())


def test_function_wrapper_passes_options():
    def power(y_true, y_pred, exponent):
        return (y_true - y_pred) ** exponent

    loss = losses.LossFunctionWrapper(power, name="power", exponent=2)
    # The function sees (2, 1) against (2, 1), not a broadcast (2, 2).
    assert float(loss([0.0, 0.0], jnp.array([[1.0], [3.0]]))) == 5.0
    with custom_object_scope({"power": power}):
        again = losses.deserialize(losses.serialize(loss))
    assert again.get_config() == loss.get_config()
    assert again.fn is power


@pytest.mark.parametrize("kind", CLASSES, ids=lambda c: c.__name__)
def test_config_round_trip(kind):
    loss = kind(reduction="sum", name="mine")
    again = losses.deserialize(losses.serialize(loss))
    assert type(again) is kind
    assert again.get_config() == loss.get_config()
    assert again.get_config()["reduction"] == "sum"


@pytest.mark.parametrize("kind", CLASSES, ids=lambda c: c.__name__)
def test_invalid_arguments_are_named_in_the_error(kind):
    for argument, check in kind.arguments.items():
        for bad in check.bad:
            with pytest.raises(ArgumentError, match=argument):
                kind(**{argument: bad})
    with pytest.raises(ArgumentTypeError, match="has no argument 'reducton'"):
        kind(reducton="sum")


def test_reduction_is_checked_after_assignment():
    loss = losses.MeanSquaredError()
    loss.reduction = "average"
    with pytest.raises(ArgumentError, match="reduction"):
        loss([1.0], [2.0])


def test_get_finds_losses_by_name():
    for name in ("mse", "MSE", "mean_squared_error"):
        assert losses.get(name) is losses.mean_squared_error
    assert isinstance(losses.get("MeanSquaredError"), losses.MeanSquaredError)
    assert isinstance(losses.get(losses.Huber), losses.Huber)
    assert losses.get(None) is None
    with pytest.raises(UnknownNameError, match="'categorical_crossentropy'"):
        losses.get("categorical_crossentropi")
    with pytest.raises(ArgumentError):
        losses.get(3)


def test_focal_losses_follow_the_formula():
    y, p = one_hot(5, 3), probabilities(5, 3)
    value = losses.categorical_focal_crossentropy(
        y, p, alpha=[0.2, 0.3, 0.5], gamma=3.0
    )
    each = -y * np.log(p) * (1 - p) ** 3 * np.array([0.2, 0.3, 0.5])
    np.testing.assert_allclose(value, each.sum(-1), rtol=1e-5)
    p_true = np.where(y == 1, p, 1 - p)
    balance = np.where(y == 1, 0.3, 0.7)
    value = losses.binary_focal_crossentropy(y, p, True, alpha=0.3, gamma=1.5)
    each = balance * (1 - p_true) ** 1.5 * -np.log(p_true)
    np.testing.assert_allclose(value, each.mean(-1), rtol=1e-5)
    logits = np.log(p / (1 - p))
    np.testing.assert_allclose(
        losses.binary_focal_crossentropy(y, logits, from_logits=True),
        losses.binary_focal_crossentropy(y, p),
        rtol=1e-5,
    )


def test_overlap_losses_follow_the_formula():
    y, p = one_hot(4, 3), probabilities(4, 3)
    both = (y * p).sum(-1)
    missed, extra = (y * (1 - p)).sum(-1), ((1 - y) * p).sum(-1)
    expected = 1 - both / (both + 0.3 * missed + 0.9 * extra)
    value = losses.Tversky(0.3, 0.9, axis=-1, reduction=None)(y, p)
    np.testing.assert_allclose(value, expected, rtol=1e-5)
    value = losses.Dice(axis=(0, 1))(y, p)
    np.testing.assert_allclose(value, 1 - 2 * both.sum() / (y + p).sum(), rtol=1e-5)


def test_generalized_crossentropy_has_a_finite_gradient_at_probability_zero():
    loss = losses.CategoricalGeneralizedCrossEntropy()
    rows = np.eye(2, dtype="float32")[[1, 1]]
    gradient = jax.jit(jax.grad(lambda p: loss([0, 1], p)))(rows)
    assert np.isfinite(gradient).all()
    assert float(loss([0], np.array([[0.0, 1.0]]))) == 2.0


def test_circle_accepts_separate_references():
    embeddings, references = floats(3, 4), floats(5, 4, seed=1)
    labels, ref_labels = np.array([0, 1, 2]), np.array([0, 1, 1, 3, 0])
    values = losses.circle(labels, embeddings, ref_labels, references, False)
    assert values.shape == (3,)
    assert float(values[2]) == 0.0
    gradient = jax.jit(jax.grad(lambda p: losses.Circle()([0, 0, 1], p)))(embeddings)
    assert np.isfinite(gradient).all()
    with pytest.raises(ShapeError, match="one class index for each row"):
        losses.circle([0, 1], embeddings)


FUNCTIONS = {
    n: f
    for n, f in {**vars(losses), **vars(metrics)}.items()
    if inspect.isfunction(f) and [*inspect.signature(f).parameters][:1] == ["y_true"]
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_loss_functions_accept_symbolic_tensors(name):
    generalized = name == "categorical_generalized_cross_entropy"
    is_sparse = generalized or name.startswith("sparse") or name == "circle"
    options = {"q": 0.5} if generalized else {}
    true = layers.Input(() if is_sparse else (3,), dtype="int32")
    shape = (5, 3) if name == "ctc" else (3,)
    pred = layers.Input(shape)
    found = FUNCTIONS[name](true, pred, **options)
    labels = np.zeros((4,) if is_sparse else (4, 3), "int32")
    scores = np.full((4, *shape), 0.5, "float32")
    value = jax.eval_shape(partial(FUNCTIONS[name], **options), labels, scores)
    assert found.shape in (value.shape, (None, *value.shape[1:]))


def test_dtype_cannot_be_changed():
    with pytest.raises(AttributeError):
        losses.MeanSquaredError().dtype = "float16"


def test_ctc_of_impossible_labels_has_a_finite_gradient():
    logits = floats(2, 3, 4)
    labels = [[1, 1, 1], [0, 0, 0]]  # the first needs five steps
    values = losses.ctc(labels, logits)
    assert float(values[0]) > 1e4
    gradient = jax.jit(jax.grad(lambda x: losses.CTC()(labels, x)))(logits)
    assert np.isfinite(gradient).all()
    with pytest.raises(ShapeError, match="return_sequences"):
        losses.ctc(labels, logits[:, 0])
