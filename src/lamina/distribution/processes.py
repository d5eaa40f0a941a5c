"""Training by several processes: their start, their number, and shared values."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np

from lamina.core.check import Check, check_arguments, integer, optional
from lamina.core.process import broadcast, is_first_process, process_count
from lamina.core.random.seeds import seed_or_new, set_seed
from lamina.distribution.failures import end_together
from lamina.errors import ArgumentError, SaveError, StateError, invalid
from lamina.tracebacks import filter_traceback

_ENVIRONMENT = "KERAS_DISTRIBUTION_"
_MAX_PROCESSES = 2**20
# A process that has ended is noticed after this time; JAX waits 100 seconds.
_HEARTBEAT_SECONDS = 30
_CHECKS = {
    "job_addresses": optional(
        Check(
            "the address of process 0 and a port, such as '10.0.0.1:1234', or those of "
            "all processes, separated by commas",
            lambda v: isinstance(v, str) and all(map(_is_address, v.split(","))),
            ("10.0.0.1", "", 1234),
        )
    ),
    "num_processes": optional(integer(1, _MAX_PROCESSES)),
    "process_id": optional(integer(0, _MAX_PROCESSES - 1)),
}


class _Cluster(NamedTuple):
    """Arguments of `initialize`."""

    job_addresses: str | None
    num_processes: int | None
    process_id: int | None


_started: list[_Cluster] = []


@filter_traceback
def initialize(
    job_addresses: str | None = None,
    num_processes: int | None = None,
    process_id: int | None = None,
) -> None:
    """Join the processes of a training, before the first computation.

    Each process of a training calls this and then runs the same program; the devices
    of all of them are in `list_devices()`. Arguments that are left out come from the
    environment variables `KERAS_DISTRIBUTION_JOB_ADDRESSES`,
    `KERAS_DISTRIBUTION_NUM_PROCESSES` and `KERAS_DISTRIBUTION_PROCESS_ID`, or from
    Slurm, Open MPI, Kubernetes or Cloud TPU, as `jax.distributed.initialize` finds
    them. Without any of these, the process trains alone and nothing is done. All
    processes get the random seed of process 0, or a new one if it has none. If one of
    them ends early, the others end with an error that names it. A second call with the
    same arguments does nothing.

    Args:
        job_addresses: address and port of process 0; or those of all processes,
            separated by commas, of which the first is used.
        num_processes: the number of processes.
        process_id: the number of this process, from 0.

    Raises:
        ArgumentError: an argument is not valid, or some are missing.
        StateError: JAX has computed something already, or the processes were joined
            with other arguments.

    Example:
        >>> initialize(num_processes=1)
        >>> jax.process_count()
        1
    """
    cluster = _cluster(job_addresses, num_processes, process_id)
    if _started:
        if cluster != _started[0]:
            before = ", ".join(f"{k}={v!r}" for k, v in _started[0]._asdict().items())
            raise StateError(
                "distribution.initialize was called before, with other arguments: "
                f"{before}. Call it once, at the start of the program."
            )
        return
    if not jax.distributed.is_initialized() and not _join(cluster):
        _started.append(cluster)
        return
    _check_joined(cluster)
    _started.append(cluster)
    end_together(_HEARTBEAT_SECONDS)
    seed = broadcast(np.uint32(seed_or_new()))
    set_seed(int(seed))


def run_in_first_process(function: Callable[[], object]) -> None:
    """Let the first process call a function about a file; the others wait for it.

    Raises:
        SaveError: in the other processes, if the function raised an error.
    """
    if process_count() == 1:
        function()
        return
    error: Exception | None = None
    if is_first_process():
        try:
            function()
        except Exception as found:  # raised when the others know
            error = found
    failed = broadcast(np.int32(error is not None))
    if error is not None:
        raise error
    if failed:
        raise SaveError(
            "The first process, which writes the files, could not write this one. Its "
            "output says why."
        )


def _cluster(
    job_addresses: str | None, num_processes: int | None, process_id: int | None
) -> _Cluster:
    """Return the arguments of `initialize`, completed from the environment."""
    given = _Cluster(
        job_addresses or os.environ.get(f"{_ENVIRONMENT}JOB_ADDRESSES"),
        _number("num_processes", num_processes),
        _number("process_id", process_id),
    )
    check_arguments("distribution.initialize", _CHECKS, given._asdict())
    addresses = (given.job_addresses or "").split(",")
    count = given.num_processes
    if count is not None and count != len(addresses) > 1:
        raise ArgumentError(
            f"distribution.initialize: `job_addresses` has {len(addresses)} addresses, "
            f"but there are num_processes={count}. The address of process 0 is enough."
        )
    if count is not None and given.process_id is not None and given.process_id >= count:
        expected = f"a number from 0 to {count - 1}, with num_processes={count}"
        raise invalid(
            "distribution.initialize", "process_id", given.process_id, expected
        )
    return given._replace(job_addresses=addresses[0] or None)


def _number(name: str, value: int | None) -> int | None:
    text = os.environ.get(f"{_ENVIRONMENT}{name.upper()}")
    if value is not None or text is None:
        return value
    try:
        return int(text)
    except ValueError:
        variable = f"{_ENVIRONMENT}{name.upper()}"
        raise invalid("distribution.initialize", variable, text, "a number") from None


def _is_address(text: str) -> bool:
    host, _, port = text.strip().rpartition(":")
    return bool(host) and port.isdigit()


def _join(cluster: _Cluster) -> bool:
    """Connect to the other processes; return whether there are any.

    JAX uses Gloo for communication between CPUs.
    """
    address, count, number = cluster
    if count == 1 and address is None:
        return False
    try:
        jax.distributed.initialize(
            address, count, number, heartbeat_timeout_seconds=_HEARTBEAT_SECONDS
        )
    except RuntimeError as error:
        if "must be called before" not in str(error):
            raise
        raise StateError(
            "distribution.initialize must be called before the first computation, but "
            "JAX has used its devices already. Move the call to the start of the "
            "program, after `import lamina`."
        ) from None
    except ValueError as error:
        if "be defined" not in str(error):
            raise
        if cluster == _Cluster(None, None, None):
            return False
        missing = [name for name, value in cluster._asdict().items() if value is None]
        raise ArgumentError(
            "distribution.initialize: no cluster was found that could complete the "
            f"arguments. Pass {' and '.join(f'`{name}`' for name in missing)} too."
        ) from None
    return True


def _check_joined(cluster: _Cluster) -> None:
    """Check the arguments against those of `jax.distributed.initialize`."""
    actual = {"num_processes": jax.process_count(), "process_id": jax.process_index()}
    for name, value in actual.items():
        given = getattr(cluster, name)
        if given is not None and given != value:
            expected = f"{value}, as in the call of jax.distributed.initialize"
            raise invalid("distribution.initialize", name, given, expected)
