"""Convert the data of `fit`, `evaluate` and `predict` to a feed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import jax
import numpy as np

from lamina import config
from lamina.core.check import is_int
from lamina.data.arrays import (
    Parts,
    as_arrays,
    is_array_like,
    map_arrays,
    num_rows,
    rows_mend,
)
from lamina.data.feeds import STACK_STEPS, ArrayFeed, Feed, StreamFeed
from lamina.data.host import HostFunction, host_arrays, host_rows
from lamina.data.pipeline.dataset import Dataset
from lamina.data.shares import is_share, rows_of_share
from lamina.data.shuffle import permutation
from lamina.data.sparse import SparseRows
from lamina.data.streams import (
    DatasetSource,
    Source,
    State,
    StreamSource,
    require_batches,
)
from lamina.errors import (
    ArgumentError,
    ArgumentTypeError,
    DataError,
    invalid,
    shown,
)
from lamina.tracebacks import filter_traceback, warn
from lamina.typing import PyTree

# Share of memory above which data is batched on the host.
RESIDENT_SHARE = 0.4


@filter_traceback
def unpack_x_y_sample_weight(data: PyTree) -> Parts:
    """Return `(x, y, sample_weight)` of a batch: x, (x,), (x, y) or all three.

    Example:
        >>> lamina.utils.unpack_x_y_sample_weight((1, 2))
        (1, 2, None)
    """
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


@filter_traceback
def pack_x_y_sample_weight(
    x: PyTree, y: PyTree = None, sample_weight: PyTree = None
) -> PyTree:
    """Return a batch as users pass it: x alone, (x, y), or all three.

    Example:
        >>> lamina.utils.pack_x_y_sample_weight(1, 2)
        (1, 2)
    """
    if sample_weight is not None:
        return x, y, sample_weight
    if y is not None:
        return x, y
    # A list alone would be read as x and y.
    return (x,) if isinstance(x, (list, tuple)) else x


def adapt(
    x: PyTree,
    y: PyTree = None,
    sample_weight: PyTree = None,
    batch_size: int | None = None,
    steps: int | None = None,
    *,
    shuffle: bool | str = False,
    class_weight: Mapping[int, float] | None = None,
    seed: int = 0,
    most: int | None = None,
    host: HostFunction | None = None,
    is_marked: bool = False,
) -> Feed:
    """Return a feed of batches `(x, y, sample_weight)`.

    Args:
        x: arrays, frames, tensors or sparse matrices, alone or in lists and
            dictionaries; or a `Dataset`, a `PyDataset`, a generator, an iterable, a
            torch `DataLoader`, a `tf.data.Dataset` or a grain loader, each yielding
            batches.
        y: labels of array data.
        sample_weight: a weight for each row of array data.
        batch_size: rows in a batch of array data, 32 by default.
        steps: batches in an epoch.
        shuffle: whether array data is shuffled each epoch.
        class_weight: a weight for each class index.
        seed: seed of shuffling.
        most: maximum number of batches of a stream that are stacked.
        host: layers that x passes on the host.
        is_marked: whether this process has only its share of the rows.

    Raises:
        DataError: the data is empty, or its parts do not fit together.
        ArgumentError: an argument does not apply to this kind of data.
    """
    if x is None:
        raise DataError(
            "There is no data: `x` is None. Pass arrays, or an iterable of batches."
        )
    if batch_size is not None and not (is_int(batch_size) and batch_size > 0):
        hint = " For several inputs, pass one list: fit([a, b], y)."
        raise ArgumentError(
            f"`batch_size` must be a positive integer. Received: {shown(batch_size)}."
            f"{hint if is_array_like(batch_size) else ''}"
        )
    shuffle, share = bool(shuffle), is_share(x, is_marked)
    if is_array_data(x):
        x = on_host(x, host)
        parts = with_class_weight(_as_parts(x, y, sample_weight, True), class_weight)
        return _array_feed(parts, batch_size or 32, steps, shuffle, seed, share)
    steps = _limited(steps)
    require_batches(x)
    _refuse_for_streams(x, y, sample_weight, batch_size)

    def convert(batch: PyTree) -> Parts:
        x, *rest = unpack_x_y_sample_weight(batch)
        if host is not None:
            x = host(host_arrays(x))
        parts = _as_parts(x, *rest)
        return with_class_weight(parts, class_weight)

    if isinstance(x, Dataset):
        source: Source = DatasetSource(x, steps, seed, convert)
    else:
        source = StreamSource(x, steps, shuffle, seed, convert)
    most = min(most or STACK_STEPS, source.steps or STACK_STEPS)
    return StreamFeed(source, most, share)


def on_host(x: PyTree, host: HostFunction | None) -> PyTree:
    """Return array data after the layers that run on the host, if there are any."""
    if host is None or host.is_prepared(x) or not is_array_data(x):
        return x
    return host_rows(host, x)


def is_array_data(x: object) -> bool:
    """Return whether data is arrays, rather than an iterable of batches."""
    return isinstance(x, (list, tuple, Mapping)) or is_array_like(x)


def _as_parts(x: PyTree, y: PyTree, weight: PyTree, keep_sparse: bool = False) -> Parts:
    """Convert x, y and weights to arrays with the same, positive number of rows."""
    parts = {"x": x, "y": y, "sample_weight": weight}
    for name, part in parts.items():
        parts[name] = as_arrays(part, name, keep_sparse and name == "x")
    rows = num_rows(parts["x"], "x")
    if rows == 0:
        raise DataError("The data is empty: x has no rows.")
    for name, part in parts.items():
        count = rows if part is None else num_rows(part, name)
        if count != rows:
            mend = rows_mend(x, name, part, count)
            raise DataError(f"x has {rows} rows, but {name} has {count}. {mend}")
    return parts["x"], parts["y"], parts["sample_weight"]


def _limited(steps: int | None) -> int | None:
    limit = config.max_steps_per_epoch()
    return steps if limit is None else min(steps or limit, limit)


def _array_feed(
    parts: Parts,
    batch_size: int,
    steps: int | None,
    shuffle: bool,
    seed: int,
    share: bool,
) -> Feed:
    limited = _limited(steps)
    if share:
        size = rows_of_share(batch_size, num_rows(parts, "x"))
        source = _HostRows(parts, size, limited, shuffle, seed)
        return StreamFeed(source, is_share=True)
    if _are_sparse(parts) or not _fits_device(parts):
        return StreamFeed(_HostRows(parts, batch_size, limited, shuffle, seed))
    parts = as_arrays(parts[0], "x"), *parts[1:]
    feed = ArrayFeed(parts, batch_size, shuffle, limited)
    if steps is not None and (limited or 0) > (feed.steps or 0):
        warn(
            f"The data has {feed.steps} batches, fewer than the {steps} steps "
            "requested. Each epoch ends with the data."
        )
    return feed


def _are_sparse(parts: Parts) -> bool:
    """Return whether there are sparse matrices, which are never converted whole."""
    return any(isinstance(a, SparseRows) for a in jax.tree.leaves(parts))


def _fits_device(parts: Parts) -> bool:
    size = sum(a.nbytes for a in jax.tree.leaves(parts))
    stats = jax.local_devices()[0].memory_stats() or {}
    limit = stats.get("bytes_limit") or config.memory_limit()
    return size < limit * RESIDENT_SHARE


class _HostRows:
    """Source of batches of arrays that are sparse, or too large for the device."""

    def __init__(
        self, parts: Parts, batch_size: int, steps: int | None, shuffle: bool, seed: int
    ) -> None:
        self._parts, self._size = parts, batch_size
        self._shuffle, self._seed = shuffle, seed
        self._rows = num_rows(parts, "x")
        total = -(-self._rows // batch_size)
        self.steps: int | None = min(steps or total, total)

    def batches(self, epoch: int, first: int = 0) -> Iterator[Parts]:
        """Yield the batches of an epoch, from batch `first` on."""
        order = np.arange(self._rows)
        if self._shuffle:
            order = permutation(self._seed, epoch, self._rows)
        for i in range(first, self.steps or 0):
            # Sorted, so that memory-mapped files are read sequentially.
            taken = np.sort(order[i * self._size : (i + 1) * self._size])
            batch = jax.tree.map(lambda a, t=taken: np.asarray(a[t]), self._parts)
            yield as_arrays(batch, "the data")

    def state(self) -> None:
        """Return no state: an epoch's order is a function of seed and epoch."""

    def seek(self, epoch: int, position: State) -> bool:
        """Return True: any epoch can start directly."""
        return True


