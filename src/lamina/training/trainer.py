"""`Trainer`: `compile`, `fit`, `evaluate` and `predict` of a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, SupportsInt, overload

import numpy as np

from lamina import optimizers
from lamina.core.module import known_keywords, signature
from lamina.core.registry import deserialize, serialize
from lamina.core.scope import local
from lamina.distribution.strategies import DevicesLike, distribution_of
from lamina.tracebacks import filter_traceback
from lamina.training import evaluation
from lamina.training.callbacks import History
from lamina.training.model_steps import ModelSteps
from lamina.training.options import (
    CallbacksLike,
    EvaluateOptions,
    FitOptions,
    ReportLike,
    Resume,
)
from lamina.training.plan.arguments import (
    CompileArgs,
    LossLike,
    MetricsLike,
    OptimizerLike,
)
from lamina.training.session import FitSession
from lamina.training.state_tree import StateTree, get_state_tree, set_state_tree
from lamina.typing import Data


class Trainer(ModelSteps):
    """Base of `Model` with the methods that train, evaluate and predict."""

    # What `load_model` found in the file, a `LoadReport`.
    load_report: Any = None
    jit_compile: Any = "auto"
    steps_per_execution = 1
    auto_scale_loss = True

    @known_keywords
    def compile(
        self,
        optimizer: OptimizerLike = "rmsprop",
        loss: LossLike = None,
        loss_weights: Mapping[str, Any] | Sequence[Any] | float | None = None,
        metrics: MetricsLike = None,
        weighted_metrics: MetricsLike = None,
        run_eagerly: bool = False,
        steps_per_execution: int | str = 1,
        jit_compile: bool | str = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Set the optimizer, the loss and the metrics.

        Args:
            optimizer: a name, an optimizer or an Optax transformation.
            loss: a name, a loss or a function of `(y_true, y_pred)`; for several
                outputs, a list or a dictionary by output name.
            loss_weights: a factor for each output's loss.
            metrics: names, metrics or functions; for several outputs, a list or a
                dictionary by output name.
            weighted_metrics: the same, weighted by sample and class weights.
            run_eagerly: whether steps run op by op, uncompiled, for debugging.
            steps_per_execution: after how many batches callbacks are called; how many
                run at once is not affected.
            jit_compile: accepted for Keras's signature; training is always compiled
                unless `run_eagerly`.
            auto_scale_loss: whether a `mixed_float16` model gets a loss scale.
        """
        found = optimizers.get(optimizer)
        half = self.dtype_policy.name == "mixed_float16"
        scaled = isinstance(found, optimizers.LossScaleOptimizer)
        if auto_scale_loss and half and found is not None and not scaled:
            name = "loss_scale_optimizer"
            found = optimizers.LossScaleOptimizer(found, name=name)
        self.optimizer = found
        vars(self).pop("loss", None)
        self._training.compile(
            CompileArgs(loss, loss_weights, metrics, weighted_metrics)
        )
        self.run_eagerly = run_eagerly
        self.steps_per_execution = steps_per_execution
        self.jit_compile = jit_compile
        self.auto_scale_loss = auto_scale_loss
        self.stop_training = False

    @property
    def compiled(self) -> bool:
        """True if `compile` was called."""
        return self._training.arguments is not None

    def get_compile_config(self) -> dict[str, Any] | None:
        """Return the arguments of `compile` as a file holds them; `None` before it."""
        arguments = self._training.arguments
        if arguments is None:
            return None
        given = {"optimizer": self.optimizer, **arguments._asdict()}
        flags = {
            "run_eagerly": self.run_eagerly,
            "steps_per_execution": self.steps_per_execution,
            "jit_compile": self.jit_compile,
        }
        return {k: serialize(v) for k, v in (given | flags).items()}

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compile with the arguments that `get_compile_config` returned."""
        self.compile(**{k: deserialize(v) for k, v in config.items()})
        if hasattr(self.optimizer, "build"):
            self.optimizer.build(self.trainable_variables)

    def continue_from(self, steps: SupportsInt) -> None:
        """Set the number of training steps that random numbers derive from."""
        self._training.steps_done = int(steps)

    @filter_traceback
    def get_state_tree(self, value_format: str = "backend_tensor") -> StateTree:
        """Return the values of all variables as nested dictionaries.

        Args:
            value_format: `"backend_tensor"` for JAX arrays, `"numpy_array"` for NumPy
                arrays.

        Returns:
            A dictionary with `"trainable_variables"`, `"non_trainable_variables"`,
            `"optimizer_variables"` and `"metrics_variables"`, each a dictionary that
            the parts of the variables' paths nest.

        Raises:
            ArgumentError: the format is unknown, or two variables have the same path.
        """
        return get_state_tree(self, value_format)

    @filter_traceback
    def set_state_tree(self, state_tree: Mapping[str, Any]) -> None:
        """Assign the values of a tree that `get_state_tree` returned.

        Args:
            state_tree: some or all of the tree.

        Raises:
            ArgumentError: the model lacks a weight that the tree has. Variables of
                metrics and optimizers that do not exist are skipped, as in Keras.
        """
        set_state_tree(self, state_tree)

    # Whole runs

    @known_keywords
    def fit(
        self,
        x: Data | None = None,
        y: Data | None = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: int | str = "auto",
        callbacks: CallbacksLike = None,
        validation_split: float = 0.0,
        validation_data: Data | None = None,
        shuffle: bool | str = True,
        class_weight: Mapping[int, float] | None = None,
        sample_weight: Data | None = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | Sequence[int] = 1,
        *,
        seed: int | None = None,
        check_data: bool = True,
        check: str | None = None,
        resume: Resume = None,
        report: ReportLike = None,
        devices: DevicesLike = None,
    ) -> History:
        """Train for a number of epochs.

        Args:
            x: inputs: an array, data frame or tensor, or lists or dictionaries of
                them by input name; or batches from a generator, `PyDataset`, torch
                `DataLoader`, `tf.data.Dataset` or another iterable.
            y: targets, if `x` is not an iterable of batches.
            batch_size: rows per step; 32 by default.
            epochs: number of the last epoch; training starts at `initial_epoch`.
            verbose: 0 for no output, 1 for a progress bar, 2 for a line per epoch;
                "auto" is 1.
            callbacks: `Callback` objects.
            validation_split: fraction of the rows, from the end, that is used for
                validation instead of training.
            validation_data: `(x, y)` or `(x, y, sample_weight)`, or an iterable of
                batches, to evaluate after each epoch.
            shuffle: whether to shuffle the rows of arrays before each epoch.
            class_weight: weight of each class index in the loss.
            sample_weight: weight of each row in the loss.
            initial_epoch: number of epochs already trained.
            steps_per_epoch: batches per epoch; all batches by default.
            validation_steps: batches of validation; all batches by default.
            validation_batch_size: rows per step of validation; `batch_size` by
                default.
            validation_freq: number of epochs from one validation to the next, or the
                epochs to validate after, counted from 1.
            seed: seed of shuffling and dropout; layers with a `seed` use that. By
                default a new seed, derived from `lamina.random.set_seed` if that was
                called.
            check_data: whether to check before training that values are finite and
                that labels are valid classes.
            check: which mistakes to look for in the model, the data and these
                arguments: "all", "errors" or "off" (`lamina.config.set_checks`, whose
                level is the default), or "probe" to train on one batch first, for
                about a second, and restore the model.
            resume: folder, or `Checkpoints`, for the checkpoints of this run. If the
                folder has some, `fit` continues from the last one; the result is bit
                for bit that of an uninterrupted run.
            report: path of an HTML page about the run, which is rewritten after each
                epoch; or a `lamina.callbacks.Report`.
            devices: devices that share the rows of each batch: "all", a number, or a
                list of names; or a `lamina.distribution.Distribution`. The model
                stays on them. By default those of earlier calls, or of
                `lamina.distribution.set_distribution`.

        Returns:
            A `History`, whose `history` has a list for each metric.

        Raises:
            StateError: the model is not compiled.
            DataError: the data is empty, or its parts have different numbers of rows.
        """
        options = FitOptions(**_arguments(locals()))
        if devices is not None:
            self._training.distribution = distribution_of(devices)
        with self._training.running("fit"):
            return FitSession(self._training, options).run()

    def _fit_options(self, **arguments: object) -> FitOptions:
        bound = signature(Trainer.fit).bind(self, **arguments)
        bound.apply_defaults()
        return FitOptions(**_arguments(bound.arguments))

    @overload
    def evaluate(
        self,
        x: Data | None = ...,
        y: Data | None = ...,
        batch_size: int | None = ...,
        verbose: int | str = ...,
        sample_weight: Data | None = ...,
        steps: int | None = ...,
        callbacks: CallbacksLike = ...,
        *,
        return_dict: Literal[True],
    ) -> dict[str, float]: ...

    @overload
    def evaluate(
        self,
        x: Data | None = ...,
        y: Data | None = ...,
        batch_size: int | None = ...,
        verbose: int | str = ...,
        sample_weight: Data | None = ...,
        steps: int | None = ...,
        callbacks: CallbacksLike = ...,
        return_dict: bool = ...,
    ) -> Any: ...

    @known_keywords
    def evaluate(
        self,
        x: Data | None = None,
        y: Data | None = None,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        sample_weight: Data | None = None,
        steps: int | None = None,
        callbacks: CallbacksLike = None,
        return_dict: bool = False,
    ) -> Any:
        """Compute the loss and the metrics in inference mode.

        Args:
            x: inputs or batches, as for `fit`.
            y: targets, if `x` is not an iterable of batches.
            batch_size: rows per step; 32 by default.
            verbose: 0 for no output, 1 for a progress bar, 2 for a line.
            sample_weight: weight of each row.
            steps: number of batches; all batches by default.
            callbacks: `Callback` objects.
            return_dict: whether to return a dictionary instead of a list.

        Returns:
            A list in the order of `metrics_names`; a number if there is only a loss;
            a dictionary with `return_dict`.
        """
        options = EvaluateOptions(**_arguments(locals()))
        with self._training.running("evaluate"):
            logs = evaluation.evaluate(self._training, options)
        return logs if return_dict else self._in_order(logs)

    @known_keywords
    def predict(
        self,
        x: Data,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        steps: int | None = None,
        callbacks: CallbacksLike = None,
    ) -> np.ndarray | Any:
        """Compute the outputs in inference mode, as NumPy arrays.

        Args:
            x: inputs or batches, as for `fit`; targets are not needed.
            batch_size: rows per step; 32 by default.
            verbose: 0 for no output, 1 for a progress bar, 2 for a line; "auto" shows
                a bar only for many batches.
            steps: number of batches; all batches by default.
            callbacks: `Callback` objects.
        """
        is_plain = steps is None and callbacks is None
        if is_plain and evaluation.is_one_batch(x, batch_size, verbose):
            with self._training.on_devices():
                return evaluation.predict_batch(self._training, x)
        options = EvaluateOptions(**_arguments(locals()))
        with self._training.on_devices():
            return evaluation.predict(self._training, options)

    @known_keywords
    def train_on_batch(
        self,
        x: Data,
        y: Data | None = None,
        sample_weight: Data | None = None,
        class_weight: Mapping[int, float] | None = None,
        return_dict: bool = False,
    ) -> Any:
        """Run one training step on a batch and return the metrics of this batch.

        Each call resets the metrics. If the loss or a gradient is not finite, the
        update is discarded, a warning says so, and the metrics are NaN.
        """
        data = x, y, sample_weight
        with self._training.running("train_on_batch"):
            if local.on_findings is None:
                logs = evaluation.on_batch(self._training, "train", data, class_weight)
            else:  # the program is only checked
                given = {"sample_weight": sample_weight, "class_weight": class_weight}
                options = self._fit_options(x=x, y=y, steps_per_epoch=1, **given)
                history = FitSession(self._training, options).run().history
                logs = {name: values[0] for name, values in history.items()}
        return logs if return_dict else self._in_order(logs)

    @known_keywords
    def test_on_batch(
        self,
        x: Data,
        y: Data | None = None,
        sample_weight: Data | None = None,
        return_dict: bool = False,
    ) -> Any:
        """Run one evaluation step on a batch and return the metrics of this batch.

        Each call resets the metrics.
        """
        data = x, y, sample_weight
        with self._training.running("test_on_batch"):
            logs = evaluation.on_batch(self._training, "test", data)
        return logs if return_dict else self._in_order(logs)

    @filter_traceback
    def predict_on_batch(self, x: Data) -> np.ndarray | Any:
        """Compute the outputs for one batch, as NumPy arrays."""
        return self.predict(x, batch_size=2**31 - 1, verbose=0)

    def _in_order(self, logs: dict[str, Any]) -> Any:
        values = [logs[n] for n in self._in_keras_order(logs)]
        return values[0] if len(values) == 1 else values


def _arguments(variables: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a method from its local variables."""
    local = "self", "return_dict", "is_plain"
    return {k: v for k, v in variables.items() if k not in local}
