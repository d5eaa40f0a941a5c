"""Optimizer steps on fixed gradients, eagerly and inside a device loop."""

from __future__ import annotations

import jax
import numpy as np

from lamina.core.tracing import stateless
from lamina.core.variable import Variable
from lamina.optimizers import Optimizer
from lamina.runtime.module_state import ModuleState
from tests.tables.arrays import floats

SHAPES = {"kernel": (4, 3), "bias": (3,)}
GRADIENTS = [
    [floats(*shape, seed=10 * step + i) for i, shape in enumerate(SHAPES.values())]
    for step in range(4)
]


def weights() -> list[Variable]:
    named = enumerate(SHAPES.items())
    return [Variable(floats(*s, seed=i), name=name) for i, (name, s) in named]


def step_eagerly(optimizer: Optimizer, variables: list[Variable]) -> None:
    for gradients in GRADIENTS:
        optimizer.apply(gradients, variables)


class DeviceLoop:
    """All steps as one program; hyperparameters and the step count are inputs."""

    def __init__(self, optimizer: Optimizer, variables: list[Variable]) -> None:
        optimizer.build(variables)
        self.optimizer, self.variables = optimizer, variables
        self.traces = 0
        self.program = jax.jit(self.trace)

    def trace(self, values: list, numbers: dict, data: list, steps: int) -> list:
        self.traces += 1
        variables = [*self.variables, *self.optimizer.variables]
        bound = ModuleState.of([self.optimizer]).bind_hyperparameters(numbers)

        def body(i: jax.Array, values: list) -> list:
            with stateless.bind(variables, values, bound) as scope:
                self.optimizer.apply([array[i] for array in data], self.variables)
            return [scope.values[id(v)] for v in variables]

        return jax.lax.fori_loop(0, steps, body, values)

    def run(self) -> list[np.ndarray]:
        """Return the variables' values after all steps, without assigning them."""
        variables = [*self.variables, *self.optimizer.variables]
        numbers = ModuleState.of([self.optimizer]).hyperparameters()
        data = [np.stack(arrays) for arrays in zip(*GRADIENTS, strict=True)]
        new = self.program([v.raw for v in variables], numbers, data, len(GRADIENTS))
        return [np.asarray(value) for value in new[: len(self.variables)]]
