"""Deep learning library with the API of Keras 3, on JAX.

    import lamina
    from lamina import layers

    model = lamina.Sequential([layers.Input((784,)), layers.Dense(10)])
    model.compile("adam", "mse")
    model.fit(x, y, epochs=3)

Names, arguments and defaults are those of Keras 3. The whole training loop is compiled
into one program.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina import (
    activations,
    backend,
    callbacks,
    config,
    constraints,
    datasets,
    distillation,
    dtype_policies,
    errors,
    initializers,
    kernels,
    layers,
    legacy,
    losses,
    metrics,
    mixed_precision,
    models,
    ops,
    optimizers,
    preprocessing,
    random,
    regularizers,
    saving,
    tree,
    utils,
)
from lamina.core.dtypes import DTypePolicy
from lamina.core.dtypes import DTypePolicy as FloatDTypePolicy
from lamina.core.graph import SymbolicTensor as KerasTensor
from lamina.core.tracing.remat import RematScope, remat
from lamina.core.tracing.scopes import StatelessScope, SymbolicScope, name_scope
from lamina.core.tracing.stateless import value_and_grad
from lamina.core.variable import Variable
from lamina.initializers import Initializer
from lamina.layers import Input, InputSpec, Layer
from lamina.layers.base.operation import Operation
from lamina.lazy import lazy_attributes
from lamina.losses import Loss
from lamina.metrics import Metric
from lamina.models import Functional, Model, Sequential
from lamina.models.function import Function
from lamina.optimizers import Optimizer
from lamina.regularizers import Regularizer
from lamina.runtime.device import device

if TYPE_CHECKING:
    from lamina import applications, tuning, visualization, wrappers
else:
    __getattr__ = lazy_attributes(
        __name__,
        applications="lamina.applications",
        load_ipython_extension="lamina.compat.ipython:load_ipython_extension",
        tuning="lamina.tuning",
        unload_ipython_extension="lamina.compat.ipython:unload_ipython_extension",
        visualization="lamina.visualization",
        wrappers="lamina.wrappers",
    )

__version__ = "0.1.0"

__all__ = [
    "DTypePolicy",
    "FloatDTypePolicy",
    "Function",
    "Functional",
    "Initializer",
    "Input",
    "InputSpec",
    "KerasTensor",
    "Layer",
    "Loss",
    "Metric",
    "Model",
    "Operation",
    "Optimizer",
    "Regularizer",
    "RematScope",
    "Sequential",
    "StatelessScope",
    "SymbolicScope",
    "Variable",
    "activations",
    "applications",
    "backend",
    "callbacks",
    "config",
    "constraints",
    "datasets",
    "device",
    "distillation",
    "dtype_policies",
    "errors",
    "initializers",
    "kernels",
    "layers",
    "legacy",
    "losses",
    "metrics",
    "mixed_precision",
    "models",
    "name_scope",
    "ops",
    "optimizers",
    "preprocessing",
    "random",
    "regularizers",
    "remat",
    "saving",
    "tree",
    "tuning",
    "utils",
    "value_and_grad",
    "version",
    "visualization",
    "wrappers",
]


def version() -> str:
    """Return the version of lamina.

    Example:
        >>> version() == lamina.__version__
        True
    """
    return __version__


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
