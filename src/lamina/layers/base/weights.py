"""The weights of a layer and of all layers below it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from lamina import constraints, initializers, regularizers
from lamina.core import stateless
from lamina.core.dtypes import DTypePolicy, DTypePolicyMap, is_float
from lamina.core.module import Module
from lamina.core.random import SeedGenerator
from lamina.core.scope import is_tracing, local
from lamina.core.tracebacks import filter_traceback
from lamina.core.tracing.tracers import without_tracers
from lamina.core.variable import Variable, bump_structure_version, snapshot
from lamina.errors import ArgumentError, ShapeError, StateError
from lamina.runtime.module_state import ModuleState

__all__ = ["WeightOwner"]


# What a layer is asked for first, if its class never called `super().__init__`.
_MADE_BY_INIT = ("autocast", "built", "dtype_policy", "name", "_nodes", "_trainable")


class WeightOwner(Module):
    """A module whose variables are weights, some of them trained; base of Layer."""

    name: str
    dtype_policy: DTypePolicy
    built: bool
    _trainable: bool
    _call_losses: list[Any]
    __call__: Callable[..., Any]

    def __getattr__(self, name: str) -> Any:
        # Asked only for what is not there.
        if "_call_losses" not in vars(self) and name in _MADE_BY_INIT:
            raise AttributeError(
                f"{type(self).__name__}.__init__ must begin with "
                "`super().__init__(**kwargs)`, before it makes layers or weights."
            )
        raise AttributeError(
            f"{type(self).__name__!r} object has no attribute {name!r}", name=name,
            obj=self,
        )  # fmt: skip

    @property
    def dtype(self) -> str:
        """The type variables are stored in."""
        return self.variable_dtype

    @property
    def compute_dtype(self) -> str:
        """The type the layer computes in."""
        return self._layer_policy().compute_dtype

    @property
    def variable_dtype(self) -> str:
        """The type variables are stored in."""
        return self._layer_policy().variable_dtype

    def _layer_policy(self) -> DTypePolicy:
        policy = self.dtype_policy
        return policy[self.path] if isinstance(policy, DTypePolicyMap) else policy

    @property
    def path(self) -> str:
        """Names of the layers that it was first called in, then its own: "a/b/c"."""
        return vars(self).get("_path", self.name)

    def own_weights(self) -> list[Variable]:
        """This layer's own weights, trainable ones first."""
        own = self.own_variables()
        return sorted(own, key=lambda v: not v.initially_trainable)

    def sublayers(self) -> list[WeightOwner]:
        """The layers held directly by this one, each once."""
        return [m for m in self.children() if isinstance(m, WeightOwner)]

    def all_layers(self) -> Iterator[WeightOwner]:
        """This layer and all layers below it, each once, parents first."""
        seen: set[int] = set()
        stack: list[WeightOwner] = [self]
        while stack:
            layer = stack.pop()
            if id(layer) not in seen:
                seen.add(id(layer))
                yield layer
                stack.extend(reversed(layer.sublayers()))

    @property
    def weights(self) -> list[Variable]:
        """All weights: of each layer, trainable ones first, then its sublayers'."""
        return list(
            {id(v): v for a in self.all_layers() for v in a.own_weights()}.values()
        )

    @property
    def variables(self) -> list[Variable]:
        """All weights, other state of layers, and the states of seed generators."""
        found = {id(v): v for v in self.weights}
        for layer in self.all_layers():
            found.update({id(v): v for v in layer.own_variables()})
            for child in layer.children():
                if isinstance(child, SeedGenerator):
                    found[id(child.state)] = child.state
        return list(found.values())

    def _program_state(self) -> ModuleState:
        """What compiled calls of this layer take besides data.

        The optimizer's hyperparameters are left out, so that compiling a model again
        does not trace its calls again.
        """
        return ModuleState(self.all_layers(), self.variables)

    @property
    def trainable_variables(self) -> list[Variable]:
        """The weights that training changes."""
        frozen = {
            id(v)
            for layer in self.all_layers()
            if not layer._trainable
            for v in layer.weights
        }
        return [v for v in self.weights if v.trainable and id(v) not in frozen]

    @property
    def non_trainable_variables(self) -> list[Variable]:
        """All variables that training does not change by gradients."""
        trainable = {id(v) for v in self.trainable_variables}
        return [v for v in self.variables if id(v) not in trainable]

    @property
    def trainable_weights(self) -> list[Variable]:
        """The weights that training changes."""
        return self.trainable_variables

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """The weights that training does not change by gradients."""
        trainable = {id(v) for v in self.trainable_variables}
        return [v for v in self.weights if id(v) not in trainable]

    @property
    def trainable(self) -> bool:
        """Whether training changes this layer's weights; setting it sets sublayers."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        bump_structure_version()
        for layer in self.all_layers():
            layer._trainable = bool(value)
            for variable in layer.own_variables():
                if variable.initially_trainable:
                    variable.trainable = bool(value)

    def add_variable(
        self,
        shape: int | Sequence[int | None],
        initializer: Any,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        name: str | None = None,
    ) -> Variable:
        """Make a weight of this layer; see `add_weight`."""
        return self.add_weight(
            shape, initializer, dtype, trainable=trainable, autocast=autocast,
            regularizer=regularizer, constraint=constraint, name=name,
        )  # fmt: skip

    @filter_traceback
    def add_weight(
        self,
        _shape: int | Sequence[int | None] | None = None,
        /,
        initializer: Any = None,
        dtype: Any = None,
        *,
        shape: int | Sequence[int | None] | None = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        aggregation: str = "none",
        name: str | None = None,
    ) -> Variable:
        """Make a weight of this layer.

        Args:
            _shape: the same as `shape`, by position.
            initializer: a name, an object or a function of `(shape, dtype)`;
                GlorotUniform for floats, zeros for the rest.
            dtype: the layer's variable type by default.
            shape: `()` by default.
            trainable: whether `fit` changes it.
            autocast: whether the compute type applies when it is read.
            regularizer: a penalty added to the loss.
            constraint: a projection applied after each update.
            aggregation: kept for Keras's files.
            name: the last part of its path.

        Raises:
            ArgumentError: the shape is given twice, or a name takes its place.
            ShapeError: a size is not known yet.
        """
        sizes = self._weight_shape(_shape, shape)
        dtype = dtype or self.variable_dtype
        if initializer is None:
            initializer = "glorot_uniform" if is_float(dtype) else "zeros"
        variable = Variable(
            initializers.get(initializer), sizes, dtype, trainable,
            autocast, aggregation, name,
        )  # fmt: skip
        parents = local.call.path if local.call else (self.name,)
        variable.path = "/".join((*parents, variable.name))
        variable.ignores_tracers = not trainable
        variable.regularizer = regularizers.get(regularizer)
        variable.constraint = constraints.get(constraint)
        self.__dict__.setdefault("_added_weights", []).append(variable)
        return variable

    def _weight_shape(self, first: Any, shape: Any) -> list[int]:
        who = f"Layer {self.name!r} ({type(self).__name__})"
        if isinstance(first, str):
            raise ArgumentError(
                f"{who}: the first argument of `add_weight` is the shape. Received: "
                f"{first!r}. Give a name as a keyword argument: "
                f"`add_weight(shape=..., name={first!r})`."
            )
        if first is not None and shape is not None:
            raise ArgumentError(
                f"{who}: `add_weight` got its shape twice, by position, {first}, and "
                f"as a keyword argument, {shape}. Give one of them."
            )
        shape = shape if first is None else first
        shape = () if shape is None else (shape,) if isinstance(shape, int) else shape
        sizes = [n for n in shape if n is not None]
        if len(sizes) < len(shape):
            raise ShapeError(
                f"{who} needs a weight of shape "
                f"{tuple(shape)}, but the dimension shown as None is not known yet. "
                "Give the model's input a shape with that dimension, as in "
                "`Input(shape=(..., 3))`."
            )
        return sizes

    def get_weights(self) -> list[np.ndarray]:
        """Copies of all weights, in the order of `weights`."""
        return [np.array(value) for value in snapshot(self.weights)]

    @filter_traceback
    def set_weights(self, weights: Sequence[Any]) -> None:
        """Set all weights, in the order of `weights`.

        Raises:
            ArgumentError: there are more or fewer arrays than weights.
            ShapeError: an array has another shape than its weight.
        """
        own = self.weights
        if len(own) != len(weights):
            raise ArgumentError(
                f"Layer {self.name!r} has {len(own)} weights, but `set_weights` got "
                f"{len(weights)} arrays. The weights are: "
                f"{', '.join(f'{v.path} {v.shape}' for v in own) or 'none'}."
            )
        for variable, value in zip(own, weights, strict=True):
            variable.assign(value)

    @filter_traceback
    def count_params(self) -> int:
        """The number of weights' elements.

        Raises:
            StateError: the layer has no weights yet because its input is not known.
        """
        if not self.built:
            raise StateError(
                f"Layer {self.name!r} has no weights yet: call it on data, or build it "
                "with `layer.build(input_shape)`."
            )
        return sum(v.size for v in self.weights)

    @property
    def losses(self) -> list[Any]:
        """Penalties on weights, and what the last call added with `add_loss`."""
        added = self._call_losses
        if not is_tracing():
            # Those of a function that the user traced ended with it.
            added = without_tracers(added)
        return [*added, *self.weight_penalties()]

    def weight_penalties(self) -> list[Any]:
        """What the regularizers of trainable weights give."""
        weights = [v for v in self.trainable_variables if v.regularizer is not None]
        return [v.regularizer(v.value) for v in weights if v.regularizer is not None]

    def stateless_call(
        self,
        trainable_variables: Sequence[Any],
        non_trainable_variables: Sequence[Any],
        *args: Any,
        return_losses: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Call the layer as a pure function of its variables' values.

        Returns:
            The outputs and the non-trainable variables' values afterwards; with
            `return_losses`, the list of losses as a third.
        """
        trainable, rest = self.trainable_variables, self.non_trainable_variables
        values = [*trainable_variables, *non_trainable_variables]

        def run() -> Any:
            outputs = self(*args, **kwargs)
            return (outputs, self.losses) if return_losses else outputs

        before = self._call_losses
        outputs, after = stateless.call(run, [*trainable, *rest], values)
        self._call_losses = before  # those of this call may be tracers
        after = after[len(trainable) :]
        return (outputs[0], after, outputs[1]) if return_losses else (outputs, after)

    def save_own_variables(self, store: dict[str, Any]) -> None:
        """Put this layer's own weights into a file's group, by position."""
        for i, variable in enumerate(self.own_weights()):
            store[str(i)] = variable

    def load_own_variables(self, store: Any) -> None:
        """Take this layer's own weights from a file's group."""
        own = self.own_weights()
        if len(store) != len(own):
            raise ArgumentError(
                f"Layer {self.name!r} has {len(own)} weights, the file has "
                f"{len(store)} for it."
            )
        for i, variable in enumerate(own):
            variable.assign(np.asarray(store[str(i)]))
