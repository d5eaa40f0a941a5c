"""For each form of an op, what it can be called with, drawn by hypothesis: the shapes
of its arrays, and a function that makes one of arrays of it by filling in the rest."""

from __future__ import annotations

from hypothesis import strategies as st

from lamina.ops.windows import Sliding

ONE = st.just(1)
SMALL = st.integers(1, 3)
BATCH = st.integers(0, 3)
# Up to this many channels, products are widened before XLA gets them.
THIN = st.integers(9, 16)


def with_last(*others):
    """The arrays come first."""
    return lambda run: lambda *arrays: run(*arrays, *others)


@st.composite
def windows(draw, ranks, largest=3, dilations=SMALL, strides=SMALL):
    """A window, how it moves, and the lengths of a space it fits into."""
    window = [draw(st.integers(1, largest)) for _ in range(draw(ranks))]
    dilation = [draw(dilations) for _ in window]
    padding, space = [], []
    for size, rate in zip(window, dilation, strict=True):
        reach = (size - 1) * rate
        borders = draw(st.integers(0, reach)), draw(st.integers(0, reach))
        padding.append(borders)
        space.append(max(1, reach + 1 - sum(borders)) + draw(st.integers(0, 4)))
    steps = tuple(draw(strides) for _ in window)
    return tuple(window), Sliding(steps, tuple(padding), tuple(dilation)), space


@st.composite
def convolutions(
    draw, ranks=SMALL, groups=ONE, channels=SMALL, filters=SMALL, **options
):
    window, sliding, space = draw(windows(ranks, **options))
    parts, inner, outer = draw(groups), draw(channels), draw(filters)
    x = (draw(BATCH), *space, parts * inner)
    kernel = (*window, inner, parts * outer)
    return (x, kernel), with_last(sliding._replace(groups=parts))


@st.composite
def transposed_convolutions(draw):
    window, sliding, space = draw(windows(SMALL))
    channels, filters = draw(SMALL), draw(SMALL)
    # The place of an input in the output must not lie in the padding entirely.
    x = (draw(BATCH), *(n + 2 for n in space), channels)
    return (x, (*window, filters, channels)), with_last(sliding)


@st.composite
def pools(draw):
    window, sliding, space = draw(windows(SMALL, dilations=ONE))
    return ((draw(BATCH), *space, draw(SMALL)),), with_last(window, sliding)


@st.composite
def biases(draw):
    x = draw(st.lists(BATCH, min_size=1, max_size=3)), draw(SMALL)
    return ((*x[0], x[1]), (x[1],)), with_last()


THIN_CONVOLUTIONS = convolutions(
    st.just(2), channels=THIN, filters=THIN, dilations=ONE, strides=ONE
)
CASES = {
    ("add_bias", "gradient_by_product"): biases(),
    ("conv", "one_product"): convolutions(largest=1),
    ("conv", "depth_in_channels"): convolutions(ranks=st.just(3)),
    ("conv", "per_group"): convolutions(groups=st.integers(2, 3)),
    ("conv", "shifted_products"): convolutions(groups=st.integers(2, 4), channels=ONE),
    ("conv", "patches"): convolutions(),
    ("conv", "forward_convolutions"): convolutions() | THIN_CONVOLUTIONS,
    ("conv_transpose", "stride_phases"): transposed_convolutions(),
    ("max_pool", "maxima"): pools(),
    ("max_pool", "maxima_by_axis"): pools(),
    ("average_pool", "sums_by_axis"): pools(),
}
