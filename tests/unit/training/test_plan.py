"""Losses and metrics of outputs in nested dictionaries and lists.

The logs are those of Keras 3.15.1 for the same model and data.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lamina
from lamina import layers, ops, tree
from lamina.errors import DataError

ONE = np.ones((4, 1), "float32")


def nested(tree: Any) -> Any:
    """The same tree, a Dense layer in each place."""
    inputs = layers.Input((3,))

    def heads(part: Any) -> Any:
        if isinstance(part, dict):
            return {k: heads(v) for k, v in part.items()}
        if isinstance(part, list):
            return [heads(v) for v in part]
        return layers.Dense(1, name=part)(inputs)

    return lamina.Model(inputs, heads(tree))


def labels(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {k: labels(v) for k, v in tree.items()}
    return [labels(v) for v in tree] if isinstance(tree, list) else ONE


def test_labels_for_outputs_with_a_loss_are_enough() -> None:
    model = nested(["x", "y", "z"])
    model.compile("sgd", ["mse", None, "mae"])
    x = np.ones((4, 3))
    some = model.evaluate(x, [ONE, ONE], verbose=0)
    assert some == model.evaluate(x, [ONE, None, ONE], verbose=0)
    model.compile("sgd", [None, "mse", None])
    assert model.evaluate(x, ONE, verbose=0) >= 0.0


CASES: dict[str, Any] = {
    "dictionaries": (
        {"a": "x", "b": {"c": "y", "d": "z"}},
        {"a": "mse", "b": {"c": "mse", "d": "mae"}},
        {"a": ["mae"], "b": {"c": ["mse"]}},
        ["a_loss", "b/c_loss", "b/d_loss", "a_mae", "b/c_mse"],
    ),
    "a loss for one of them": (
        {"a": "x", "b": {"c": "y", "d": "z"}},
        {"b": {"d": "mae"}},
        None,
        [],
    ),
    "lists": (["x", ["y", "z"]], ["mse", ["mse", "mae"]], None,
              ["x_loss", "1/y_loss", "1/z_loss"]),
    "metrics of a list in a dictionary": (
        {"a": "x", "b": ["y", "z"]}, "mse", {"a": ["mae"], "b": ["mse", "mae"]},
        ["a_loss", "b/y_loss", "b/z_loss", "a_mae", "b/y_mse", "b/z_mae"],
    ),
    "one for all": ({"a": "x", "b": {"c": "y"}}, "mse", None, ["a_loss", "b/c_loss"]),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_losses_and_metrics_have_the_form_of_the_outputs(name: str) -> None:
    tree, loss, metrics, names = CASES[name]
    model = nested(tree)
    model.compile("sgd", loss, metrics=metrics)
    logs = model.evaluate(np.ones((4, 3)), labels(tree), verbose=0, return_dict=True)
    assert sorted(logs) == sorted(["loss", *names])


@pytest.mark.parametrize(
    ("loss", "logged"),
    [
        ({"a": "mse", "b": ["mae"]}, ["a_loss", "b_loss", "loss"]),
        ({"b": ["mae"]}, ["loss"]),
        ({"a": "mse", "b": ["mae", "mse"]}, ["a_loss", "b_loss", "loss"]),
    ],
    ids=str,
)
def test_losses_of_one_output_may_be_a_list(loss, logged):
    x, y = np.ones((4, 2), "float32"), np.zeros((4, 1), "float32")
    inputs = layers.Input((2,))
    ones = {"kernel_initializer": "ones"}
    outputs = {name: layers.Dense(1, name=name, **ones)(inputs) for name in "ab"}
    model = lamina.Model(inputs, outputs)
    model.compile(lamina.optimizers.SGD(0.0), loss)
    history = model.fit(x, {"a": y, "b": y}, verbose=0).history
    assert sorted(history) == logged
    values = {"mse": 4.0, "mae": 2.0}
    given = [name for item in loss.values() for name in np.atleast_1d(item)]
    assert history["loss"][0] == sum(values[name] for name in given)


# Rows of outputs x, y and z, which a model without weights returns, and labels.
ROWS = np.arange(12.0, dtype="float32").reshape(4, 3) / 12
LABELS = [np.array([[0.0], [1.0], [0.0], [1.0]], "float32")] * 2
LABELS.append(1 - LABELS[0])


def columns(arrange: Callable[..., Any]) -> Any:
    """Model whose outputs x, y and z are the columns of its input, as arranged."""
    inputs = layers.Input((3,))
    flat = [
        layers.Flatten(name=name)(inputs[:, i : i + 1]) for i, name in enumerate("xyz")
    ]
    return lamina.Model(inputs, arrange(*flat))


def squares(y_true: Any, y_pred: Any) -> Any:
    """Squares of the differences, summed over all outputs."""
    pairs = zip(tree.flatten(y_true), tree.flatten(y_pred), strict=True)
    return sum(ops.mean((t - p) ** 2, axis=-1) for t, p in pairs)


def dict_of_list(x: Any, y: Any, z: Any) -> Any:
    return {"a": x, "b": [y, z]}


def list_of_list(x: Any, y: Any, z: Any) -> Any:
    return [x, [y, z]]


def dict_of_dict(x: Any, y: Any, z: Any) -> Any:
    return {"a": x, "d": {"u": y, "v": z}}


MAE_BCE = {"b/y_loss": 0.375, "b/z_loss": 1.3053}
NESTED: dict[str, Any] = {
    "structure": (
        dict_of_list, {"a": "mse", "b": ["mae", "bce"]}, None, MAE_BCE, 1.899
    ),
    "tuple": (dict_of_list, {"a": "mse", "b": ("mae", "bce")}, None, MAE_BCE, 1.899),
    "flat list": (dict_of_list, ["mse", "mae", "bce"], None, MAE_BCE, 1.899),
    "one for all": (
        dict_of_list, "mse", None, {"b/y_loss": 0.2049, "b/z_loss": 0.4549}, 0.8785
    ),
    "some": (
        dict_of_list, {"a": "mse", "b": [None, "mae"]}, None,
        {"b/z_loss": 0.625}, 0.8438,
    ),
    "function of a list": (
        dict_of_list, {"a": "mse", "b": squares}, None, {"b_loss": 0.6597}, 0.8785
    ),
    "function of a list in a list": (
        list_of_list, ["mse", squares], None, {"1_loss": 0.6597}, 0.8785
    ),
    "function of a dictionary": (
        dict_of_dict, {"a": "mse", "d": squares}, None, {"d_loss": 0.6597}, 0.8785
    ),
    "name for a list": (
        dict_of_list, {"a": "mse", "b": "mse"}, None, {"b_loss": 0.3299}, 0.5486
    ),
    "list for a dictionary": (
        dict_of_dict, {"a": "mse", "d": ["mae", "bce"]}, None,
        {"d/u_loss": 0.375, "d/v_loss": 1.3053}, 1.899,
    ),
    "lists": (
        list_of_list, ["mse", ["mae", "bce"]], None,
        {"1/y_loss": 0.375, "1/z_loss": 1.3053}, 1.899,
    ),
    "weights": (
        dict_of_list, {"a": "mse", "b": ["mae", "bce"]}, {"a": 1.0, "b": [2.0, 3.0]},
        MAE_BCE, 4.8846,
    ),
    "flat weights": (
        dict_of_list, {"a": "mse", "b": ["mae", "bce"]}, [1.0, 2.0, 3.0],
        MAE_BCE, 4.8846,
    ),
    "weight of a function": (
        dict_of_list, {"a": "mse", "b": squares}, {"a": 1.0, "b": 0.5},
        {"b_loss": 0.6597}, 0.5486,
    ),
    "weights of losses": (
        dict_of_list, {"a": "mse", "b": squares}, [1.0, 0.5],
        {"b_loss": 0.6597}, 0.5486,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", NESTED)
def test_losses_of_nested_outputs_are_those_of_keras(name: str) -> None:
    arrange, loss, weights, logged, total = NESTED[name]
    model = columns(arrange)
    model.compile("sgd", loss, loss_weights=weights)
    logs = model.evaluate(ROWS, arrange(*LABELS), verbose=0, return_dict=True)
    first = "a_loss" if arrange is not list_of_list else "x_loss"
    expected = {first: 0.2188, **logged, "loss": total}
    assert logs.keys() == expected.keys()
    for key, value in expected.items():
        assert logs[key] == pytest.approx(value, abs=1e-4)


def test_outputs_of_one_loss_share_the_weights_of_rows() -> None:
    model = columns(dict_of_list)
    model.compile("sgd", {"b": squares})
    weights, labels = np.arange(4.0), dict_of_list(*LABELS)
    rows = (ROWS[:, 1:] - np.hstack(LABELS[1:])) ** 2
    loss = model.evaluate(ROWS, labels, sample_weight=weights, verbose=0)
    assert loss == pytest.approx(np.mean(rows.sum(axis=1) * weights), abs=1e-6)
    with pytest.raises(DataError, match="one `sample_weight`"):
        given = dict_of_list(weights, weights, weights + 1)
        model.evaluate(ROWS, labels, sample_weight=given, verbose=0)


def of_two_labels(self: Any, x, y, y_pred, sample_weight=None, training=True) -> Any:
    first, second = y
    return ops.mean((first - y_pred) ** 2) + ops.mean(second)


def of_one_label(self: Any, x, y, y_pred, sample_weight=None, training=True) -> Any:
    return lamina.Model.compute_loss(self, x, y[0], y_pred, sample_weight, training)


def of_more_outputs(self: Any, x, y, y_pred, sample_weight=None, training=True) -> Any:
    y, y_pred = {"a": y[0], "b": y[1]}, {"a": y_pred, "b": y_pred}
    return lamina.Model.compute_loss(self, x, y, y_pred, sample_weight, training)


OWN: dict[str, Any] = {
    "two labels of one output": (of_two_labels, {}, {"loss": 3.6928}),
    "one of two labels": (of_one_label, {"loss": "mse"}, {"loss": 3.6928}),
    "two losses of one output": (
        of_more_outputs, {"loss": {"a": "mse", "b": "mae"}},
        {"a_loss": 3.62, "b_loss": 2.9, "loss": 6.52},
    ),
    "without labels of the metrics": (
        of_two_labels, {"loss": "mse"}, {"loss": 3.6928}
    ),
    "eager": (of_two_labels, {"run_eagerly": True}, {"loss": 3.6928}),
}  # fmt: skip


@pytest.mark.parametrize("name", OWN)
def test_own_losses_take_any_labels(name: str) -> None:
    compute_loss, arguments, expected = OWN[name]
    inputs = layers.Input((3,))
    outputs = layers.Dense(1, kernel_initializer="ones")(inputs)
    model = type("Own", (lamina.Model,), {"compute_loss": compute_loss})(
        inputs, outputs
    )
    model.compile(lamina.optimizers.SGD(0.01), **arguments)
    x, y = np.ones((8, 3), "float32"), np.ones((8, 1), "float32")
    labels = [y, np.zeros((8, 1), "float32")]
    found = model.fit(x, labels, batch_size=4, verbose=0).history
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        assert found[key][0] == pytest.approx(value, abs=1e-4)
    assert model.evaluate(x, labels, verbose=0) is not None


def test_own_metrics_are_those_in_logs() -> None:
    class Own(lamina.Model):
        def __init__(self) -> None:
            super().__init__()
            self.layer, self.total = layers.Dense(1), lamina.metrics.Mean(name="total")

        def call(self, inputs: Any) -> Any:
            return self.layer(inputs)

        @property
        def metrics(self) -> list[Any]:
            return [self.total]

        def compute_loss(self, x, y, y_pred, sample_weight=None, training=True) -> Any:
            self.total.update_state(ops.sum(y))
            return ops.mean((y - y_pred) ** 2)

        def test_step(self, data: Any) -> Any:
            raise NotImplementedError

    model = Own()
    model.compile("sgd")
    found = model.fit(np.ones((4, 3)), ONE, epochs=2, verbose=0).history
    assert found == {"total": [4.0, 4.0]}
