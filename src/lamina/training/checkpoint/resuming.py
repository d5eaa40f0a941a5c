"""Resuming a run: comparison with the saved run, and its state."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lamina.data.feeds import Feed
from lamina.training.callbacks import CallbackList
from lamina.training.checkpoint.checkpoints import TrainPosition, warn
from lamina.training.checkpoint.run_file import Tree
from lamina.training.checkpoint.run_state import (
    differences,
    require_same,
    restore,
    versions,
)
from lamina.training.state import TrainingState


def require_same_run(
    state: TrainingState, saved: Tree, record: Tree, feed: Feed, folder: Path
) -> None:
    """Raise if a run cannot resume, and warn if its result may differ.

    Args:
        state: the model's training.
        saved: the checkpoint.
        record: the arguments and fingerprints of the data of this call of `fit`.
        feed: the training data.
        folder: that of the checkpoint.

    Raises:
        ArgumentError: the saved run has other arguments or data.
    """
    old = saved["record"]
    # A model trained in this process may have another learning rate by now.
    ignored = ("compile",) if state.steps_done else ()
    if not feed.is_resident:
        ignored += ("data",)
        if old["data"] != record["data"]:
            warn(
                "The first batch of the data differs from that of the saved run, so "
                "the result will differ from that of one run."
            )
    require_same(old, {k: v for k, v in record.items() if k not in ignored}, folder)
    changed = "; ".join(differences(saved["versions"], versions()))
    if changed:
        warn(
            f"The run was started in another environment: {changed}. Training "
            "continues, but rounding may differ."
        )


def resume_run(
    state: TrainingState, callbacks: CallbackList, saved: Tree, feed: Feed
) -> tuple[TrainPosition, dict[str, Any]]:
    """Restore a run and set the data's position.

    Returns:
        The position, and the logs of its epoch if all batches of it are done.
    """
    position, stream = TrainPosition(*saved["place"]), saved["stream"]
    logs: dict[str, Any] = {}
    restore(state, callbacks, saved)
    if position.batch > 0:
        # Replay on_epoch_begin, and undo what it changes.
        callbacks.on_epoch_begin(position.epoch)
        restore(state, callbacks, saved)
        logs = saved["logs"]
    if logs:
        feed.seek(position.epoch + 1, 0, stream and (0, stream[1]))
    else:
        feed.seek(position.epoch, position.batch, stream)
    return position, logs


def describe(folder: Path, position: TrainPosition, is_complete: bool) -> str:
    """Return where a run resumes, or that it is complete."""
    run = f"The run in {str(folder)!r}"
    if is_complete:
        return f"{run} is complete after epoch {position.epoch}."
    batch = f", batch {position.batch}" if position.batch else ""
    return f"{run} resumes from epoch {position.epoch + 1}{batch}."
