"""Base class of multi-head attention layers."""

from __future__ import annotations

import math
import string
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import jax.numpy as jnp
import numpy as np

from lamina import constraints, initializers, regularizers
from lamina.core.check import boolean, fraction, optional, positive_int
from lamina.core.masks import get_mask, set_mask
from lamina.core.module import Hyperparameter
from lamina.core.random.seeds import SeedGenerator
from lamina.errors import ArgumentError, ShapeError
from lamina.initializers import Initializer
from lamina.layers.attention.computation import (
    HeadsCall,
    attended_axes,
    einsum_attention,
    fused_attention,
)
from lamina.layers.base import Converted, Layer
from lamina.layers.core.dense import EinsumDense
from lamina.ops.nn.attention_mask import AttentionConfig
from lamina.typing import ActivationLike, Array, InitializerLike
from lamina.typing import PartialShape as Shape


class Projections(NamedTuple):
    """The dense layers before and after attention."""

    query: EinsumDense
    key: EinsumDense
    value: EinsumDense
    gate: EinsumDense | None
    output: EinsumDense


class MultiHeadBase(Layer):
    """Base class of multi-head attention layers.

    A subclass has the number and width of its heads. `prefix` begins the attributes of
    the projections, which files use as names.
    """

    supports_masking = True
    prefix: ClassVar[str] = "_"
    dropout = Hyperparameter()
    use_bias: bool
    output_shape: Any = None
    attention_axes: Any = None
    sliding_window: int | None
    flash_attention: bool | None
    kernel_initializer = Converted(initializers.get)
    bias_initializer = Converted(initializers.get)
    kernel_regularizer = Converted(regularizers.get)
    bias_regularizer = Converted(regularizers.get)
    # Penalty on the outputs of the projections.
    projection_regularizer: Converted[Any] = Converted(regularizers.get)
    kernel_constraint = Converted(constraints.get)
    bias_constraint = Converted(constraints.get)
    use_gate: bool
    arguments = {
        "dropout": fraction,
        "use_bias": boolean,
        "sliding_window": optional(positive_int),
        "use_gate": boolean,
    }

    def _store_arguments(
        self, arguments: Mapping[str, Any], omit: Sequence[str] = ()
    ) -> None:
        super()._store_arguments(arguments, omit)
        self.projection_regularizer = arguments["activity_regularizer"]
        if arguments["dropout"] == 0:
            return
        self.seed_generator = SeedGenerator(arguments["seed"])
        if self.flash_attention:
            raise ArgumentError(
                f"{type(self).__name__}: flash attention does not support dropout. "
                f"Received: dropout={arguments['dropout']}. Use `dropout=0`, or omit "
                "`flash_attention`."
            )

    def head_shapes(self) -> tuple[Shape, Shape, Shape, Shape]:
        """Return the (heads, width) of the query, key, value and outputs."""
        raise NotImplementedError

    def build(
        self, query_shape: Shape, value_shape: Shape, key_shape: Shape | None = None
    ) -> None:
        """Create the projections."""
        key_shape = value_shape if key_shape is None else key_shape
        _check_key_shape(self, value_shape, key_shape)
        query, key, value, outputs = self.head_shapes()
        _add_projection(self, "query", query_shape, query)
        _add_projection(self, "key", key_shape, key)
        self._gate_dense = None
        if self.use_gate:
            _add_projection(self, "gate", query_shape, outputs, activation="sigmoid")
        _add_projection(self, "value", value_shape, value)
        width = self.output_shape or query_shape[-1:]
        _add_projection(self, "output", (*query_shape[:-1], *outputs), width, 2)

    def attribute_of(self, field: str) -> str:
        """Return the attribute of a field of `Projections`."""
        return f"{'_' if field == 'gate' else self.prefix}{field}_dense"

    def projections(self) -> Projections:
        """Return the projections."""
        names = map(self.attribute_of, Projections._fields)
        return Projections(*(getattr(self, name) for name in names))

    def compute_output_shape(
        self, query_shape: Shape, value_shape: Shape, key_shape: Shape | None = None
    ) -> tuple[int | None, ...]:
        """Return the shape of the output for inputs of these shapes."""
        _check_key_shape(self, value_shape, key_shape or value_shape)
        return (*query_shape[:-1], *(self.output_shape or query_shape[-1:]))

    def call(
        self,
        query: Array,
        value: Array,
        key: Array | None = None,
        query_mask: Array | None = None,
        value_mask: Array | None = None,
        key_mask: Array | None = None,
        attention_mask: Array | None = None,
        return_attention_scores: bool = False,
        training: bool | None = None,
        use_causal_mask: bool = False,
    ) -> Any:
        if self.flash_attention and return_attention_scores:
            raise ArgumentError(
                f"Layer {self.name!r} ({type(self).__name__}) cannot return the scores "
                "with `flash_attention=True`: the fused kernel does not store them. "
                "Omit `flash_attention`."
            )
        query_mask = get_mask(query) if query_mask is None else query_mask
        value_mask = get_mask(value) if value_mask is None else value_mask
        key_mask = get_mask(key) if key_mask is None else key_mask
        dense = self.projections()
        queries = dense.query(query)
        keys = dense.key(value if key is None else key)
        heads = _repeat_heads(queries, keys, dense.value(value))
        if attention_mask is not None and heads[0].ndim == 4:
            _check_pair_mask(self, attention_mask, heads[0].shape[1], heads[1].shape[1])
        masks = _pair_masks(query_mask, value_mask, key_mask, attention_mask)
        scale = 1 / math.sqrt(heads[0].shape[-1])
        config = AttentionConfig(scale, use_causal_mask, self.sliding_window)
        # `self.dropout` may be traced; `vars` holds its Python value.
        has_dropout = vars(self)["dropout"] > 0
        drop = (self.dropout, self.seed_generator) if has_dropout and training else None
        inputs = HeadsCall(*heads, masks, config, drop)
        weights = None
        if return_attention_scores or heads[0].ndim != 4:
            axes = attended_axes(self, inputs, self.attention_axes)
            outputs, weights = einsum_attention(inputs, axes)
        else:
            outputs = fused_attention(inputs, self.flash_attention, has_dropout)
        if dense.gate is not None:
            outputs = outputs * dense.gate(query)
        outputs = dense.output(outputs)
        # `Layer` attaches masks of positional inputs only; the query may be a keyword.
        set_mask(outputs, query_mask)
        return (outputs, weights) if return_attention_scores else outputs


