"""Training steps of models of one layer; the same lines run lamina and Keras."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from time import perf_counter
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks.claim import Round
from benchmarks.workload import Array

MEAN = "geometric mean"
_STEPS = 10
# Shorter rounds are repeated: a clock and a scheduler disturb them.
_SECONDS = 0.2


@dataclass(frozen=True)
class LayerTask:
    """Layer, and the batch that it is called on.

    `inner` is the layer that a wrapper contains: its class and arguments. `inputs` is
    the number of tensors of a call, which are a list unless `is_spread`. Inputs are
    indices if `below` is their bound. `ours_only` is set for layers that Keras does not
    have or cannot call in a functional model.
    """

    kind: str
    shape: tuple[int, ...]
    arguments: tuple[Any, ...]
    options: Mapping[str, Any]
    inner: tuple[Any, ...] = ()
    inputs: int = 1
    is_spread: bool = False
    below: int = 0
    ours_only: bool = False

    def layer(self, api: ModuleType) -> Any:
        """Return the layer of a library."""
        inner = ()
        if self.inner:
            kind, *arguments = self.inner
            inner = (getattr(api.layers, kind)(*arguments),)
        make = getattr(api.layers, self.kind)
        return make(*inner, *self.arguments, **self.options)

    def data(self, rows: int) -> Array:
        """Return rows of inputs: indices, or numbers in the range of pixels."""
        shape, rng = (rows, *self.shape[1:]), np.random.default_rng(0)
        if self.below:
            return rng.integers(0, self.below, shape, np.int32)
        return rng.uniform(0, 255, shape).astype(np.float32)


def layer_task(
    kind: str,
    shape: tuple[int, ...],
    *arguments: Any,
    inner: tuple[Any, ...] = (),
    inputs: int = 1,
    is_spread: bool = False,
    below: int = 0,
    ours_only: bool = False,
    **options: Any,
) -> LayerTask:
    """Return the task of a layer created with these arguments and options."""
    flags = inner, inputs, is_spread, below, ours_only
    return LayerTask(kind, shape, arguments, options, *flags)


def model_of(api: ModuleType, task: LayerTask) -> Any:
    """Return a compiled model: scale each input, call the layer, mean square."""

    class Scale(api.layers.Layer):
        def build(self, input_shape: Any) -> None:
            self.factor = self.add_weight((input_shape[-1],), "ones", name="factor")

        def call(self, inputs: Any) -> Any:
            return inputs * self.factor

    def mean_square(y_true: Any, y_pred: Any) -> Any:
        axes = tuple(range(1, len(y_pred.shape)))
        squares = api.ops.square(api.ops.cast(y_pred, "float32") / 255)
        return api.ops.mean(squares, axis=axes)

    dtype = "int32" if task.below else "float32"
    x = api.Input(task.shape[1:], dtype=dtype)
    tensors = [x if task.below else Scale()(x) for _ in range(task.inputs)]
    layer = task.layer(api)
    if task.is_spread:
        outputs = layer(*tensors)
    else:
        outputs = layer(tensors if task.inputs > 1 else tensors[0])
    model = api.Model(x, outputs)
    model.compile(api.optimizers.SGD(1e-6), mean_square)
    return model


def steps_of_layer(quick: bool, library: str, task: LayerTask) -> Round:
    """Return a round of `fit`s, and the seconds of a step."""
    steps = 2 if quick else _STEPS
    api = import_module(library)
    model = model_of(api, task)
    batch = task.shape[0]
    x = task.data(batch * steps)
    y = np.zeros((len(x), 1), np.float32)

    def one_round() -> dict[str, float]:
        start, runs = perf_counter(), 0
        while runs == 0 or (perf_counter() - start < _SECONDS and not quick):
            model.fit(x, y, batch_size=batch, verbose=0)
            runs += 1
        return {"step": (perf_counter() - start) / (runs * steps)}

    return one_round


def all_layers(quick: bool, library: str, tasks: Mapping[str, LayerTask]) -> Round:
    """Return a round of all layers, and the geometric mean of the compared ones."""
    ours = library == "lamina"
    rounds = {
        name: steps_of_layer(quick, library, task)
        for name, task in tasks.items()
        if ours or not task.ours_only
    }

    def one_round() -> dict[str, float]:
        seconds = {name: run()["step"] for name, run in rounds.items()}
        logs = [math.log(s) for n, s in seconds.items() if not tasks[n].ours_only]
        return {**seconds, MEAN: math.exp(sum(logs) / len(logs))}

    return one_round
