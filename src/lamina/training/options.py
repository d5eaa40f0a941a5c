"""Arguments of `fit`, `evaluate` and `predict`, checked once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lamina.core.check import is_int
from lamina.data.adapt import adapt, split_validation
from lamina.data.feeds import Feed
from lamina.errors import invalid

# Arguments that a resumed run must be given again, or it is another run.
_RECORDED = (
    "batch_size",
    "shuffle",
    "steps_per_epoch",
    "class_weight",
    "validation_split",
    "validation_steps",
    "validation_batch_size",
    "validation_freq",
    "initial_epoch",
)


@dataclass(frozen=True, kw_only=True)
class FitOptions:
    """Arguments of `Trainer.fit`.

    Raises:
        ArgumentError: a number is out of range, or `verbose` is unknown.
    """

    x: Any
    y: Any
    sample_weight: Any
    batch_size: int | None
    epochs: int
    verbose: int | str
    callbacks: Any
    validation_split: float
    validation_data: Any
    shuffle: bool | str
    class_weight: Mapping[int, float] | None
    initial_epoch: int
    steps_per_epoch: int | None
    validation_steps: int | None
    validation_batch_size: int | None
    validation_freq: int | Sequence[int]
    seed: int | None
    check_data: bool
    resume: Any

    def __post_init__(self) -> None:
        for name in ("epochs", "initial_epoch"):
            value = getattr(self, name)
            if not is_int(value) or value < 0:
                raise invalid("fit", name, value, "a whole number of at least 0")
        frequency: Any = self.validation_freq
        listed = isinstance(frequency, (list, tuple, set, range))
        if not listed and (not is_int(frequency) or frequency < 1):
            expected = "a positive integer, or a list of epochs counted from 1"
            raise invalid("fit", "validation_freq", frequency, expected)
        _check_verbose(self.verbose)

    def with_split(self) -> FitOptions:
        """Return options in which `validation_split` has become `validation_data`."""
        if not self.validation_split or self.validation_data is not None:
            return self
        data = self.x, self.y, self.sample_weight
        (x, y, weight), held_out = split_validation(data, self.validation_split)
        return replace(self, x=x, y=y, sample_weight=weight, validation_data=held_out)

    def feed(self, seed: int, most: int | None) -> Feed:
        """Return the training data as a feed.

        Args:
            seed: what the orders of rows derive from.
            most: how many batches of a stream may be stacked.
        """
        return adapt(
            self.x,
            self.y,
            self.sample_weight,
            self.batch_size,
            self.steps_per_epoch,
            shuffle=self.shuffle,
            class_weight=self.class_weight,
            seed=seed,
            most=most,
        )

    def is_validation_due(self, epoch: int) -> bool:
        """Return whether an epoch, counted from 0, ends with validation."""
        frequency: Any = self.validation_freq
        if is_int(frequency):
            return (epoch + 1) % frequency == 0
        return epoch + 1 in frequency

    def record(self, seed: int) -> dict[str, Any]:
        """Return what a run is started with, for `run.json`.

        Args:
            seed: the seed of the run, drawn if none was given.
        """
        return {"seed": seed, **{name: getattr(self, name) for name in _RECORDED}}


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions:
    """Arguments of `Trainer.evaluate`."""

    x: Any
    y: Any
    sample_weight: Any
    batch_size: int | None
    verbose: int | str
    steps: int | None
    callbacks: Any

    def __post_init__(self) -> None:
        _check_verbose(self.verbose)

    def feed(self) -> Feed:
        """Return the data as a feed."""
        return adapt(self.x, self.y, self.sample_weight, self.batch_size, self.steps)


@dataclass(frozen=True, kw_only=True)
class PredictOptions:
    """Arguments of `Trainer.predict`."""

    x: Any
    batch_size: int | None
    verbose: int | str
    steps: int | None
    callbacks: Any

    def __post_init__(self) -> None:
        _check_verbose(self.verbose)

    def feed(self) -> Feed:
        """Return the data as a feed."""
        return adapt(self.x, None, None, self.batch_size, self.steps)


def _check_verbose(verbose: Any) -> None:
    if verbose not in ("auto", 0, 1, 2):
        expected = "0, 1, 2 or 'auto'"
        raise invalid("fit and the like", "verbose", verbose, expected)
