"""Losses between the outputs of a teacher and those of a student."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from lamina import losses, tree
from lamina.core.check import check_arguments, positive_number
from lamina.core.registry import deserialize, serialize
from lamina.errors import ArgumentError, MissingMethodError, invalid
from lamina.models import Model
from lamina.tracebacks import filter_traceback
from lamina.training.plan.arguments import LossLike
from lamina.typing import Array, Config, PyTree


class DistillationLoss:
    """Base class of losses between the outputs of a teacher and a student.

    Override `compute_loss`. A loss with the attributes `teacher_layer_name` and
    `student_layer_name` gets the outputs of these layers; `None` stands for the output
    of the model.

    Example:
        >>> class MeanDistance(DistillationLoss):
        ...     def compute_loss(self, teacher_outputs, student_outputs, **kwargs):
        ...         return jnp.mean(jnp.abs(teacher_outputs - student_outputs))
        >>> float(MeanDistance().compute_loss(jnp.ones((2, 3)), jnp.zeros((2, 3))))
        1.0
    """

    teacher_layer_name: str | None = None
    student_layer_name: str | None = None

    def compute_loss(
        self, teacher_outputs: PyTree, student_outputs: PyTree, **kwargs: Any
    ) -> Array:
        """Return the loss of a batch, a scalar.

        Args:
            teacher_outputs: outputs of the teacher.
            student_outputs: outputs of the student, of the same structure.
            **kwargs: for subclasses with other arguments.
        """
        raise MissingMethodError(
            f"{type(self).__name__} has no `compute_loss` method. Define it, with the "
            "arguments `teacher_outputs` and `student_outputs`."
        )

    def validate_outputs(
        self, teacher_outputs: PyTree, student_outputs: PyTree
    ) -> None:
        """Refuse outputs of different structures.

        Args:
            teacher_outputs: outputs of the teacher.
            student_outputs: outputs of the student.

        Raises:
            ArgumentError: the structures differ.
        """
        tree.assert_same_structure(teacher_outputs, student_outputs)

    def validate_model_compatibility(self, teacher: Model, student: Model) -> None:
        """Refuse models that do not have what the loss needs; by default, none.

        Args:
            teacher: the teacher.
            student: the student.
        """


class _OutputLosses(DistillationLoss):
    """Losses of some outputs, in the structure of the outputs."""

    def __init__(self, loss: LossLike) -> None:
        self.loss = tree.map_structure(losses.get, loss)
        if all(part is None for part in tree.flatten(self.loss)):
            name = type(self).__name__
            raise invalid(
                name, "loss", loss, "a loss, or a structure with at least one"
            )

    def _sum(
        self,
        function: Callable[[Any, Any, Any], Array],
        teacher_outputs: PyTree,
        student_outputs: PyTree,
    ) -> Array:
        def value(loss: object, teacher: Array, student: Array) -> Array:
            return jnp.float32(0) if loss is None else function(loss, teacher, student)

        values = tree.map_structure(value, self.loss, teacher_outputs, student_outputs)
        return jnp.sum(jnp.stack(tree.flatten(values)))

    @classmethod
    def from_config(cls, config: Config) -> _OutputLosses:
        """Return the loss of a config that `get_config` returned."""
        return cls(**{**config, "loss": deserialize(config["loss"])})


class FeatureDistillation(_OutputLosses):
    """Loss between the outputs of a layer of the teacher and a layer of the student.

    Args:
        loss: name of a loss, a loss, or a structure of them, like that of the outputs,
            with `None` for outputs without a loss.
        teacher_layer_name: layer of the teacher; by default its output.
        student_layer_name: layer of the student; by default its output.

    Raises:
        ArgumentError: all losses are `None`.

    Example:
        >>> loss = FeatureDistillation("mse")
        >>> float(loss.compute_loss(jnp.ones((2, 3)), jnp.zeros((2, 3))))
        1.0
    """

    def __init__(
        self,
        loss: LossLike = "mse",
        teacher_layer_name: str | None = None,
        student_layer_name: str | None = None,
    ) -> None:
        super().__init__(loss)
        self.teacher_layer_name = teacher_layer_name
        self.student_layer_name = student_layer_name

    @filter_traceback
    def validate_model_compatibility(self, teacher: Model, student: Model) -> None:
        """Refuse models without the layers.

        Args:
            teacher: the teacher.
            student: the student.

        Raises:
            ArgumentError: a model has no such layer, or no graph of layers.
        """
        models = {
            "teacher": (teacher, self.teacher_layer_name),
            "student": (student, self.student_layer_name),
        }
        if not any(name for _, name in models.values()):
            return
        for role, (model, name) in models.items():
            if model.call_graph is None:
                raise ArgumentError(
                    f"FeatureDistillation of a layer needs a Sequential or functional "
                    f"model. The {role}, a {type(model).__name__}, has no graph of "
                    "layers. Build it, or omit the names of layers to use the outputs."
                )
            if name is not None:
                model.get_layer(name)

    def validate_outputs(
        self, teacher_outputs: PyTree, student_outputs: PyTree
    ) -> None:
        """Refuse outputs whose structures differ, or differ from that of the loss.

        Args:
            teacher_outputs: outputs of the teacher.
            student_outputs: outputs of the student.

        Raises:
            ArgumentError: the structures differ.
        """
        super().validate_outputs(teacher_outputs, student_outputs)
        tree.assert_same_structure(self.loss, teacher_outputs)

    def compute_loss(
        self, teacher_outputs: PyTree, student_outputs: PyTree, **kwargs: Any
    ) -> Array:
        """Return the sum of the losses of all outputs.

        Args:
            teacher_outputs: outputs of the teacher.
            student_outputs: outputs of the student.
            **kwargs: ignored.
        """
        return self._sum(
            lambda loss, teacher, student: jnp.mean(loss(teacher, student)),
            teacher_outputs,
            student_outputs,
        )

    def get_config(self) -> Config:
        """Return the constructor's arguments."""
        return {
            "loss": serialize(self.loss),
            "teacher_layer_name": self.teacher_layer_name,
            "student_layer_name": self.student_layer_name,
        }


