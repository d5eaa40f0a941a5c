"""Logs of training on disks that are full or cannot be written to."""

from __future__ import annotations

import resource
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from lamina.errors import SaveError
from lamina.training.callbacks import Callback, CSVLogger, TensorBoard
from tests.unit.training.callbacks.helpers import X, Y, small_model

LOGGERS: dict[str, Callable[[Any], Callback]] = {
    "CSVLogger": CSVLogger,
    "TensorBoard": lambda path: TensorBoard(path, histogram_freq=1),
}


@pytest.fixture(autouse=True)
def needs_tensorboard() -> None:
    pytest.importorskip("tensorboardX")


def fit(*callbacks: Callback) -> Any:
    return small_model().fit(X, Y, epochs=4, verbose=0, callbacks=list(callbacks))


@contextmanager
def full_disk() -> Iterator[None]:
    """Context in which no file takes any byte more."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("name", LOGGERS)
def test_unwritable_log_path_is_refused_before_training(
    name: str, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(SaveError, match=f"{name} cannot write .*Not a directory"):
        fit(LOGGERS[name](tmp_path / "file" / "log"))


@pytest.mark.parametrize("name", LOGGERS)
def test_full_disk_gives_one_warning_and_training_continues(
    name: str, tmp_path: Path
) -> None:
    logger = LOGGERS[name](tmp_path / "log")
    with full_disk(), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        history = fit(logger)
    assert len(history.epoch) == 4
    (one,) = [w for w in caught if f"{name} cannot write" in str(w.message)]
    assert "File too large" in str(one.message)


@pytest.mark.filterwarnings("ignore:CSVLogger cannot write")
def test_csv_file_is_complete_once_the_disk_has_space(tmp_path: Path) -> None:
    class Full(Callback):
        """A disk that is full in the second epoch."""

        def __init__(self) -> None:
            super().__init__()
            self.disk: Any = None

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            if epoch == 1:
                self.disk = full_disk()
                self.disk.__enter__()
            elif self.disk is not None:
                self.disk.__exit__(None, None, None)
                self.disk = None

    history = fit(Full(), CSVLogger(tmp_path / "log.csv")).history
    _, *lines = (tmp_path / "log.csv").read_text().splitlines()
    rows = [line.split(",")[:2] for line in lines]
    assert rows == [[str(i), str(loss)] for i, loss in enumerate(history["loss"])]


@pytest.mark.parametrize("path", ["/dev/full"])
def test_full_device_file_gives_one_warning(path: str) -> None:
    if not Path(path).exists():
        pytest.skip("this system has no /dev/full")
    with pytest.warns(UserWarning, match="No space left on device") as caught:
        fit(CSVLogger(path))
    assert len(caught) == 1
