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

    def __init__(self, failed: str = "", broken: str = "", ended: str = "") -> None:
        given = {"lamina/failed/0": failed, "lamina/ended/0": ended}
        self.values = {key: value for key, value in given.items() if value}
        self.broken = broken

    def key_value_set(self, key: str, value: str) -> None:
        self.values[key] = value

    def blocking_key_value_get(self, key: str, milliseconds: int) -> str:
        if self.broken:
            raise RuntimeError(self.broken)
        return ""

    def key_value_dir_get(self, folder: str) -> list[tuple[str, str]]:
        return [(k, v) for k, v in self.values.items() if k.startswith(folder)]


def watch(client: Client, number: int = 1) -> Any:
    connection = SimpleNamespace(process_id=number, num_processes=2, client=client)
    made = failures._Watch(connection, 10)
    made.previous = lambda *_: None
    made._thread = SimpleNamespace(join=lambda _: None)
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
    "end without an error": (Client(ended="2"), "0 of 2 has ended, but others wait"),
    "no answer": (
        Client(broken="DEADLINE_EXCEEDED: late"),
        "0 of 2 does not answer. So",
    ),
}


@pytest.mark.parametrize("name", ENDS)
def test_failure_of_another_process_ends_this_one(
    name: str, capfd: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, message = ENDS[name]
    monkeypatch.setattr(failures, "exchanges", lambda: 3)
    with pytest.raises(SystemExit) as found:
        watch(client).run()
    assert found.value.code == 1
    printed = capfd.readouterr().err
    assert message in printed and "Start the same command again" in printed


def test_end_of_another_process_after_its_last_exchange_is_none_too_early(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(failures, "exchanges", lambda: 2)
    found = watch(Client(ended="2"))
    found.close()
    assert found._client.values["lamina/ended/1"] == "2"
    assert found._missed() == []


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
    found.report(type(error), error, None)
    assert client.values.get("lamina/failed/1") == told
    if status is None:
        found.close()
    else:
        with pytest.raises(SystemExit) as ended:
            found.close()
        assert ended.value.code == status
