"""Arguments of `fit`, `evaluate` and `predict`, checked once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

from lamina import config
from lamina.core.check import Check, check_arguments, is_int, optional, positive_int
from lamina.core.process import is_first_process
from lamina.data.adapt import (
    adapt,
    is_array_data,
    on_host,
    split_validation,
    unpack_x_y_sample_weight,
)
from lamina.data.feeds import Feed
from lamina.data.host import HostFunction
from lamina.data.shares import unmarked
from lamina.distribution.strategies import DevicesLike
from lamina.errors import invalid
from lamina.training.callbacks.base import Callback
from lamina.training.checkpoint.checkpoints import Checkpoints
from lamina.typing import Data

CallbacksLike: TypeAlias = Callback | Sequence["CallbacksLike"] | None
Resume: TypeAlias = str | Path | Checkpoints | None
ReportLike: TypeAlias = str | Path | Callback | None

_NUMBERS: dict[str, Check] = dict.fromkeys(
    ("steps", "steps_per_epoch", "validation_steps", "validation_batch_size"),
    optional(positive_int),
)
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
class EvaluateOptions:
    """Arguments of `Trainer.evaluate` and `Trainer.predict`.

    Raises:
        ArgumentError: `verbose` is unknown.
    """

    x: Data | None
    y: Data | None = None
    sample_weight: Data | None = None
    batch_size: int | None = None
    verbose: int | str = "auto"
    steps: int | None = None
    callbacks: CallbacksLike = None
    epochs: int = 1
    # The layers that x passes on the host.
    host: HostFunction | None = None
    # Whether this process has only its share of the rows.
    is_marked: bool = False
    # The methods that take these arguments, for messages.
    methods: ClassVar[str] = "evaluate, predict"

    def __post_init__(self) -> None:
        for name in ("x", "y", "sample_weight"):
            self._unmark(name, "is_marked")
        if self.verbose not in ("auto", 0, 1, 2):
            expected = "0, 1, 2 or 'auto'"
            raise invalid(self.methods, "verbose", self.verbose, expected)
        check_arguments(self.methods, _NUMBERS, vars(self))
        if not is_first_process():
            object.__setattr__(self, "verbose", 0)

    def _unmark(self, name: str, flag: str) -> None:
        """Replace data that `local_data` has marked, and set the flag for it."""
        data, is_marked = unmarked(getattr(self, name))
        if is_marked:
            object.__setattr__(self, name, data)
            object.__setattr__(self, flag, True)

    def feed(self) -> Feed:
        """Return the data as a feed."""
        return self._feed(self.steps)

    def _feed(self, steps: int | None, **options: Any) -> Feed:
        return adapt(
            *(self.x, self.y, self.sample_weight, self.batch_size, steps),
            host=self.host,
            is_marked=self.is_marked,
            **options,
        )


@dataclass(frozen=True, kw_only=True)
class FitOptions(EvaluateOptions):
    """Arguments of `Trainer.fit`.

    Raises:
        ArgumentError: a number is out of range, or the value of another argument is
            unknown.
    """

    validation_split: float
    validation_data: Data | None
    shuffle: bool | str
    class_weight: Mapping[int, float] | None
    initial_epoch: int
    steps_per_epoch: int | None
    validation_steps: int | None
    validation_batch_size: int | None
    validation_freq: int | Sequence[int]
    seed: int | None
    check_data: bool
    check: str | None
    resume: Resume
    report: ReportLike = None
    devices: DevicesLike = None
    validation_is_marked: bool = False
    methods: ClassVar[str] = "fit"

    def __post_init__(self) -> None:
        for name in ("epochs", "initial_epoch"):
            value = getattr(self, name)
            if not is_int(value) or value < 0:
                raise invalid("fit", name, value, "a non-negative integer")
        last = min(self.epochs, config.max_epochs() or self.epochs)
        object.__setattr__(self, "epochs", last)
        frequency: Any = self.validation_freq
        listed = isinstance(frequency, (list, tuple, set, range))
        if not listed and (not is_int(frequency) or frequency < 1):
            expected = "a positive integer, or a list of epochs counted from 1"
            raise invalid("fit", "validation_freq", frequency, expected)
        if not isinstance(self.resume, (str, Path, Checkpoints, type(None))):
            expected = "the path of a folder, as in resume='runs/a'"
            raise invalid("fit", "resume", self.resume, expected)
        if self.seed is not None and not is_int(self.seed):
            raise invalid("fit", "seed", self.seed, "an integer or None")
        if isinstance(self.shuffle, str) and self.shuffle != "batch":
            raise invalid("fit", "shuffle", self.shuffle, "True, False or 'batch'")
        if self.check not in (None, "off", "errors", "all", "probe"):
            expected = "'all', 'errors', 'off', 'probe' or None"
            raise invalid("fit", "check", self.check, expected)
        super().__post_init__()
        self._unmark("validation_data", "validation_is_marked")

    @property
    def check_level(self) -> str:
        """Kind of mistakes to look for, that of `lamina.config` by default."""
        return self.check or config.checks()

    @property
    def checks_values(self) -> bool:
        """Whether to check the values of the data."""
        return self.check_data and self.check_level != "off"

    def with_split(self) -> FitOptions:
        """Return options in which `validation_split` has become `validation_data`."""
        if not self.validation_split or self.validation_data is not None:
            return self
        data = on_host(self.x, self.host), self.y, self.sample_weight
        (x, y, weight), held_out = split_validation(data, self.validation_split)
        parts = {"x": x, "y": y, "sample_weight": weight, "validation_data": held_out}
        return replace(self, **parts, validation_is_marked=self.is_marked)

    def train_feed(self, seed: int, most: int | None) -> Feed:
        """Return the training data as a feed.

        Args:
            seed: what the orders of rows derive from.
            most: how many batches of a stream may be stacked.
        """
        return self._feed(
            self.steps_per_epoch,
            shuffle=self.shuffle,
            class_weight=self.class_weight,
            seed=seed,
            most=most,
        )

    def validation_feed(self) -> Feed | None:
        """Return the validation data as a feed, if there is any."""
        data = self.validation_data
        if data is None:
            return None
        is_batch = isinstance(data, (tuple, list))
        x, y, weight = (
            unpack_x_y_sample_weight(data) if is_batch else (data, None, None)
        )
        size = self.validation_batch_size or self.batch_size
        size = size if is_array_data(x) else None
        return adapt(
            *(x, y, weight, size, self.validation_steps),
            host=self.host,
            is_marked=self.validation_is_marked,
        )

    def is_validation_due(self, epoch: int) -> bool:
        """Return whether an epoch, counted from 0, ends with validation."""
        if isinstance(self.validation_freq, int):
            return (epoch + 1) % self.validation_freq == 0
        return epoch + 1 in self.validation_freq

    def record(self, seed: int) -> dict[str, Any]:
        """Return the description of a run for `run.json`.

        Args:
            seed: the seed of the run, drawn if none was given.
        """
        return {"seed": seed, **{name: getattr(self, name) for name in _RECORDED}}
