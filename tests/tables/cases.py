"""Cases of the tables.

`make` takes the package to test: `lamina`, or `keras` to record an oracle.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pytest

Make = Callable[[Any], Any]


def named(cases: Iterable[Any], without: Iterable[str] = ()) -> list[Any]:
    """The cases as pytest's parameters, those of some traits left out."""
    return [
        pytest.param(case, id=case.name)
        for case in cases
        if getattr(case, "traits", frozenset()).isdisjoint(without)
    ]


class LayerCase(NamedTuple):
    name: str
    make: Make
    inputs: tuple[np.ndarray, ...]  # one array, or a list of them for a merging layer
    call: Mapping[str, Any] = {}  # keyword arguments of the call
    prepare: Callable[[Any], None] = lambda layer: None  # such as adapt()
    traits: frozenset[str] = frozenset()  # see tests/tables/layers.py
    calls: int = 1  # consecutive calls on the same layer, for what remembers
    expected: np.ndarray | None = None  # worked by hand, where no oracle can run

    @property
    def argument(self) -> Any:
        return self.inputs[0] if len(self.inputs) == 1 else list(self.inputs)


class ActivationCase(NamedTuple):
    name: str  # that of the function
    make: Make  # the function, its options bound


class SmallCase(NamedTuple):
    """A regularizer, a constraint, a learning-rate schedule."""

    name: str
    make: Make


class InitializerCase(NamedTuple):
    name: str
    make: Make
    shape: tuple[int, ...]
    mean: float
    deviation: float
    kurtosis: float  # 1.8 uniform, 3.0 normal
    bound: float = np.inf  # no value is further from the mean


class LossCase(NamedTuple):
    name: str
    make: Make
    y_true: np.ndarray
    y_pred: np.ndarray
    sample_weight: np.ndarray | None = None
    function: Make | None = None  # the function behind the class, options bound


class Update(NamedTuple):
    """The arguments of one `update_state`."""

    arguments: tuple[np.ndarray, ...]
    sample_weight: np.ndarray | None = None


class MetricCase(NamedTuple):
    name: str
    make: Make
    updates: tuple[Update, ...]


class OptimizerCase(NamedTuple):
    name: str
    make: Make
    prepare: Callable[[Any], None] = lambda optimizer: None
    gradient_scale: float = 1.0


class ModelCase(NamedTuple):
    """A model, how it is compiled, and the data of ten training steps."""

    name: str
    make: Make
    compile: Callable[[Any], dict[str, Any]]
    x: Any
    y: Any
    fit: Mapping[str, Any] = {}