def with_class_weight(parts: Parts, class_weight: Mapping[int, float] | None) -> Parts:
    """Multiply the sample weights of a batch by the class weights of its rows.

    Raises:
        ArgumentError: a class index is not a class of y, or there are several outputs.
        ArgumentTypeError: the weights are not a dictionary by class index.
    """
    if not class_weight:
        return parts
    if not isinstance(class_weight, Mapping) or not all(map(is_int, class_weight)):
        raise ArgumentTypeError(
            "`class_weight` must be a dictionary from class indices to weights, such "
            f"as {{0: 1.0, 1: 2.5}}. Received: {class_weight!r}."
        )
    x, y, weight = parts
    labels = jax.tree.leaves(y)
    if len(labels) != 1:
        raise ArgumentError(
            "`class_weight` needs one array of labels. For several outputs, pass "
            "`sample_weight`."
        )
    label = np.asarray(labels[0])
    count = label.shape[-1] if label.ndim > 1 else 1
    wrong = [k for k in class_weight if count > 1 and not 0 <= int(k) < count]
    if wrong:
        raise ArgumentError(
            f"`class_weight` has the key {wrong[0]!r}, but the classes of y are 0 to "
            f"{count - 1}."
        )
    classes = label.argmax(-1) if count > 1 else label.reshape(len(label), -1)[:, 0]
    found, inverse = np.unique(np.rint(classes).astype(int), return_inverse=True)
    values = np.array([class_weight.get(int(c), 1.0) for c in found], np.float32)
    new = values[inverse]
    return x, y, new if weight is None else np.asarray(weight) * new


