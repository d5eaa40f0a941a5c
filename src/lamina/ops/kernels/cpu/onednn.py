"""Convolutions by oneDNN, which jaxlib includes for x86 processors.

XLA:CPU can call oneDNN's forward convolution, but does not do so by itself. Both
gradients are forward convolutions of transposed arrays.

XLA cannot serialize a program with such a call. So only programs that are compiled and
run in this process contain it, never a program that a user traces.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.core import ShapedArray
from jax.interpreters import ad, batching, mlir
from jax.interpreters.ad import UndefinedPrimal

from lamina.ops.kernels.calls import ConvCall
from lamina.ops.kernels.cpu import depthwise_gradients
from lamina.ops.kernels.cpu.direct_conv import (
    Convolutions,
    backward_params,
    conv_transpose,
    input_gradient,
)
from lamina.ops.kernels.cpu.window_slices import covered, extents
from lamina.ops.kernels.table import register_kernel
from lamina.ops.nn.conv_params import ConvParams
from lamina.runtime.executable import Program
from lamina.typing import Array

Pair = tuple[jax.Array, jax.Array]
Shaped = jax.Array | ShapedArray

_CALL = "__onednn$convolution"
# Two filters of 3x3: with fewer outputs per position oneDNN's vectors are not full.
_MIN_OUTPUTS = 18
# The kernel's gradient sums over steps of as many images as fit into a core's cache,
# but at least 8: products of fewer images do not pay for their start.
_CACHE_BYTES, _MIN_IMAGES = 2**19, 8


def convolve(x: jax.Array, kernel: jax.Array, params: ConvParams) -> jax.Array:
    """Convolve (batch, *space, in) with (*window, in, out).

    There is one group, or one for each channel: (*window, 1, in).
    """
    y: jax.Array = _convolve().bind(x, kernel, params=params)
    return y


def kernel_gradient(
    x: jax.Array, dy: jax.Array, kernel: jax.Array, params: ConvParams
) -> jax.Array:
    """Compute the gradient of a kernel of one group."""
    window = kernel.shape[:-2]
    gradient: jax.Array = _gradient().bind(x, dy, window=window, params=params)
    return gradient


ONEDNN = Convolutions(convolve, kernel_gradient)


def _call(
    x: jax.Array,
    kernel: jax.Array,
    params: ConvParams,
    axes: Sequence[int],
    shape: Sequence[int],
) -> jax.Array:
    """Call oneDNN, with XLA's `OneDnnConvolutionConfig` as JSON.

    Args:
        x: (batch, *space, channels).
        kernel: in any order.
        params: strides, padding and dilation of the window.
        axes: the kernel's axes: input channels, output channels, spatial ones.
        shape: shape of the result, in the layout of x.
    """
    inner, outer, *window = axes
    space = list(range(1, x.ndim - 1))
    layout = {"batch_dim": 0, "feature_dim": x.ndim - 1, "spatial_dims": space}
    data = {"dims": x.ndim, "data": layout}
    weights = {
        "input_feature_dim": inner,
        "output_feature_dim": outer,
        "spatial_dims": window,
        "shape": kernel.shape,
    }
    before, after = zip(*params.padding, strict=True)
    steps = {
        "size": [kernel.shape[axis] for axis in window],
        "pad_left": before,
        "pad_right": after,
        "strides": params.strides,
        "window_dilations": params.dilation,
    }
    config = {
        "dims": x.ndim,
        "input": data,
        "kernel": {"dims": x.ndim, "filter": weights},
        "output": data,
        "window": steps,
        "feature_groups": params.groups,
    }
    run = jax.ffi.ffi_call(
        _CALL,
        jax.ShapeDtypeStruct(tuple(shape), x.dtype),
        custom_call_api_version=1,
        legacy_backend_config=json.dumps({"onednn_conv_config": config}),
    )
    return run(x, kernel)


@functools.cache
def is_available() -> bool:
    """Return whether oneDNN computes a sample correctly; tested once per process."""
    if jax.default_backend() != "cpu" or jax.device_count() > 1:
        return False  # the call does not support sharded arrays
    x = np.arange(2 * 5 * 4 * 3, dtype=np.float32).reshape(2, 5, 4, 3) % 7
    kernel = np.arange(2 * 3 * 3 * 2, dtype=np.float32).reshape(2, 3, 3, 2) % 5
    params = ConvParams((2, 1), ((1, 0), (1, 1)), (1, 1))
    expected = np.zeros((2, 3, 4, 2), np.float32)
    padded = np.pad(x, [(0, 0), (1, 0), (1, 1), (0, 0)])
    for row, column in np.ndindex(3, 4):
        patch = padded[:, 2 * row : 2 * row + 2, column : column + 3]
        expected[:, row, column] = np.tensordot(patch, kernel, 3)
    try:
        program = Program(lambda x, kernel: convolve(x, kernel, params))
        result = program(x, kernel)
    except Exception:  # the error of a missing library differs between versions
        return False
    return np.array_equal(result, expected)


def _can_run(call: ConvCall) -> bool:
    """Return whether oneDNN supports a convolution and both its gradients.

    It supports one group or, with up to three spatial axes, one for each channel.
    """
    x, kernel, params = call
    # With wider padding the gradient would have to be cropped; oneDNN takes no negative
    # padding, which output_padding of a transposed convolution makes.
    axes = zip(params.padding, extents(kernel.shape, params), strict=True)
    return (
        {x.dtype, kernel.dtype} == {jnp.dtype("float32")}
        and x.ndim <= (4 if params.groups == 1 else 5)
        and params.groups in (1, x.shape[-1])
        and all(min(pad) >= 0 and max(pad) <= extent for pad, extent in axes)
        and 0 not in (*x.shape, *kernel.shape)
        and is_available()
    )


def _result_shape(x: Shaped, kernel: Shaped, params: ConvParams) -> ShapedArray:
    axes = zip(x.shape[1:-1], extents(kernel.shape, params), *params[:2], strict=True)
    lengths = [(n + sum(pad) - e - 1) // step + 1 for n, e, step, pad in axes]
    return ShapedArray((x.shape[0], *lengths, kernel.shape[-1]), x.dtype)


def _run(x: jax.Array, kernel: jax.Array, params: ConvParams) -> jax.Array:
    rank = x.ndim - 2
    axes = rank, rank + 1, *range(rank)
    return _call(x, kernel, params, axes, _result_shape(x, kernel, params).shape)


def _input_gradient(
    dy: jax.Array, x: UndefinedPrimal, kernel: jax.Array, params: ConvParams
) -> jax.Array:
    space = x.aval.shape[1:-1]
    if params.groups == 1:
        return input_gradient(dy, kernel, params, space, ONEDNN)
    if max(params.strides) == 1:
        transposed = jnp.flip(kernel, range(len(space)))
        return convolve(dy, transposed, backward_params(dy, kernel, params, space))
    return depthwise_gradients.input_gradient(
        dy, jnp.squeeze(kernel, -2), params, space
    )


def _kernel_gradient(
    dy: jax.Array, x: jax.Array, kernel: UndefinedPrimal, params: ConvParams
) -> jax.Array:
    if params.groups == 1:
        return kernel_gradient(x, dy, kernel.aval, params)
    window = kernel.aval.shape[:-2]
    gradient = depthwise_gradients.kernel_gradient(x, dy, window, params)
    return jnp.expand_dims(gradient, -2)


def _gradient_shape(
    x: ShapedArray, dy: ShapedArray, window: tuple[int, ...], params: ConvParams
) -> ShapedArray:
    return ShapedArray((*window, x.shape[-1], dy.shape[-1]), x.dtype)


def _gradient_of_input(
    gradient: jax.Array,
    x: UndefinedPrimal,
    dy: jax.Array,
    window: tuple[int, ...],
    params: ConvParams,
) -> jax.Array:
    return input_gradient(dy, gradient, params, x.aval.shape[1:-1], ONEDNN)


def _gradient_of_output(
    gradient: jax.Array,
    x: jax.Array,
    dy: UndefinedPrimal,
    window: tuple[int, ...],
    params: ConvParams,
) -> jax.Array:
    return convolve(x, gradient, params)


def _run_gradient(
    x: jax.Array, dy: jax.Array, window: tuple[int, ...], params: ConvParams
) -> jax.Array:
    """Compute the gradient of the kernel as convolutions of x with dy.

    The products sum over images, and the channels of x become a spatial axis. Each
    step takes as many images as fit into a core's cache: all images at once would be
    read from memory again for each window offset.
    """
    batch = x.shape[0]
    size = 4 * (math.prod(x.shape[1:]) + math.prod(dy.shape[1:]))
    zeros = jnp.zeros((*window, x.shape[-1], dy.shape[-1]), x.dtype)
    count = min(batch, max(_MIN_IMAGES, 1 << (_CACHE_BYTES // size).bit_length()))
    whole = batch - batch % count

    def add(total: jax.Array, images: Pair) -> tuple[jax.Array, None]:
        return total + _gradient_of_images(*images, window, params), None

    xs, dys = (a[:whole].reshape(whole // count, count, *a.shape[1:]) for a in (x, dy))
    # Two at a time: one core transposes images while the other multiplies.
    total, _ = lax.scan(add, zeros, (xs, dys), unroll=2)
    if whole < batch:
        total, _ = add(total, (x[whole:], dy[whole:]))
    return total


def _gradient_of_images(
    x: jax.Array, dy: jax.Array, window: tuple[int, ...], params: ConvParams
) -> jax.Array:
    """Compute the gradient for some images.

    The operand of fewer channels is transposed: oneDNN vectorizes over the channels
    of the other one.
    """
    rank, distances = len(window), extents(window, params)
    starts = [before for before, _ in params.padding]
    if max(params.strides) == 1 and x.shape[-1] > dy.shape[-1]:
        starts = [n - before for n, before in zip(distances, starts, strict=True)]
        gradient = _correlate(dy, x, starts, window, params)
        return jnp.flip(gradient, range(rank)).swapaxes(-1, -2)
    return _correlate(x, dy, starts, window, params)


def _correlate(
    x: jax.Array,
    other: jax.Array,
    starts: list[int],
    window: tuple[int, ...],
    params: ConvParams,
) -> jax.Array:
    """Correlate the channels of x with those of `other` at each window offset."""
    rank = len(starts)
    space = tuple(range(1, rank + 1))
    padding: list[tuple[int, int]] = []
    lengths = covered(other.shape[1:-1], params)
    distances = extents(window, params)
    for axis, before, extent, length in zip(
        space, starts, distances, lengths, strict=True
    ):
        after = length + extent - x.shape[axis] - before
        padding.append((before, max(after, 0)))
        # Crop the elements that no window covers.
        x = lax.slice_in_dim(x, 0, x.shape[axis] + min(after, 0), axis=axis)
    window_params = ConvParams(
        (*params.dilation, 1), (*padding, (0, 0)), (*params.strides, 1)
    )
    axes = 0, rank + 2, *space, rank + 1
    transposed = x.transpose(*space, rank + 1, 0)[None]
    shape = (1, *window, x.shape[-1], other.shape[-1])
    return _call(
        transposed, jnp.expand_dims(other, rank + 1), window_params, axes, shape
    )[0]


def _primitive(
    name: str, run: Callable[..., Array], result: object, transposes: tuple[Any, Any]
) -> Any:
    """Return a bilinear primitive with its transposes, batching and lowering."""
    from jax.extend.core import Primitive  # see `lamina.core.tracing.trace_state`

    primitive = Primitive(name)
    primitive.def_abstract_eval(result)
    # Called for concrete arrays, also while a program is traced.
    primitive.def_impl(
        lambda *pair, **options: Program(functools.partial(run, **options))(*pair)
    )
    ad.defbilinear(primitive, *transposes)
    mlir.register_lowering(primitive, mlir.lower_fun(run, multiple_results=False))

    def batch(
        arrays: Sequence[Array], axes: Sequence[int | None], **options: Any
    ) -> tuple[jax.Array, int]:
        pairs = list(zip(arrays, axes, strict=True))
        count = next(a.shape[axis] for a, axis in pairs if axis is not None)
        broadcast = [
            jnp.broadcast_to(a, (count, *a.shape))
            if axis is None
            else jnp.moveaxis(a, axis, 0)
            for a, axis in pairs
        ]
        return lax.map(lambda pair: primitive.bind(*pair, **options), broadcast), 0

    batching.primitive_batchers[primitive] = batch
    return primitive


@functools.cache
def _convolve() -> Any:
    transposes = _input_gradient, _kernel_gradient
    return _primitive("onednn_convolve", _run, _result_shape, transposes)


@functools.cache
def _gradient() -> Any:
    transposes = _gradient_of_input, _gradient_of_output
    name = "onednn_kernel_gradient"
    return _primitive(name, _run_gradient, _gradient_shape, transposes)


def _has_many_outputs(call: ConvCall) -> bool:
    return call.window_size > 1 and call.outputs > _MIN_OUTPUTS


def _can_run_ungrouped(call: ConvCall) -> bool:
    return call.is_ungrouped and _can_run(call)


def _can_run_depthwise(call: ConvCall) -> bool:
    return depthwise_gradients.is_depthwise(call) and _can_run(call)


@register_kernel(
    "conv",
    "cpu",
    "oneDNN is faster than XLA's convolution.",
    when=_has_many_outputs,
    supports=_can_run_ungrouped,
    autotuned=True,
    in_process_call=_CALL,
)
def onednn(call: ConvCall) -> jax.Array:
    """Convolve by oneDNN, forward and for both gradients."""
    return convolve(*call)


@register_kernel(
    "conv",
    "cpu",
    "oneDNN is faster than a sum of products.",
    when=depthwise_gradients.is_short,
    supports=_can_run_depthwise,
    in_process_call=_CALL,
)
def onednn_depthwise(call: ConvCall) -> jax.Array:
    """Convolve each channel by oneDNN, also for the gradient of the input."""
    x, kernel, params = call
    repeated, params = depthwise_gradients.repeat_channels(x, kernel, params)
    kernel = kernel.reshape(*kernel.shape[:-2], 1, kernel.shape[-1])
    return convolve(repeated, kernel, params)


@register_kernel(
    "conv_transpose",
    "cpu",
    "XLA would multiply the zeros that dilate the input by the strides.",
    name="onednn",
    supports=_can_run,
    in_process_call=_CALL,
)
def _transpose(call: ConvCall) -> jax.Array:
    return conv_transpose(*call, ONEDNN)
