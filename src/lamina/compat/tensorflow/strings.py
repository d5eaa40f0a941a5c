"""Functions of `tensorflow.strings`, on the host."""

from __future__ import annotations

import builtins
import functools
import re
from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from lamina.compat.keras.backend.text import is_symbolic_text, on_symbolic_text
from lamina.compat.tensorflow.base.ragged import RaggedTensor, ragged
from lamina.compat.tensorflow.base.tensors import dtype_of, is_text, on_host
from lamina.core.graph import SymbolicTensor
from lamina.layers.preprocessing.hashing import farm_hash, sip_hash
from lamina.ops.types import Tensor
from lamina.typing import ArrayLike, Axis, DTypeLike

Text = str | bytes | np.ndarray | Sequence[Any]


def _each(
    function: Callable[[bytes], Any], input: Text | RaggedTensor | SymbolicTensor
) -> Any:
    """Apply a function to each text."""
    if isinstance(input, RaggedTensor):
        return input.map(lambda row: _each(function, row))
    if is_symbolic_text(input):
        return on_symbolic_text(
            functools.partial(_each, function), (input,), {}, jnp.asarray
        )
    array = on_host(input)
    found = np.empty(array.shape, object)
    found.reshape(-1)[:] = [function(item) for item in array.reshape(-1).tolist()]
    return on_host(found)


def _rows(function: Callable[[bytes], list[Any]], input: Text) -> Any:
    """Apply a function that returns several texts to each text."""
    if isinstance(input, RaggedTensor):
        return input.map(lambda row: _rows(function, row))
    array = on_host(input)
    if not array.ndim:
        return on_host(function(array.item()))
    return ragged([_rows(function, item) for item in array])


def _numbers(function: Callable[[bytes], Any], input: Text, dtype: DTypeLike) -> Any:
    """Apply a function that returns a number to each text."""
    if isinstance(input, RaggedTensor):
        return input.map(lambda row: _numbers(function, row, dtype))
    array = on_host(input)
    found = [function(item) for item in array.reshape(-1).tolist()]
    return jnp.asarray(np.array(found, dtype_of(dtype)).reshape(array.shape))


def lower(input: Text, encoding: str = "", name: str = "") -> Any:
    """Return the texts in lower case; only ASCII letters without an encoding."""
    return _each(lambda s: s.decode().lower() if encoding else s.lower(), input)


def upper(input: Text, encoding: str = "", name: str = "") -> Any:
    """Return the texts in upper case; only ASCII letters without an encoding."""
    return _each(lambda s: s.decode().upper() if encoding else s.upper(), input)


def strip(input: Text, name: str = "") -> Any:
    """Remove white space at both ends."""
    return _each(bytes.strip, input)


def regex_replace(
    input: Text,
    pattern: str | bytes,
    rewrite: str | bytes,
    replace_global: bool = True,
    name: str = "",
) -> Any:
    """Replace what matches a pattern."""
    found = re.compile(_str(pattern))
    new = re.sub(r"\\(\d)", r"\\g<\1>", _str(rewrite))
    count = 0 if replace_global else 1
    return _each(lambda s: found.sub(new, s.decode(errors="replace"), count), input)


def regex_full_match(input: Text, pattern: str | bytes, name: str = "") -> Any:
    """Return whether the whole text matches a pattern."""
    found = re.compile(_str(pattern))
    return _numbers(lambda s: bool(found.fullmatch(s.decode())), input, "bool")


def split(
    input: Text, sep: str | bytes | None = None, maxsplit: int = -1, name: str = ""
) -> Any:
    """Split each text at a separator, or at white space."""
    mark = on_host(sep).item() if sep is not None and len(sep) else None
    return _rows(lambda s: s.split(mark, maxsplit), input)


def unicode_split(
    input: Text,
    input_encoding: str = "UTF-8",
    errors: str = "replace",
    replacement_char: int = 65533,
    name: str = "",
) -> Any:
    """Split each text into its characters."""
    return _rows(lambda s: list(s.decode(errors=errors)), input)


def bytes_split(input: Text, name: str = "") -> Any:
    """Split each text into its bytes."""
    return _rows(lambda s: [bytes([c]) for c in s], input)


def unicode_decode(input: Text, input_encoding: str = "UTF-8", **_: object) -> Any:
    """Return the code points of each text."""
    array = on_host(input)
    if not array.ndim:
        return jnp.asarray([ord(c) for c in array.item().decode()], jnp.int32)
    return ragged([unicode_decode(item) for item in array])


def unicode_encode(
    input: Tensor | RaggedTensor, output_encoding: str = "UTF-8", **_: object
) -> Any:
    """Return texts from code points."""
    rows = input if isinstance(input, RaggedTensor) else np.asarray(input)
    if isinstance(rows, np.ndarray) and rows.ndim == 1:
        return on_host("".join(map(chr, rows.tolist())))
    return on_host([unicode_encode(row).item() for row in rows])


