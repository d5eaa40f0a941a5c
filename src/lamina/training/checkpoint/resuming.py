"""Resuming a run: comparison with the saved run, and its state."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from lamina.data.feeds import Feed
from lamina.training.callbacks import CallbackList
from lamina.training.checkpoint.checkpoints import Checkpoints, TrainPosition
from lamina.training.checkpoint.folder import warn
from lamina.training.checkpoint.run_file import Tree
from lamina.training.checkpoint.run_state import (
    differences,
    fingerprint,
    require_same,
    restore,
    versions,
)
from lamina.training.checkpoint.shards import DamagedError, in_first_process
from lamina.training.state import TrainingState

T = TypeVar("T")

_SHARE = "a share of the rows"


def fingerprint_of(feed: Feed) -> str:
    """Hash some rows of data, if this process has all rows."""
    return _SHARE if feed.is_share else fingerprint(feed.sample())


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
    # The record is that of the first process.
    in_first_process(lambda: _require_same_run(state, saved, record, feed, folder))


def _require_same_run(
    state: TrainingState, saved: Tree, record: Tree, feed: Feed, folder: Path
) -> None:
    old = saved["record"]
    # A model trained in this process may have another learning rate by now.
    ignored = {"compile"} if state.steps_done else set[str]()
    # Other numbers of processes have other shares.
    ignored |= {k for k in ("data", "validation_data") if _SHARE in (old[k], record[k])}
    if not feed.is_resident:
        if "data" not in ignored and old["data"] != record["data"]:
            warn(
                "The first batch of the data differs from that of the saved run, so "
                "the result will differ from that of one run."
            )
        ignored.add("data")
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


def restore_undamaged(
    checkpoints: Checkpoints, saved: Tree | None, restore: Callable[[Tree], T]
) -> T | None:
    """Restore a checkpoint, or an earlier one as long as its variables are damaged.

    Args:
        checkpoints: those of the run.
        saved: contents of the newest one, or `None`.
        restore: restores one from its contents.
    """
    while saved is not None:
        try:
            return restore(saved)
        except DamagedError as error:
            saved = checkpoints.skip(saved, str(error))
    return None


def describe(folder: Path, position: TrainPosition, is_complete: bool) -> str:
    """Return where a run resumes, or that it is complete."""
    run = f"The run in {str(folder)!r}"
    if is_complete:
        return f"{run} is complete after epoch {position.epoch}."
    batch = f", batch {position.batch}" if position.batch else ""
    return f"{run} resumes from epoch {position.epoch + 1}{batch}."
