"""Definitions for upgraded programs whose losses use symbolic tensors of a model.

`lamina upgrade` writes those that a program needs into it.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from lamina import ops
from lamina.core.graph import SymbolicTensor
from lamina.layers import Lambda, Layer
from lamina.metrics import Mean
from lamina.models import Model


class GraphValues:
    """Values that tensors of a model have in a step, by their `id` as text."""

    # Of each thread: several may train models.
    of_thread: ClassVar[Any] = threading.local()


def value_of(tensor: Any) -> Any:
    """Return the value of a tensor of a model, in a step."""
    found = getattr(GraphValues.of_thread, "found", {})
    return found.get(str(id(tensor)), tensor)


def by_id(tensors: Sequence[Any]) -> dict[str, Any]:
    """Return the symbolic tensors among variables of a program."""
    return {str(id(t)): t for t in tensors if isinstance(t, SymbolicTensor)}


def compile_with(
    model: Any, tensors: Sequence[Any], *args: Any, **options: Any
) -> None:
    """Compile a model whose loss uses other tensors of it."""
    model.compile(*args, **options)
    others = Model(model.input, by_id(tensors))
    model.compute_loss = functools.partial(loss_with, others, model.compute_loss)


def loss_with(
    others: Model,
    compute_loss: Callable[..., Any],
    x: Any = None,
    y: Any = None,
    y_pred: Any = None,
    sample_weight: Any = None,
    training: bool = True,
) -> Any:
    """Compute the values of other tensors of a model, then its loss."""
    GraphValues.of_thread.found = others(x, training=training)
    return compute_loss(x, y, y_pred, sample_weight, training)


class WithTensors(Layer):
    """A layer whose `call` uses other tensors of the model."""

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        self.layer = layer

    def call(self, inputs: Any, values: dict[str, Any]) -> Any:
        """Call the layer."""
        GraphValues.of_thread.found = values
        return self.layer(inputs)


def call_with(layer: Layer, tensors: Sequence[Any], inputs: Any) -> Any:
    """Call a layer whose `call` uses other tensors of the model."""
    return WithTensors(layer)(inputs, by_id(tensors))


class AddLoss(Layer):
    """Identity that minimizes the mean of another tensor."""

    def call(self, outputs: Any, loss: Any) -> Any:
        """Return the outputs."""
        self.add_loss(ops.mean(loss))
        return outputs


def with_loss(model: Model, loss: Any) -> Model:
    """Return a model that also minimizes the mean of a symbolic tensor."""
    return Model(model.input, AddLoss()(model.output, loss), name=model.name)


class AddMetric(Layer):
    """Identity that reports the mean of another tensor."""

    def __init__(self, metric: str | None) -> None:
        super().__init__()
        self.mean = Mean(metric)

    def call(self, outputs: Any, value: Any) -> Any:
        """Return the outputs."""
        self.mean.update_state(value)
        return outputs


def with_metric(
    model: Model, value: Any, name: str | None = None, aggregation: str | None = None
) -> Model:
    """Return a model that also reports the mean of a symbolic tensor."""
    return Model(model.input, AddMetric(name)(model.output, value), name=model.name)


def on_tensors(function: Callable[..., Any], *tensors: Any) -> Any:
    """Return a loss of symbolic tensors."""
    return Lambda(lambda values: function(*values))(list(tensors))
