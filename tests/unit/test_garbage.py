"""Pauses of the garbage collector."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from lamina.garbage import collection_paused


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    was_enabled = gc.isenabled()
    gc.unfreeze()
    yield
    gc.freeze()
    (gc.enable if was_enabled else gc.disable)()


@pytest.mark.parametrize("permanent", [False, True])
@pytest.mark.parametrize("enabled", [False, True])
def test_collector_is_paused_and_then_as_before(permanent: bool, enabled: bool) -> None:
    (gc.enable if enabled else gc.disable)()
    with pytest.raises(KeyError), collection_paused(permanent):
        assert not gc.isenabled()
        raise KeyError
    assert gc.isenabled() == enabled
    assert gc.get_freeze_count() == 0


def test_permanent_objects_are_collected_once_unused() -> None:
    class Node:
        pass

    gc.enable()
    with collection_paused(permanent=True):
        node = Node()
        node.itself = node  # type: ignore[attr-defined]
    found = weakref.ref(node)
    del node
    gc.collect()
    assert found() is None


def test_objects_that_the_user_froze_stay_frozen() -> None:
    gc.enable()
    gc.freeze()
    count = gc.get_freeze_count()
    try:
        with collection_paused(permanent=True):
            pass
        assert 0 < gc.get_freeze_count() <= count
    finally:
        gc.unfreeze()
