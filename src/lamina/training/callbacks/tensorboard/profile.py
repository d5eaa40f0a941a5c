"""Profiles of some batches."""

from __future__ import annotations

from pathlib import Path

import jax

from lamina.core.process import is_first_process


class Profile:
    """JAX's profile of a range of batches.

    Args:
        folder: path of the folder for the files.
        first: the first batch, counted from 1; 0 for no profile.
        last: the last batch.
    """

    def __init__(self, folder: Path, first: int, last: int) -> None:
        self._folder, self._first, self._last = folder, first, last
        self._is_running = False

    def batches_left(self, done: int) -> int | None:
        """Return the number of batches until the profile starts or ends, if it will."""
        ahead = (n - done for n in (self._first - 1, self._last) if n > done)
        return next(ahead, None)

    def update(self, done: int) -> None:
        """Start or stop the profile at its first or last batch."""
        if done == self._first - 1 and is_first_process():
            jax.profiler.start_trace(str(self._folder))
            self._is_running = True
        elif done == self._last:
            self.stop()

    def stop(self) -> None:
        """Stop the profile if it is running."""
        if self._is_running:
            jax.profiler.stop_trace()
        self._is_running = False
