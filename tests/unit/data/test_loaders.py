"""The loaders people use, where they are installed: torch, tf.data and grain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lamina
from lamina import errors, layers

X = np.random.default_rng(0).normal(size=(50, 4)).astype("float32")
Y = X.sum(axis=1)
PARTS = {"left": X[:, :1], "right": X[:, 1:]}


def stack() -> lamina.Model:
    model = lamina.Sequential([layers.Input((4,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


def two_inputs() -> lamina.Model:
    """The same model on a dictionary of two parts of the rows."""
    inputs = {k: layers.Input(v.shape[1:], name=k) for k, v in PARTS.items()}
    joined = layers.Concatenate()([inputs["left"], inputs["right"]])
    model = lamina.Model(inputs, layers.Dense(1)(joined))
    model.compile("sgd", "mse")
    return model


def flow(make: Callable[[], lamina.Model], data: Any, **fit: Any) -> list[Any]:
    """Weights after two epochs, the loss and the predictions then."""
    lamina.random.set_seed(0)
    model = make()
    model.fit(data, epochs=2, verbose=0, validation_data=data, **fit)
    assert int(model.optimizer.iterations) == 10
    loss = model.evaluate(data, verbose=0)
    return [*model.get_weights(), loss, model.predict(data, verbose=0)]


def expected() -> list[Any]:
    lamina.random.set_seed(0)
    model = stack()
    model.fit(X, Y, batch_size=10, epochs=2, shuffle=False, verbose=0)
    loss = model.evaluate(X, Y, batch_size=10, verbose=0)
    return [*model.get_weights(), loss, model.predict(X, verbose=0)]


def check(got: list[Any]) -> None:
    for one, other in zip(got, expected(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


class Rows:
    """A source of rows, as torch and grain take them."""

    def __init__(self, named: bool) -> None:
        self.named = named

    def __len__(self) -> int:
        return len(X)

    def __getitem__(self, i: int) -> Any:
        return {k: v[i] for k, v in PARTS.items()} if self.named else X[i], Y[i]


@pytest.mark.parametrize("named", [False, True], ids=["tuples", "dictionaries"])
def test_torch(named: bool) -> None:
    torch_data = pytest.importorskip("torch.utils.data")
    loader = torch_data.DataLoader(Rows(named), batch_size=10)
    check(flow(two_inputs if named else stack, loader))


def test_torch_workers() -> None:
    torch = pytest.importorskip("torch")
    rows = torch.utils.data.TensorDataset(torch.from_numpy(X), torch.from_numpy(Y))
    loader = torch.utils.data.DataLoader(
        rows, batch_size=10, num_workers=2, multiprocessing_context="spawn",
        persistent_workers=True,
    )  # fmt: skip
    check(flow(stack, loader))


@pytest.mark.parametrize("dtype", ["float64", "bfloat16"])
def test_torch_tensors(dtype: str) -> None:
    torch = pytest.importorskip("torch")
    x = torch.from_numpy(X).to(getattr(torch, dtype)).requires_grad_()
    model = stack()
    model.fit(x, torch.from_numpy(Y), verbose=0)
    predictions = model.predict(x, verbose=0)
    np.testing.assert_allclose(predictions, model.predict(X), rtol=0.05, atol=0.05)


@pytest.mark.parametrize("named", [False, True], ids=["tuples", "dictionaries"])
@pytest.mark.parametrize("known", [False, True], ids=["no length", "length"])
def test_tensorflow(named: bool, known: bool) -> None:
    tf = pytest.importorskip("tensorflow")
    x = PARTS if named else X
    data = tf.data.Dataset.from_tensor_slices((x, Y)).batch(10).prefetch(2)
    if not known:
        data = data.filter(lambda *_: True)
    check(flow(two_inputs if named else stack, data))


def test_infinite_tensorflow_dataset_needs_steps() -> None:
    tf = pytest.importorskip("tensorflow")
    data = tf.data.Dataset.from_tensor_slices((X, Y)).batch(10).repeat()
    with pytest.raises(errors.DataError, match="is infinite"):
        stack().fit(data, verbose=0)
    model = stack()
    model.fit(data, steps_per_epoch=3, epochs=2, verbose=0)
    assert int(model.optimizer.iterations) == 6


def test_tensorflow_tensors() -> None:
    tf = pytest.importorskip("tensorflow")
    model = stack()
    model.fit(tf.constant(X), tf.constant(Y), verbose=0)
    np.testing.assert_array_equal(model.predict(tf.constant(X)), model.predict(X))


@pytest.mark.parametrize("named", [False, True], ids=["tuples", "dictionaries"])
@pytest.mark.parametrize("kind", ["loader", "map", "iterable"])
def test_grain(kind: str, named: bool) -> None:
    grain = pytest.importorskip("grain")
    if kind == "loader":
        order = grain.samplers.IndexSampler(
            len(X), grain.sharding.NoSharding(), shuffle=False, num_epochs=1
        )
        batches = [grain.transforms.Batch(10)]
        data = grain.DataLoader(
            data_source=Rows(named), sampler=order, operations=batches, worker_count=0
        )
    else:
        data = grain.MapDataset.source(Rows(named))
        data = (data.to_iter_dataset() if kind == "iterable" else data).batch(10)
    check(flow(two_inputs if named else stack, data))


def test_infinite_grain_loader_needs_steps() -> None:
    grain = pytest.importorskip("grain")
    data = grain.MapDataset.source(Rows(False)).batch(10).repeat()
    with pytest.raises(errors.DataError, match="is infinite"):
        stack().fit(data, verbose=0)
