"""`Trainer`: `compile`, `fit`, `evaluate` and `predict` of a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, overload

import jax
import numpy as np

from lamina import metrics as metrics_module
from lamina import optimizers
from lamina.core.graph import SymbolicTensor, infer, symbolic_leaves
from lamina.core.module import Module, known_keywords
from lamina.core.registry import deserialize, serialize
from lamina.core.tracebacks import filter_traceback
from lamina.errors import StateError
from lamina.training import run
from lamina.training.callbacks import History
from lamina.training.engine import Engine, Engines
from lamina.training.exclusive import exclusive
from lamina.training.model_steps import ModelSteps
from lamina.training.options import EvaluateOptions, FitOptions, PredictOptions
from lamina.training.plan import CompileArgs, Plan, flatten_by_names, output_names_of
from lamina.training.session import FitSession
from lamina.training.step import step_function


class Trainer(ModelSteps):
    """Base of `Model` with the methods that train, evaluate and predict."""

    stop_training = False
    stop_evaluating = False
    stop_predicting = False
    history: Any = None
    # What `load_model` found in the file, a `LoadReport`.
    load_report: Any = None
    run_eagerly = False
    jit_compile: Any = "auto"
    steps_per_execution = 1
    auto_scale_loss = True
    _steps_done = 0

    @known_keywords
    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
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
        optimizer = optimizers.get(optimizer)
        half = self.dtype_policy.name == "mixed_float16"
        scaled = isinstance(optimizer, optimizers.LossScaleOptimizer)
        if auto_scale_loss and half and optimizer is not None and not scaled:
            name = "loss_scale_optimizer"
            optimizer = optimizers.LossScaleOptimizer(optimizer, name=name)
        self.optimizer = optimizer
        self._compiled = CompileArgs(loss, loss_weights, metrics, weighted_metrics)
        self._compiled.check_names()
        self._plan = None
        self._loss_tracker = metrics_module.Mean(name="loss")
        self.run_eagerly = run_eagerly
        self.steps_per_execution = steps_per_execution
        self.jit_compile = jit_compile
        self.auto_scale_loss = auto_scale_loss
        self.stop_training = False
        self._engines: Any = Engines()

    @property
    def compiled(self) -> bool:
        """True if `compile` was called."""
        return self._compiled is not None

    def get_compile_config(self) -> dict[str, Any] | None:
        """Return the arguments of `compile` as a file holds them; `None` before it."""
        if self._compiled is None:
            return None
        given = {"optimizer": self.optimizer, **self._compiled._asdict()}
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

    def continue_from(self, steps: Any) -> None:
        """Set the number of training steps that random numbers derive from."""
        self._steps_done = int(steps)

    def _require_compiled(self, method: str) -> None:
        if self._compiled is None:
            raise StateError(
                f"Call `compile()` before `{method}()`, for example: "
                "model.compile(optimizer='adam', loss='mse')."
            )

    # Whole runs

    @known_keywords
    @exclusive
    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: int | str = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool | str = True,
        class_weight: Mapping[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | Sequence[int] = 1,
        *,
        seed: int | None = None,
        check_data: bool = True,
        resume: Any = None,
    ) -> History:
        """Train for a number of epochs.

        Args:
            x: arrays, frames or tensors, alone or in lists and dictionaries by input
                name; or a generator, `PyDataset`, torch `DataLoader`,
                `tf.data.Dataset` or other iterable of batches.
            y: labels, for array data.
            batch_size: rows a step, 32 by default.
            epochs: the number of the last epoch.
            verbose: 0 silent, 1 progress bar, 2 a line an epoch; "auto" is 1.
            callbacks: `Callback` objects.
            validation_split: share of the last rows to evaluate on after each epoch.
            validation_data: `(x, y)` or `(x, y, sample_weight)`, or an iterable of
                batches, to evaluate on after each epoch.
            shuffle: whether array data comes in a new order each epoch.
            class_weight: a weight for each class index.
            sample_weight: a weight for each row.
            initial_epoch: the epoch to begin with.
            steps_per_epoch: batches in an epoch, if not all of the data.
            validation_steps: batches of validation, if not all of the data.
            validation_batch_size: rows a step in validation; `batch_size` by default.
            validation_freq: validate every so many epochs, or after those listed.
            seed: what shuffling and dropout derive from, but for layers with a seed
                of their own; a fresh one by default, which follows from
                `lamina.random.set_seed` if that was called.
            check_data: whether to look for values that are not finite and for labels
                without a class before training.
            resume: a folder, or `Checkpoints`, to keep the run in. Started again with
                the same call, `fit` goes on where it was and ends with the same bits.

        Returns:
            A `History`, whose `history` has a list for each metric.

        Raises:
            StateError: the model is not compiled.
            DataError: the data is empty or its parts do not fit together.
        """
        self._require_compiled("fit")
        options = FitOptions(
            x=x,
            y=y,
            sample_weight=sample_weight,
            batch_size=batch_size,
            epochs=epochs,
            verbose=verbose,
            callbacks=callbacks,
            validation_split=validation_split,
            validation_data=validation_data,
            shuffle=shuffle,
            class_weight=class_weight,
            initial_epoch=initial_epoch,
            steps_per_epoch=steps_per_epoch,
            validation_steps=validation_steps,
            validation_batch_size=validation_batch_size,
            validation_freq=validation_freq,
            seed=seed,
            check_data=check_data,
            resume=resume,
        )
        return FitSession(self, options).run()

    @overload
    def evaluate(
        self, x: Any = ..., y: Any = ..., batch_size: int | None = ...,
        verbose: int | str = ..., sample_weight: Any = ..., steps: int | None = ...,
        callbacks: Any = ..., *, return_dict: Literal[True],
    ) -> dict[str, float]: ...  # fmt: skip

    @overload
    def evaluate(
        self, x: Any = ..., y: Any = ..., batch_size: int | None = ...,
        verbose: int | str = ..., sample_weight: Any = ..., steps: int | None = ...,
        callbacks: Any = ..., return_dict: bool = ...,
    ) -> Any: ...  # fmt: skip

    @known_keywords
    @exclusive
    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """Return the loss and metrics on data, in inference mode.

        Args:
            x: data, as for `fit`.
            y: labels, for array data.
            batch_size: rows a step, 32 by default.
            verbose: 0 silent, 1 progress bar, 2 a line.
            sample_weight: a weight for each row.
            steps: batches, if not all of the data.
            callbacks: `Callback` objects.
            return_dict: whether to return a dictionary instead of a list.

        Returns:
            A number if there is only a loss, else a list in the order of
            `metrics_names`, or a dictionary.
        """
        self._require_compiled("evaluate")
        options = EvaluateOptions(
            x=x,
            y=y,
            sample_weight=sample_weight,
            batch_size=batch_size,
            verbose=verbose,
            steps=steps,
            callbacks=callbacks,
        )
        logs = run.evaluate(self, options)
        return logs if return_dict else self._in_order(logs)

    @known_keywords
    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> np.ndarray | Any:
        """Return outputs for data, in inference mode, as NumPy arrays.

        Args:
            x: data, as for `fit`; labels are not needed.
            batch_size: rows a step, 32 by default.
            verbose: 0 silent, 1 progress bar, 2 a line; "auto" shows a bar only for
                data of many batches.
            steps: batches, if not all of the data.
            callbacks: `Callback` objects.
        """
        options = PredictOptions(
            x=x,
            batch_size=batch_size,
            verbose=verbose,
            steps=steps,
            callbacks=callbacks,
        )
        return run.predict(self, options)

    @known_keywords
    @exclusive
    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: Mapping[int, float] | None = None,
        return_dict: bool = False,
    ) -> Any:
        """Run one training step on one batch; returns the metrics of this batch.

        Metrics are reset by each call.
        """
        self._require_compiled("train_on_batch")
        logs = run.on_batch(self, "train", (x, y, sample_weight), class_weight)
        return logs if return_dict else self._in_order(logs)

    @known_keywords
    @exclusive
    def test_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """Run one evaluation step on one batch; returns the metrics of this batch.

        Metrics are reset by each call.
        """
        self._require_compiled("test_on_batch")
        logs = run.on_batch(self, "test", (x, y, sample_weight))
        return logs if return_dict else self._in_order(logs)

    @filter_traceback
    def predict_on_batch(self, x: Any) -> np.ndarray | Any:
        """Return outputs for one batch as NumPy arrays."""
        return self.predict(x, batch_size=2**31 - 1, verbose=0)

    def _in_order(self, logs: dict[str, Any]) -> Any:
        values = [logs[n] for n in self._in_keras_order(logs)]
        return values[0] if len(values) == 1 else values

    # Getting ready

    def _modules(self) -> list[Module]:
        """Return the modules whose state a step may change."""
        optimizer = self.optimizer
        own = [optimizer] if isinstance(optimizer, Module) else []
        plan = [self._plan] if self._plan is not None else []
        return [self, *own, self._loss_tracker, *plan]

    def _make_ready(self, batch: Any) -> list[Any]:
        """Build weights, losses, metrics and slots for batches of these shapes.

        Returns:
            Shapes of the outputs, flat, in their order.
        """
        pred: list[Any] = []
        # A model without `call` has steps of its own, such as a GAN.
        if self._has_call():
            x, y, _ = batch
            y_pred = self._output_specs(x)
            names = output_names_of(self, y_pred)
            pred = flatten_by_names(y_pred, names, "y_pred")
            used = None if self._compiled is None else self._compiled.used(names)
            true = flatten_by_names(y, names, "y", used)
            if self._plan is None and self._compiled is not None and y is not None:
                self._plan = Plan(self._compiled, names, true, pred)
        if hasattr(self.optimizer, "build"):
            self.optimizer.build(self.trainable_variables)
        return pred

    def _has_call(self) -> bool:
        """Return whether there is a computation from inputs to outputs."""
        return True

    def _output_specs(self, x: Any) -> Any:
        """Build the model for inputs of these shapes; returns its outputs' shapes."""
        spec = jax.tree.map(lambda a: SymbolicTensor(a.shape, a.dtype.name), x)
        shapes = tuple((t.shape, t.dtype) for t in symbolic_leaves(spec))
        known = self._engines.outputs.get(shapes)
        if known is None:
            known = infer(self._call_arrays, (spec,), {})
            self._engines.outputs[shapes] = known
        return known

    def _engine(self, kind: str) -> Engine:
        engines = self._engines.by_kind
        key = kind, self.run_eagerly
        if key not in engines:
            engines[key] = self._make_engine(kind)
        return engines[key]

    def _make_engine(self, kind: str) -> Engine:
        name = f"{kind}_step"
        own = getattr(type(self), name) is getattr(Trainer, name)
        plain = type(self).compute_metrics is Trainer.compute_metrics
        # A user's step may return logs that are not a function of the state.
        results = self.get_metrics_result if own and plain else None
        return Engine(
            step_function(self, name),
            self._modules,
            self.reset_metrics,
            results,
            guard=kind == "train",
            eager=self.run_eagerly,
        )
