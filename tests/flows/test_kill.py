"""Training that is killed and started again ends with the same bits."""

from __future__ import annotations

import random

import pytest

from tools.crash_test import crash


@pytest.mark.parametrize("case, kills", [("dropout_and_batchnorm", 3), ("stream", 2)])
def test_killed_training_ends_with_the_same_bits(case: str, kills: int) -> None:
    met = crash(case, kills, epochs=15, chance=random.Random(case))
    assert met.total() == kills
