"""Inputs of models: `Input` and `InputLayer`."""

from __future__ import annotations

from lamina.core.check import Check, is_int, optional, positive_int, require_dense
from lamina.core.dtypes import standardize_dtype
from lamina.core.graph import SymbolicTensor
from lamina.core.untrusted import check_output
from lamina.errors import ArgumentError
from lamina.layers.base import Layer
from lamina.tracebacks import filter_traceback
from lamina.typing import Array, Config, DTypeLike, PartialShape

_shape = optional(
    Check(
        "a tuple of sizes without the batch axis, None for those that vary, such as "
        "(28, 28, 1) or (10,)",
        lambda v: (
            isinstance(v, (tuple, list))
            and all(n is None or (is_int(n) and n >= 0) for n in v)
        ),
        (10, (-1,), ("3",)),
    )
)


class InputLayer(Layer):
    """Entry point of a model's data.

    Args:
        shape: shape of one row, without the batch axis; `None` for sizes that vary.
        batch_size: number of rows, if it is fixed.
        dtype: element type; `config.floatx()` by default.
        sparse: whether the data is sparse; `fit` and `predict` make it dense.
        ragged: must be false; ragged arrays are not supported.
        batch_shape: shape with the batch axis, instead of `shape`.
        input_tensor: an existing symbolic tensor to use as the input.
        optional: whether the model may be called with `None` for this input.
        name: name of the input; data in dictionaries is matched by it.
        input_shape: older name of `shape`.
        batch_input_shape: older name of `batch_shape`.

    Shape:
        (batch_size, *shape) to the same shape.

    Raises:
        ArgumentError: neither or both of `shape` and `batch_shape` are given, or an
            argument contradicts another one or `input_tensor`.

    Example:
        >>> InputLayer((28, 28, 1), name="pixels").output.shape
        (None, 28, 28, 1)
    """

    arguments = {
        "shape": _shape,
        "batch_shape": _shape,
        "batch_size": optional(positive_int),
        "input_tensor": optional(
            Check(
                "a symbolic tensor, as `Input` returns it",
                lambda v: isinstance(v, SymbolicTensor),
                (1.0, "x"),
            )
        ),
    }

    def __init__(
        self,
        shape: PartialShape | None = None,
        batch_size: int | None = None,
        dtype: DTypeLike = None,
        sparse: bool | None = None,
        ragged: bool | None = None,
        batch_shape: PartialShape | None = None,
        input_tensor: SymbolicTensor | None = None,
        optional: bool = False,
        name: str | None = None,
        *,
        input_shape: PartialShape | None = None,
        batch_input_shape: PartialShape | None = None,
    ) -> None:
        super().__init__(name=name)
        shape = input_shape if shape is None else shape
        batch_shape = batch_input_shape if batch_shape is None else batch_shape
        require_dense("InputLayer", ragged=ragged)
        if input_tensor is not None:
            given = (shape, batch_shape, batch_size, dtype, sparse)
            _check_agreement(input_tensor, *given)
            batch_shape = input_tensor.shape
        elif (shape is None) == (batch_shape is None):
            raise ArgumentError(
                "InputLayer: give either `shape`, the shape of one row such as "
                "(28, 28, 1), or `batch_shape`, which includes the batch axis. "
                f"Received: shape={shape}, batch_shape={batch_shape}."
            )
        elif batch_size is not None and batch_shape is not None:
            raise ArgumentError(
                "InputLayer: `batch_shape` includes the number of rows. Remove "
                f"`batch_size`. Received: batch_size={batch_size}, "
                f"batch_shape={batch_shape}."
            )
        if batch_shape is None:
            batch_shape = (batch_size, *(shape or ()))
        self.batch_shape = tuple(batch_shape)
        self.optional = optional
        if input_tensor is None:
            input_tensor = SymbolicTensor(
                self.batch_shape, standardize_dtype(dtype), bool(sparse), name=self.name
            )
        self._tensor = input_tensor
        check_output(self.name, self.batch_shape, self._tensor.dtype)
        self._tensor.layer = self
        self.built = True

    @property
    def dtype(self) -> str:
        """The element type of the data."""
        return self._tensor.dtype

    @property
    def sparse(self) -> bool:
        """Whether the data is sparse."""
        return self._tensor.sparse

    @property
    def ragged(self) -> bool:
        """Whether the data is ragged."""
        return self._tensor.ragged

    @property
    def output(self) -> SymbolicTensor:
        """The symbolic tensor that represents the data."""
        return self._tensor

    def call(self, inputs: Array | None = None) -> Array | None:
        return inputs

    def get_config(self) -> Config:
        """Return the arguments that create the same input."""
        return {
            "batch_shape": self.batch_shape,
            "dtype": self.dtype,
            "sparse": self.sparse,
            "ragged": self.ragged,
            "name": self.name,
            "optional": self.optional,
        }


def _check_agreement(
    tensor: SymbolicTensor,
    shape: PartialShape | None,
    batch_shape: PartialShape | None,
    batch_size: int | None,
    dtype: DTypeLike,
    sparse: bool | None,
) -> None:
    rows = tensor.shape[0] if tensor.shape else None
    checks = (
        ("shape", shape and tuple(shape), tensor.shape[1:]),
        ("batch_shape", batch_shape and tuple(batch_shape), tensor.shape),
        ("batch_size", batch_size, rows),
        ("dtype", dtype and standardize_dtype(dtype), tensor.dtype),
        ("sparse", sparse, tensor.sparse),
    )
    for name, given, present in checks:
        if given is not None and given != present:
            raise ArgumentError(
                f"InputLayer: `{name}` must be that of `input_tensor`, {present}, or "
                f"None. Received: {name}={given}."
            )


@filter_traceback
def Input(  # noqa: N802
    shape: PartialShape | None = None,
    batch_size: int | None = None,
    dtype: DTypeLike = None,
    sparse: bool | None = None,
    ragged: bool | None = None,
    batch_shape: PartialShape | None = None,
    name: str | None = None,
    tensor: SymbolicTensor | None = None,
    optional: bool = False,
) -> SymbolicTensor:
    """Create the symbolic tensor of a model's input.

    Args:
        shape: shape of one row, without the batch axis; `None` for sizes that vary.
        batch_size: number of rows, if it is fixed.
        dtype: element type; `config.floatx()` by default.
        sparse: whether the data is sparse; `fit` and `predict` make it dense.
        ragged: must be false; ragged arrays are not supported.
        batch_shape: shape with the batch axis, instead of `shape`.
        name: name of the input; data in dictionaries is matched by it.
        tensor: an existing symbolic tensor to use as the input.
        optional: whether the model may be called with `None` for this input.

    Example:
        >>> Input(shape=(784,), name="pixels")
        <SymbolicTensor shape=(None, 784), dtype=float32, name=pixels>
    """
    return InputLayer(
        shape, batch_size, dtype, sparse, ragged, batch_shape, tensor, optional, name
    ).output
