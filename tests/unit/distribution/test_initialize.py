"""`distribution.initialize` in one process, and its arguments."""

from __future__ import annotations

from typing import Any

import jax
import pytest

from lamina.distribution import initialize, processes
from lamina.errors import ArgumentError, StateError

ADDRESS = "10.0.0.1:1234"
CASES: dict[str, tuple[dict[str, Any], str]] = {
    "port": ({"job_addresses": "10.0.0.1"}, "a port.*Received.*'10.0.0.1'"),
    "count of addresses": (
        {"job_addresses": f"{ADDRESS},10.0.0.2:1234", "num_processes": 3},
        "has 2 addresses, but there are num_processes=3",
    ),
    "no processes": ({"num_processes": 0}, "an integer from 1"),
    "number of the process": (
        {"job_addresses": ADDRESS, "num_processes": 2, "process_id": 2},
        "from 0 to 1, with num_processes=2. Received: process_id=2",
    ),
    "no address": ({"num_processes": 2}, "Pass `job_addresses` and `process_id` too"),
}


@pytest.fixture(autouse=True)
def no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    def initialize(*args: object, **_: object) -> None:
        if None in args:
            raise ValueError("coordinator_address should be defined.")
        raise RuntimeError("jax.distributed.initialize() must be called before any")

    monkeypatch.setattr(jax.distributed, "initialize", initialize)
    monkeypatch.setattr(processes, "_started", [])


@pytest.mark.parametrize("name", CASES)
def test_arguments_are_checked(name: str) -> None:
    arguments, message = CASES[name]
    with pytest.raises(ArgumentError, match=message):
        initialize(**arguments)


def test_arguments_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_DISTRIBUTION_JOB_ADDRESSES", ADDRESS)
    monkeypatch.setenv("KERAS_DISTRIBUTION_NUM_PROCESSES", "2")
    monkeypatch.setenv("KERAS_DISTRIBUTION_PROCESS_ID", "2")
    with pytest.raises(ArgumentError, match="process_id=2"):
        initialize()
    with pytest.raises(StateError, match="before the first computation"):
        initialize(process_id=1)
    monkeypatch.setenv("KERAS_DISTRIBUTION_PROCESS_ID", "first")
    with pytest.raises(ArgumentError, match="PROCESS_ID.*'first'"):
        initialize()


def test_without_a_cluster_nothing_is_done() -> None:
    initialize()
    initialize()
    assert jax.process_count() == 1
    with pytest.raises(
        StateError, match="before, with other arguments: job_addr.*None"
    ):
        initialize(num_processes=1)
