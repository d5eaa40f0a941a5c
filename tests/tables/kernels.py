"""Arguments for each kernel of an op, drawn by hypothesis.

A case is the shapes of arrays, and a function of these arrays that returns a call.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from hypothesis import strategies as st

from lamina.ops.kernels.calls import (
    ArgmaxCall,
    AttentionCall,
    BiasCall,
    ConvCall,
    EinsumCall,
    MatmulCall,
    PoolCall,
    RecurrenceCall,
    StandardizeCall,
)
from lamina.ops.nn.attention_mask import AttentionConfig, AttentionDropout
from lamina.ops.nn.cells import CellSpec, Loop, Weights
from lamina.ops.nn.conv_params import ConvParams
from tests.tables.arrays import bools

# Compiler options for references, which need no fast machine code.
QUICKLY = {
    "xla_backend_optimization_level": 0,
    "xla_llvm_disable_expensive_passes": True,
}

ONE = st.just(1)
SMALL = st.integers(1, 3)
BATCH = st.integers(0, 3)
# Convolutions of so few channels compute two columns at once.
THIN = st.integers(9, 16)
FLAT = st.integers(1, 2)
SOME = st.integers(1, 3)


def with_last(call, *others):
    """Return a function of the first arguments of a call."""
    return lambda *arrays: call(*arrays, *others)


@st.composite
def windows(draw, ranks, largest=3, dilations=SMALL, strides=SMALL):
    """Draw a window, its parameters, and spatial lengths that it fits into."""
    window = [draw(st.integers(1, largest)) for _ in range(draw(ranks))]
    dilation = [draw(dilations) for _ in window]
    padding, space = [], []
    for size, rate in zip(window, dilation, strict=True):
        extent = (size - 1) * rate
        pads = draw(st.integers(0, extent)), draw(st.integers(0, extent))
        padding.append(pads)
        space.append(max(1, extent + 1 - sum(pads)) + draw(st.integers(0, 4)))
    steps = tuple(draw(strides) for _ in window)
    return tuple(window), ConvParams(steps, tuple(padding), tuple(dilation)), space


@st.composite
def convolutions(
    draw,
    ranks=SMALL,
    groups=ONE,
    channels=SMALL,
    filters=SMALL,
    batches=BATCH,
    **options,
):
    window, params, space = draw(windows(ranks, **options))
    parts, inner, outer = draw(groups), draw(channels), draw(filters)
    x = (draw(batches), *space, parts * inner)
    kernel = (*window, inner, parts * outer)
    return (x, kernel), with_last(ConvCall, params._replace(groups=parts))


@st.composite
def transposed_convolutions(draw, ranks=SMALL, batches=BATCH):
    window, params, space = draw(windows(ranks))
    channels, filters = draw(SMALL), draw(SMALL)
    # The window of an input must not lie in the padding entirely.
    x = (draw(batches), *(n + 2 for n in space), channels)
    return (x, (*window, filters, channels)), with_last(ConvCall, params)


@st.composite
def pools(draw):
    window, params, space = draw(windows(SMALL, dilations=ONE))
    return ((draw(BATCH), *space, draw(SMALL)),), with_last(PoolCall, window, params)


@st.composite
def biases(draw):
    x = draw(st.lists(BATCH, min_size=1, max_size=3)), draw(SMALL)
    return ((*x[0], x[1]), (x[1],)), BiasCall


@st.composite
def einsums(draw):
    shapes, _ = draw(products())
    letters = "abcde"[: len(shapes[0])]
    rows = draw(st.sampled_from([letters[:-1], "..."]))
    subscripts = f"{rows}{letters[-1]},{letters[-1]}z->{rows}z"
    call = lambda x, kernel: EinsumCall(subscripts, x, kernel)  # noqa: E731
    return shapes, call


@st.composite
def last_axes(draw):
    rows = draw(st.lists(BATCH, max_size=2))
    return ((*rows, draw(st.integers(1, 80))),), ArgmaxCall


@st.composite
def products(draw):
    rows = draw(st.lists(BATCH, min_size=1, max_size=3))
    inner, outer = draw(SMALL), draw(SMALL)
    return ((*rows, inner), (inner, outer)), MatmulCall


NO_RATE = st.just(0.0)


@st.composite
def attentions(draw, queries, widths=SMALL, batches=BATCH, rates=NO_RATE):
    batch, heads, width = draw(batches), draw(SMALL), draw(widths)
    rows, keys = draw(queries), draw(st.integers(1, 9) | st.just(150))
    near = draw(st.none() | st.integers(1, 4))
    options = AttentionConfig(0.5, draw(st.booleans()), near)
    whole = (batch, heads, rows, keys)
    ones = draw(st.lists(st.tuples(*[st.booleans()] * 4), max_size=2))
    masks = [
        bools(*(n if full else 1 for n, full in zip(whole, axes, strict=True)), seed=i)
        for i, axes in enumerate(ones)
    ]
    shapes = [(batch, n, heads, width) for n in (rows, keys)]
    values = (batch, keys, heads, draw(widths))
    rate = draw(rates)
    dropout = (
        AttentionDropout(jnp.array([rows, keys], "uint32"), rate) if rate else None
    )
    masks = tuple(map(jnp.asarray, masks))
    return (*shapes, values), with_last(AttentionCall, None, masks, options, dropout)


@st.composite
def recurrences(draw, kinds):
    kind = draw(st.sampled_from(kinds))
    cell = CellSpec(kind, jnp.tanh, jax.nn.sigmoid, standard=True)
    steps, batch, units = draw(st.integers(1, 6)), draw(BATCH), draw(SMALL)
    width, count = cell.gates * units, 2 if kind == "lstm" else 1
    mask = bools(steps, batch) if draw(st.booleans()) else None
    loop = Loop(mask, *draw(st.tuples(*[st.booleans()] * 4)))
    bias = draw(st.sampled_from([(), ((2, width) if kind == "gru" else (width,),)]))

    def call(x, kernel, *others):
        states, bias = list(others[:count]), [*others[count:], None][0]
        return RecurrenceCall(cell, x, states, Weights(kernel, bias), [], loop)

    states = [(batch, units)] * count
    return ((steps, batch, width), (units, width), *states, *bias), call


@st.composite
def standardizations(draw):
    axes = draw(st.lists(st.booleans(), min_size=1, max_size=4))
    x = tuple(draw(st.integers(1, 4)) if axis else draw(BATCH) for axis in axes)
    broadcast = tuple(draw(st.sampled_from([1, n])) for n in x)
    given = draw(st.tuples(st.booleans(), st.booleans()))
    chosen = tuple(i for i, axis in enumerate(axes) if axis)

    def call(x, *factors):
        rest = iter(factors)
        gamma, beta = (next(rest) if have else None for have in given)
        return StandardizeCall(x, gamma, beta, 0.5, chosen)

    return (x, *[broadcast] * sum(given)), call


THIN_CONVOLUTIONS = convolutions(
    st.just(2), channels=THIN, filters=THIN, dilations=ONE, strides=ONE
)
CASES = {
    ("attention", "blockwise_attention"): attentions(
        st.integers(1, 5)
        | st.sampled_from([128, 200, 257])
        | st.sampled_from([2300, 2500]),
        rates=st.sampled_from([0.0, 0.3, 1.0]),
    ),
    ("add_bias", "gradient_by_product"): biases(),
    ("conv", "pointwise_matmul"): convolutions(largest=1),
    ("conv", "depth_in_channels"): convolutions(ranks=st.just(3)),
    ("conv", "per_group"): convolutions(groups=st.integers(2, 3)),
    ("conv", "onednn"): convolutions(ranks=FLAT, batches=SOME),
    ("conv", "onednn_depthwise"): convolutions(
        groups=st.integers(2, 4), channels=ONE, batches=SOME
    ),
    ("conv", "shifted_products"): convolutions(groups=st.integers(2, 4), channels=ONE),
    ("conv", "patches"): convolutions(),
    ("conv", "shifted_results"): convolutions(),
    ("conv", "forward_convolutions"): convolutions() | THIN_CONVOLUTIONS,
    ("conv_transpose", "onednn"): transposed_convolutions(FLAT, SOME),
    ("conv_transpose", "stride_phases"): transposed_convolutions(),
    ("attention", "cudnn"): attentions(st.sampled_from([64, 128]), st.just(64), SMALL),
    ("matmul", "matmul_pretransposed"): products(),
    ("matmul", "matmul_by_rows"): products(),
    ("argmax", "index_of_maximum"): last_axes(),
    ("einsum", "einsum_by_rows"): einsums(),
    ("recurrence", "cached_gates"): recurrences(["simple", "lstm", "gru"]),
    ("recurrence", "unrolled"): recurrences(["simple", "lstm", "gru"]),
    ("standardize", "fused_backward"): standardizations(),
    ("max_pool", "maxima"): pools(),
    ("max_pool", "maxima_by_axis"): pools(),
    ("average_pool", "sums_by_axis"): pools(),
}
# Kernels that support some dtypes only.
TYPES = {
    ("attention", "cudnn"): ["bfloat16"],
    ("conv", "onednn"): ["float32"],
    ("conv", "onednn_depthwise"): ["float32"],
    ("conv_transpose", "onednn"): ["float32"],
}
