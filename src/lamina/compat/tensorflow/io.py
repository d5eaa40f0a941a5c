"""Functions of `tensorflow.io`: files, images and CSV lines, on the host."""

from __future__ import annotations

import base64
import csv
import glob
import io as _io
import os
import shutil
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from lamina.compat.tensorflow.base.declare import declared, static
from lamina.compat.tensorflow.base.sparse import SparseTensor
from lamina.compat.tensorflow.base.tensors import dtype_of, is_text, on_host
from lamina.compat.tensorflow.data.sources import Filenames, matching_files, paths
from lamina.errors import ArgumentError, missing_package
from lamina.io.files import read_file as read_contents
from lamina.ops.types import Tensor
from lamina.typing import DTypeLike

Text = str | bytes | np.ndarray
_DATA = "lamina.compat.tensorflow.data"
__getattr__ = declared(
    __name__,
    {
        **{
            name: f"{_DATA}.parsing:{name}"
            for name in (
                *("FixedLenFeature", "FixedLenSequenceFeature", "VarLenFeature"),
                *("RaggedFeature", "parse_example", "parse_single_example"),
                "parse_single_sequence_example",
            )
        },
        "TFRecordOptions": f"{_DATA}.records:TFRecordOptions",
        "TFRecordWriter": f"{_DATA}.records:TFRecordWriter",
    },
)


def read_file(filename: Filenames, name: str = "") -> Any:
    """Return the bytes of a file."""
    return on_host(read_contents(paths(filename)[0]))


def write_file(filename: Filenames, contents: Text, name: str = "") -> None:
    """Write bytes to a file; its folder is created."""
    path = paths(filename)[0]
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "wb") as file:
        file.write(on_host(contents).item())


class _Files:
    """Functions of `tensorflow.io.gfile`."""

    exists = staticmethod(os.path.exists)
    isdir = staticmethod(os.path.isdir)
    listdir = staticmethod(os.listdir)
    glob = staticmethod(glob.glob)
    remove = staticmethod(os.remove)
    rmtree = staticmethod(shutil.rmtree)
    stat = staticmethod(os.stat)
    walk = staticmethod(os.walk)
    join = staticmethod(os.path.join)
    GFile = staticmethod(open)

    @staticmethod
    def makedirs(path: str) -> None:
        """Create a folder and those above it."""
        os.makedirs(path, exist_ok=True)

    mkdir = makedirs

    @staticmethod
    def copy(src: str, dst: str, overwrite: bool = False) -> None:
        """Copy a file; one that exists is replaced only if `overwrite` is true."""
        if os.path.exists(dst) and not overwrite:
            raise FileExistsError(f"{dst!r} exists. Pass `overwrite=True`.")
        shutil.copyfile(src, dst)

    @staticmethod
    def rename(src: str, dst: str, overwrite: bool = False) -> None:
        """Move a file; one that exists is replaced only if `overwrite` is true."""
        if os.path.exists(dst) and not overwrite:
            raise FileExistsError(f"{dst!r} exists. Pass `overwrite=True`.")
        os.replace(src, dst)

    @staticmethod
    def get_registered_schemes() -> list[str]:
        """Return the schemes of paths: only that of local files."""
        return [""]


gfile = _Files()


def match_filenames(pattern: Filenames, name: str = "") -> Any:
    """Return the paths that match a pattern."""
    return on_host(matching_files(pattern))


def decode_image(
    contents: Text,
    channels: int = 0,
    dtype: DTypeLike = "uint8",
    name: str = "",
    expand_animations: bool = True,
    **_: object,
) -> Any:
    """Return the pixels of an image: (rows, columns, channels), 0 to 255 for uint8.

    Those of a GIF file have an axis of pictures before the rows.

    Raises:
        MissingPackageError: Pillow is not installed.
        ArgumentError: `channels` is not 0, 1, 3 or 4.
    """
    try:
        from PIL import Image, ImageSequence
    except ImportError:
        raise missing_package("pillow", "tf.io.decode_image", "images") from None
    modes = {0: None, 1: "L", 3: "RGB", 4: "RGBA"}
    if channels not in modes:
        raise ArgumentError(f"channels must be 0, 1, 3 or 4. Received: {channels!r}.")
    image = Image.open(_io.BytesIO(on_host(contents).item()))
    mode = modes[channels] or (image.mode if image.mode in ("L", "RGBA") else "RGB")
    pictures = [np.asarray(p.convert(mode)) for p in ImageSequence.Iterator(image)]
    is_gif = image.format == "GIF" and expand_animations
    pixels = np.stack(pictures) if is_gif else pictures[0]
    pixels = pixels[..., None] if mode == "L" else pixels
    if dtype != "uint8":
        pixels = (pixels / 255.0).astype(dtype_of(dtype))
    return on_host(pixels)


