"""Items that processes compute."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest

import lamina
from lamina.data.processes import process_items
from lamina.errors import StateError
from tests.unit.data.datasets_of_processes import Squares, Unpicklable


def test_items_come_in_order_from_other_processes() -> None:
    items = list(process_items(Squares(1), [3, 0, 2, 1], workers=2, ahead=3))
    assert [int(x[0]) for x, _ in items] == [10, 1, 5, 2]
    assert os.getpid() not in {process for _, process in items}


def test_errors_of_items_are_raised_where_they_are_due() -> None:
    items = process_items(Squares(), range(6, 9), workers=1, ahead=2)
    assert int(next(items)[0][0]) == 36
    with pytest.raises(LookupError, match="no batch 7"):
        next(items)


def test_data_sets_that_cannot_be_copied_are_refused() -> None:
    with pytest.raises(StateError, match="use_multiprocessing=False"):
        next(process_items(Unpicklable(), range(3), 1, 1))


def test_py_datasets_use_processes_on_request(monkeypatch: Any) -> None:
    calls: list[Any] = []

    def items(dataset: Any, indices: Any, workers: int, ahead: int) -> Any:
        calls.append((list(indices), workers, ahead))
        return iter([])

    monkeypatch.setattr("lamina.data.dataset.process_items", items)

    class Numbers(lamina.utils.PyDataset):
        def __len__(self) -> int:
            return 3

        def __getitem__(self, index: int) -> Any:
            return np.full(2, index)

    processes = Numbers(workers=2, use_multiprocessing=True, max_queue_size=5)
    assert list(processes.batches(range(3))) == [] and calls == [([0, 1, 2], 2, 5)]
    threads = Numbers(workers=2, max_queue_size=5)
    assert [int(batch[0]) for batch in threads.batches(range(3))] == [0, 1, 2]
