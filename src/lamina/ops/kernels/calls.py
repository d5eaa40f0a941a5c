"""Arguments of the ops that have kernels: a kernel and its predicates take one call."""

from __future__ import annotations

import math
from typing import NamedTuple

from lamina.ops.nn.attention_mask import AttentionConfig, AttentionDropout
from lamina.ops.nn.cells import CellSpec, Loop, Weights
from lamina.ops.nn.conv_params import ConvParams
from lamina.typing import Array, ArrayLike


class ConvCall(NamedTuple):
    """Arguments of a convolution or a transposed one."""

    x: Array
    kernel: Array
    params: ConvParams

    @property
    def window_size(self) -> int:
        """Number of elements in the window."""
        return math.prod(self.kernel.shape[:-2])

    @property
    def outputs(self) -> int:
        """Number of products with each channel of the input, over the window."""
        return self.window_size * self.kernel.shape[-1]

    @property
    def is_ungrouped(self) -> bool:
        """True if every filter reads all channels."""
        return self.params.groups == 1


class PoolCall(NamedTuple):
    """Arguments of a pooling."""

    x: Array
    window: tuple[int, ...]
    params: ConvParams


class BiasCall(NamedTuple):
    """Arguments of `add_bias`."""

    x: Array
    bias: Array


class MatmulCall(NamedTuple):
    """Arguments of a matrix product."""

    x: Array
    matrix: Array


class ArgmaxCall(NamedTuple):
    """Arguments of an argmax over the last axis."""

    x: Array


class EinsumCall(NamedTuple):
    """Arguments of an einsum of two arrays."""

    subscripts: str
    x: Array
    kernel: Array


class StandardizeCall(NamedTuple):
    """Arguments of a standardization."""

    x: Array
    gamma: Array | None
    beta: Array | None
    epsilon: ArrayLike
    axes: tuple[int, ...]


class AttentionCall(NamedTuple):
    """Arguments of attention.

    Args:
        query: (batch, queries, heads, width).
        key: (batch, keys, heads, width).
        value: (batch, keys, heads, any width).
        bias: added to the scores, or `None`.
        masks: boolean; each broadcasts to (batch, heads, queries, keys).
        options: scale, causality, window and soft cap.
        dropout: the dropout of attention weights, or `None`.
    """

    query: Array
    key: Array
    value: Array
    bias: Array | None
    masks: tuple[Array, ...]
    options: AttentionConfig
    dropout: AttentionDropout | None


class RecurrenceCall(NamedTuple):
    """Arguments of a recurrence."""

    cell: CellSpec
    projected: Array
    states: list[Array]
    weights: Weights
    noise: list[Array]
    loop: Loop
