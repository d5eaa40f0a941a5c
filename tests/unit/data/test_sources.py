"""Whatever the data comes in, training sees the same rows."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pandas as pd
import polars as pl
import pytest

import lamina
from lamina import layers
from lamina.data import adapt

X = np.random.default_rng(0).normal(size=(50, 4)).astype("float32")
Y = X.sum(axis=1)


def slices() -> Iterator[Any]:
    for start in range(0, 50, 10):
        yield X[start : start + 10], Y[start : start + 10]


class Batches(lamina.utils.PyDataset):
    """The slices by number."""

    def __len__(self) -> int:
        return 5

    def __getitem__(self, index: int) -> Any:
        return list(slices())[index]


class Tensor:
    """Minimal torch tensor."""

    dtype = "torch.float32"

    def __init__(self, value: np.ndarray) -> None:
        self.value = value

    def detach(self) -> Tensor:
        return self

    def cpu(self) -> Tensor:
        return self

    def numpy(self) -> np.ndarray:
        return self.value

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        raise AssertionError("a tensor that needs gradients refuses this")


class Loader:
    """Minimal torch DataLoader, which yields lists of tensors."""

    def __len__(self) -> int:
        return 5

    def __iter__(self) -> Iterator[Any]:
        return ([Tensor(x), Tensor(y)] for x, y in slices())


def mapped(folder: Path) -> Any:
    np.save(folder / "x.npy", X)
    return np.load(folder / "x.npy", mmap_mode="r"), Y


ARRAYS: dict[str, Callable[[Path], Any]] = {
    "jax": lambda _: (jnp.asarray(X), jnp.asarray(Y)),
    "lists": lambda _: (X.tolist(), Y.tolist()),
    "float64": lambda _: (X.astype("float64"), Y.astype("float64")),
    "column": lambda _: (X, Y[:, None]),
    "pandas": lambda _: (pd.DataFrame(X), pd.Series(Y)),
    "polars": lambda _: (pl.DataFrame(X), pl.Series(Y)),
    "tensors": lambda _: (Tensor(X), Tensor(Y)),
    "memory map": mapped,
}
STREAMS: dict[str, Callable[[], Any]] = {
    "generator": slices,
    "iterable": lambda: list_of_batches(),
    "dataset": Batches,
    "threads": lambda: Batches(workers=3, max_queue_size=4),
    "loader": Loader,
}


def list_of_batches() -> Any:
    class Again:
        def __iter__(self) -> Iterator[Any]:
            return slices()

    return Again()


def weights_after(*data: Any, **fit: Any) -> np.ndarray:
    lamina.random.set_seed(0)
    model = lamina.Sequential([layers.Input((4,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(*data, verbose=0, **fit)
    assert int(model.optimizer.iterations) == 5
    return model.get_weights()[0]


def plain() -> np.ndarray:
    return weights_after(X, Y[:, None], batch_size=10, shuffle=False)


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_of_every_kind(name: str, tmp_path: Path) -> None:
    got = weights_after(*ARRAYS[name](tmp_path), batch_size=10, shuffle=False)
    np.testing.assert_array_equal(got, plain())


@pytest.mark.parametrize("name", STREAMS)
def test_streams_of_every_kind(name: str) -> None:
    got = weights_after(STREAMS[name](), shuffle=False)
    np.testing.assert_allclose(got, plain(), rtol=1e-6)


def test_arrays_too_large_for_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = weights_after(X, Y, batch_size=10, seed=3)
    monkeypatch.setattr(adapt, "_fits_device", lambda _: False)
    got = weights_after(X, Y, batch_size=10, seed=3)
    np.testing.assert_allclose(got, expected, rtol=1e-5)


def test_error_in_a_stream_has_its_own_traceback() -> None:
    def dying() -> Iterator[Any]:
        yield X[:10], Y[:10]
        raise ZeroDivisionError("in the user's code")

    with pytest.raises(ZeroDivisionError, match="user's code") as caught:
        weights_after(dying())
    assert "in dying" in "".join(traceback.format_tb(caught.value.__traceback__))


@pytest.mark.parametrize("sizes", [(3, 7, 7, 2, 9), (10,), (1, 1, 1, 1)], ids=str)
def test_batches_may_differ_in_size_and_an_epoch_ends_with_them(sizes: Any) -> None:
    model = lamina.Sequential([layers.Input((4,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    history = model.fit(((X[:n], Y[:n]) for n in sizes), verbose=0)
    assert int(model.optimizer.iterations) == len(sizes)
    assert np.isfinite(history.history["loss"]).all()


def test_generator_continues_over_epochs() -> None:
    seen: list[int] = []

    def counting() -> Iterator[Any]:
        for i in range(1000):
            seen.append(i)
            yield X[:10], Y[:10]

    model = lamina.Sequential([layers.Input((4,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(counting(), steps_per_epoch=3, epochs=4, verbose=0)
    assert int(model.optimizer.iterations) == 12
    assert seen == [*range(12)]


def test_evaluate_and_predict_accept_streams() -> None:
    model = lamina.Sequential([layers.Input((4,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    expected = model.evaluate(X, Y, batch_size=10, verbose=0)
    np.testing.assert_allclose(model.evaluate(Loader(), verbose=0), expected, 1e-6)
    np.testing.assert_allclose(model.predict(Batches()), model.predict(X), 1e-5)


def test_class_weights_are_weights_of_rows() -> None:
    labels = (Y > 0).astype("int32")
    weights = np.where(labels == 1, 3.0, 0.5).astype("float32")
    by_class = weights_after(
        X, labels, batch_size=10, class_weight={0: 0.5, 1: 3.0}, seed=1
    )
    by_row = weights_after(X, labels, batch_size=10, sample_weight=weights, seed=1)
    np.testing.assert_array_equal(by_class, by_row)
