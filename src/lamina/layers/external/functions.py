"""`JaxLayer`: a function of JAX as a layer."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, Unpack

import jax
import jax.numpy as jnp
import numpy as np

from lamina.core.dtypes import is_float
from lamina.core.random.seeds import SeedGenerator, draw_seed, make_seed
from lamina.core.variable import Variable
from lamina.errors import ArgumentError, invalid
from lamina.layers.base import Layer, Options
from lamina.layers.base.shapes import is_shape
from lamina.typing import Config, PyTree

_CALL_NAMES = ("params", "state", "rng", "inputs", "training")
_INIT_NAMES = ("rng", "inputs", "training")
_ARRAYS = (np.ndarray, np.generic, jax.Array, bool, int, float)


class JaxLayer(Layer):
    """Layer that calls a function of JAX, such as `apply` of a Haiku model.

    Args:
        call_fn: a function with some of these arguments, by name: `params`, a tree of
            trained arrays; `state`, a tree of arrays that are not trained; `rng`, a
            random key, or `None` if not in training; `inputs`, which it must have;
            `training`, a boolean. It returns the outputs; with `state`, a pair of the
            outputs and the new state.
        init_fn: a function of `rng`, `inputs` and `training`, or some of these, that
            returns the initial `params`, or a pair with `state` if `call_fn` has that.
        params: initial parameters, instead of those of `init_fn`.
        state: initial state, likewise.
        seed: seed of `rng`.
        native_serialization_platforms: must be `None`: only Keras on TensorFlow
            converts the function.

    Shape:
        As `call_fn` defines it.

    Raises:
        ArgumentError: a function has an unknown argument or lacks `inputs`, there are
            no initial values, or the structure of the state changes.

    Example:
        >>> def affine(params, inputs):
        ...     return inputs @ params["w"] + params["b"]
        >>> params = {"w": np.ones((3, 2)), "b": np.zeros(2)}
        >>> JaxLayer(affine, params=params)(jnp.ones((1, 3)))
        Array([[3., 3.]], dtype=float32)
    """

    def __init__(
        self,
        call_fn: Callable[..., Any],
        init_fn: Callable[..., Any] | None = None,
        params: PyTree = None,
        state: PyTree = None,
        seed: int | None = None,
        native_serialization_platforms: Sequence[str] | None = None,
        **kwargs: Unpack[Options],
    ) -> None:
        super().__init__(**kwargs)
        if native_serialization_platforms is not None:
            raise invalid(
                type(self).__name__,
                "native_serialization_platforms",
                native_serialization_platforms,
                "None",
            )
        self.call_fn, self.init_fn = call_fn, init_fn
        self.native_serialization_platforms = None
        self.call_names = _checked_names("call_fn", call_fn, _CALL_NAMES)
        self.init_names: list[str] = []
        if init_fn is not None:
            self.init_names = _checked_names("init_fn", init_fn, _INIT_NAMES)
        self.seed_generator = SeedGenerator(seed) if "rng" in self.call_names else None
        # The flat lists come first: their order is that of the weights.
        self.tracked_params: list[Any] = []
        self.tracked_state: list[Any] = []
        self.params: Any = None
        self.state: Any = None
        needs_values = bool({"params", "state"} & {*self.call_names})
        if params is not None or state is not None:
            self._set_variables(params, state)
        elif needs_values and init_fn is None:
            raise ArgumentError(
                f"{type(self).__name__}: `call_fn` has `params` or `state`, so it "
                "needs initial values: pass `init_fn`, or `params` and `state`."
            )
        # A config describes the layer, not its weights.
        for name in ("params", "state", "seed"):
            vars(self)["_arguments"].pop(name, None)

    def build(self, input_shape: PyTree) -> None:
        """Create the variables with `init_fn`, unless they were given."""
        if self.params is not None or self.state is not None or self.init_fn is None:
            return
        # A variable needs concrete values, even while a program is traced.
        with jax.ensure_compile_time_eval():
            inputs = jax.tree.map(
                lambda shape: jnp.ones([n or 1 for n in shape]),
                input_shape,
                is_leaf=is_shape,
            )
            known = {"rng": self.init_rng(), "inputs": inputs, "training": True}
            values = self.init_fn(*(known[name] for name in self.init_names))
        params, state = values if "state" in self.call_names else (values, None)
        self._set_variables(params, state)

    def _set_variables(self, params: PyTree, state: PyTree) -> None:
        for name, tree, trainable in (
            ("params", params, True),
            ("state", state, False),
        ):
            variables = jax.tree_util.tree_map_with_path(
                lambda path, value, t=trainable: self._variable(path, value, t), tree
            )
            setattr(self, f"tracked_{name}", jax.tree.leaves(variables))
            setattr(self, name, variables)

    def _variable(self, path: tuple[Any, ...], value: object, trainable: bool) -> Any:
        if not isinstance(value, _ARRAYS):
            return value  # configuration of the model
        if isinstance(value, jax.Array) and jnp.issubdtype(
            value.dtype, jax.dtypes.prng_key
        ):
            value = jax.random.key_data(value)
        array = np.asarray(value)
        name = jax.tree_util.keystr(path, simple=True, separator=".")
        return self.add_weight(
            array.shape,
            lambda shape, dtype=None: jnp.asarray(array, dtype),
            None if is_float(array.dtype) else array.dtype.name,
            trainable=trainable and is_float(array.dtype),
            name=name.replace("/", "_") or None,
        )

    def init_rng(self) -> Any:
        """Return the `rng` of `init_fn`; override it for several keys."""
        return draw_seed(make_seed())

    def call_rng(self, training: bool | None) -> Any:
        """Return the `rng` of `call_fn`; override it for several keys."""
        assert self.seed_generator is not None
        return self.seed_generator.next() if training else None

    def call(self, inputs: PyTree, training: bool | None = False) -> Any:
        known: dict[str, Any] = {"inputs": inputs, "training": bool(training)}
        known |= {"params": _values(self.params), "state": _values(self.state)}
        if "rng" in self.call_names:
            known["rng"] = self.call_rng(training)
        results = self.call_fn(*(known[name] for name in self.call_names))
        if "state" not in self.call_names:
            return results
        outputs, state = results
        self._assign(state)
        return outputs

    def _assign(self, state: PyTree) -> None:
        old, new = jax.tree.structure(self.state), jax.tree.structure(state)
        if old != new:
            raise ArgumentError(
                f"Layer {self.name!r} ({type(self).__name__}): `call_fn` must return a "
                f"state of the structure of the initial one, {old}. Received: {new}."
            )
        pairs = zip(self.tracked_state, jax.tree.leaves(state), strict=True)
        for variable, value in pairs:
            if isinstance(variable, Variable):
                variable.assign(value)

    def get_config(self) -> Config:
        """Return the functions; register them, or pass them in `custom_objects`."""
        config = super().get_config()
        return {k: v for k, v in config.items() if k not in ("params", "state", "seed")}


def _checked_names(
    argument: str, function: Callable[..., Any], known: Sequence[str]
) -> list[str]:
    """Return the names of a function's arguments, which must be known ones."""
    names = list(inspect.signature(function).parameters)
    unknown = [name for name in names if name not in known]
    if unknown or "inputs" not in names:
        problem = f"has the argument {unknown[0]!r}" if unknown else "lacks `inputs`"
        raise ArgumentError(
            f"JaxLayer: `{argument}` {problem}. Its arguments must be `inputs` and "
            f"any of {', '.join(known)}. Wrap it in a function with these names."
        )
    return names


def _values(tree: PyTree) -> PyTree:
    return jax.tree.map(lambda v: v.value if isinstance(v, Variable) else v, tree)
