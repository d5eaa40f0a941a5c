"""Reader of the arrays in a file of `torch.save`, in the layout before PyTorch 1.6.

The file is a sequence of pickles, then the contents of the arrays. The reader calls
nothing but the functions of `CALLABLE`. lamina itself reads no pickles.
"""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from typing import Any

import numpy as np

MAGIC = 0x1950A86A20F9469CFC6C


def tensor(
    storage: np.ndarray, offset: int, shape: tuple, strides: tuple, *_: Any
) -> np.ndarray:
    """Return a view of a storage. Strides count elements."""
    strides = tuple(storage.itemsize * n for n in strides)
    return np.ndarray(shape, storage.dtype, storage, storage.itemsize * offset, strides)


CALLABLE = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): tensor,
    ("torch", "FloatStorage"): "<f4",
}


class Unpickler(pickle.Unpickler):
    storages: dict[str, np.ndarray]

    def find_class(self, module: str, name: str) -> Any:
        return CALLABLE[module, name]

    def persistent_load(self, reference: Any) -> np.ndarray:
        _, dtype, key, _, size, _ = reference
        return self.storages.setdefault(key, np.empty(size, dtype))


def read_state_dict(content: bytes) -> dict[str, np.ndarray]:
    """Return the arrays of a module by name.

    Raises:
        KeyError: the file calls a function that is not in `CALLABLE`.
    """
    file, storages = io.BytesIO(content), {}

    def load() -> Any:
        unpickler = Unpickler(file)
        unpickler.storages = storages
        return unpickler.load()

    magic, _, _, arrays, keys = [load() for _ in range(5)]
    assert magic == MAGIC
    for key in keys:
        assert int.from_bytes(file.read(8), "little") == storages[key].size
        file.readinto(storages[key].data)
    assert file.read() == b""
    return {name: np.ascontiguousarray(array) for name, array in arrays.items()}
