"""`Hashing` and `HashedCrossing`: bins of hashed values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import jax.numpy as jnp
import numpy as np

from lamina import config
from lamina.core.check import Check, is_int, one_of, positive_int
from lamina.core.dtypes import PolicyLike
from lamina.core.graph import SymbolicTensor
from lamina.errors import ArgumentTypeError, ShapeError, invalid
from lamina.layers.base.attributes import Converted
from lamina.layers.preprocessing.categorical import dense, encode, encoded_shape
from lamina.layers.preprocessing.hashing import (
    Text,
    concatenated_hash,
    farm_hash,
    salt_pair,
    sip_hash,
)
from lamina.layers.preprocessing.host import HostLayer
from lamina.typing import Array, PartialShape

Salt: TypeAlias = int | Sequence[int] | None

# The key of TensorFlow's `sparse.cross_hashed`.
_CROSS_KEY = 0xDECAFCAFFE


def _is_salt(value: object) -> bool:
    if isinstance(value, (list, tuple)):
        return len(value) == 2 and all(map(is_int, value))
    return value is None or is_int(value)


_salt = Check(
    "an integer, a pair of integers or None. It can only be a tuple of size 2",
    _is_salt,
    ("string", [1], (1, 2, 3)),
)


class _Binning(HostLayer):
    """Base class of layers that map values to bins."""

    num_bins: int
    output_mode: Converted[str] = Converted(str.lower)

    def __init__(self, dtype: PolicyLike, output_mode: str, **kwargs: Any) -> None:
        if dtype is None:
            dtype = "int64" if output_mode == "int" else config.floatx()
        super().__init__(dtype=dtype, **kwargs)

    @property
    def output_dtype(self) -> str:
        """Element type of the output."""
        return self.compute_dtype

    def _encoded(self, bins: np.ndarray) -> Array:
        if self.output_mode == "int":
            return jnp.asarray(bins.astype(self.output_dtype))
        dtype = self.output_dtype
        return encode(jnp.asarray(bins), self.output_mode, self.num_bins, dtype)

    def compute_output_shape(self, input_shape: Any) -> PartialShape:
        """Return the shape of the output for inputs of a shape."""
        return encoded_shape(input_shape, self.output_mode, self.num_bins)


def _as_text(values: np.ndarray) -> Text:
    """Return each value's text; of real numbers, the integer part's."""
    if values.dtype.kind == "f":
        values = values.astype(np.int64)
    if values.dtype.kind == "b":
        values = np.where(values, "true", "false")
    if values.dtype.kind in "SO":
        flat = values.ravel().tolist()
        return [v if isinstance(v, bytes) else str(v).encode() for v in flat]
    return values.astype(str).ravel()


class Hashing(_Binning):
    """Mapping of strings or integers to bins by a hash of their text.

    The hash is FarmHash's 64-bit fingerprint, or SipHash with a salt; both are
    independent of the platform and equal to those of Keras. The layer runs on the host:
    as a first layer of a functional or sequential model, or on the data.

    Args:
        num_bins: number of bins, with that of the mask.
        mask_value: value that is masked: it has bin 0, and no other value has.
        salt: one or two integers that seed the hash.
        output_mode: `"int"` for the bin, `"one_hot"` for a vector per value,
            `"multi_hot"` or `"count"` for a vector per row.
        sparse: must be false; sparse arrays are not supported.
        dtype: element type of the output; by default `"int64"` with output mode
            `"int"`, and `floatx` with others.

    Shape:
        (..., n) to the same shape with `"int"`, to (..., n, num_bins) with `"one_hot"`
        if n is not 1, and to (..., num_bins) with other modes.

    Example:
        >>> Hashing(num_bins=3)([["A"], ["B"], ["C"]]).tolist()
        [[1], [0], [1]]
    """

    salt: Converted[list[int] | None] = Converted(salt_pair)
    arguments = {
        "num_bins": positive_int._replace(
            expected="a positive integer (it cannot be `None` or non-positive)"
        ),
        "salt": _salt,
        "output_mode": one_of("int", "one_hot", "multi_hot", "count"),
        "sparse": dense,
    }

    def __init__(
        self,
        num_bins: int,
        mask_value: str | int | None = None,
        salt: Salt = None,
        output_mode: str = "int",
        sparse: bool = False,
        dtype: PolicyLike = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(dtype, output_mode, **kwargs)
        self._store_arguments(locals(), ["dtype"])
        if output_mode == "int" and self.output_dtype not in ("int32", "int64"):
            expected = "'int32' or 'int64' with output_mode='int'"
            raise invalid("Hashing", "dtype", self.output_dtype, expected)

    def call(self, inputs: np.ndarray) -> Array:
        text = _as_text(inputs)
        bins = self.num_bins
        masks = self.mask_value is not None and bins > 1
        salt = self.salt
        hashes = farm_hash(text) if salt is None else sip_hash(text, salt)
        found = (hashes % (bins - masks)).astype(np.int32).reshape(inputs.shape)
        if masks:
            found = np.where(self._is_masked(inputs, text), 0, found + 1)
        return self._encoded(found)

    def _is_masked(self, inputs: np.ndarray, text: Text) -> np.ndarray:
        if isinstance(text, np.ndarray):
            mask = self.mask_value if inputs.dtype.kind != "U" else str(self.mask_value)
            return np.equal(inputs, mask)
        mask = str(self.mask_value).encode()
        return np.array([value == mask for value in text]).reshape(inputs.shape)


class HashedCrossing(_Binning):
    """Mapping of combinations of features to bins by a hash.

    The bins are those of TensorFlow's `sparse.cross_hashed`. The layer runs on the
    host: as a first layer of a functional model, or on the data.

    Args:
        num_bins: number of bins.
        output_mode: `"int"` for the bin, `"one_hot"` for a vector.
        sparse: must be false; sparse arrays are not supported.
        dtype: element type of the output; by default `"int64"` with output mode
            `"int"`, and `floatx` with `"one_hot"`.

    Shape:
        A list of two or more arrays of integers or strings, all of shape (batch, 1),
        (batch,) or (), to the same shape with `"int"`; with `"one_hot"` to
        (batch, num_bins), or to (num_bins,) for scalars.

    Example:
        >>> import numpy as np
        >>> letters, numbers = np.array(["A", "B", "A"]), np.array([101, 101, 102])
        >>> HashedCrossing(num_bins=5)((letters, numbers)).tolist()
        [1, 4, 3]
    """

    arguments = {
        "num_bins": positive_int,
        "output_mode": one_of("int", "one_hot"),
        "sparse": dense,
    }

    def __init__(
        self,
        num_bins: int,
        output_mode: str = "int",
        sparse: bool = False,
        name: str | None = None,
        dtype: PolicyLike = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(dtype, output_mode, name=name, **kwargs)
        self._store_arguments(locals(), ["name", "dtype"])

    def _prepare(self, inputs: object) -> Any:
        if not isinstance(inputs, (list, tuple)):
            raise ArgumentTypeError(
                f"{self._label} should be called on a list of two or more features. "
                f"Received: a {type(inputs).__name__}."
            )
        if len(inputs) < 2:
            raise invalid(self._label, "inputs", len(inputs), "at least two inputs")
        if isinstance(inputs[0], SymbolicTensor):
            return list(inputs)
        return [self._host_array(value) for value in inputs]

    def compute_output_shape(self, input_shape: Any) -> PartialShape:
        """Return the shape of the output for the shapes of the features."""
        shapes = [tuple(shape) for shape in input_shape]
        first = shapes[0]
        if (
            len(first) > 2
            or (len(first) == 2 and first[-1] != 1)
            or len(set(shapes)) > 1
        ):
            raise ShapeError(
                f"{self._label}: all inputs should have shape (), (batch,) or (batch, "
                f"1), the same for all. Received: {shapes}."
            )
        return super().compute_output_shape(first)

    def call(self, inputs: list[np.ndarray]) -> Array:
        self.compute_output_shape([value.shape for value in inputs])
        result = np.full(inputs[0].size, _CROSS_KEY, np.uint64)
        for value in inputs:
            result = concatenated_hash(result, self._fingerprints(value))
        bins = (result % self.num_bins).astype(np.int32)
        return self._encoded(bins.reshape(inputs[0].shape))

    def _fingerprints(self, values: np.ndarray) -> np.ndarray:
        if values.dtype.kind in "iu":
            return values.ravel().astype(np.int64).view(np.uint64)
        if values.dtype.kind not in "USO":
            raise ArgumentTypeError(
                f"{self._label}: inputs should have an integer or string type. "
                f"Received: {values.dtype}."
            )
        return farm_hash(_as_text(values))
