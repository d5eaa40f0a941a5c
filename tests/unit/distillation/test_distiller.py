"""`Distiller`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lamina
from lamina import errors, layers
from lamina.distillation import (
    DistillationLoss,
    Distiller,
    FeatureDistillation,
    LogitsDistillation,
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 5)).astype("float32")
Y = RNG.integers(0, 3, 24).astype("int32")
LOSS = "sparse_categorical_crossentropy"


def model(units: int, name: str) -> lamina.Model:
    return lamina.Sequential(
        [
            lamina.Input((5,)),
            layers.Dense(units, activation="relu", name=f"{name}_hidden"),
            layers.Dense(3, activation="softmax", name=f"{name}_outputs"),
        ]
    )


def distiller(losses: Any = None, **given: Any) -> Distiller:
    lamina.random.set_seed(0)
    losses = losses or LogitsDistillation(2.0)
    made = Distiller(model(6, "teacher"), model(6, "student"), losses, **given)
    made.compile("adam", LOSS, metrics=["accuracy"])
    return made


FEATURES = FeatureDistillation("mse", "teacher_hidden", "student_hidden")


def test_only_the_student_is_trained() -> None:
    made = distiller([LogitsDistillation(3.0), FEATURES])
    teacher = made.teacher.get_weights()
    student = made.student.get_weights()
    history = made.fit(X, Y, epochs=2, verbose=0, validation_data=(X + 1, Y)).history
    assert not made.teacher.trainable and made.student.trainable
    assert all(map(np.array_equal, teacher, made.teacher.get_weights()))
    assert not any(map(np.array_equal, student[::2], made.student.get_weights()[::2]))
    names = {"student_loss", "distillation_loss", "total_loss", "accuracy"}
    assert names | {f"val_{name}" for name in names} <= set(history)
    np.testing.assert_array_equal(
        made.predict(X, verbose=0), made.student.predict(X, verbose=0)
    )


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_losses_are_weighted(share: float) -> None:
    losses = [LogitsDistillation(2.0), FEATURES]
    made = distiller(
        losses, distillation_loss_weights=[0.5, 2.0], student_loss_weight=share
    )
    outputs = made.teacher.predict(X, verbose=0), made.student.predict(X, verbose=0)
    hidden = [
        lamina.Model(m.inputs, m.layers[0].output).predict(X, verbose=0)
        for m in (made.teacher, made.student)
    ]
    logits = float(losses[0].compute_loss(*outputs))
    features = float(np.mean((hidden[0] - hidden[1]) ** 2))
    found = made.evaluate(X, Y, batch_size=24, verbose=0, return_dict=True)
    student = float(lamina.losses.SparseCategoricalCrossentropy()(Y, outputs[1]))
    distilled = 0.5 * logits + 2 * features if share < 1 else 0.0
    expected = share * student + (1 - share) * distilled
    assert found["total_loss"] == pytest.approx(expected, rel=1e-4)
    assert found["distillation_loss"] == pytest.approx(distilled, rel=1e-4)


def test_models_without_a_graph_use_their_outputs() -> None:
    class Plain(lamina.Model):
        def __init__(self, units: int) -> None:
            super().__init__()
            self.hidden, self.outputs_ = layers.Dense(units), layers.Dense(3)

        def call(self, inputs: Any) -> Any:
            return self.outputs_(self.hidden(inputs))

    made = Distiller(Plain(4), Plain(2), LogitsDistillation())
    made.compile(loss=lamina.losses.SparseCategoricalCrossentropy(from_logits=True))
    assert "total_loss" in made.fit(X, Y, verbose=0).history
    with pytest.raises(errors.ArgumentError, match="has no graph of layers"):
        Distiller(Plain(4), Plain(2), FEATURES)


def test_distiller_is_saved_and_loaded(tmp_path: Path) -> None:
    made = distiller([LogitsDistillation(2.0), FEATURES], student_loss_weight=0.7)
    made.fit(X, Y, verbose=0)
    made.save(tmp_path / "distiller.keras")
    loaded = lamina.models.load_model(tmp_path / "distiller.keras")
    np.testing.assert_array_equal(
        loaded.predict(X, verbose=0), made.predict(X, verbose=0)
    )
    assert loaded.student_loss_weight == 0.7 and not loaded.teacher.trainable
    assert loaded.fit(X, Y, verbose=0).history.keys() == made.history.history.keys()
    config = json.loads(json.dumps(made.get_config()))
    again = Distiller.from_config(config)
    assert again.distillation_losses[0].temperature == 2.0


def test_models_of_other_shapes_or_types_are_refused() -> None:
    teacher = model(4, "teacher")
    other = lamina.Sequential([lamina.Input((5,)), layers.Dense(4)])
    with pytest.raises(errors.ArgumentError, match=r"same outputs.*\(None, 3\)"):
        Distiller(teacher, other, LogitsDistillation())
    other = lamina.Sequential([lamina.Input((4,)), layers.Dense(3)])
    with pytest.raises(errors.ArgumentError, match="same inputs"):
        Distiller(teacher, other, LogitsDistillation())


def test_losses_must_be_scalars() -> None:
    class PerSample(DistillationLoss):
        def compute_loss(self, teacher_outputs: Any, student_outputs: Any) -> Any:
            return ((teacher_outputs - student_outputs) ** 2).mean(-1)

    with pytest.raises(errors.ShapeError, match="must return a scalar"):
        distiller(PerSample()).fit(X, Y, verbose=0)


WRONG: dict[str, dict[str, Any]] = {
    "teacher": {"teacher": "model"},
    "student": {"student": None},
    "distillation_losses": {"distillation_losses": None},
    "student_loss_weight": {"student_loss_weight": 1.5},
    "distillation_loss_weights": {"distillation_loss_weights": [1.0, 2.0]},
}


@pytest.mark.parametrize("name", WRONG)
def test_invalid_arguments_are_refused(name: str) -> None:
    given = {
        "teacher": model(4, "teacher"),
        "student": model(4, "student"),
        "distillation_losses": LogitsDistillation(),
        **WRONG[name],
    }
    with pytest.raises(errors.ArgumentError, match=f"`{name}` must be"):
        Distiller(**given)


def test_compile_needs_a_loss_and_layers_must_exist() -> None:
    with pytest.raises(errors.ArgumentError, match="the loss of the student"):
        distiller().compile("adam")
    with pytest.raises(ValueError, match="teacher_hiden"):
        distiller(FeatureDistillation("mse", "teacher_hiden", "student_hidden"))
