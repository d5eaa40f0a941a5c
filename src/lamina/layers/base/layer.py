"""`Layer`: base class of layers, with lazy building, masks and symbolic calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, NoReturn, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np

from lamina import regularizers
from lamina.core import registry
from lamina.core.check import boolean, check_arguments
from lamina.core.dtypes import PolicyLike, get_dtype_policy, is_float
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
    short,
    signature,
    unknown_keyword_error,
)
from lamina.core.scope import autocast, call_scope, local
from lamina.core.tracing.arguments import dense_array, is_sparse
from lamina.core.variable import Variable
from lamina.display import layer_html
from lamina.errors import MissingMethodError, ShapeError
from lamina.layers.base.attributes import Converted
from lamina.layers.base.building import Buildable
from lamina.layers.base.input_checks import call_note, check_loss
from lamina.layers.base.lineage import draw_chain
from lamina.layers.base.shapes import (
    call_names,
    is_leaf,
    is_shape,
    output_specs,
    positional_names,
    relax_shapes,
    takes_any_keyword,
)
from lamina.ops.types import array_of
from lamina.runtime.placement import with_layout
from lamina.tracebacks import filter_traceback
from lamina.typing import Config, PartialShape, PyTree, RegularizerLike

layer_registry = registry.Registry("layer", "keras.layers")


@runtime_checkable
class MetricLike(Protocol):
    """Protocol of metrics, whose package comes after this one."""

    def update_state(self, *args: Any, **kwargs: Any) -> None:
        """Update the state from a batch."""
        ...

    def result(self) -> Any:
        """Return the value since the last reset."""
        ...


class Layer(Buildable):
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
    # Whether the layer gets NumPy arrays and runs before programs, as lookups do.
    runs_on_host: ClassVar[bool] = False
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
        **unknown: object,
    ) -> None:
        if unknown:
            raise unknown_keyword_error(type(self), unknown)
        if local.budget is not None:
            local.budget.allow_layer(is_user_defined(type(self)))
        super().__init__(name)
        self.dtype_policy = get_dtype_policy(dtype)
        self.autocast = autocast
        self.activity_regularizer = activity_regularizer
        self.built = not self._has_build() and not is_user_defined(type(self))
        checks = {"trainable": boolean}
        check_arguments(type(self).__name__, checks, {"trainable": trainable})
        self._trainable = bool(trainable)
        self._call_losses: list[Any] = []
        if input_dim is not None:
            input_shape = (input_dim,)
        if input_shape is not None:
            row = (input_shape,) if isinstance(input_shape, int) else input_shape
            batch_input_shape = (None, *row)
        self.batch_input_shape = batch_input_shape or batch_shape

    @filter_traceback
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if "_path" not in vars(self):
            parents = local.call.path if local.call else local.names
            vars(self)["_path"] = "/".join((*parents, self.name))
        args, kwargs = jax.tree.map(self._convert, (args, kwargs), is_leaf=is_leaf)
        if is_symbolic(args) or is_symbolic(kwargs.values()):
            return self.symbolic_call(*args, **kwargs)
        return self._call_arrays(*args, **kwargs)

    def symbolic_call(self, *args: object, **kwargs: object) -> Any:
        """Build the layer, add a node to the graph and return its outputs."""
        try:
            with call_scope(self.name, None):
                self._check_and_build(args, kwargs)
            outputs = self._record(args, kwargs)
        except ShapeError as error:
            chain = draw_chain(self, symbolic_leaves((args, kwargs)))
            error.args = (f"{chain}{error}",)
            raise
        self._call_losses = []  # losses of shape inference have no values
        self._nodes.append(symbolic_leaves(outputs)[0].node)
        return outputs

    def _record(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return record(self, args, kwargs, spec=self._infer_outputs)

    def _infer_outputs(self, *args: Any, **kwargs: Any) -> Any:
        """Trace `call`; sizes that `compute_output_shape` leaves open stay unknown."""
        outputs = output_specs(self, self._call_arrays, args, kwargs)
        lengths = [n for t in symbolic_leaves((args, kwargs)) for n in t.shape[1:]]
        if None in lengths and is_user_defined(type(self), "compute_output_shape"):
            declared = self.compute_output_spec(*args, **kwargs)
            relax_shapes(symbolic_leaves(outputs), symbolic_leaves(declared))
        return outputs

    def _call_arrays(self, *args: PyTree, **kwargs: PyTree) -> Any:
        training = self._resolve_training(args, kwargs)
        outermost = local.call is None
        with call_scope(self.name, training) as scope:
            self._check_and_build(args, kwargs)
            self._fill_mask(args, kwargs)
            cast = self.compute_dtype if self.autocast else None
            with autocast(None if cast == self.variable_dtype else cast):
                outputs = self._call_with_note(args, kwargs)
            if self.activity_regularizer is not None:
                for leaf in jax.tree.leaves(outputs):
                    rows = max(leaf.shape[0], 1) if leaf.ndim else 1
                    scope.losses.append(self.activity_regularizer(leaf) / rows)
            self._attach_mask(args, outputs)
            if outermost:
                self._keep_losses(scope.losses)
        return outputs

    def _keep_losses(self, losses: list[Any]) -> None:
        self._call_losses = losses
        if local.state is not None and local.state.collected is not None:
            local.state.collected.extend(losses)

    def _call_with_note(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        call = self.call
        try:
            if self._remat_mode is not None:
                call = self.rematerialized_call(call, *args, **kwargs)
            return with_layout(self.path, call(*args, **kwargs))
        except Exception as error:
            if not getattr(error, "_lamina_noted", False):
                error.add_note(call_note(self, error, args))
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
                cast = jnp.asarray(array_of(value), self.compute_dtype)
                if cast is not value:
                    set_mask(cast, get_mask(value))
                return cast
            return array_of(value)
        if hasattr(value, "to_numpy"):  # a frame or a column of pandas or polars
            return self._convert(value.to_numpy())
        if is_sparse(value):
            return self._convert(dense_array(value))
        return value

    def _resolve_training(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> bool | None:
        """Return the call's `training`, and pass it on if `call` has the argument."""
        names = call_names(type(self))
        positional = dict(zip(positional_names(type(self)), args, strict=False))
        training = positional.get("training", kwargs.get("training"))
        if training is None and local.call is not None:
            training = local.call.training
        if "training" not in positional:
            if "training" in names and training is not None:
                kwargs["training"] = training
            elif "training" in names or not takes_any_keyword(type(self)):
                # `fit` always passes `training`; sublayers read it from the scope.
                kwargs.pop("training", None)
        return training

    def _fill_mask(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        names = call_names(type(self))
        given = {*positional_names(type(self))[: len(args)], *kwargs}
        if not args or "mask" not in names or "mask" in given:
            return
        mask = jax.tree.map(get_mask, args[0], is_leaf=is_leaf)
        if jax.tree.leaves(mask):
            kwargs["mask"] = mask

    def _attach_mask(self, args: tuple[Any, ...], outputs: PyTree) -> None:
        if not args:
            return
        previous = jax.tree.map(get_mask, args[0], is_leaf=is_leaf)
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
    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """Return the mask of the output: that of the input, if masks are supported."""
        return previous_mask if self.supports_masking else None

    @filter_traceback
    def add_loss(self, loss: PyTree) -> None:
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
            return infer(self._call_arrays, args, kwargs)
        method = type(self).compute_output_shape
        shapes = self.compute_output_shape(**self._shapes_for(method, args, kwargs))
        return self._symbolic(shapes)

    def _symbolic(self, shapes: object) -> Any:
        dtype = self.compute_dtype
        return jax.tree.map(
            lambda s: SymbolicTensor(s, dtype), shapes, is_leaf=is_shape
        )

    @filter_traceback
    @overridable
    def compute_output_shape(self, input_shape: PartialShape) -> Any:
        """Return the shape of the output for inputs of a shape, None for any size."""
        inputs = self._symbolic(input_shape)
        with call_scope(self.name, None):
            self._check_and_build((inputs,), {})
        outputs = infer(self._call_arrays, (inputs,), {})
        return jax.tree.map(lambda t: t.shape, outputs)

    @property
    def input_dtype(self) -> str:
        """The type that float inputs are cast to."""
        return self.compute_dtype

    @property
    def metrics(self) -> list[Any]:
        """The metrics in the attributes of this layer and of its sublayers."""
        children = [m for layer in self.all_layers() for m in layer.children()]
        return [m for m in children if isinstance(m, MetricLike)]

    @property
    def metrics_variables(self) -> list[Any]:
        """The variables of the metrics."""
        return [v for metric in self.metrics for v in metric.variables]

    def add_metric(self, *args: object, **kwargs: object) -> NoReturn:
        """Raise an error: a metric is an attribute of the layer."""
        raise MissingMethodError(
            f"Layer {self.name!r} ({type(self).__name__}): `add_metric` does not exist "
            "in Keras 3. Write `self.total = metrics.Mean()` in the constructor, and "
            "`self.total.update_state(value)` in `call`."
        )

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

    def __repr__(self) -> str:
        values = {k: v for k, v in self.constructor_arguments().items() if k != "name"}
        parts = [f"{k}={short(v)}" for k, v in values.items()]
        text = ", ".join([*parts, f"name={self.name!r}"])
        return f"{type(self).__name__}({text})"

    def _repr_html_(self) -> str:
        return layer_html(self)


def serialize(layer: Layer) -> Config:
    """Return the config of a layer, which `deserialize` takes.

    Args:
        layer: a layer or a model.

    Example:
        >>> from lamina.layers import Dense, deserialize
        >>> deserialize(serialize(Dense(4, name="head"))).name
        'head'
    """
    return registry.serialize(layer)
