"""`install`, `uninstall` and `installed` in any order."""

from __future__ import annotations

import sys
import threading
from types import ModuleType

import pytest

from lamina import compat, layers


@pytest.fixture(autouse=True)
def old_keras(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Replace the open block of other tests by another `keras`, already imported."""
    other = ModuleType("keras")
    monkeypatch.setitem(sys.modules, "keras", other)
    return other


def is_old() -> bool:
    import keras

    return getattr(keras, "layers", None) is not None


def test_blocks_nest(old_keras):
    with compat.installed():
        with compat.installed(quiet=True):
            assert is_old()
        assert is_old() and layers.Dropout(p=0.5).rate == 0.5
    assert sys.modules["keras"] is old_keras and not is_old()


def test_blocks_within_install_do_not_end_it(old_keras):
    compat.install()
    compat.install()
    with compat.installed():
        pass
    assert is_old()
    compat.uninstall()
    compat.uninstall()
    assert sys.modules["keras"] is old_keras


def test_blocks_of_two_threads_overlap(old_keras):
    first_is_open, second_is_open = threading.Event(), threading.Event()

    def first() -> None:
        with compat.installed(quiet=True):
            first_is_open.set()
            assert second_is_open.wait(10)

    thread = threading.Thread(target=first)
    thread.start()
    assert first_is_open.wait(10)
    with compat.installed():
        second_is_open.set()
        thread.join()
        assert is_old() and layers.Dropout(p=0.5).rate == 0.5
    assert sys.modules["keras"] is old_keras
