"""`Distiller`, a model that trains a student with a teacher."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Self

import jax.numpy as jnp

from lamina import tree
from lamina.core.check import between, check_arguments
from lamina.core.registry import deserialize, serialize
from lamina.distillation.losses import DistillationLoss
from lamina.errors import ArgumentError, ShapeError, invalid
from lamina.layers.base.input_shapes import sizes_agree
from lamina.metrics import Mean
from lamina.models import Model
from lamina.tracebacks import filter_traceback
from lamina.training.plan.arguments import LossLike, MetricsLike, OptimizerLike
from lamina.typing import Config, PyTree

_FINAL = "final_output"


class Distiller(Model):
    """Model that trains a student on labels and on the outputs of a teacher.

    The loss is `student_loss_weight` times the student's loss, plus the rest of 1 times
    the sum of the distillation losses. The teacher is frozen.

    Args:
        teacher: a trained model.
        student: a model with inputs and outputs of the same shapes and types.
        distillation_losses: a `DistillationLoss`, or a list of them.
        distillation_loss_weights: a weight for each loss of a list, 1 by default.
        student_loss_weight: weight of the student's own loss, from 0 to 1.
        name: name of the model.
        **kwargs: arguments of `Model`.

    Raises:
        ArgumentError: the models do not fit together, or an argument is not valid.

    Example:
        ```python
        distiller = Distiller(teacher, student, LogitsDistillation(temperature=3.0))
        distiller.compile("adam", "sparse_categorical_crossentropy")
        distiller.fit(x, y, epochs=3)
        distiller.student.save("student.keras")
        ```
    """

    unsaved = (*Model.unsaved, "_teacher_features", "_student_features")

    @filter_traceback
    def __init__(
        self,
        teacher: Model,
        student: Model,
        distillation_losses: DistillationLoss | Sequence[DistillationLoss],
        distillation_loss_weights: Sequence[float] | None = None,
        student_loss_weight: float = 0.5,
        name: str = "distiller",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        for role, model in (("teacher", teacher), ("student", student)):
            if not isinstance(model, Model):
                raise invalid("Distiller", role, model, "a model")
        weight = {"student_loss_weight": between(0, 1)}
        check_arguments("Distiller", weight, locals())
        _check_same_specs(teacher, student)
        self.teacher, self.student = teacher, student
        self.student_loss_weight = student_loss_weight
        self.distillation_losses = _as_list(distillation_losses)
        self.distillation_loss_weights = _weights(
            distillation_loss_weights, len(self.distillation_losses)
        )
        for loss in self.distillation_losses:
            loss.validate_model_compatibility(teacher, student)
        self.teacher.trainable = False
        self._teacher_features = _features(
            teacher, (loss.teacher_layer_name for loss in self.distillation_losses)
        )
        self._student_features = _features(
            student, (loss.student_layer_name for loss in self.distillation_losses)
        )
        self.student_loss_tracker = Mean(name="student_loss")
        self.distillation_loss_tracker = Mean(name="distillation_loss")
        self.total_loss_tracker = Mean(name="total_loss")

    @filter_traceback
    def compile(  # type: ignore[override]
        self,
        optimizer: OptimizerLike = "adam",
        loss: LossLike = None,
        metrics: MetricsLike = None,
        **kwargs: Any,
    ) -> None:
        """Set the optimizer, and the loss and metrics of the student.

        Args:
            optimizer: name of an optimizer, or an optimizer.
            loss: loss of the student's outputs and the labels.
            metrics: metrics of the student.
            **kwargs: other arguments of `Model.compile`.

        Raises:
            ArgumentError: `loss` is `None`.
        """
        if loss is None:
            raise invalid("Distiller.compile", "loss", loss, "the loss of the student")
        super().compile(optimizer=optimizer, loss=loss, metrics=metrics, **kwargs)

    def call(self, inputs: Any, training: bool | None = None, **kwargs: Any) -> Any:
        """Return the outputs of the student."""
        return self.student(inputs, training=training, **kwargs)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Return the weighted sum of the student's loss and the distillation losses.

        Args:
            x: inputs of a batch.
            y: labels.
            y_pred: outputs of the student, computed if `None`.
            sample_weight: weights of the student's loss.
            training: whether the model is trained.
        """
        y_pred = self(x, training=training) if y_pred is None else y_pred
        share = self.student_loss_weight
        student_loss: Any = jnp.float32(0)
        if share > 0 and y is not None:
            student_loss = super().compute_loss(x, y, y_pred, sample_weight, training)
        distillation_loss: Any = jnp.float32(0)
        if share < 1:
            distillation_loss = self._distillation_loss(x, y_pred)
        total = share * student_loss + (1 - share) * distillation_loss
        self.student_loss_tracker.update_state(student_loss)
        self.distillation_loss_tracker.update_state(distillation_loss)
        self.total_loss_tracker.update_state(total)
        return total

    def _distillation_loss(self, x: PyTree, y_pred: PyTree) -> Any:
        teacher = self._outputs(self.teacher, self._teacher_features, x, False)
        student = {_FINAL: y_pred}
        if self._student_features is not None:
            student = self._outputs(self.student, self._student_features, x, True)
        total: Any = jnp.float32(0)
        pairs = zip(
            self.distillation_losses, self.distillation_loss_weights, strict=True
        )
        for loss, weight in pairs:
            outputs = (
                teacher[loss.teacher_layer_name or _FINAL],
                student[loss.student_layer_name or _FINAL],
            )
            loss.validate_outputs(*outputs)
            value = loss.compute_loss(*outputs)
            if jnp.ndim(value):
                raise ShapeError(
                    f"{type(loss).__name__}.compute_loss must return a scalar, such as "
                    f"`ops.mean(loss)`. Received: shape {jnp.shape(value)}."
                )
            total = total + weight * value
        return total

    @staticmethod
    def _outputs(
        model: Model, features: Model | None, x: PyTree, training: bool
    ) -> dict[str, Any]:
        """Return the outputs of a model, and of its layers that losses name."""
        if features is not None:
            outputs: Any = features(x, training=training)
            return outputs
        return {_FINAL: model(x, training=training)}

    def get_config(self) -> Config:
        """Return the constructor's arguments."""
        return {
            "name": self.name,
            "teacher": serialize(self.teacher),
            "student": serialize(self.student),
            "distillation_losses": serialize(self.distillation_losses),
            "distillation_loss_weights": self.distillation_loss_weights,
            "student_loss_weight": self.student_loss_weight,
        }

    @classmethod
    def from_config(
        cls, config: Config, custom_objects: dict[str, Any] | None = None
    ) -> Self:
        """Return the model of a config that `get_config` returned.

        Args:
            config: the config.
            custom_objects: classes and functions by their names in the config.
        """
        names = ("teacher", "student", "distillation_losses")
        objects = {name: deserialize(config[name], custom_objects) for name in names}
        return cls(**{**config, **objects})


