"""`Layer`: base class of layers, with lazy building, masks and symbolic calls."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lamina import regularizers
from lamina.core import registry
from lamina.core.check import boolean, check_arguments
from lamina.core.dtypes import get_dtype_policy, is_float
from lamina.core.graph import (
    SymbolicTensor,
    infer,
    is_symbolic,
    record,
    symbolic_leaves,
)
from lamina.core.masks import get_mask, set_mask
from lamina.core.module import (
    accepted_names,
    described_names,
    is_user_defined,
    overridable,
    resolve_name,
    short,
    signature,
    unknown_keyword_error,
)
from lamina.core.scope import autocast, call_scope, local
from lamina.core.tracebacks import filter_traceback
from lamina.core.variable import Variable
from lamina.errors import (
    ArgumentError,
    ArgumentTypeError,
    MissingMethodError,
    StateError,
)
from lamina.layers.base.attributes import Converted
from lamina.layers.base.call_spec import CallSpec
from lamina.layers.base.options import PolicyLike
from lamina.layers.base.spec import InputSpec, check_inputs, check_loss, describe_shapes
from lamina.layers.base.weights import WeightOwner
from lamina.typing import Array, PartialShape, RegularizerLike

layer_registry = registry.Registry("layer", "keras.layers")

_CHECKS = {"trainable": boolean}


class Layer(WeightOwner):
    """Base class of layers: weights, and a computation that uses them.

    Override `__init__` for the configuration, `build` for weights whose shape depends
    on the input (or create them in `__init__`), and `call` for the computation. `call`
    may have the arguments `training` and `mask`, which the model fills in.

    Args:
        trainable: whether `fit` updates the weights.
        dtype: an element type or a `DTypePolicy`; `None` for the global policy.
        autocast: whether to cast float inputs to the compute type.
        name: a unique name; derived from the name of the class when `None`.
        activity_regularizer: penalty on the output.
        input_shape: shape of one row, for the first layer of a `Sequential`.
        batch_input_shape: `input_shape` with the batch axis.
        batch_shape: another name of `batch_input_shape`.
        input_dim: short for `input_shape=(input_dim,)`.

    Shape:
        As `call` defines it.

    Example:
        >>> class Scale(Layer):
        ...     def build(self, input_shape):
        ...         self.factor = self.add_weight((input_shape[-1],), "ones")
        ...
        ...     def call(self, inputs):
        ...         return inputs * self.factor
        >>> Scale()(np.ones((2, 3))).shape
        (2, 3)
    """

    supports_masking: bool = False
    input_spec: InputSpec | Sequence[InputSpec] | None = None
    activity_regularizer: Converted[Callable[..., Any] | None] = Converted(
        regularizers.get
    )

    def __init__(
        self,
        *,
        trainable: bool = True,
        dtype: PolicyLike = None,
        autocast: bool = True,
        name: str | None = None,
        activity_regularizer: RegularizerLike = None,
        input_shape: PartialShape | int | None = None,
        batch_input_shape: PartialShape | None = None,
        batch_shape: PartialShape | None = None,
        input_dim: int | None = None,
        **unknown: Any,
    ) -> None:
        if unknown:
            raise unknown_keyword_error(type(self), unknown)
        if local.budget is not None:
            local.budget.allow_layer(is_user_defined(type(self)))
        self.name = resolve_name(type(self), name)
        self.dtype_policy = get_dtype_policy(dtype)
        self.autocast = autocast
        self.activity_regularizer = activity_regularizer
        self.built = not self._has_build() and not is_user_defined(type(self))
        check_arguments(type(self).__name__, _CHECKS, {"trainable": trainable})
        self._trainable = bool(trainable)
        self._nodes: list[Any] = []
        self._call_losses: list[Any] = []
        if input_dim is not None:
            input_shape = (input_dim,)
        if input_shape is not None:
            row = (input_shape,) if isinstance(input_shape, int) else input_shape
            batch_input_shape = (None, *row)
        self.batch_input_shape = batch_input_shape or batch_shape

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # Every `build` marks the layer as built, even if a user calls it directly or
        # a subclass does not call `super().build`.
        if "build" in vars(cls):
            cls.build = _wrap_build(vars(cls)["build"])

    @overridable
    def build(self, input_shape: PartialShape) -> None:
        """Create the weights for inputs of a shape; override as needed."""
        self._mark_built(input_shape)

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the output; every layer overrides this method."""
        raise MissingMethodError(
            f"{type(self).__name__} has no `call` method. Define "
            "`def call(self, inputs): ...` in the class."
        )

    def _mark_built(self, *shapes: Any, **named: Any) -> None:
        self.built = True
        if len(named) == 1 and not shapes:
            shapes, named = tuple(named.values()), {}
        self._build_shapes = _Frozen(shapes, named)

    # Calling

    @filter_traceback
    def __call__(self, *args: Any, **kwargs: Any) -> jax.Array | Any:
        if "_path" not in vars(self):
            parents = local.call.path if local.call else ()
            vars(self)["_path"] = "/".join((*parents, self.name))
        args, kwargs = jax.tree.map(self._convert, (args, kwargs), is_leaf=_is_leaf)
        if is_symbolic(args) or is_symbolic(kwargs.values()):
            return self._call_symbolic(args, kwargs)
        return self._call_arrays(args, kwargs)

    def _call_symbolic(self, args: Any, kwargs: Any) -> Any:
        with call_scope(self.name, None):
            self._check_and_build(args, kwargs)
        outputs = record(self, args, kwargs, self._call_arrays_star)
        self._call_losses = []  # losses of shape inference have no values
        self._nodes.append(symbolic_leaves(outputs)[0].node)
        return outputs

    def _call_arrays_star(self, *args: Any, **kwargs: Any) -> Any:
        return self._call_arrays(args, kwargs)

    def _call_arrays(self, args: Any, kwargs: Any) -> Any:
        training = self._resolve_training(args, kwargs)
        outermost = local.call is None
        with call_scope(self.name, training) as scope:
            self._check_and_build(args, kwargs)
            self._fill_mask(args, kwargs)
            cast = self.compute_dtype if self.autocast else None
            if cast == self.variable_dtype:
                cast = None
            with autocast(cast):
                outputs = self._call_with_note(args, kwargs)
            if self.activity_regularizer is not None:
                for leaf in jax.tree.leaves(outputs):
                    rows = max(leaf.shape[0], 1) if leaf.ndim else 1
                    scope.losses.append(self.activity_regularizer(leaf) / rows)
            self._attach_mask(args, outputs)
            if outermost:
                self._call_losses = scope.losses
        return outputs

    def _call_with_note(self, args: Any, kwargs: Any) -> Any:
        try:
            return self.call(*args, **kwargs)
        except Exception as error:
            if not getattr(error, "_lamina_noted", False):
                path = "/".join(local.call.path) if local.call else self.name
                error.add_note(
                    f"Raised in layer {path!r} ({type(self).__name__}), called on "
                    f"{describe_shapes(args)}."
                )
                error._lamina_noted = True  # type: ignore[attr-defined]
            raise

    def _convert(self, value: Any) -> Any:
        if isinstance(value, SymbolicTensor) or value is None:
            return value
        if isinstance(value, Variable):
            value = value.value
        if isinstance(value, (np.ndarray, jax.Array)):
            if value.dtype.kind in "OUS":
                return value
            if self.autocast and is_float(value.dtype):
                cast = jnp.asarray(value, self.compute_dtype)
                if cast is not value:
                    set_mask(cast, get_mask(value))
                return cast
            return jnp.asarray(value)
        if hasattr(value, "to_numpy"):  # a frame or a column of pandas or polars
            return self._convert(value.to_numpy())
        if hasattr(value, "todense"):
            raise ArgumentTypeError(
                f"Layer {self.name!r} ({type(self).__name__}) takes dense arrays. "
                f"Received: a {type(value).__name__}. Convert it: `x.todense()`."
            )
        return value

    def _resolve_training(self, args: Any, kwargs: Any) -> bool | None:
        training = kwargs.get("training")
        names = _call_names(type(self))
        if training is None and "training" in names:
            position = names.index("training")
            training = args[position] if position < len(args) else None
        if training is None and local.call is not None:
            training = local.call.training
        if "training" in names and names.index("training") >= len(args):
            if training is None:
                kwargs.pop("training", None)
            else:
                kwargs["training"] = training
        elif "training" not in names and not _takes_any(type(self)):
            # `fit` always passes `training`; sublayers read it from the scope.
            kwargs.pop("training", None)
        return training

    def _fill_mask(self, args: Any, kwargs: Any) -> None:
        names = _call_names(type(self))
        if not args or "mask" not in names[len(args) :] or "mask" in kwargs:
            return
        mask = jax.tree.map(get_mask, args[0], is_leaf=_is_leaf)
        if jax.tree.leaves(mask):
            kwargs["mask"] = mask

    def _attach_mask(self, args: Any, outputs: Any) -> None:
        if not args:
            return
        previous = jax.tree.map(get_mask, args[0], is_leaf=_is_leaf)
        computes = type(self).compute_mask is not Layer.compute_mask
        if not computes and not jax.tree.leaves(previous):
            return
        mask = self.compute_mask(args[0], previous)
        if mask is None:
            return
        leaves = jax.tree.leaves(outputs)
        masks = mask if isinstance(mask, (list, tuple)) else [mask] * len(leaves)
        for leaf, leaf_mask in zip(leaves, masks, strict=False):
            set_mask(leaf, leaf_mask)

    @overridable
    def compute_mask(self, inputs: Array, previous_mask: Any) -> Any:
        """Return the mask of the output: that of the input, if masks are supported."""
        return previous_mask if self.supports_masking else None

    # Building

    def _has_build(self) -> bool:
        return type(self).build is not Layer.build

    def _check_and_build(self, args: Any, kwargs: Any) -> None:
        if "_first_call" not in vars(self):
            is_user = is_user_defined(type(self))  # lamina's layers build from shapes
            self._first_call = CallSpec.of(args, kwargs) if is_user else None
        if self.input_spec is not None and args:
            check_inputs(self, self.input_spec, args[0])
        has_shapes = self._has_build() or "_build_shapes" in vars(self)
        if self.built and has_shapes:
            return
        shapes = self._shapes_for(type(self).build, args, kwargs)
        # Weights have the variable type, not the compute type of an enclosing layer.
        with autocast(None):
            self.build(**shapes)
        self.built = True
        if self.input_spec is not None and args:
            check_inputs(self, self.input_spec, args[0])

    def _shapes_for(self, method: Any, args: Any, kwargs: Any) -> dict[str, Any]:
        """Return the shapes of a call's arguments, by the parameters of a method."""
        names = list(signature(method).parameters)[1:]
        call_names = _call_names(type(self))
        given = dict(zip(call_names, args, strict=False)) | kwargs
        if len(names) == 1:
            first = args[0] if args else next(iter(kwargs.values()), None)
            return {names[0]: shapes_of(first)}
        self._check_shape_names(method.__name__, names)
        found = {n: given.get(n.removesuffix("_shape")) for n in names}
        return {n: shapes_of(v) for n, v in found.items() if v is not None}

    def _check_shape_names(self, method: str, names: Sequence[str]) -> None:
        known = [f"{name}_shape" for name in _call_names(type(self))]
        unknown = [name for name in names if name not in known]
        if unknown and not _takes_any(type(self)):
            raise ArgumentError(
                f"{type(self).__name__}.{method} has several arguments, including "
                f"`{unknown[0]}`. Each must be the name of an argument of `call` with "
                f"the suffix `_shape`: {', '.join(known)}."
            )

    @filter_traceback
    def add_loss(self, loss: Any) -> None:
        """Add one or several scalars to the training loss; call it in `call`."""
        check_loss(self, loss)
        losses = self._call_losses if local.call is None else local.call.losses
        losses.extend(jax.tree.leaves(loss))

    # Shapes and the graph

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """Return the shape and type of the output for symbolic inputs.

        The shape is that of `compute_output_shape` if a user's class defines it, and
        is otherwise inferred by tracing `call`.
        """
        if not is_user_defined(type(self), "compute_output_shape"):
            return infer(self._call_arrays_star, args, kwargs)
        method = type(self).compute_output_shape
        shapes = self.compute_output_shape(**self._shapes_for(method, args, kwargs))
        return jax.tree.map(
            lambda s: SymbolicTensor(s, self.compute_dtype), shapes, is_leaf=is_shape
        )

    @filter_traceback
    @overridable
    def compute_output_shape(self, input_shape: PartialShape) -> Any:
        """Return the shape of the output for inputs of a shape, None for any size."""
        inputs = jax.tree.map(
            lambda s: SymbolicTensor(s, self.compute_dtype),
            input_shape,
            is_leaf=is_shape,
        )
        with call_scope(self.name, None):
            self._check_and_build((inputs,), {})
        outputs = infer(self._call_arrays_star, (inputs,), {})
        return jax.tree.map(lambda t: t.shape, outputs)

    def _node(self, what: str) -> Any:
        if self._nodes:
            return self._nodes[0]
        raise StateError(
            f"Layer {self.name!r} has not been called on a model's input yet, so it "
            f"has no {what}."
        )

    @property
    def input(self) -> Any:
        """The symbolic input of the first call in a graph."""
        inputs = self._node("inputs").inputs
        return inputs[0] if len(inputs) == 1 else inputs

    @property
    def output(self) -> Any:
        """The symbolic output of the first call in a graph."""
        return self._node("outputs").outputs

    # Configuration

    def get_config(self) -> dict[str, Any]:
        """Return the name, trainability, type and the constructor's arguments."""
        known = accepted_names(type(self))
        config = {
            "name": self.name,
            "trainable": self._trainable,
            "dtype": registry.serialize(self.dtype_policy),
        }
        config = {k: v for k, v in config.items() if k in known}
        given = super().get_config()
        described: list[str] = []
        if is_user_defined(type(self), "get_config"):
            described = [n for n in described_names(type(self)) if n in known]
        elif layer_registry.objects.get(type(self).__name__) is type(self):
            described = list(given)
        # lamina's layers store an argument in the attribute of the same name, which
        # a user may have changed.
        current = vars(self)
        given |= {n: registry.serialize(current[n]) for n in described if n in current}
        # As in Keras, common arguments with default values are omitted.
        common = signature(Layer.__init__).parameters
        given = {
            k: v
            for k, v in given.items()
            if k not in config and (k not in common or v != common[k].default)
        }
        return {**given, **config}

    def get_build_config(self) -> dict[str, Any] | None:
        """Return the shapes that the layer was built with."""
        frozen = self.__dict__.get("_build_shapes")
        if frozen is None:
            return None
        if len(frozen.shapes) == 1 and not frozen.named:
            return {"input_shape": frozen.shapes[0]}
        return {"shapes_dict": frozen.named} if frozen.named else None

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Build with the shapes that `get_build_config` returned."""
        if "input_shape" in config and config["input_shape"] is not None:
            self.build(_tuples(config["input_shape"]))
        elif "shapes_dict" in config:
            self.build(**{k: _tuples(v) for k, v in config["shapes_dict"].items()})

    def __repr__(self) -> str:
        values = {k: v for k, v in self.constructor_arguments().items() if k != "name"}
        parts = [f"{k}={short(v)}" for k, v in values.items()]
        text = ", ".join([*parts, f"name={self.name!r}"])
        return f"{type(self).__name__}({text})"


class _Frozen:
    """Shapes that module traversal does not search for children."""

    def __init__(self, shapes: tuple[Any, ...], named: dict[str, Any]) -> None:
        self.shapes, self.named = shapes, named


def _wrap_build(build: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(build)
    def wrapped(self: Any, *shapes: Any, **named: Any) -> None:
        # Sublayers get a path below this layer's, whoever calls `build`.
        inside = local.call is not None and local.call.path[-1:] == (self.name,)
        with nullcontext() if inside else call_scope(self.name, None), autocast(None):
            build(self, *shapes, **named)
            _prefix_paths(self)
        self._mark_built(*shapes, **named)

    return wrapped


def _prefix_paths(layer: Layer) -> None:
    """Prefix the paths of sublayers that were built alone, as from a file."""
    prefix = "/".join(local.call.path) if local.call else layer.name
    for inner in layer.sublayers():
        for weight in inner.weights:
            alone = weight.path.startswith(f"{inner.name}/")
            if alone and not weight.path.startswith(f"{prefix}/"):
                weight.path = f"{prefix}/{weight.path}"


@functools.cache
def _call_names(cls: type[Layer]) -> list[str]:
    kinds = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY
    parameters = list(signature(cls.call).parameters.values())[1:]
    return [p.name for p in parameters if p.kind in kinds]


@functools.cache
def _takes_any(cls: type[Layer]) -> bool:
    parameters = signature(cls.call).parameters.values()
    return any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters)


def _is_leaf(value: Any) -> bool:
    is_tensor = value is None or isinstance(value, (SymbolicTensor, Variable))
    return is_tensor or hasattr(value, "todense")


def is_shape(value: Any) -> bool:
    return isinstance(value, (tuple, list)) and all(
        n is None or isinstance(n, (int, np.integer)) for n in value
    )


def shapes_of(tree: Any) -> Any:
    """Return the shapes of tensors in nested lists, tuples and dictionaries."""
    return jax.tree.map(
        lambda t: tuple(t.shape if hasattr(t, "shape") else np.shape(t)),
        tree,
        is_leaf=_is_leaf,
    )


def _tuples(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _tuples(v) for k, v in value.items()}
    if is_shape(value):
        return tuple(value)
    return [_tuples(v) for v in value] if isinstance(value, list) else value
