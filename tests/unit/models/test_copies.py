"""A copied or unpickled model goes on by itself, with the same bits."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.unit.training.helpers import assert_same_bits, blobs, classifier, state_of


@pytest.mark.parametrize(
    "copied",
    [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))],
    ids=["deepcopy", "pickle"],
)
def test_copy_trains_independently(copied: Callable[[Any], Any]) -> None:
    x, y = blobs()
    model = classifier()
    model.fit(x, y, verbose=0, seed=1)
    model(x)
    before = state_of(model)
    first, second = copied(model), copied(model)
    np.testing.assert_array_equal(first.predict(x), model.predict(x))
    first.fit(x, y, verbose=0, seed=2)
    assert_same_bits(state_of(model), before)
    second.fit(x, y, verbose=0, seed=2)
    assert_same_bits(state_of(first), state_of(second))


def test_names_of_metrics_are_those_of_evaluate() -> None:
    x, y = blobs()
    model = classifier()
    model.fit(x, y, verbose=0)
    logs = model.evaluate(x, y, verbose=0, return_dict=True)
    values = model.evaluate(x, y, verbose=0)
    assert dict(zip(model.metrics_names, values, strict=True)) == logs