def _as_list(
    losses: DistillationLoss | Sequence[DistillationLoss],
) -> list[DistillationLoss]:
    found: list[Any] = [*losses] if isinstance(losses, (list, tuple)) else [losses]
    if not found or not all(isinstance(loss, DistillationLoss) for loss in found):
        expected = "a DistillationLoss or a list of them"
        raise invalid("Distiller", "distillation_losses", losses, expected)
    return found


def _weights(weights: Sequence[float] | None, count: int) -> list[float]:
    found = [1.0] * count if weights is None else list(weights)
    if len(found) != count:
        expected = f"a list of {count}, one weight for each distillation loss"
        raise invalid("Distiller", "distillation_loss_weights", weights, expected)
    return found


def _features(model: Model, names: Iterable[str | None]) -> Model | None:
    """Return a model of the outputs of named layers, `None` without names."""
    layers = {name: model.get_layer(name).output for name in names if name}
    if not layers:
        return None
    return Model(model.inputs, {_FINAL: model.output, **layers})


def _check_same_specs(teacher: Model, student: Model) -> None:
    """Refuse models whose inputs or outputs differ, if both are known."""
    if teacher.call_graph is None or student.call_graph is None:
        return
    for kind in ("inputs", "outputs"):
        one, other = getattr(teacher, kind), getattr(student, kind)
        tree.assert_same_structure(one, other)
        pairs = zip(tree.flatten(one), tree.flatten(other), strict=True)
        if all(a.dtype == b.dtype and sizes_agree(a.shape, b.shape) for a, b in pairs):
            continue
        texts = [
            ", ".join(f"{t.dtype}{t.shape}" for t in tree.flatten(specs))
            for specs in (one, other)
        ]
        raise ArgumentError(
            f"Distiller: teacher and student must have the same {kind}. The teacher's "
            f"are {texts[0]}, the student's {texts[1]}."
        )
