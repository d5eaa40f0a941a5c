"""`FlaxLayer`: a module of Flax, linen or nnx, as a layer."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, Unpack

import jax
import jax.numpy as jnp

from lamina.core.random.seeds import draw_seed, make_seed
from lamina.errors import invalid, missing_package
from lamina.layers.base import Options
from lamina.layers.external.functions import JaxLayer
from lamina.typing import Config, PyTree

Function = Callable[..., Any]


def _import(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        raise missing_package("flax", "FlaxLayer", "flax") from None


class FlaxLayer(JaxLayer):
    """Layer that calls a Flax module.

    The method takes `inputs`, and may take `training`. The variables of a module of
    `flax.linen` are created when the layer is built, except those in `variables`; the
    collection "params" is trained. A module of `flax.nnx` has its variables already;
    its `Param` are trained, and it is switched by `train()` and `eval()` if the method
    does not take `training`. Random numbers of linen have the names "params", when
    variables are created, and "dropout".

    Args:
        module: a `flax.linen.Module` or `flax.nnx.Module`.
        method: the method to call, its name, or a function whose first argument is the
            module; `__call__` by default.
        variables: variables of a linen module, as its `init` returns them.
        **kwargs: `seed`, and the options of every layer.

    Shape:
        As the method defines it.

    Raises:
        MissingPackageError: Flax is not installed.
        ArgumentError: the module is not Flax's.

    Example:
        ```python
        class MLP(flax.linen.Module):
            @flax.linen.compact
            def __call__(self, inputs, training=False):
                x = flax.linen.relu(flax.linen.Dense(32)(inputs))
                x = flax.linen.Dropout(0.5)(x, deterministic=not training)
                return flax.linen.Dense(10)(x)


        model = lamina.Sequential([lamina.Input((784,)), FlaxLayer(MLP())])
        ```
    """

    def __init__(
        self,
        module: Any,
        method: str | Function | None = None,
        variables: Mapping[str, PyTree] | None = None,
        **kwargs: Unpack[Options],
    ) -> None:
        linen, nnx = _import("flax.linen"), _import("flax.nnx")
        self.module = module
        self.method = _method_name(module, method)
        self.is_nnx = isinstance(module, nnx.Module)
        if self.is_nnx:
            call_fn, init_fn, params, state = self._nnx_functions(nnx)
        elif isinstance(module, linen.Module):
            call_fn, init_fn = self._linen_functions(linen)
            params, state = None, None
            if variables is not None:
                params, state = _split(variables)
        else:
            raise invalid("FlaxLayer", "module", module, "a Flax module")
        super().__init__(call_fn, init_fn, params, state, **kwargs)
        given = vars(self)["_arguments"]
        given.pop("variables", None)
        if "method" in given:
            given["method"] = self.method

    def _function(self) -> Function:
        """Return the method to call, as a function of the module."""
        method = self.method or "__call__"
        if callable(method):
            return method
        return getattr(type(self.module), method)

    def _takes_training(self) -> bool:
        return "training" in inspect.signature(self._function()).parameters

    def _options(self, training: bool) -> dict[str, bool]:
        return {"training": training} if self._takes_training() else {}

    def _linen_functions(self, linen: ModuleType) -> tuple[Function, Function]:
        mutable, method = linen.DenyList(["params"]), self._function()

        def call_fn(
            params: Mapping[str, Any],
            state: Mapping[str, Any],
            rng: PyTree,
            inputs: PyTree,
            training: bool,
        ) -> Any:
            variables = {**(params or {}), **(state or {})}
            return self.module.apply(
                variables,
                inputs,
                rngs=rng,
                method=method,
                mutable=mutable,
                **self._options(training),
            )

        def init_fn(rng: PyTree, inputs: PyTree, training: bool) -> Any:
            options = self._options(training)
            return _split(self.module.init(rng, inputs, method=method, **options))

        return call_fn, init_fn

    def _nnx_functions(self, nnx: ModuleType) -> tuple[Function, None, PyTree, PyTree]:
        graph, params, state = nnx.split(self.module, nnx.Param, ...)
        # The arrays of a state; random keys are variables of their words.
        (param_leaves, param_tree), (leaves, tree) = map(
            jax.tree.flatten, (params, state)
        )
        is_key = [jnp.issubdtype(v.dtype, jax.dtypes.prng_key) for v in leaves]
        param_names, names = _names(params), _names(state)
        method = self._function()

        def call_fn(
            params: Mapping[str, Any],
            state: Mapping[str, Any],
            inputs: PyTree,
            training: bool,
        ) -> Any:
            pairs = zip((state[n] for n in names), is_key, strict=True)
            values = [jax.random.wrap_key_data(v) if k else v for v, k in pairs]
            trained = jax.tree.unflatten(param_tree, [params[n] for n in param_names])
            module = nnx.merge(graph, trained, jax.tree.unflatten(tree, values))
            options = self._options(training)
            if not options:
                module.train() if training else module.eval()
            outputs = method(module, inputs, **options)
            _, _, after = nnx.split(module, nnx.Param, ...)
            pairs = zip(jax.tree.leaves(after), is_key, strict=True)
            new = [jax.random.key_data(v) if k else v for v, k in pairs]
            return outputs, dict(zip(names, new, strict=True))

        first = dict(zip(param_names, param_leaves, strict=True))
        return call_fn, None, first, dict(zip(names, leaves, strict=True))

    def init_rng(self) -> dict[str, jax.Array]:
        """Return the keys for the creation of a linen module's variables."""
        return {name: draw_seed(make_seed()) for name in ("params", "dropout")}

    def call_rng(self, training: bool | None) -> dict[str, jax.Array]:
        """Return the keys for a call: one for dropout in training."""
        key = super().call_rng(training)
        return {} if key is None else {"dropout": key}

    def get_config(self) -> Config:
        """Return the module, which must have a `get_config` method, and the method."""
        config = super().get_config()
        hidden = ("call_fn", "init_fn", "variables")
        return {k: v for k, v in config.items() if k not in hidden}


def _method_name(
    module: object, method: str | Function | None
) -> str | Function | None:
    """Return the name of a method that is bound to the module, or else `method`."""
    if getattr(method, "__self__", None) is module:
        return getattr(method, "__name__", None)
    return method


def _split(variables: Mapping[str, PyTree]) -> tuple[PyTree, PyTree]:
    """Split variables of linen into the trained ones and the state."""
    params = {k: v for k, v in variables.items() if k == "params"}
    return params, {k: v for k, v in variables.items() if k != "params"}


def _names(state: PyTree) -> list[str]:
    """Return the paths of the leaves."""
    paths = [path for path, _ in jax.tree_util.tree_leaves_with_path(state)]
    names = [jax.tree_util.keystr(p, simple=True, separator=".") for p in paths]
    return [name.removesuffix(".value") for name in names]