def _refuse_for_streams(x: object, y: object, weight: object, size: object) -> None:
    given = {"y": y, "sample_weight": weight, "batch_size": size}
    if hasattr(x, "__len__"):
        del given["batch_size"]  # accepted, and ignored, as in Keras
    for name, value in given.items():
        if value is not None:
            raise ArgumentError(
                f"`{name}` cannot be passed when x is a {type(x).__name__}: it must "
                "yield whole batches, (x, y) or (x, y, sample_weight)."
            )


def split_validation(parts: Parts, share: float) -> tuple[Parts, Parts]:
    """Split off the last `share` of the rows, before shuffling.

    Raises:
        ArgumentError: one of the two parts has no rows, or the data is a stream.
    """
    if not 0 < share < 1:
        raise invalid("fit", "validation_split", share, "between 0 and 1")
    if not is_array_data(parts[0]):
        raise ArgumentError(
            f"`validation_split` needs arrays, not a {type(parts[0]).__name__}: pass "
            "`validation_data` instead."
        )
    x, y, weight = _as_parts(*parts, keep_sparse=True)
    rows = num_rows(x, "x")
    cut = int(np.floor(rows * (1.0 - share)))
    if cut == 0 or cut == rows:
        raise ArgumentError(
            f"`validation_split={share}` of {rows} rows leaves {cut} for training and "
            f"{rows - cut} for validation. Both need at least one: change the share, "
            "or pass `validation_data`."
        )

    def part(rows: slice) -> Parts:
        return tuple(map_arrays(lambda a: a[rows], tree) for tree in (x, y, weight))

    return part(slice(cut)), part(slice(cut, None))
