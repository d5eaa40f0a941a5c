"""Convolutions by oneDNN, which jaxlib carries for x86 processors.

XLA:CPU can call oneDNN's forward convolution, and does not choose it by itself. As a
convolution of arrays in the right order, both gradients come from it too.

XLA can't write such a program into a file. So the call is only made in programs that
are compiled and run here, never in what users trace for themselves.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.core import ShapedArray
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from lamina.ops.kernels.cpu import depthwise_gradients
from lamina.ops.kernels.cpu.direct_conv import Convolutions, backward, input_gradient
from lamina.ops.nn.conv_params import ConvParams
from lamina.runtime.executable import Program, is_in_process_compile

__all__ = ["ONEDNN", "can_run", "is_available"]

Pair = tuple[jax.Array, jax.Array]

# Bytes of images that a step of the kernel's gradient should keep in a core's cache,
# and how many images its products need at least to be worth their start.
_CACHE, _FEW = 2**19, 8


def convolve(x: jax.Array, kernel: jax.Array, sliding: ConvParams) -> jax.Array:
    """The convolution of (batch, *space, in) with (*window, in, out).

    It has one group, or each channel is one: (*window, 1, in).
    """
    y: jax.Array = _convolve.bind(x, kernel, sliding=sliding)
    return y


def kernel_gradient(
    x: jax.Array, dy: jax.Array, kernel: jax.Array, sliding: ConvParams
) -> jax.Array:
    """The gradient by the kernel of one group."""
    window = kernel.shape[:-2]
    slope: jax.Array = _gradient.bind(x, dy, window=window, sliding=sliding)
    return slope


ONEDNN = Convolutions(convolve, kernel_gradient)


def _call(
    x: jax.Array,
    kernel: jax.Array,
    sliding: ConvParams,
    axes: Sequence[int],
    shape: Sequence[int],
) -> jax.Array:
    """A call of oneDNN, described by XLA's `OneDnnConvolutionConfig` as text.

    Args:
        x: (batch, *space, channels).
        kernel: in any order.
        sliding: how its window moves.
        axes: which of the kernel's axes go in, out and along the space.
        shape: the result's, as that of x.
    """
    inner, outer, *window = axes
    space = list(range(1, x.ndim - 1))
    places = {"batch_dim": 0, "feature_dim": x.ndim - 1, "spatial_dims": space}
    data = {"dims": x.ndim, "data": places}
    weights = {
        "input_feature_dim": inner,
        "output_feature_dim": outer,
        "spatial_dims": window,
        "shape": kernel.shape,
    }
    before, after = zip(*sliding.padding, strict=True)
    moves = {
        "size": [kernel.shape[axis] for axis in window],
        "pad_left": before,
        "pad_right": after,
        "strides": sliding.strides,
        "window_dilations": sliding.dilation,
    }
    config = {
        "dims": x.ndim,
        "input": data,
        "kernel": {"dims": x.ndim, "filter": weights},
        "output": data,
        "window": moves,
        "feature_groups": sliding.groups,
    }
    run = jax.ffi.ffi_call(
        "__onednn$convolution",
        jax.ShapeDtypeStruct(tuple(shape), x.dtype),
        custom_call_api_version=1,
        legacy_backend_config=json.dumps({"onednn_conv_config": config}),
    )
    return run(x, kernel)


@functools.cache
def is_available() -> bool:
    """Whether oneDNN gives the right result here; tried once in a process."""
    if jax.default_backend() != "cpu" or jax.device_count() > 1:
        return False  # nor are arrays spread over several devices
    x = np.arange(2 * 5 * 4 * 3, dtype=np.float32).reshape(2, 5, 4, 3) % 7
    kernel = np.arange(2 * 3 * 3 * 2, dtype=np.float32).reshape(2, 3, 3, 2) % 5
    sliding = ConvParams((2, 1), ((1, 0), (1, 1)), (1, 1))
    expected = np.zeros((2, 3, 4, 2), np.float32)
    wide = np.pad(x, [(0, 0), (1, 0), (1, 1), (0, 0)])
    for row, column in np.ndindex(3, 4):
        seen = wide[:, 2 * row : 2 * row + 2, column : column + 3]
        expected[:, row, column] = np.tensordot(seen, kernel, 3)
    try:
        program = Program(lambda x, kernel: convolve(x, kernel, sliding))
        found = program(x, kernel)
    except Exception:  # a library without the call tells so in ways of its own
        return False
    return np.array_equal(found, expected)


def can_run(x: jax.Array, kernel: jax.Array, sliding: ConvParams) -> bool:
    """Whether oneDNN can take this convolution and both gradients, if traced here.

    It has one group or, in up to three dimensions, as many as channels.
    """
    floats = {x.dtype, kernel.dtype} == {jnp.dtype("float32")}
    known = x.ndim <= (4 if sliding.groups == 1 else 5)
    alone = sliding.groups in (1, x.shape[-1])
    axes = zip(sliding.padding, kernel.shape, sliding.dilation, strict=False)
    # The gradient would have to be cut where a border is wider.
    near = all(max(border) <= (k - 1) * rate for border, k, rate in axes)
    some = 0 not in (*x.shape, *kernel.shape)
    fits = floats and known and alone and near and some
    return fits and is_in_process_compile() and is_available()


def _result(x: Any, kernel: Any, sliding: ConvParams) -> ShapedArray:
    axes = zip(x.shape[1:-1], kernel.shape, *sliding[:3], strict=False)
    lengths = [
        (n + sum(border) - (k - 1) * rate - 1) // step + 1
        for n, k, step, border, rate in axes
    ]
    shape = (x.shape[0], *lengths, kernel.shape[-1])
    return ShapedArray(shape, x.dtype)


def _run(x: jax.Array, kernel: jax.Array, sliding: ConvParams) -> jax.Array:
    rank = x.ndim - 2
    axes = rank, rank + 1, *range(rank)
    return _call(x, kernel, sliding, axes, _result(x, kernel, sliding).shape)


def _input_slope(dy: Any, x: Any, kernel: Any, sliding: ConvParams) -> jax.Array:
    space = x.aval.shape[1:-1]
    if sliding.groups == 1:
        return input_gradient(dy, kernel, sliding, space, ONEDNN)
    if max(sliding.strides) == 1:
        turned = jnp.flip(kernel, range(len(space)))
        return convolve(dy, turned, backward(dy, kernel, sliding, space))
    return depthwise_gradients.input_gradient(
        dy, jnp.squeeze(kernel, -2), sliding, space
    )


def _kernel_slope(dy: Any, x: Any, kernel: Any, sliding: ConvParams) -> jax.Array:
    if sliding.groups == 1:
        return kernel_gradient(x, dy, kernel.aval, sliding)
    window = kernel.aval.shape[:-2]
    slope = depthwise_gradients.kernel_gradient(x, dy, window, sliding)
    return jnp.expand_dims(slope, -2)


def _gradient_result(
    x: Any, dy: Any, window: tuple[int, ...], sliding: ConvParams
) -> ShapedArray:
    return ShapedArray((*window, x.shape[-1], dy.shape[-1]), x.dtype)


def _by_input(
    slope: Any, x: Any, dy: Any, window: tuple[int, ...], sliding: ConvParams
) -> jax.Array:
    return input_gradient(dy, slope, sliding, x.aval.shape[1:-1], ONEDNN)


def _by_slope(
    slope: Any, x: Any, dy: Any, window: tuple[int, ...], sliding: ConvParams
) -> jax.Array:
    return convolve(x, slope, sliding)


def _run_gradient(
    x: jax.Array, dy: jax.Array, window: tuple[int, ...], sliding: ConvParams
) -> jax.Array:
    """The gradient by the kernel: dy slides over x, a few images at a time.

    The images are what the products sum over, and the channels of x one more axis of
    the space. So few images as a core's cache holds: all at once are read from memory
    for each place in the window.
    """
    batch = x.shape[0]
    size = 4 * (math.prod(x.shape[1:]) + math.prod(dy.shape[1:]))
    zeros = jnp.zeros((*window, x.shape[-1], dy.shape[-1]), x.dtype)
    few = min(batch, max(_FEW, 1 << (_CACHE // size).bit_length()))
    whole = batch - batch % few

    def add(total: jax.Array, images: Pair) -> tuple[jax.Array, None]:
        return total + _gradient_of(*images, window, sliding), None

    xs, dys = (a[:whole].reshape(whole // few, few, *a.shape[1:]) for a in (x, dy))
    # By twos: one core turns images while the other multiplies those before.
    total, _ = lax.scan(add, zeros, (xs, dys), unroll=2)
    if whole < batch:
        total, _ = add(total, (x[whole:], dy[whole:]))
    return total


def _gradient_of(
    x: jax.Array, dy: jax.Array, window: tuple[int, ...], sliding: ConvParams
) -> jax.Array:
    """The gradient of a few images.

    What is turned has the fewer channels, for oneDNN works on 16 of the others at once.
    """
    rank = len(window)
    reach = [(k - 1) * rate for k, rate in zip(window, sliding.dilation, strict=True)]
    starts = [before for before, _ in sliding.padding]
    if max(sliding.strides) == 1 and x.shape[-1] > dy.shape[-1]:
        starts = [far - before for far, before in zip(reach, starts, strict=True)]
        slope = _kernel_gradient(dy, x, starts, reach, sliding)
        return jnp.flip(slope, range(rank)).swapaxes(-1, -2)
    return _kernel_gradient(x, dy, starts, reach, sliding)


def _kernel_gradient(
    x: jax.Array,
    other: jax.Array,
    starts: list[int],
    reach: list[int],
    sliding: ConvParams,
) -> jax.Array:
    """How the channels of x, seen from each place in a window, go with the other's."""
    rank = len(starts)
    space = tuple(range(1, rank + 1))
    padding: list[tuple[int, int]] = []
    for axis, before, far, step in zip(
        space, starts, reach, sliding.strides, strict=True
    ):
        covered = (other.shape[axis] - 1) * step + 1
        after = covered + far - x.shape[axis] - before
        padding.append((before, max(after, 0)))
        # What no window reaches.
        x = lax.slice_in_dim(x, 0, x.shape[axis] + min(after, 0), axis=axis)
    moves = ConvParams(
        (*sliding.dilation, 1), (*padding, (0, 0)), (*sliding.strides, 1)
    )
    axes = 0, rank + 2, *space, rank + 1
    turned = x.transpose(*space, rank + 1, 0)[None]
    window = [
        far // rate + 1 for far, rate in zip(reach, sliding.dilation, strict=True)
    ]
    shape = (1, *window, x.shape[-1], other.shape[-1])
    return _call(turned, jnp.expand_dims(other, rank + 1), moves, axes, shape)[0]


