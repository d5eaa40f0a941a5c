"""Ends of a process when it, or another one of a training, fails."""

from __future__ import annotations

import logging
import os
import time
from types import SimpleNamespace
from typing import Any

import pytest

from lamina.distribution import failures


class Client:
    """Stands for JAX's connection to the other processes."""

    def __init__(self, failed: str = "", broken: str = "") -> None:
        self.values = {"lamina/failed/0": failed} if failed else {}
        self.broken = broken

    def key_value_set(self, key: str, value: str) -> None:
        self.values[key] = value

    def blocking_key_value_get(self, key: str, milliseconds: int) -> str:
        if self.broken:
            raise RuntimeError(self.broken)
        return ""

    def key_value_dir_get(self, folder: str) -> list[tuple[str, str]]:
        return [*self.values.items()]


def watch(client: Client, number: int = 1) -> Any:
    connection = SimpleNamespace(process_id=number, num_processes=2, client=client)
    made = failures._Watch(connection, 10)
    made.previous = lambda *_: None
    return made


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    def end(status: int) -> None:
        raise SystemExit(status)

    monkeypatch.setattr(os, "_exit", end)
    monkeypatch.setattr(logging, "shutdown", lambda: None)  # pytest's handlers stay
    monkeypatch.setattr(time, "sleep", lambda _: None)
    monkeypatch.setattr(failures, "_INTERVAL", 0.0)


ENDS = {
    "error": (
        Client("0 of 2 ended by ValueError: bad"),
        "ended by ValueError: bad. So",
    ),
    "no answer": (
        Client(broken="DEADLINE_EXCEEDED: late"),
        "0 of 2 does not answer. So",
    ),
}


@pytest.mark.parametrize("name", ENDS)
def test_failure_of_another_process_ends_this_one(name: str, capfd: Any) -> None:
    client, message = ENDS[name]
    with pytest.raises(SystemExit) as found:
        watch(client).run()
    assert found.value.code == 1
    printed = capfd.readouterr().err
    assert message in printed and "Start the same command again" in printed


def test_closed_connection_is_left_to_jax(capfd: Any) -> None:
    watch(Client(broken="UNAVAILABLE: Socket closed")).run()
    assert capfd.readouterr().err == ""


ERRORS: dict[str, tuple[BaseException, str | None, int | None]] = {
    "error": (ValueError("bad.\nmore"), "1 of 2 ended by ValueError: bad", 1),
    "Ctrl-C": (KeyboardInterrupt(), None, 130),
    "lost connection": (RuntimeError("Gloo AllGather failed"), None, None),
}


@pytest.mark.parametrize("name", ERRORS)
def test_error_is_told_and_ends_this_process(name: str) -> None:
    error, told, status = ERRORS[name]
    client = Client()
    found = watch(client)
    found._thread = SimpleNamespace(join=lambda _: None)
    found.report(type(error), error, None)
    assert client.values.get("lamina/failed/1") == told
    if status is None:
        found.close()
    else:
        with pytest.raises(SystemExit) as ended:
            found.close()
        assert ended.value.code == status
