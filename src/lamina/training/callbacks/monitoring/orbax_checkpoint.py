"""`OrbaxCheckpoint`: save the model during training with Orbax."""

from __future__ import annotations

import importlib
import os
from typing import Any

import jax
import jax.numpy as jnp

from lamina.core.check import boolean, optional, positive_int
from lamina.errors import missing_package
from lamina.layers.base import Layer
from lamina.training.callbacks.base import NEVER, path_like
from lamina.training.callbacks.monitoring.saving import SavingCallback
from lamina.training.state_tree import WEIGHTS
from lamina.typing import Logs


def load_orbax() -> Any:
    """Return version 1 of Orbax's interface.

    Raises:
        MissingPackageError: Orbax is not installed.
    """
    try:
        return importlib.import_module("orbax.checkpoint").v1
    except (ImportError, AttributeError):
        raise missing_package("orbax-checkpoint", "OrbaxCheckpoint", "orbax") from None


class OrbaxCheckpoint(SavingCallback):
    """Callback that saves the model in Orbax's format, as Keras does.

    A checkpoint is a folder in `directory`, named by the epoch from 0, or by the number
    of training batches with a number as `save_freq`. It holds the tree of
    `Model.get_state_tree` and the model's config. Vocabularies of preprocessing layers
    are not included. `lamina.models.load_model(directory)` loads the newest one, and
    `Model.load_weights` its variables into an existing model.

    Args:
        directory: folder of the checkpoints; created if it does not exist.
        monitor: the metric's name in the logs, for `save_best_only`.
        verbose: 1 to print a line at each save.
        save_best_only: whether to save only when the metric improves on the best value.
        mode: `"min"`, `"max"`, or `"auto"` to infer it from the metric.
        save_freq: `"epoch"`, or a number of batches.
        initial_value_threshold: initial best value of the metric.
        max_to_keep: number of checkpoints to keep, the latest; `None` for all.
        save_on_background: whether training continues while a checkpoint is written.
        save_weights_only: whether to leave out the config and the state of the
            optimizer and the metrics.

    Raises:
        MissingPackageError: the package orbax-checkpoint is not installed.

    Example:
        ```python
        model.fit(x, y, epochs=3, callbacks=[OrbaxCheckpoint("checkpoints", "loss")])
        ```
    """

    arguments = {
        **SavingCallback.arguments,
        "directory": path_like,
        "max_to_keep": optional(positive_int),
        "save_on_background": boolean,
        "save_weights_only": boolean,
    }
    state_names = (*SavingCallback.state_names, "_seen")

    def __init__(
        self,
        directory: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        mode: str = "auto",
        save_freq: str | int = "epoch",
        initial_value_threshold: float | None = None,
        max_to_keep: int | None = 1,
        save_on_background: bool = True,
        save_weights_only: bool = False,
    ) -> None:
        super().__init__(
            *(monitor, verbose, save_best_only, mode, save_freq),
            initial_value_threshold,
        )
        self.directory = os.path.abspath(directory)
        self.max_to_keep = max_to_keep
        self.save_on_background = save_on_background
        self.save_weights_only = save_weights_only
        self._seen = 0
        self._checkpointer: Any = None
        load_orbax()

    def set_model(self, model: Layer) -> None:
        """Set the model, whose number of updates names the first checkpoint."""
        super().set_model(model)
        os.makedirs(self.directory, exist_ok=True)
        self._seen = int(getattr(model.optimizer, "iterations", 0))

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Save after every `save_freq` batches."""
        self._seen += 1
        super().on_train_batch_end(batch, logs)

    def write(self, logs: Logs) -> str:
        """Start to write a checkpoint and return its folder."""
        step = self._epoch if self._period == NEVER else self._seen
        if self._checkpointer is None:
            self._checkpointer = self._open()
        if self.save_on_background:
            save = self._checkpointer.save_checkpointables_async
        else:
            save = self._checkpointer.save_checkpointables
        save(step, self._contents(), overwrite=True)
        return os.path.join(self.directory, str(step))

    def _open(self) -> Any:
        training = load_orbax().training
        latest = training.preservation_policies.LatestN
        every = training.save_decision_policies.FixedIntervalPolicy(1)
        return training.Checkpointer(
            self.directory,
            preservation_policy=self.max_to_keep and latest(self.max_to_keep),
            save_decision_policy=every,
        )

    def _contents(self) -> dict[str, Any]:
        # Copies, because the next steps may reuse the memory of the variables.
        tree = jax.tree.map(jnp.copy, self.model.get_state_tree())
        if self.save_weights_only:
            return {"pytree": {name: tree[name] for name in WEIGHTS}}
        return {"pytree": tree, "model_config": {"config": self.model.to_json()}}

    def is_multihost_enabled(self) -> bool:
        """Return whether several processes train the model."""
        return jax.process_count() > 1

    def is_primary_host(self) -> bool:
        """Return whether this is the only or the first process."""
        return jax.process_index() == 0

    def wait_until_finished(self) -> None:
        """Wait until all checkpoints are written."""
        checkpointer, self._checkpointer = self._checkpointer, None
        if checkpointer is not None:
            checkpointer.close()

    def close(self) -> None:
        """Wait until all checkpoints are written."""
        self.wait_until_finished()
