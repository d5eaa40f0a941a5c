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
@pytest.mark.parametrize("room", [True, False])
def test_sparse_matrix_is_dense_for_the_model(
    kind: str, room: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapt, "_fits_device", lambda _: room)
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


def test_sparse_rows_are_converted_batch_by_batch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wide = scipy_sparse.csr_array((1000, 1_000_000), dtype="float32")
    monkeypatch.setattr(config, "memory_limit", lambda: 10**9)
    monkeypatch.setattr(adapt, "_fits_device", lambda _: False)
    feed = adapt.adapt(wide, batch_size=2)
    assert feed.example()[0].shape == (2, 1_000_000)
    with pytest.raises(errors.DataError, match="csr_array"):
        adapt.adapt(jax_sparse.empty((1000, 1_000_000), "float32"))
