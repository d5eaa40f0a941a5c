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

from lamina.garbage import collection_paused
from lamina.lazy import lazy_attributes, origins_of

with collection_paused(permanent=True):
    from lamina import (
        activations,
        config,
        constraints,
        dtype_policies,
        errors,
        initializers,
        layers,
        ops,
        random,
        regularizers,
        tree,
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
    from lamina.regularizers import Regularizer
    from lamina.runtime.device import device
    from lamina.version import __version__

# What trains, measures and saves is imported on first use.
if TYPE_CHECKING:
    from lamina import (
        applications,
        backend,
        callbacks,
        datasets,
        distillation,
        distribution,
        kernels,
        legacy,
        losses,
        metrics,
        mixed_precision,
        models,
        optimizers,
        preprocessing,
        saving,
        tuning,
        utils,
        visualization,
        wrappers,
    )
    from lamina.losses import Loss
    from lamina.metrics import Metric
    from lamina.models import Functional, Model, Sequential
    from lamina.models.function import Function
    from lamina.optimizers import Optimizer
else:
    _MODULES = (
        *("applications", "backend", "callbacks", "datasets", "distillation"),
        *(
            "distribution",
            "kernels",
            "legacy",
            "losses",
            "metrics",
            "mixed_precision",
            "models",
        ),
        *("optimizers", "preprocessing", "saving", "tuning", "utils"),
        *("visualization", "wrappers"),
    )
    _CLASSES = {
        "losses": ("Loss",),
        "metrics": ("Metric",),
        "models": ("Functional", "Model", "Sequential"),
        "models.function": ("Function",),
        "optimizers": ("Optimizer",),
    }
    __getattr__ = lazy_attributes(
        __name__,
        load_ipython_extension="lamina.compat.ipython:load_ipython_extension",
        unload_ipython_extension="lamina.compat.ipython:unload_ipython_extension",
        **{name: f"lamina.{name}" for name in _MODULES},
        **origins_of("lamina", _CLASSES),
    )

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
    "distribution",
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