def _add_projection(
    layer: MultiHeadBase,
    field: str,
    shape: Shape,
    outputs: Shape,
    inner: int = 1,
    activation: ActivationLike = None,
) -> None:
    """Create a dense layer that maps the last `inner` axes to `outputs`."""
    letters, rank = string.ascii_lowercase, len(shape)
    batch, summed = letters[: rank - inner], letters[rank - inner : rank]
    new = letters[rank : rank + len(outputs)]
    dense = EinsumDense(
        f"{batch}{summed},{summed}{new}->{batch}{new}",
        (*[None] * (len(batch) - 1), *outputs),
        activation,
        bias_axes=new if layer.use_bias else None,
        kernel_initializer=_clone_initializer(layer.kernel_initializer),
        bias_initializer=_clone_initializer(layer.bias_initializer),
        kernel_regularizer=layer.kernel_regularizer,
        bias_regularizer=layer.bias_regularizer,
        kernel_constraint=layer.kernel_constraint,
        bias_constraint=layer.bias_constraint,
        activity_regularizer=layer.projection_regularizer,
        dtype=layer.dtype_policy,
        name="attention_output" if field == "output" else field,
    )
    dense.build(shape)
    setattr(layer, layer.attribute_of(field), dense)


def _check_key_shape(layer: Layer, value_shape: Shape, key_shape: Shape) -> None:
    if tuple(key_shape[1:-1]) != tuple(value_shape[1:-1]):
        raise ShapeError(
            f"Layer {layer.name!r} ({type(layer).__name__}) needs one key for each "
            f"value. It got values of shape {tuple(value_shape)} and keys of shape "
            f"{tuple(key_shape)}."
        )


def _pair_masks(
    query: Array | None, value: Array | None, key: Array | None, pairs: Array | None
) -> list[Array]:
    """Return the masks that exist, as masks of pairs of a query and a key."""
    masks = [
        None if query is None else query[..., None],
        None if value is None else value[..., None, :],
        None if key is None else key[..., None, :],
        pairs,
    ]
    return [jnp.asarray(mask, bool) for mask in masks if mask is not None]


def _check_pair_mask(
    layer: MultiHeadBase, mask: Array, queries: int, keys: int
) -> None:
    """Refuse a mask that is not one of pairs of a query and a key.

    Raises:
        ShapeError: its last two axes are not those of queries and keys.
    """
    shape = np.shape(mask)
    pairs = zip(reversed(shape), (keys, queries), strict=False)
    if len(shape) < 2 or any(size not in (1, wanted) for size, wanted in pairs):
        raise ShapeError(
            f"Layer {layer.name!r} ({type(layer).__name__}): `attention_mask` must be "
            f"of shape (batch, {queries}, {keys}), for queries and keys. Received: "
            f"shape {shape}. For a mask of keys alone, pass mask[:, None, :]."
        )


def _repeat_heads(q: Array, k: Array, v: Array) -> tuple[Array, Array, Array]:
    """Repeat keys and values that several query heads share."""
    repeats = q.shape[-2] // k.shape[-2]
    if repeats == 1:
        return q, k, v
    return q, jnp.repeat(k, repeats, -2), jnp.repeat(v, repeats, -2)


def as_sequence(sizes: int | Sequence[int] | None) -> Sequence[int] | None:
    """Return one integer as a tuple, and anything else unchanged."""
    return (sizes,) if isinstance(sizes, int) else sizes


def _clone_initializer(initializer: InitializerLike) -> Any:
    # A clone draws different values, unless the user gave it a seed.
    return initializer.clone() if isinstance(initializer, Initializer) else initializer
