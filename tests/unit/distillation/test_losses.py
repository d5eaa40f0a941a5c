"""Losses between the outputs of a teacher and a student."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lamina
from lamina import errors
from lamina.distillation import (
    DistillationLoss,
    FeatureDistillation,
    LogitsDistillation,
)

RNG = np.random.default_rng(0)
TEACHER, STUDENT = RNG.normal(size=(2, 4, 3)).astype("float32")


def softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


@pytest.mark.parametrize("loss", ["kl_divergence", lamina.losses.KLDivergence()])
def test_divergence_is_that_of_softened_probabilities(loss: Any) -> None:
    p, q = softmax(TEACHER / 2), softmax(STUDENT / 2)
    expected = 4 * np.mean(np.sum(p * np.log(p / q), -1))
    found = LogitsDistillation(2.0, loss).compute_loss(TEACHER, STUDENT)
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_other_losses_get_the_divided_logits() -> None:
    expected = np.mean(((TEACHER - STUDENT) / 3) ** 2)
    found = LogitsDistillation(loss="mse").compute_loss(TEACHER, STUDENT)
    assert float(found) == pytest.approx(expected, rel=1e-5)
    whole = FeatureDistillation("mae").compute_loss(TEACHER, STUDENT)
    assert float(whole) == pytest.approx(np.abs(TEACHER - STUDENT).mean(), rel=1e-5)


def test_losses_have_the_structure_of_the_outputs() -> None:
    teacher, student = {"a": TEACHER, "b": STUDENT}, {"a": STUDENT, "b": TEACHER}
    loss = FeatureDistillation({"a": "mse", "b": None})
    loss.validate_outputs(teacher, student)
    found = float(loss.compute_loss(teacher, student))
    assert found == pytest.approx(np.mean((TEACHER - STUDENT) ** 2), rel=1e-5)
    for wrong in (TEACHER, [TEACHER, STUDENT]):
        with pytest.raises(ValueError):
            loss.validate_outputs(teacher, wrong)
    with pytest.raises(ValueError):
        loss.validate_outputs(TEACHER, STUDENT)


@pytest.mark.parametrize(
    "loss",
    [
        LogitsDistillation(2.5, "kl_divergence"),
        LogitsDistillation(loss=lamina.losses.CategoricalCrossentropy(True)),
        FeatureDistillation(["mse", None], "first", "second"),
    ],
)
def test_losses_survive_their_config(loss: Any) -> None:
    config = lamina.saving.serialize_keras_object(loss)
    assert config["module"] == "keras.distillation"
    back = lamina.saving.deserialize_keras_object(config)
    assert type(back) is type(loss) and back.get_config() == loss.get_config()


def test_invalid_arguments_are_refused() -> None:
    for loss in (None, [None, None]):
        with pytest.raises(errors.ArgumentError, match="at least one"):
            LogitsDistillation(loss=loss)
    for temperature in (0, -1.0, "3", float("nan")):
        with pytest.raises(errors.ArgumentError, match="a number greater than 0"):
            LogitsDistillation(temperature)  # type: ignore[arg-type]
    with pytest.raises(NotImplementedError, match="no `compute_loss` method"):
        DistillationLoss().compute_loss(TEACHER, STUDENT)
