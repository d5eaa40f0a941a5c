"""Strategies of `tensorflow.distribute`, with one device."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lamina.errors import ArgumentError


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

    def distribute_datasets_from_function(
        self, dataset_fn: Callable[[Any], Any], options: object = None
    ) -> Any:
        """Return the data set that a function of an input context makes."""
        return dataset_fn(InputContext())

    def experimental_local_results(self, value: object) -> tuple[Any]:
        """Return the value of the only device in a tuple."""
        return (value,)

    def gather(self, value: Any, axis: int) -> Any:
        """Return the value of the only device."""
        return value

    experimental_distribute_datasets_from_function = distribute_datasets_from_function
    experimental_run_v2 = run


class InputContext:
    """Position among the devices: the only one."""

    num_input_pipelines, input_pipeline_id, num_replicas_in_sync = 1, 0, 1

    def get_per_replica_batch_size(self, global_batch_size: int) -> int:
        """Return the size of the batches of a device."""
        return global_batch_size


MirroredStrategy = OneDeviceStrategy = MultiWorkerMirroredStrategy = Strategy
TPUStrategy = Strategy


class Options:
    """Settings of the communication of devices, which have no effect.

    Args:
        *values: the settings.
        **named: see `values`.
    """

    def __init__(self, *values: object, **named: object) -> None:
        """Do nothing."""


HierarchicalCopyAllReduce = NcclAllReduce = ReductionToOneDevice = Options
InputOptions = RunOptions = Options


class TPUClusterResolver:
    """Address of a TPU of TensorFlow, which lamina does not have.

    Args:
        *unused: have no effect.
        **named: see `unused`.

    Raises:
        ArgumentError: always, as TensorFlow does without a TPU.
    """

    def __init__(self, *unused: object, **named: object) -> None:
        raise ArgumentError(
            "There is no TPU of TensorFlow here. lamina uses the devices of JAX: "
            "`jax.devices()`."
        )

    connect = classmethod(lambda cls, *_, **__: cls())


class _ClusterResolver:
    """Names of `tensorflow.distribute.cluster_resolver`."""

    TPUClusterResolver = TPUClusterResolver


cluster_resolver = _ClusterResolver()


class ReduceOp:
    """Names of reductions."""

    SUM, MEAN = "SUM", "MEAN"


def has_strategy() -> bool:
    """Return false: there is one device."""
    return False


def in_cross_replica_context() -> bool:
    """Return true: there is one device."""
    return True


def get_strategy() -> Strategy:
    """Return the strategy with one device."""
    return Strategy()


class _Experimental:
    """Strategies of `tensorflow.distribute.experimental`."""

    MultiWorkerMirroredStrategy = CentralStorageStrategy = TPUStrategy = Strategy
    CommunicationOptions = Options

    class CommunicationImplementation:
        """Names of implementations."""

        AUTO, RING, NCCL = "AUTO", "RING", "NCCL"

    CollectiveCommunication = CommunicationImplementation


experimental = _Experimental()