def _primitive(
    name: str, run: Any, result: Any, transposes: tuple[Any, Any]
) -> Primitive:
    """A product of two arrays that JAX can differentiate and map in every way."""
    primitive = Primitive(name)
    primitive.def_abstract_eval(result)
    # For what is computed while a program is traced.
    primitive.def_impl(
        lambda *pair, **how: Program(functools.partial(run, **how))(*pair)
    )
    ad.defbilinear(primitive, *transposes)
    mlir.register_lowering(primitive, mlir.lower_fun(run, multiple_results=False))

    def mapped(arrays: Any, axes: Any, **how: Any) -> tuple[jax.Array, int]:
        pairs = list(zip(arrays, axes, strict=True))
        count = next(a.shape[axis] for a, axis in pairs if axis is not None)
        spread = [
            jnp.broadcast_to(a, (count, *a.shape))
            if axis is None
            else jnp.moveaxis(a, axis, 0)
            for a, axis in pairs
        ]
        return lax.map(lambda pair: primitive.bind(*pair, **how), spread), 0

    batching.primitive_batchers[primitive] = mapped
    return primitive


_convolve = _primitive("onednn_convolve", _run, _result, (_input_slope, _kernel_slope))
_gradient = _primitive(
    "onednn_kernel_gradient", _run_gradient, _gradient_result, (_by_input, _by_slope)
)
