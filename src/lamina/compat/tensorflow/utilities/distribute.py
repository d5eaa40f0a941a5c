"""Strategies of `tensorflow.distribute`, with one device."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any


class Strategy:
    """Strategy with one device.

    Args:
        *devices: have no effect: lamina trains on one device.
        **unused: see `devices`.
    """

    num_replicas_in_sync = 1

    def __init__(self, *devices: object, **unused: object) -> None:
        self.extended = None

    def scope(self) -> contextlib.AbstractContextManager[Any]:
        """Return a block in which nothing changes."""
        return contextlib.nullcontext(self)

    def run(
        self,
        fn: Callable[..., Any],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call a function."""
        return fn(*args, **(kwargs or {}))

    def reduce(self, reduce_op: object, value: Any, axis: int | None = None) -> Any:
        """Return the value of the only device."""
        return value if axis is None else value.sum(axis)

    def experimental_distribute_dataset(
        self, dataset: object, options: object = None
    ) -> Any:
        """Return the data set itself."""
        return dataset


MirroredStrategy = OneDeviceStrategy = MultiWorkerMirroredStrategy = Strategy


class ReduceOp:
    """Names of reductions."""

    SUM, MEAN = "SUM", "MEAN"


def get_strategy() -> Strategy:
    """Return the strategy with one device."""
    return Strategy()


class _Experimental:
    """Strategies of `tensorflow.distribute.experimental`."""

    MultiWorkerMirroredStrategy = CentralStorageStrategy = Strategy


experimental = _Experimental()
