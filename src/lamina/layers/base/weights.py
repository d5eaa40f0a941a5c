"""`WeightOwner`: the weights of a layer and of its sublayers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from lamina import constraints, initializers, regularizers
from lamina.core.check import result_for
from lamina.core.creation import raise_missing_attribute
from lamina.core.dtypes import DTypePolicy, DTypePolicyMap, is_float
from lamina.core.module import unique
from lamina.core.process import host_array
from lamina.core.random.seeds import SeedGenerator
from lamina.core.scope import local
from lamina.core.tracing import stateless
from lamina.core.tracing.trace_state import is_tracing
from lamina.core.tracing.tracers import without_tracers
from lamina.core.variable import Variable, bump_structure_version, snapshot
from lamina.errors import ArgumentError, ShapeError, StateError
from lamina.layers.base.attributes import DeclaredWeight
from lamina.layers.base.operation import Operation
from lamina.runtime.module_state import ModuleState
from lamina.runtime.placement import place
from lamina.tracebacks import filter_traceback
from lamina.typing import (
    ConstraintLike,
    DTypeLike,
    InitializerLike,
    PartialShape,
    RegularizerLike,
)

# Attributes that are missing if a class does not call `super().__init__`.
_MADE_BY_INIT = ("autocast", "built", "dtype_policy", "name", "_nodes", "_trainable")


class WeightOwner(Operation):
    """Module with trainable and non-trainable weights; base class of `Layer`."""

    dtype_policy: DTypePolicy
    built: bool
    _trainable: bool
    _call_losses: list[Any]

    def __getattr__(self, name: str) -> Any:
        is_made = "_call_losses" in vars(self)
        raise_missing_attribute(self, name, () if is_made else _MADE_BY_INIT)

    @property
    def dtype(self) -> str:
        """The element type of the variables."""
        return self.variable_dtype

    @property
    def compute_dtype(self) -> str:
        """The element type of the computation."""
        return self._layer_policy().compute_dtype

    @property
    def variable_dtype(self) -> str:
        """The element type of the variables."""
        return self._layer_policy().variable_dtype

    @property
    def quantization_mode(self) -> None:
        """Always `None`: no policy quantizes."""
        return self._layer_policy().quantization_mode

    def _layer_policy(self) -> DTypePolicy:
        policy = self.dtype_policy
        return policy[self.path] if isinstance(policy, DTypePolicyMap) else policy

    @property
    def path(self) -> str:
        """The names of the enclosing layers in the first call and its own: "a/b/c"."""
        return vars(self).get("_path", self.name)

    def own_weights(self) -> list[Variable]:
        """Return this layer's own weights, trainable ones first."""
        variables = self.own_variables()
        return sorted(variables, key=lambda v: not v.initially_trainable)

    def sublayers(self) -> list[WeightOwner]:
        """Return the direct sublayers, each once."""
        return [m for m in self.children() if isinstance(m, WeightOwner)]

    def all_layers(self) -> Iterator[WeightOwner]:
        """Yield this layer and all layers below it, each once, parents first."""
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
        return unique(v for layer in self.all_layers() for v in layer.own_weights())

    @property
    def variables(self) -> list[Variable]:
        """All weights, other state of layers, and the states of seed generators."""
        found = self.weights
        for layer in self.all_layers():
            found += layer.own_variables()
            found += [m.state for m in layer.children() if isinstance(m, SeedGenerator)]
        return unique(found)

    def _program_state(self) -> ModuleState:
        """Return the state that compiled calls of this layer take besides data.

        It excludes the optimizer's hyperparameters, so that compiling a model again
        does not retrace its calls.
        """
        return ModuleState(self.all_layers(), self.variables)

    @property
    def trainable_variables(self) -> list[Variable]:
        """The weights that training changes."""
        frozen_layers = [layer for layer in self.all_layers() if not layer._trainable]
        frozen = {id(v) for layer in frozen_layers for v in layer.weights}
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

    def _store_arguments(
        self, arguments: Mapping[str, object], omit: Sequence[str] = ()
    ) -> None:
        """Set the attributes that are named like the constructor's arguments.

        Args:
            arguments: `locals()` of the constructor.
            omit: arguments without an attribute.
        """
        for name, value in arguments.items():
            if name not in ("self", "kwargs", "__class__", *omit):
                setattr(self, name, value)

    def _create_weight(
        self,
        name: str,
        shape: PartialShape | None,
        initializer: InitializerLike = None,
    ) -> None:
        """Create a weight that the class declares.

        Args:
            name: the weight's attribute.
            shape: its shape; `None` sets the attribute to `None`.
            initializer: initializer, instead of that of the constructor.
        """
        variable = None
        if shape is not None:
            declared: DeclaredWeight = getattr(type(self), name)
            options = declared.options(self)
            if initializer is not None:
                options["initializer"] = initializer
            variable = self.add_weight(shape, name=name, **options)
        setattr(self, name, variable)

    def add_variable(
        self,
        shape: int | PartialShape,
        initializer: InitializerLike,
        dtype: DTypeLike = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: RegularizerLike = None,
        constraint: ConstraintLike = None,
        name: str | None = None,
    ) -> Variable:
        """Create a weight of this layer; see `add_weight`."""
        options: dict[str, Any] = {k: v for k, v in locals().items() if k != "self"}
        return self.add_weight(**options)

    @filter_traceback
    def add_weight(
        self,
        _shape: int | PartialShape | None = None,
        /,
        initializer: InitializerLike = None,
        dtype: DTypeLike = None,
        *,
        shape: int | PartialShape | None = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: RegularizerLike = None,
        constraint: ConstraintLike = None,
        aggregation: str = "none",
        name: str | None = None,
    ) -> Variable:
        """Create a weight of this layer.

        Args:
            _shape: `shape` as a positional argument.
            initializer: a name, an object or a function of `(shape, dtype)`;
                GlorotUniform for floats and zeros for other types by default.
            dtype: element type; that of the layer's variables by default.
            shape: shape of the weight; `()` by default.
            trainable: whether `fit` updates the weight.
            autocast: whether reads cast the weight to the compute type.
            regularizer: penalty added to the loss.
            constraint: projection after each update.
            aggregation: accepted for Keras files.
            name: last part of the weight's path.

        Raises:
            ArgumentError: the shape is given twice, or is a string.
            ShapeError: a size is unknown.
        """
        sizes = self._weight_shape(_shape, shape)
        dtype = dtype or self.variable_dtype
        if initializer is None:
            initializer = "glorot_uniform" if is_float(dtype) else "zeros"
        initial = initializers.get(initializer)
        variable = Variable(
            initial, sizes, dtype, trainable, autocast, aggregation, name=name
        )
        variable.path = self._path_of(variable.name)
        place([variable])
        variable.ignores_tracers = not trainable
        variable.regularizer = regularizers.get(regularizer)
        variable.constraint = constraints.get(constraint)
        self.__dict__.setdefault("_added_weights", []).append(variable)
        return variable

    def _path_of(self, name: str) -> str:
        parents = local.call.path if local.call else (*local.names, self.name)
        return "/".join((*parents, name))

    def _weight_shape(
        self, first: int | PartialShape | None, shape: int | PartialShape | None
    ) -> list[int]:
        subject = f"Layer {self.name!r} ({type(self).__name__})"
        if isinstance(first, str):
            raise ArgumentError(
                f"{subject}: the first argument of `add_weight` is the shape. "
                f"Received: {first!r}. Pass a name as a keyword argument: "
                f"`add_weight(shape=..., name={first!r})`."
            )
        if first is not None and shape is not None:
            raise ArgumentError(
                f"{subject}: `add_weight` got its shape twice, by position, {first}, "
                f"and as a keyword argument, {shape}. Give one of them."
            )
        shape = shape if first is None else first
        shape = () if shape is None else (shape,) if isinstance(shape, int) else shape
        sizes = [n for n in shape if n is not None]
        if len(sizes) < len(shape):
            raise ShapeError(
                f"{subject} needs a weight of shape {tuple(shape)}, but the dimension "
                "shown as None is unknown. Give the model's input a shape with that "
                "dimension, as in `Input(shape=(..., 3))`. In a `build` of your own, "
                "leave out the batch axis: input_shape[1:]."
            )
        return sizes

    def get_weights(self) -> list[np.ndarray]:
        """Return copies of all weights, in the order of `weights`."""
        return [np.array(host_array(value)) for value in snapshot(self.weights)]

    @filter_traceback
    def set_weights(self, weights: Sequence[Any]) -> None:
        """Set all weights, in the order of `weights`.

        Raises:
            StateError: the layer is not built.
            ArgumentError: there are more or fewer arrays than weights.
            ShapeError: the shape of an array differs from that of its weight.
        """
        variables = self.weights
        if len(variables) != len(weights):
            if not variables:
                self._require_built()
            raise ArgumentError(
                f"Layer {self.name!r} has {len(variables)} weights, but `set_weights` "
                f"got {len(weights)} arrays. The weights are: "
                f"{', '.join(f'{v.path} {v.shape}' for v in variables) or 'none'}."
            )
        for variable, value in zip(variables, weights, strict=True):
            variable.assign(value)

    def _require_built(self) -> None:
        if not self.built:
            raise StateError(
                f"Layer {self.name!r} has no weights yet: call it on data, or build it "
                "with `layer.build(input_shape)`."
            )

    @filter_traceback
    def count_params(self) -> int:
        """Return the number of elements of all weights.

        Raises:
            StateError: the layer is not built.
        """
        self._require_built()
        return sum(v.size for v in self.weights)

    @property
    def losses(self) -> list[Any]:
        """The penalties on weights, and the losses that the last call added."""
        added = self._call_losses
        # Losses of a function that the user traced are not valid outside it.
        valid = added if is_tracing() else without_tracers(added)
        return [*valid, *self.weight_penalties()]

    def weight_penalties(self) -> list[Any]:
        """Return the penalties of the trainable weights' regularizers."""
        weights = [v for v in self.trainable_variables if v.regularizer is not None]
        return [result_for(v, "regularizer", "a number") for v in weights]

    def stateless_call(
        self,
        trainable_variables: Sequence[Any],
        non_trainable_variables: Sequence[Any],
        *args: object,
        return_losses: bool = False,
        **kwargs: object,
    ) -> Any:
        """Call the layer as a pure function of its variables' values.

        Returns:
            The outputs and the new values of the non-trainable variables; with
            `return_losses`, also the list of losses.
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

    def stored_weights(self) -> list[Variable]:
        """Return those of this layer's own weights that files hold."""
        return self.own_weights()

    def save_own_variables(self, store: dict[str, Any]) -> None:
        """Store this layer's own weights in a file's group, by position."""
        for i, variable in enumerate(self.stored_weights()):
            store[str(i)] = variable

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """Load this layer's own weights from a file's group."""
        variables = self.stored_weights()
        if len(store) != len(variables):
            raise ArgumentError(
                f"Layer {self.name!r} has {len(variables)} weights, but the file has "
                f"{len(store)} for it. Create the layer as it was when saved."
            )
        for i, variable in enumerate(variables):
            variable.assign(np.asarray(store[str(i)]))