decode_jpeg = decode_png = decode_bmp = decode_gif = decode_image


def decode_and_crop_jpeg(
    contents: Text,
    crop_window: Sequence[int] | Tensor,
    channels: int = 0,
    **_: object,
) -> Any:
    """Return a part of an image: (first row, first column, rows, columns)."""
    top, left, height, width = static(crop_window)
    pixels = decode_image(contents, channels)
    return pixels[top : top + height, left : left + width]


def encode_jpeg(image: Tensor, format: str = "", quality: int = 95, **_: object) -> Any:
    """Return the bytes of an image file in the JPEG format."""
    return _encoded(image, "JPEG", quality=quality)


def encode_png(image: Tensor, compression: int = -1, name: str = "") -> Any:
    """Return the bytes of an image file in the PNG format."""
    return _encoded(image, "PNG")


def _encoded(image: Tensor, kind: str, **options: object) -> Any:
    from PIL import Image

    pixels = np.asarray(image, np.uint8)
    pixels = pixels[..., 0] if pixels.shape[-1] == 1 else pixels
    buffer = _io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return on_host(buffer.getvalue())


def decode_raw(
    input_bytes: Text, out_type: DTypeLike, little_endian: bool = True, **_: object
) -> Any:
    """Return bytes as numbers."""
    kind = np.dtype(str(out_type)).newbyteorder("<" if little_endian else ">")
    array = np.frombuffer(on_host(input_bytes).item(), kind)
    return on_host(array.astype(kind.newbyteorder("=")))


def decode_csv(
    records: Text | Sequence[Any],
    record_defaults: Sequence[Any],
    field_delim: str = ",",
    use_quote_delim: bool = True,
    na_value: str = "",
    select_cols: Sequence[int] | None = None,
    name: str = "",
) -> list[Any]:
    """Return a tensor for each column of lines of values separated by commas.

    Raises:
        ArgumentError: a value is missing that has no default.
    """
    lines = on_host(records)
    texts = [line.decode() for line in lines.reshape(-1).tolist()]
    rows = list(csv.reader(texts, delimiter=field_delim))
    columns = [list(column) for column in zip(*rows, strict=True)]
    if select_cols is not None:
        columns = [columns[i] for i in select_cols]
    pairs = zip(columns, record_defaults, strict=True)
    found = [_column(values, default, na_value) for values, default in pairs]
    return [column.reshape(lines.shape) for column in found]


def _column(values: Sequence[str], default: object, missing: str) -> Any:
    """Return the values of a column; its default has their type."""
    is_type = isinstance(default, str) and default in ("float32", "int32", "string")
    first = None if is_type else next(iter(np.asarray(default).reshape(-1)), None)
    kind = default if is_type else np.asarray(default).dtype
    if first is None and missing in values:
        raise ArgumentError(
            "decode_csv: a value is missing. Give its column a default, such as "
            "`record_defaults=[0.0]`."
        )
    filled = [first if value == missing else value for value in values]
    if str(kind) == "string" or np.dtype(str(kind)).kind in "OSU":
        return on_host(filled)
    name = np.dtype(str(kind)).name.replace("64", "32")
    return on_host(np.array(filled, np.float64).astype(name))


def encode_base64(input: Text, pad: bool = False, name: str = "") -> Any:
    """Return bytes as text for URLs."""
    found = base64.urlsafe_b64encode(on_host(input).item())
    return on_host(found if pad else found.rstrip(b"="))


def decode_base64(input: Text, name: str = "") -> Any:
    """Return the bytes of text for URLs."""
    data = on_host(input).item()
    return on_host(base64.urlsafe_b64decode(data + b"=" * (-len(data) % 4)))


def serialize_tensor(tensor: Tensor, name: str = "") -> Any:
    """Return a tensor as bytes, in the format of NumPy's files."""
    buffer = _io.BytesIO()
    array = np.asarray(tensor)
    array = array.astype("S") if is_text(array) else array
    np.save(buffer, array, allow_pickle=False)
    return on_host(buffer.getvalue())


def serialize_sparse(sp_input: SparseTensor, name: str = "") -> Any:
    """Return the indices, values and shape of a sparse tensor as bytes."""
    parts = sp_input.indices, sp_input.values, sp_input.dense_shape
    return on_host([serialize_tensor(part).item() for part in parts])


def parse_tensor(serialized: Text, out_type: DTypeLike, name: str = "") -> Any:
    """Return the tensor that `serialize_tensor` has written."""
    found = np.load(_io.BytesIO(on_host(serialized).item()), allow_pickle=False)
    return on_host(found) if is_text(found) else jnp.asarray(found)