def join(inputs: Sequence[Text], separator: str | bytes = "", name: str = "") -> Any:
    """Join the texts at the same place of several tensors."""
    arrays = np.broadcast_arrays(*[on_host(x) for x in inputs])
    mark = on_host(separator).item()
    columns = zip(*[a.reshape(-1).tolist() for a in arrays], strict=True)
    found = np.empty(arrays[0].shape, object)
    found.reshape(-1)[:] = [mark.join(column) for column in columns]
    return on_host(found)


def reduce_join(
    inputs: Text | RaggedTensor,
    axis: Axis = None,
    keepdims: bool = False,
    separator: str | bytes = "",
    name: str = "",
) -> Any:
    """Join the texts along an axis, or all of them."""
    mark = on_host(separator).item()
    if isinstance(inputs, RaggedTensor):
        return on_host([mark.join(on_host(row).tolist()) for row in inputs])
    array = on_host(inputs)
    all_axes = range(array.ndim)[::-1]
    axes = all_axes if axis is None else np.atleast_1d(axis).tolist()
    for number in axes:
        rows = np.moveaxis(array, number, -1)
        found = np.empty(rows.shape[:-1], object)
        flat = rows.reshape(-1, rows.shape[-1])
        found.reshape(-1)[:] = [mark.join(row.tolist()) for row in flat]
        array = np.expand_dims(found, number)
    return on_host(array if keepdims else np.squeeze(array, tuple(axes)))


def length(input: Text, unit: str = "BYTE", name: str = "") -> Any:
    """Return the number of bytes, or of characters, of each text."""
    is_bytes = unit == "BYTE"
    return _numbers(lambda s: len(s if is_bytes else s.decode()), input, "int32")


def substr(
    input: Text, pos: ArrayLike, len: ArrayLike, unit: str = "BYTE", name: str = ""
) -> Any:
    """Return a part of each text; a negative position counts from the end."""
    if isinstance(input, RaggedTensor):
        return input.map(lambda row: substr(row, pos, len, unit))
    texts, starts, sizes = np.broadcast_arrays(on_host(input), pos, len)
    found = np.empty(texts.shape, object)
    triples = zip(texts.flat, starts.flat, sizes.flat, strict=True)
    found.reshape(-1)[:] = [_part(*triple, unit) for triple in triples]
    return on_host(found)


def _part(text: bytes, start: int, size: int, unit: str) -> bytes:
    whole: Any = text if unit == "BYTE" else text.decode()
    start = int(start) + (builtins.len(whole) if start < 0 else 0)
    part = whole[start : start + int(size)]
    return part if unit == "BYTE" else part.encode()


def to_number(input: Text, out_type: DTypeLike = "float32", name: str = "") -> Any:
    """Return the numbers that texts are."""
    read = int if "int" in str(out_type) else float
    return _numbers(read, input, out_type)


def as_string(
    input: Tensor,
    precision: int = -1,
    scientific: bool = False,
    shortest: bool = False,
    width: int = -1,
    fill: str = "",
    name: str = "",
) -> Any:
    """Return numbers as texts; floats have six digits behind the point by default."""
    array = np.asarray(input)
    digits = f".{precision}" if precision >= 0 else ""
    kind = "e" if scientific else "g" if shortest else "f"
    kind = kind if array.dtype.kind == "f" else "s"
    form = f"%{fill}{width if width > 0 else ''}{digits}{kind}"
    items = array.reshape(-1).tolist()
    if array.dtype.kind == "b":
        items = [str(item).lower() for item in items]
    if array.dtype.kind in "iu":
        form = form.replace("s", "d")
    texts = [form % item for item in items]
    return on_host(np.array(texts, object).reshape(array.shape))


def format(
    template: str,
    inputs: object,
    placeholder: str = "{}",
    summarize: int = 3,
    name: str = "",
) -> Any:
    """Return a text with values in place of `{}`."""
    values = inputs if isinstance(inputs, (list, tuple)) else [inputs]
    for value in values:
        template = template.replace(placeholder, _shown(value), 1)
    return on_host(template)


def _shown(value: object) -> str:
    if is_text(value) and not np.ndim(on_host(value)):
        return f'"{on_host(value).item().decode()}"'
    return str(np.asarray(value))


def to_hash_bucket_fast(input: Text, num_buckets: int, name: str = "") -> Any:
    """Return a number below `num_buckets` for each text."""
    return _buckets(farm_hash, input, num_buckets)


to_hash_bucket = to_hash_bucket_fast


def to_hash_bucket_strong(
    input: Text, num_buckets: int, key: Sequence[int], name: str = ""
) -> Any:
    """Return a number below `num_buckets` for each text, which depends on a key."""
    return _buckets(functools.partial(sip_hash, key=key), input, num_buckets)


def _buckets(
    hash_all: Callable[[list[bytes]], np.ndarray], input: Text, count: int
) -> Any:
    if isinstance(input, RaggedTensor):
        return input.map(lambda row: _buckets(hash_all, row, count))
    array = on_host(input)
    found = hash_all(array.reshape(-1).tolist()) % np.uint64(count)
    return jnp.asarray(found.astype(np.int64).reshape(array.shape))


def _str(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
