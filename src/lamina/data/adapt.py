"""What users hand to `fit`, `evaluate` and `predict`, as a feed."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import jax
import numpy as np

from lamina.data.arrays import as_arrays, is_array_like, map_arrays, num_rows
from lamina.data.dataset import PyDataset
from lamina.data.feeds import ArrayFeed, StreamFeed, permutation
from lamina.errors import ArgumentError, DataError

__all__ = [
    "adapt",
    "split_validation",
    "unpack_x_y_sample_weight",
]

# Larger data is cut into stacks of batches on the host.
RESIDENT_SHARE = 0.4


def unpack_x_y_sample_weight(data: Any) -> tuple[Any, Any, Any]:
    """`(x, y, sample_weight)` of a batch given as x, (x,), (x, y) or all three."""
    if isinstance(data, list):
        data = tuple(data)
    if not isinstance(data, tuple):
        return data, None, None
    if not 1 <= len(data) <= 3:
        raise DataError(
            "A batch must be x, (x, y) or (x, y, sample_weight). Received a tuple of "
            f"{len(data)} parts."
        )
    x, y, weight = (*data, None, None)[:3]
    return x, y, weight


def adapt(
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    batch_size: int | None = None,
    steps: int | None = None,
    shuffle: bool | str = False,
    class_weight: Mapping[int, float] | None = None,
    seed: int = 0,
    most: int | None = None,
) -> ArrayFeed | StreamFeed:
    """A feed of batches `(x, y, sample_weight)`.

    Args:
        x: arrays, frames or tensors, alone or in lists and dictionaries; or a
            generator, an iterable, a `PyDataset`, a torch `DataLoader`, a
            `tf.data.Dataset` or a grain loader, each yielding batches.
        y: labels of array data.
        sample_weight: a weight for each row of array data.
        batch_size: rows in a batch of array data, 32 by default.
        steps: batches in an epoch.
        shuffle: whether array data comes in a new order each epoch.
        class_weight: a weight for each class index.
        seed: what the orders derive from.
        most: how many batches of a stream may be stacked.

    Raises:
        DataError: the data is empty, or its parts do not fit together.
        ArgumentError: an argument does not go with this kind of data.
    """
    if x is None:
        raise DataError("There is no data: x is None.")
    if steps is not None and (not isinstance(steps, (int, np.integer)) or steps < 1):
        raise ArgumentError(
            f"The number of steps must be a positive integer. Received: {steps!r}."
        )
    if not is_array_data(x):
        _refuse_for_streams(x, y, sample_weight, batch_size)
        return _stream(x, steps, class_weight, most)
    if batch_size is not None and (
        not isinstance(batch_size, (int, np.integer)) or batch_size < 1
    ):
        raise ArgumentError(
            f"`batch_size` must be a positive integer. Received: {batch_size!r}."
        )
    return _arrays(
        x, y, sample_weight, batch_size or 32, steps, bool(shuffle), class_weight, seed
    )


def is_array_data(x: Any) -> bool:
    """Whether data is arrays, as opposed to something that yields batches."""
    if isinstance(x, (list, tuple, dict)):
        return True
    return is_array_like(x) and not hasattr(x, "element_spec")


def _arrays(
    x: Any, y: Any, weight: Any, batch_size: int, steps: int | None, shuffle: bool,
    class_weight: Mapping[int, float] | None, seed: int,
) -> ArrayFeed | StreamFeed:  # fmt: skip
    parts = as_arrays(x, "x"), as_arrays(y, "y"), as_arrays(weight, "sample_weight")
    check_rows(*parts)
    parts = with_class_weight(parts, class_weight)
    if _fits_device(parts):
        feed = ArrayFeed(parts, batch_size, shuffle, seed, steps)
        if steps is not None and steps > feed.steps:
            warnings.warn(
                f"The data has {feed.steps} batches, fewer than the {steps} steps "
                "asked for; each epoch ends with the data.",
                stacklevel=5,
            )
        return feed
    return _host_stream(parts, batch_size, steps, shuffle, seed)


def check_rows(x: Any, y: Any, weight: Any) -> None:
    """Raise unless x, y and weights have the same, positive number of rows."""
    rows = num_rows(x, "x")
    if rows == 0:
        raise DataError("The data is empty: x has no rows.")
    for what, part in (("y", y), ("sample_weight", weight)):
        if part is not None and num_rows(part, what) != rows:
            raise DataError(
                f"x has {rows} rows, but {what} has {num_rows(part, what)}. Each row "
                "of x needs one."
            )


def _fits_device(parts: Any) -> bool:
    size = sum(a.nbytes for a in jax.tree.leaves(parts))
    stats = jax.local_devices()[0].memory_stats() or {}
    limit = stats.get("bytes_limit") or _host_memory()
    return size < limit * RESIDENT_SHARE


@functools.cache
def _host_memory() -> int:
    try:
        with open("/proc/meminfo") as file:
            return int(file.readline().split()[1]) * 1024
    except OSError:
        return 8 * 2**30


def _host_stream(
    parts: Any, batch_size: int, steps: int | None, shuffle: bool, seed: int
) -> StreamFeed:
    rows = num_rows(parts, "x")
    total = -(-rows // batch_size)

    def start(epoch: int) -> Iterator[Any]:
        order = permutation(seed, epoch, rows) if shuffle else np.arange(rows)
        for i in range(total):
            # Sorted, so that a memory-mapped file is read forwards.
            taken = np.sort(order[i * batch_size : (i + 1) * batch_size])
            yield jax.tree.map(lambda a, t=taken: np.asarray(a[t]), parts)

    return StreamFeed(start, min(steps or total, total))


def with_class_weight(parts: Any, class_weight: Mapping[int, float] | None) -> Any:
    """The batch with each row's class weight in its sample weight.

    Raises:
        ArgumentError: a class index is no class of y, or there are several outputs.
    """
    if not class_weight:
        return parts
    x, y, weight = parts
    labels = jax.tree.leaves(y)
    if len(labels) != 1:
        raise ArgumentError(
            "`class_weight` needs one array of labels. For several outputs, give "
            "`sample_weight`."
        )
    label = np.asarray(labels[0])
    several = label.ndim > 1 and label.shape[-1] > 1
    classes = label.argmax(-1) if several else label.reshape(len(label), -1)[:, 0]
    classes = np.rint(classes).astype(int)
    wrong = [k for k in class_weight if several and not 0 <= int(k) < label.shape[-1]]
    if wrong:
        raise ArgumentError(
            f"`class_weight` has the key {wrong[0]!r}, but the classes of y are 0 to "
            f"{label.shape[-1] - 1}."
        )
    found, inverse = np.unique(classes, return_inverse=True)
    values = np.array([class_weight.get(int(c), 1.0) for c in found], np.float32)
    new = values[inverse]
    return x, y, new if weight is None else np.asarray(weight) * new


def _refuse_for_streams(x: Any, y: Any, weight: Any, batch_size: Any) -> None:
    given = {"y": y, "sample_weight": weight, "batch_size": batch_size}
    for name, value in given.items():
        if value is not None and not (name == "batch_size" and _has_length(x)):
            raise ArgumentError(
                f"`{name}` can't be given when x is a {type(x).__name__}: it yields "
                "whole batches, (x, y) or (x, y, sample_weight)."
            )


def _has_length(x: Any) -> bool:
    return hasattr(x, "__len__")


def _stream(
    x: Any,
    steps: int | None,
    class_weight: Mapping[int, float] | None,
    most: int | None,
) -> StreamFeed:
    start, length, endless = _source(x)
    steps = steps if steps is not None else length

    def batches(epoch: int) -> Iterator[Any]:
        for batch in start(epoch):
            yield with_class_weight(_batch(batch), class_weight)

    return StreamFeed(batches, steps, endless, min(most or 64, steps or 64))


def _batch(batch: Any) -> Any:
    x, y, weight = unpack_x_y_sample_weight(batch)
    parts = as_arrays(x, "x"), as_arrays(y, "y"), as_arrays(weight, "sample_weight")
    check_rows(*parts)
    return parts


def _source(x: Any) -> tuple[Callable[[int], Iterable[Any]], int | None, bool]:
    """How to start an epoch's iterator, its length, whether it can't start anew."""
    if isinstance(x, PyDataset):
        return x.epoch, x.num_batches, False
    if not isinstance(x, Iterable):
        raise DataError(
            f"x is a {type(x).__name__}, which is neither arrays nor iterable. Give "
            "arrays, a generator of batches, a PyDataset or a data loader."
        )
    if isinstance(x, Iterator):
        return (lambda _: x), None, True
    return (lambda _: iter(x)), _length(x), False


def _length(x: Any) -> int | None:
    try:
        length = len(x)
    except TypeError:
        return None
    return length if length >= 0 else None


def split_validation(
    parts: tuple[Any, Any, Any], share: float
) -> tuple[tuple[Any, Any, Any], tuple[Any, Any, Any]]:
    """Cut the last `share` of the rows off, before any shuffling.

    Raises:
        ArgumentError: the share leaves one of both sides without rows, or the data
            is a stream.
    """
    if not 0 < share < 1:
        raise ArgumentError(
            f"`validation_split` must be between 0 and 1. Received: {share!r}."
        )
    if not is_array_data(parts[0]):
        raise ArgumentError(
            f"`validation_split` needs arrays, not a {type(parts[0]).__name__}: give "
            "`validation_data` instead."
        )
    names = ("x", "y", "sample_weight")
    arrays = [as_arrays(p, n) for p, n in zip(parts, names, strict=True)]
    check_rows(*arrays)
    rows = num_rows(arrays[0], "x")
    cut = int(np.floor(rows * (1.0 - share)))
    if cut == 0 or cut == rows:
        raise ArgumentError(
            f"`validation_split={share}` of {rows} rows leaves {cut} for training and "
            f"{rows - cut} for validation. Both need some."
        )
    head = tuple(map_arrays(lambda a: a[:cut], a) for a in arrays)
    tail = tuple(map_arrays(lambda a: a[cut:], a) for a in arrays)
    return head, tail  # type: ignore[return-value]
