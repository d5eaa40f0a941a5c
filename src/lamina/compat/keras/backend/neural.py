"""Convolutions, pooling and normalization of `keras.backend` in Keras 1 and 2."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from lamina import config, ops, random
from lamina.compat.keras.local import local_convolution
from lamina.compat.notices import tell
from lamina.core.variable import Variable
from lamina.errors import ShapeError
from lamina.saving.legacy.names import VALUES
from lamina.typing import Array

if TYPE_CHECKING:
    from lamina.compat.keras.backend.types import Shaped
    from lamina.core.random.seeds import Seed
    from lamina.ops.nn.conv_params import Sizes
    from lamina.ops.types import Tensor
    from lamina.typing import ArrayLike, PartialShape


_FORMATS = VALUES["format"]


def _is_last(data_format: str | None) -> bool:
    order = data_format or config.image_data_format()
    return _FORMATS.get(order, order) == "channels_last"


def conv2d(
    x: Tensor,
    kernel: Tensor,
    strides: Sizes = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Sizes = 1,
) -> Array:
    """Convolve images with a kernel of (rows, columns, channels, filters).

    `conv1d` and `conv3d` do so along one axis and three.

    Args:
        x: the images.
        kernel: the kernel.
        strides: distance between windows.
        padding: "valid" or "same".
        data_format: order of the axes of `x`.
        dilation_rate: distance between the values of a window.
    """
    return ops.conv(x, kernel, strides, padding, data_format, dilation_rate)


conv1d = conv3d = conv2d


def atrous_conv2d(
    x: Tensor,
    kernel: Tensor,
    rate: int = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> Array:
    """Convolve images with a dilated kernel."""
    return ops.conv(x, kernel, 1, padding, data_format, rate)


def conv2d_transpose(
    x: Shaped,
    kernel: Any,
    output_shape: Sequence[int | None] | None = None,
    strides: Sizes = (1, 1),
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Sizes = 1,
) -> Array:
    """Transposed convolution with a kernel of (rows, columns, filters, channels).

    `conv3d_transpose` does so along three axes.

    Args:
        x: the images.
        kernel: the kernel.
        output_shape: shape of the result, which tells the length of each axis where
            several are possible; unknown lengths are `None`.
        strides: distance between the windows of the output.
        padding: "valid" or "same".
        data_format: order of the axes of `x`.
        dilation_rate: distance between the values of a window.

    Raises:
        ShapeError: no input of this shape leads to `output_shape`.
    """
    if output_shape is None:
        return ops.conv_transpose(
            x, kernel, strides, padding, None, data_format, dilation_rate
        )
    first, rank = 1 if _is_last(data_format) else 2, len(kernel.shape) - 2
    lengths = [n if n is None else int(n) for n in output_shape][first : first + rank]
    extra = output_padding(
        lengths, kernel.shape[:rank], strides, padding, dilation_rate
    )
    result = ops.conv_transpose(
        x, kernel, strides, padding, extra, data_format, dilation_rate
    )
    found = result.shape[first : first + rank]
    if any(None not in n and n[0] != n[1] for n in zip(found, lengths, strict=True)):
        raise ShapeError(
            f"conv2d_transpose: an input of shape {tuple(x.shape)} does not lead to an "
            f"output of shape {tuple(output_shape)}, but to {tuple(result.shape)}. "
            "Change `output_shape` or `strides`."
        )
    return result


deconv2d = conv3d_transpose = conv2d_transpose


def output_padding(
    lengths: Sequence[int | None],
    window: Sizes,
    strides: Sizes,
    padding: str,
    dilation_rate: Sizes = 1,
) -> tuple[int, ...]:
    """Return the output padding by which a transposed convolution has these lengths.

    A length that is `None` gets the output padding that follows from `padding`.
    """
    sizes = [
        (size,) * len(lengths) if isinstance(size, int) else tuple(size)
        for size in (window, strides, dilation_rate)
    ]
    extra: list[int] = []
    for n, k, s, d in zip(lengths, *sizes, strict=True):
        extent = (k - 1) * d + 1
        if padding.lower() == "same":
            extra.append((s if n is None else (n - 1) % s + 1) - extent % 2)
        else:
            extra.append(max(s - extent, 0) if n is None else (n - extent) % s)
    return tuple(extra)


def depthwise_conv2d(
    x: Tensor,
    depthwise_kernel: Tensor,
    strides: Sizes = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Sizes = 1,
) -> Array:
    """Convolve each channel with kernels of its own."""
    return ops.depthwise_conv(
        x, depthwise_kernel, strides, padding, data_format, dilation_rate
    )


def separable_conv2d(
    x: Tensor,
    depthwise_kernel: Tensor,
    pointwise_kernel: Tensor,
    strides: Sizes = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Sizes = 1,
) -> Array:
    """Convolve each channel, then mix the channels.

    `separable_conv1d` does so along one axis.
    """
    return ops.separable_conv(
        x,
        depthwise_kernel,
        pointwise_kernel,
        strides,
        padding,
        data_format,
        dilation_rate,
    )


separable_conv1d = separable_conv2d


def pool2d(
    x: Tensor,
    pool_size: Sizes,
    strides: Sizes = 1,
    padding: str = "valid",
    data_format: str | None = None,
    pool_mode: str = "max",
) -> Array:
    """Reduce each window of images to its largest value or its mean ("avg").

    `pool3d` does so along three axes.
    """
    pool = ops.max_pool if pool_mode == "max" else ops.average_pool
    return pool(x, pool_size, strides, padding, data_format)


pool3d = pool2d


def local_conv2d(
    inputs: Any,
    kernel: Shaped,
    kernel_size: Sequence[int],
    strides: Sequence[int],
    output_shape: Sequence[int] | None = None,
    data_format: str | None = None,
) -> Array:
    """Convolve with a kernel of its own for each position.

    Args:
        inputs: the images; for `local_conv1d` the sequences.
        kernel: (positions, window * channels, filters).
        kernel_size: size of the window.
        strides: distance between windows.
        output_shape: not used; it follows from the other arguments.
        data_format: order of the axes of `inputs`.
    """
    last = _is_last(data_format)
    x = inputs if last else ops.moveaxis(inputs, 1, -1)
    axes = zip(x.shape[1:-1], kernel_size, strides, strict=True)
    sizes = [(n - k) // s + 1 for n, k, s in axes]
    result = local_convolution(x, kernel, kernel_size, strides, sizes)
    return result if last else ops.moveaxis(result, -1, 1)


local_conv1d = local_conv2d


def resize_images(
    x: Any,
    height_factor: int,
    width_factor: int,
    data_format: str | None = None,
    interpolation: str = "nearest",
) -> Array:
    """Enlarge images by integer factors."""
    last = _is_last(data_format)
    if interpolation == "nearest":
        first = 1 if last else 2
        return _repeated(x, (height_factor, width_factor), first)
    rows, columns = x.shape[1:3] if last else x.shape[2:4]
    size = rows * height_factor, columns * width_factor
    order = "channels_last" if last else "channels_first"
    return ops.image.resize(x, size, interpolation, data_format=order)


def resize_volumes(
    x: Tensor,
    depth_factor: int,
    height_factor: int,
    width_factor: int,
    data_format: str | None = None,
) -> Array:
    """Enlarge volumes by integer factors, by repetition."""
    factors = depth_factor, height_factor, width_factor
    return _repeated(x, factors, 1 if _is_last(data_format) else 2)


def _repeated(x: Any, factors: Sequence[int], first: int) -> Array:
    for axis, factor in enumerate(factors, first):
        x = ops.repeat(x, factor, axis=axis)
    return x


def dropout(
    x: Any, level: float, noise_shape: PartialShape | None = None, seed: Seed = None
) -> Array:
    """Set a fraction of the values to zero, and scale the others."""
    return random.dropout(x, level, noise_shape, seed)


def batch_normalization(
    x: Shaped,
    mean: Shaped,
    var: Shaped,
    beta: Shaped | None,
    gamma: Shaped | None,
    axis: int = -1,
    epsilon: float = 1e-3,
) -> Array:
    """Return `(x - mean) / sqrt(var + epsilon) * gamma + beta`."""
    rank = len(x.shape)
    sizes = tuple(-1 if a == axis % rank else 1 for a in range(rank))

    def fit(value: Shaped) -> Any:
        return ops.reshape(value, sizes) if len(value.shape) == 1 else value

    scale = ops.rsqrt(ops.add(fit(var), epsilon))
    if gamma is not None:
        scale = ops.multiply(scale, fit(gamma))
    result = ops.multiply(ops.subtract(x, fit(mean)), scale)
    return result if beta is None else ops.add(result, fit(beta))


def normalize_batch_in_training(
    x: Shaped,
    gamma: Shaped | None,
    beta: Shaped | None,
    reduction_axes: Sequence[int],
    epsilon: float = 1e-3,
) -> tuple[Array, Array, Array]:
    """Normalize a batch by its moments.

    Returns:
        The normalized batch, the mean and the variance.
    """
    axes = list(reduction_axes)
    mean, variance = ops.moments(x, axes)
    wide = tuple(1 if a in axes else n for a, n in enumerate(x.shape))

    def fit(value: Shaped | None) -> Any:
        return None if value is None else ops.reshape(value, wide)

    result = batch_normalization(
        x, fit(mean), fit(variance), fit(beta), fit(gamma), epsilon=epsilon
    )
    return result, mean, variance


def moving_average_update(x: Variable, value: ArrayLike, momentum: float) -> Variable:
    """Move a variable towards a value, by the fraction `1 - momentum`."""
    x.assign(momentum * x.value + (1 - momentum) * value)
    return x


def _output_first(name: str) -> Callable[..., Any]:
    """Return a cross-entropy with the arguments in the order of Keras 1."""

    def call(output: Tensor, target: Tensor, from_logits: bool = False) -> Any:
        tell(f"K.{name}(output, target)", "(target, output)")
        return getattr(ops, name)(target, output, from_logits)

    call.__name__ = call.__qualname__ = name
    return call


binary_crossentropy_of_output = _output_first("binary_crossentropy")
categorical_crossentropy_of_output = _output_first("categorical_crossentropy")
sparse_categorical_crossentropy_of_output = _output_first(
    "sparse_categorical_crossentropy"
)
