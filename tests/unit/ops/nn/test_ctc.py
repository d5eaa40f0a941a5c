"""The loss and the beam search equal sums over all alignments."""

from __future__ import annotations

import itertools
from collections import defaultdict

import jax
import numpy as np
import pytest

from lamina import ops
from lamina.core.graph import SymbolicTensor
from lamina.errors import ArgumentError, ShapeError
from tests.tables.arrays import floats

STEPS, CLASSES = 4, 3
LOGITS = floats(1, STEPS, CLASSES, low=-2.0, high=2.0)


def labels_of(alignment, blank):
    return tuple(c for c, _ in itertools.groupby(alignment) if c != blank)


def log_probabilities(blank, steps=STEPS):
    """Enumerate the alignments and sum their probabilities by their labels."""
    probabilities = np.asarray(jax.nn.softmax(LOGITS[0, :steps]), "float64")
    sums = defaultdict(float)
    for alignment in itertools.product(range(CLASSES), repeat=steps):
        chance = np.prod(probabilities[np.arange(steps), alignment])
        sums[labels_of(alignment, blank)] += chance
    return {labels: np.log(total) for labels, total in sums.items()}


@pytest.mark.parametrize("blank", [0, 2])
def test_loss_sums_over_all_alignments(blank):
    loss = jax.jit(ops.ctc_loss, static_argnums=4)
    for labels, expected in log_probabilities(blank).items():
        padded = np.array([[*labels, *[1] * (STEPS - len(labels))]])
        lengths = np.array([len(labels)]), np.array([STEPS])
        got = loss(padded, LOGITS, *lengths, blank)
        np.testing.assert_allclose(-got[0], expected, rtol=1e-5)


@pytest.mark.parametrize("steps", [1, 3, 4])
def test_wide_beam_search_finds_the_most_probable_labels(steps):
    expected = log_probabilities(blank=0, steps=steps)
    paths, scores = ops.ctc_decode(LOGITS, [steps], "beam_search", 30, 3)
    best = sorted(expected, key=expected.get, reverse=True)[:3]
    found = [tuple(c for c in path if c >= 0) for path in paths[:, 0].tolist()]
    assert found == best
    np.testing.assert_allclose(scores[0], [expected[b] for b in best], rtol=1e-5)


def test_impossible_labels_have_a_finite_gradient():
    loss = lambda x: ops.ctc_loss([[1, 1, 1]], x, [3], [4])[0]  # noqa: E731
    value, gradient = jax.jit(jax.value_and_grad(loss))(LOGITS)
    assert value > 1e4
    assert np.isfinite(gradient).all()


def test_shapes_of_symbolic_tensors():
    x, lengths = SymbolicTensor((None, 9, 4)), SymbolicTensor((None,), "int32")
    paths, scores = ops.ctc_decode(x, lengths, "beam_search", 8, 2)
    assert (paths.shape, paths.dtype) == ((2, None, 9), "int32")
    assert (scores.shape, scores.dtype) == ((None, 2), "float32")
    labels = SymbolicTensor((None, 3), "int32")
    assert ops.ctc_loss(labels, x, lengths, lengths).shape == (None,)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: ops.ctc_decode(LOGITS, [4], "nearest"), ArgumentError, "`strategy`"),
        (
            lambda: ops.ctc_decode(LOGITS, [4], "beam_search", 2, 3),
            ArgumentError,
            "`top_paths`",
        ),
        (lambda: ops.ctc_decode(LOGITS[0], [4]), ShapeError, "sequence_lengths"),
        (lambda: ops.ctc_loss([[1]], LOGITS, [1, 1], [4]), ShapeError, "both lengths"),
        (lambda: ops.ctc_loss([1], LOGITS, [1], [4]), ShapeError, "`target`"),
    ],
)
def test_invalid_arguments_are_errors(call, error, words):
    with pytest.raises(error, match=words):
        call()