class LogitsDistillation(_OutputLosses):
    """Loss between the logits of a teacher and a student, softened by a temperature.

    Logits are divided by the temperature. The Kullback-Leibler divergence is that of
    their softmax, times the square of the temperature; other losses get the logits.

    Args:
        temperature: a positive number; a higher one makes the probabilities more equal.
        loss: name of a loss, a loss, or a structure of them, like that of the outputs,
            with `None` for outputs without a loss.

    Raises:
        ArgumentError: the temperature is not positive, or all losses are `None`.

    Example:
        >>> loss = LogitsDistillation(temperature=2.0)
        >>> float(loss.compute_loss(jnp.ones((2, 3)), jnp.zeros((2, 3))))
        0.0

    Reference:
        Hinton et al. 2015, "Distilling the knowledge in a neural network".
    """

    def __init__(
        self, temperature: float = 3.0, loss: LossLike = "kl_divergence"
    ) -> None:
        super().__init__(loss)
        check_arguments(
            "LogitsDistillation", {"temperature": positive_number}, locals()
        )
        self.temperature = temperature

    def compute_loss(
        self, teacher_outputs: PyTree, student_outputs: PyTree, **kwargs: Any
    ) -> Array:
        """Return the sum of the losses of all outputs.

        Args:
            teacher_outputs: logits of the teacher.
            student_outputs: logits of the student.
            **kwargs: ignored.
        """
        scale = self.temperature

        def value(loss: Any, teacher: Array, student: Array) -> Array:
            teacher, student = teacher / scale, student / scale
            if loss is losses.kl_divergence or isinstance(loss, losses.KLDivergence):
                softmax = jax.nn.softmax
                return jnp.mean(loss(softmax(teacher), softmax(student))) * scale**2
            return jnp.mean(loss(teacher, student))

        return self._sum(value, teacher_outputs, student_outputs)

    def get_config(self) -> Config:
        """Return the constructor's arguments."""
        return {"temperature": self.temperature, "loss": serialize(self.loss)}
