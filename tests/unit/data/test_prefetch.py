"""Results that threads compute in advance."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator

import pytest

from lamina.data.prefetch import prefetch, prefetch_map


def test_results_are_in_order_for_any_number_of_workers() -> None:
    def slow(number: int) -> int:
        time.sleep(0.01 * (number % 3))
        return number**2

    for workers in (1, 4):
        results = prefetch_map(slow, range(12), workers, ahead=6)
        assert list(results) == [n**2 for n in range(12)]


def test_error_is_raised_where_its_result_is_due() -> None:
    results = prefetch_map(lambda n: 1 // (2 - n), range(5), 2, ahead=4)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_iterator_runs_a_limited_number_of_items_ahead() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in itertools.count():
            taken.append(number)
            yield number

    ahead = prefetch(items(), 3)
    assert [next(ahead) for _ in range(2)] == [0, 1]
    time.sleep(0.1)
    assert len(taken) <= 5
    ahead.close()


def test_iterator_ends_and_its_thread_too() -> None:
    before = threading.active_count()
    assert list(prefetch(iter("abc"), 2)) == ["a", "b", "c"]
    deadline = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() <= before
