"""Custom objects of one thread are not available to files loaded in another."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

import lamina
from lamina import layers, saving
from lamina.core.module import unique_name
from lamina.errors import FileFormatError

errors: list[str] = []


def in_another_thread(work: Callable[..., Any], *args: Any) -> Any:
    """The result of a call in a thread of its own."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work, *args).result()


class Foreign(layers.Layer):
    """A layer during whose construction another thread loads files that name it."""

    attempts: tuple[Callable[[], Any], ...] = ()

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        attempts, Foreign.attempts = Foreign.attempts, ()
        for attempt in attempts:
            with pytest.raises(FileFormatError) as caught:
                in_another_thread(attempt)
            errors.append(str(caught.value))

    def call(self, x: Any) -> Any:
        return x


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of a model with a `Foreign` layer."""
    model = lamina.Sequential([layers.Input((4,)), Foreign(), layers.Dense(1)])
    model.save(tmp_path / "model.keras")
    config, text = model.get_config(), model.to_json()
    attempts = (
        lambda: lamina.models.load_model(tmp_path / "model.keras"),
        lambda: lamina.Sequential.from_config(config),
        lambda: lamina.models.model_from_json(text),
        lambda: saving.deserialize_keras_object(config["layers"][1]),
    )
    monkeypatch.setattr(Foreign, "attempts", attempts)
    errors.clear()
    return tmp_path / "model.keras"


def test_custom_objects_of_a_load_hold_in_its_thread(path: Path) -> None:
    lamina.models.load_model(path, {"Foreign": Foreign})
    assert len(errors) == 4
    assert all("'Foreign'" in e and "does not know" in e for e in errors)


def test_a_scope_holds_in_its_thread(path: Path) -> None:
    with saving.custom_object_scope({"Foreign": Foreign}):
        lamina.models.load_model(path)
    assert len(errors) == 4
    assert all("'Foreign'" in e and "does not know" in e for e in errors)


def seen(name: str) -> Any:
    return saving.get_registered_object(name)


def test_nested_scopes_add_to_each_other() -> None:
    outer = saving.CustomObjectScope({"a": 1, "b": 2})
    with outer, saving.CustomObjectScope({"b": 3}) as inner:
        assert (seen("a"), seen("b")) == (1, 3)
        with outer:
            assert (seen("a"), seen("b")) == (1, 2)
        assert inner.custom_objects == {"b": 3}
        assert in_another_thread(seen, "a") is None
    assert seen("a") is None


def test_a_scope_of_two_threads_holds_in_both_until_each_leaves_it() -> None:
    scope, both = saving.CustomObjectScope({"a": 1}), Barrier(2, timeout=30)

    def work(first: bool) -> list[Any]:
        with scope:
            both.wait()
            found = [seen("a")]
            if first:
                both.wait()
        found.append(seen("a"))
        if not first:
            both.wait()
        return found

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(work, [True, False])) == [[1, None], [1, None]]


def test_a_scope_holds_in_its_asynchronous_task() -> None:
    async def inside(entered: asyncio.Event, left: asyncio.Event) -> Any:
        with saving.CustomObjectScope({"a": 1}):
            entered.set()
            await left.wait()
            return seen("a")

    async def outside(entered: asyncio.Event, left: asyncio.Event) -> Any:
        await entered.wait()
        found = seen("a")
        left.set()
        return found

    async def both() -> list[Any]:
        events = asyncio.Event(), asyncio.Event()
        return await asyncio.gather(inside(*events), outside(*events))

    assert asyncio.run(both()) == [1, None]


def test_names_made_by_several_threads_differ() -> None:
    with ThreadPoolExecutor(8) as pool:
        names = list(pool.map(lambda _: unique_name("threaded"), range(2000)))
    assert len(set(names)) == 2000
