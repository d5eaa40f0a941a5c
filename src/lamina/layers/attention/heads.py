"""Base class of multi-head attention layers."""

from __future__ import annotations

import math
import string
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp

from lamina import constraints, initializers, regularizers
from lamina.core.check import boolean, fraction, optional, positive_int
from lamina.core.masks import get_mask, set_mask
from lamina.core.module import Hyperparameter
from lamina.core.random.masks import dropout
from lamina.core.random.seeds import SeedGenerator, draw_seed
from lamina.errors import ArgumentError, ShapeError
from lamina.initializers import Initializer
from lamina.layers.base import Converted, Layer
from lamina.layers.core.dense import EinsumDense
from lamina.ops.nn.attention import AttentionCall, attention
from lamina.ops.nn.attention_mask import (
    AttentionConfig,
    AttentionDropout,
    combine_masks,
)
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
        self._check_key_shape(value_shape, key_shape)
        query, key, value, outputs = self.head_shapes()
        self._add_projection("query", query_shape, query)
        self._add_projection("key", key_shape, key)
        self._gate_dense = None
        if self.use_gate:
            self._add_projection("gate", query_shape, outputs, activation="sigmoid")
        self._add_projection("value", value_shape, value)
        width = self.output_shape or query_shape[-1:]
        self._add_projection("output", (*query_shape[:-1], *outputs), width, 2)

    def _check_key_shape(self, value_shape: Shape, key_shape: Shape) -> None:
        if tuple(key_shape[1:-1]) != tuple(value_shape[1:-1]):
            raise ShapeError(
                f"Layer {self.name!r} ({type(self).__name__}) needs one key for each "
                f"value. It got values of shape {tuple(value_shape)} and keys of shape "
                f"{tuple(key_shape)}."
            )

    def _add_projection(
        self,
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
            bias_axes=new if self.use_bias else None,
            kernel_initializer=_clone_initializer(self.kernel_initializer),
            bias_initializer=_clone_initializer(self.bias_initializer),
            kernel_regularizer=self.kernel_regularizer,
            bias_regularizer=self.bias_regularizer,
            kernel_constraint=self.kernel_constraint,
            bias_constraint=self.bias_constraint,
            activity_regularizer=self.projection_regularizer,
            dtype=self.dtype_policy,
            name="attention_output" if field == "output" else field,
        )
        dense.build(shape)
        setattr(self, self._attribute(field), dense)

    def _attribute(self, field: str) -> str:
        return f"{'_' if field == 'gate' else self.prefix}{field}_dense"

    def projections(self) -> Projections:
        """Return the projections."""
        names = map(self._attribute, Projections._fields)
        return Projections(*(getattr(self, name) for name in names))

    def compute_output_shape(
        self, query_shape: Shape, value_shape: Shape, key_shape: Shape | None = None
    ) -> tuple[int | None, ...]:
        """Return the shape of the output for inputs of these shapes."""
        self._check_key_shape(value_shape, key_shape or value_shape)
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
        masks = [
            None if query_mask is None else query_mask[..., None],
            None if value_mask is None else value_mask[..., None, :],
            None if key_mask is None else key_mask[..., None, :],
            attention_mask,
        ]
        masks = [jnp.asarray(m, bool) for m in masks if m is not None]
        dense = self.projections()
        queries = dense.query(query)
        keys = dense.key(value if key is None else key)
        heads = _repeat_heads(queries, keys, dense.value(value))
        config = AttentionConfig(
            1 / math.sqrt(heads[0].shape[-1]), use_causal_mask, self.sliding_window
        )
        weights = None
        if return_attention_scores or heads[0].ndim != 4:
            outputs, weights = self._einsum_attention(*heads, masks, config, training)
        else:
            outputs = self._fused_attention(*heads, masks, config, training)
        if dense.gate is not None:
            outputs = outputs * dense.gate(query)
        outputs = dense.output(outputs)
        # `Layer` attaches masks of positional inputs only; the query may be a keyword.
        set_mask(outputs, query_mask)
        return (outputs, weights) if return_attention_scores else outputs

    def _has_dropout(self, training: bool | None) -> bool:
        # `self.dropout` may be traced; `vars` holds its Python value.
        return bool(training) and vars(self)["dropout"] > 0

    def _fused_attention(
        self,
        q: Array,
        k: Array,
        v: Array,
        masks: list[Array],
        config: AttentionConfig,
        training: bool | None,
    ) -> Array:
        arrays = tuple(_expand_mask(mask, 4, 1) for mask in masks)
        drop = None
        if self._has_dropout(training):
            drop = AttentionDropout(draw_seed(self.seed_generator), self.dropout)
        call = AttentionCall(q, k, v, None, arrays, config, drop)
        y = attention(call, self.flash_attention)
        if vars(self)["dropout"] == 0 or not (arrays or config.window):
            return y
        # As in Keras, a query that sees no key gives zeros if the layer has dropout.
        visible = combine_masks(config, arrays, q.shape[1], k.shape[1])
        return jnp.where(jnp.any(visible, -1, keepdims=True).swapaxes(1, 2), y, 0)

    def _einsum_attention(
        self,
        q: Array,
        k: Array,
        v: Array,
        masks: list[Array],
        config: AttentionConfig,
        training: bool | None,
    ) -> tuple[Array, Array]:
        """Return the heads' outputs and the attention weights."""
        axes: tuple[int, ...] = tuple(range(1, q.ndim - 2))
        if self.attention_axes is not None:
            axes = tuple(a % (q.ndim - 1) for a in self.attention_axes)
        score_equation, output_equation = _einsum_equations(q.ndim, axes)
        scores = jnp.einsum(score_equation, k, q * jnp.asarray(config.scale, q.dtype))
        if config.causal or config.window is not None:
            masks = [*masks, self._position_mask(config, scores, len(axes))]
        visible = None
        for mask in masks:
            mask = _expand_mask(mask, scores.ndim, len(axes))
            visible = mask if visible is None else visible & mask
        if visible is not None:
            # Finite, so that a query that sees no key does not give NaN.
            lowest = jnp.asarray(jnp.finfo(scores.dtype).min / 2, scores.dtype)
            scores = jnp.where(visible, scores, lowest)
        weights = jax.nn.softmax(scores, tuple(range(-len(axes), 0)))
        if visible is not None:
            weights = jnp.where(visible, weights, 0)
        dropped = weights
        if self._has_dropout(training):
            dropped = dropout(weights, self.dropout, seed=self.seed_generator)
        return jnp.einsum(output_equation, dropped, v), weights

    def _position_mask(
        self, config: AttentionConfig, scores: Array, axes: int
    ) -> Array:
        """Return the causal and sliding-window mask, (1, queries, keys)."""
        if axes != 1:
            raise ArgumentError(
                f"Layer {self.name!r} ({type(self).__name__}) attends over {axes} "
                "axes: `use_causal_mask` and `sliding_window` need exactly one. Set "
                "`attention_axes` to one axis."
            )
        return combine_masks(config, (), *scores.shape[-2:])[0]


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


def _expand_mask(mask: Array, rank: int, axes: int) -> Array:
    """Insert axes of size 1 into a (batch, *queries, *keys) mask, up to a rank."""
    while mask.ndim < rank:
        mask = jnp.expand_dims(mask, -2 * axes - 1)
    return mask


def _einsum_equations(rank: int, axes: Sequence[int]) -> tuple[str, str]:
    """Return the `einsum` equations of scores and outputs.

    The scores have the axes that are not attended over first, then those of the
    queries, then those of the keys.
    """
    queries = string.ascii_lowercase[:rank]
    others = iter(string.ascii_lowercase[rank:])
    keys = "".join(next(others) if i in axes else a for i, a in enumerate(queries))
    batch = "".join(a for i, a in enumerate(queries[:-1]) if i not in axes)
    scores = batch + "".join(queries[i] for i in axes)
    scores += "".join(keys[i] for i in axes)
    return f"{keys},{queries}->{scores}", f"{scores},{keys}->{queries}"
