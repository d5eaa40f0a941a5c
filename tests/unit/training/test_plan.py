"""Losses and metrics of outputs in nested dictionaries and lists."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lamina
from lamina import layers

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
              ["x_loss", "y_loss", "z_loss"]),
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
