"""Time to build from a config grows with its length only, or the config is refused."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lamina
from lamina import layers
from lamina.errors import LaminaError
from tests.security.harmless import refused
from tests.security.hostile import layer, model_of

Config = dict[str, Any]
Wire = tuple[str, int, int]
AGAIN = "far more often than it has layers"
OPS = "keras.src.ops.numpy"


def wire(name: str, call: int = 0, output: int = 0) -> Config:
    """A tensor in the arguments of a call."""
    history = {"shape": [None, 4], "dtype": "float32"}
    history["keras_history"] = [name, call, output]
    return {"class_name": "__keras_tensor__", "config": history}


def entry(name: str, config: Config, *calls: list[Any]) -> Config:
    """A layer or a function of a graph, with the arguments of its calls."""
    nodes = [{"args": args, "kwargs": {}} for args in calls]
    named = {**config["config"], "name": name}
    return {**config, "name": name, "config": named, "inbound_nodes": nodes}


def graph(*entries: Config, ends: list[Wire], name: str = "graph") -> Config:
    """A functional model with one input, "x"."""
    first = entry("x", layer("InputLayer", batch_shape=[None, 4]))
    inner = {"name": name, "layers": [first, *entries], "input_layers": [["x", 0, 0]]}
    config = layer("Functional", "keras.src.models.functional", **inner)
    config["config"]["output_layers"] = [list(end) for end in ends]
    return config


def chain(number: int, make: Callable[[], Config]) -> Config:
    """Layers or functions one after the other."""
    names = ["x", *(f"step_{i}" for i in range(number))]
    steps = [
        entry(name, make(), [wire(before)])
        for before, name in zip(names, names[1:], strict=False)
    ]
    return graph(*steps, ends=[(names[-1], 0, 0)], name="inner")


def calling(inner: Config, times: int) -> Config:
    """A model that calls a layer on its input, then again and again on its result."""
    calls = [[wire("x")], *([wire("inner", i)] for i in range(times - 1))]
    return graph(entry("inner", inner, *calls), ends=[("inner", times - 1, 0)])


def absolute() -> Config:
    return layer("Abs", OPS)


def relu() -> Config:
    return layer("ReLU")


def many_values(number: int) -> Config:
    """A call of a function on a text as long as the calls around it."""
    inner = entry("o", layer("Append", OPS), [wire("x"), [1] * 50 * number])
    last = entry("s", layer("Min", OPS, axis=0), [wire("o")])
    same = entry("a", layer("Add", OPS), [wire("x"), wire("s")])
    return calling(graph(inner, last, same, ends=[("a", 0, 0)], name="m"), number)


def junk(number: int) -> Config:
    """Dictionaries that look like objects, where nothing is made of them."""
    inner = chain(number, relu)
    config = calling(inner, number)
    fake = [{"class_name": "Dense"}] * number
    config["junk"] = config["config"]["junk"] = inner["config"]["junk"] = fake
    return config


def in_each_other(number: int, times: int) -> Config:
    config = chain(2, absolute)
    for i in range(number):
        config = calling({**config, "name": f"m{i}"}, times)
        config["config"]["name"] = f"around_{i}"
    return config


FAMILIES: dict[str, Callable[[int], Config]] = {
    "stack": lambda n: model_of(*(layer("ReLU", name=f"r{i}") for i in range(n))),
    "chain of layers": lambda n: chain(n, relu),
    "chain of functions": lambda n: chain(n, absolute),
    "one layer called often": lambda n: calling(relu(), n),
    "functions called often": lambda n: calling(chain(n, absolute), n),
    "values called often": many_values,
    "outputs called often": lambda n: calling(
        graph(entry("a", relu(), [wire("x")]), ends=[("a", 0, 0)] * n, name="m"), 1
    ),
    "models in models": lambda n: in_each_other(n // 10, 1),
    "cells": lambda n: model_of(
        layer("Reshape", target_shape=[2, 2]),
        layer("RNN", cell=layer("StackedRNNCells",
              cells=[layer("SimpleRNNCell", units=2)] * (n // 10))),
    ),
    "metrics": lambda n: {**model_of(relu()), "compile_config": {
        "optimizer": "sgd", "loss": "mse", "metrics": ["mae"] * n}},
}  # fmt: skip


REFUSED = {
    "functions called often": lambda: calling(chain(100, absolute), 100),
    "layers called often": lambda: calling(chain(50, relu), 50),
    "junk": lambda: junk(50),
    "models in models, twice each": lambda: in_each_other(20, 2),
}


def steps_a_byte(config: Config) -> float:
    """Return the number of Python calls per byte of a config."""
    text = json.dumps(config)
    steps = 0

    def count(frame: Any, event: str, argument: Any) -> None:
        nonlocal steps
        steps += event == "call"

    sys.setprofile(count)
    try:
        lamina.models.model_from_json(text)
    except LaminaError as error:
        assert "repeatedly" in str(error) or "deep" in str(error)  # noqa: PT017
    finally:
        sys.setprofile(None)
    return steps / len(text)


@pytest.mark.parametrize("name", FAMILIES)
def test_time_grows_with_the_length_of_a_config_only(name: str) -> None:
    make = FAMILIES[name]
    steps_a_byte(make(20))  # what JAX traces once
    few, many = steps_a_byte(make(40)), steps_a_byte(make(160))
    assert many < 2.5 * few, (few, many)


@pytest.mark.parametrize("name", REFUSED)
def test_models_that_are_called_too_often_are_refused(name: str) -> None:
    with refused(AGAIN):
        lamina.models.model_from_json(json.dumps(REFUSED[name]()))


def test_arrays_have_at_most_64_dimensions() -> None:
    with refused("would be an array of 5,002 dimensions"):
        lamina.models.model_from_json(
            json.dumps(model_of(layer("Reshape", target_shape=[1] * 5000 + [4])))
        )


class Deep(layers.Layer):
    """A layer of a user's that makes and calls many."""

    def __init__(self, number: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.number = number
        self.steps = [layers.Dense(4) for _ in range(number)]

    def call(self, x: Any) -> Any:
        for step in self.steps:
            x = step(x)
        return x


def test_a_users_layer_may_hold_many_layers(tmp_path: Path) -> None:
    model = lamina.Sequential([layers.Input((4,)), Deep(300)])
    model.save(tmp_path / "deep.keras")
    again = lamina.models.load_model(tmp_path / "deep.keras", {"Deep": Deep})
    x = np.ones((1, 4), "float32")
    np.testing.assert_array_equal(again.predict(x), model.predict(x))


def test_a_backbone_may_be_shared_at_several_levels() -> None:
    model = lamina.models.model_from_json(json.dumps(chain(150, relu)))
    for level in range(2):
        x = lamina.Input((4,))
        model = lamina.Model(x, model(model(x)), name=f"level_{level}")
    again = lamina.models.model_from_json(model.to_json())
    assert again.count_params() == model.count_params()
