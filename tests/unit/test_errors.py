"""Texts of errors."""

from __future__ import annotations

import numpy as np
import pytest

import lamina
from lamina import Input, errors, ops


def test_near_names_are_suggested():
    names = ["Dense", "Dropout", "LSTM"]
    assert errors.did_you_mean("dens", names) == " Did you mean 'Dense'?"
    assert errors.did_you_mean("x" * 10_000, names) == ""
    assert errors.did_you_mean("GRU", names) == ""


def test_invalid_argument_is_named_with_its_value():
    error = errors.invalid("Dense", "units", -1, "a positive integer", "Try 1.")
    assert isinstance(error, errors.ArgumentError)
    assert str(error) == (
        "Dense: `units` must be a positive integer. Received: units=-1. Try 1."
    )


def test_missing_package_is_named_with_its_extra():
    error = errors.missing_package("Pillow", "images", "images")
    assert isinstance(error, ImportError)
    assert "pip install 'lamina[images]'" in str(error)


def test_operands_that_do_not_fit_are_shape_and_type_errors():
    with pytest.raises(errors.OperandShapeError) as caught:
        ops.add(Input((3,)), np.ones((2, 4)))
    assert isinstance(caught.value, errors.ShapeError)
    assert isinstance(caught.value, TypeError)


BASE_CALLS = {
    "data set": lambda: lamina.utils.PyDataset()[0],
    "initializer": lambda: lamina.initializers.Initializer()((2,)),
    "loss": lambda: lamina.losses.Loss()(np.ones(2), np.ones(2)),
    "metric": lambda: lamina.metrics.Metric().result(),
    "metric's update": lambda: lamina.metrics.Metric().update_state(1.0),
    "schedule": lambda: lamina.optimizers.schedules.LearningRateSchedule()(1),
}


@pytest.mark.parametrize("call", BASE_CALLS.values(), ids=BASE_CALLS)
def test_base_class_names_the_method_to_define(call):
    with pytest.raises(errors.MissingMethodError, match="must define"):
        call()
