"""Data of which each of several processes has only its share."""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")


class LocalData(Generic[T]):
    """Data that `local_data` has marked.

    Args:
        data: arrays, or an iterable of batches.
    """

    def __init__(self, data: T) -> None:
        self.data = data


def local_data(data: T) -> LocalData[T]:
    """Mark data of which this process has only its share of the rows.

    By default, each process has all rows, in the same order, and computes its part of
    each batch. With marked data, a batch consists of the rows of all processes, in the
    order of their numbers:

    - of arrays, each process takes `batch_size` divided by the number of processes, and
      shuffles its own rows;
    - of a loader, each process yields its part of a batch. Split the loader by process
      with `DistributedSampler` of PyTorch, `ShardByJaxProcess` of grain or
      `tf.data.Dataset.shard`. A `DistributedSampler` is recognized without a mark.

    All processes need the same number of rows. `predict` returns the outputs of the
    rows of this process. With one process, the mark has no effect.

    Args:
        data: `x` of `fit`, `evaluate` or `predict`, or of `validation_data`.

    Example:
        >>> model = lamina.Sequential([lamina.Input((2,)), lamina.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> x, y = np.ones((4, 2)), np.zeros((4, 1))
        >>> history = model.fit(local_data(x), y, verbose=0)
    """
    return LocalData(data)
