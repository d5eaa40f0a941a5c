"""Sparse matrices train a model as the dense ones do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from jax.experimental import sparse as jax_sparse

import lamina
from lamina import config, errors, layers
from lamina.data import adapt

scipy_sparse = pytest.importorskip("scipy.sparse")

RANDOM = np.random.default_rng(0)
DENSE = np.where(RANDOM.random((20, 4)) < 0.3, RANDOM.random((20, 4)), 0)
DENSE = DENSE.astype("float32")
LABELS = RANDOM.random((20, 1)).astype("float32")
KINDS = {
    "csr_array": scipy_sparse.csr_array,
    "coo_matrix": scipy_sparse.coo_matrix,
    "dok_array": scipy_sparse.dok_array,
    "float64": lambda x: scipy_sparse.csc_matrix(x.astype("float64")),
    "BCOO": jax_sparse.BCOO.fromdense,
}


def results(x: Any, y: Any = LABELS, **kwargs: Any) -> list[Any]:
    """Losses, a loss, and predictions of a fresh model."""
    lamina.utils.set_random_seed(1)
    model = lamina.Sequential([lamina.Input((4,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    history = model.fit(x, y, batch_size=8, epochs=2, verbose=0, **kwargs)
    evaluated = model.evaluate(x, y, batch_size=8, verbose=0)
    predicted = model.predict(x, batch_size=8, verbose=0)
    return [*history.history.values(), evaluated, predicted]


def assert_same(x: Any, **kwargs: Any) -> None:
    for ours, dense in zip(results(x, **kwargs), results(DENSE, **kwargs), strict=True):
        np.testing.assert_allclose(ours, dense, rtol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_sparse_matrix_is_dense_for_the_model(kind: str) -> None:
    assert_same(KINDS[kind](DENSE))


def test_validation_split_cuts_sparse_rows() -> None:
    assert_same(KINDS["csr_array"](DENSE), validation_split=0.25)


@pytest.mark.parametrize("kind", KINDS)
def test_batches_of_a_stream_may_be_sparse(kind: str) -> None:
    def stream(make: Any) -> Any:
        return ((make(DENSE[i : i + 4]), LABELS[i : i + 4]) for i in range(0, 20, 4))

    losses = []
    for make in (KINDS[kind], np.asarray):
        lamina.utils.set_random_seed(1)
        model = lamina.Sequential([lamina.Input((4,)), layers.Dense(1)])
        model.compile("sgd", "mse")
        losses.append(model.fit(stream(make), verbose=0).history["loss"])
        assert model.predict_on_batch(make(DENSE)).shape == (20, 1)
    np.testing.assert_allclose(*losses, rtol=1e-6)


@pytest.mark.parametrize(
    "matrix",
    [
        scipy_sparse.csr_array((1000, 1_000_000), dtype="float32"),
        jax_sparse.empty((1000, 1_000_000), "float32"),
    ],
    ids=["csr_array", "BCOO"],
)
def test_sparse_rows_are_converted_batch_by_batch(
    matrix: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "memory_limit", lambda: 10**9)
    feed = adapt.adapt(matrix, batch_size=2)
    assert feed.example()[0].shape == (2, 1_000_000)
    with pytest.raises(errors.DataError, match="generator of batches"):
        adapt.adapt(np.ones((1000, 1)), matrix)


def test_small_sparse_matrices_are_not_converted_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = []
    toarray = scipy_sparse.csr_array.toarray

    def record(matrix: Any, *args: Any) -> Any:
        rows.append(matrix.shape[0])
        return toarray(matrix, *args)

    monkeypatch.setattr(scipy_sparse.csr_array, "toarray", record)
    results(KINDS["csr_array"](DENSE), validation_split=0.2)
    assert max(rows) == 8


def test_jax_matrices_may_have_duplicates_and_padding() -> None:
    indices = np.array([[0, 1], [0, 1], [2, 0], [3, 2]])
    matrix = jax_sparse.BCOO((np.arange(1.0, 5.0), indices), shape=(3, 2))
    feed = adapt.adapt(matrix)
    assert feed.sample()[0].tolist() == [[0, 3], [0, 0], [3, 0]]


def test_an_embedding_takes_sparse_indices() -> None:
    model = lamina.Sequential(
        [lamina.Input((4,), dtype="int32"), layers.Embedding(9, 2)]
    )
    indices = (DENSE * 8).astype("int32")
    sparse = model.predict(scipy_sparse.csr_array(indices))
    np.testing.assert_array_equal(sparse, model.predict(indices))
