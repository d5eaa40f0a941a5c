"""Files of `CSVLogger`."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from lamina.training.callbacks import Callback, CSVLogger
from tests.unit.training.callbacks.helpers import X, Y, small_model

# Arguments, what is in the file before, logs, the file. Recorded from Keras 3.15.1,
# but for the last: Keras puts quotes around a list before csv does so again.
CASES = {
    "names in order, room for validation": (
        {},
        "",
        [{"loss": 0.5, "acc": 0.25}, {"loss": 0.25, "acc": 0.5}],
        "epoch,acc,loss,val_acc,val_loss\r\n0,0.25,0.5,NA,NA\r\n1,0.5,0.25,NA,NA\r\n",
    ),
    "a separator": (
        {"separator": ";"},
        "old\r\n",
        [{"loss": 0.5, "val_loss": 1.5}],
        "epoch;loss;val_loss\r\n0;0.5;1.5\r\n",
    ),
    "going on": (
        {"append": True},
        "epoch,loss,val_loss\r\n0,1.0,2.0\r\n",
        [{"loss": 0.5, "val_loss": 1.5}],
        "epoch,loss,val_loss\r\n0,1.0,2.0\r\n0,0.5,1.5\r\n",
    ),
    "going on with an empty file": (
        {"append": True},
        "",
        [{"loss": 0.5, "val_loss": 1.5}],
        "epoch,loss,val_loss\r\n0,0.5,1.5\r\n",
    ),
    "values that come and go": (
        {},
        "",
        [{"loss": 0.5}, {"loss": 0.25, "val_loss": 0.125, "rate": 1.0}],
        "epoch,loss,val_loss\r\n0,0.5,NA\r\n1,0.25,0.125\r\n",
    ),
    "several values": (
        {},
        "",
        [{"val_f1": np.array([0.25, 0.5])}],
        'epoch,val_f1\r\n0,"[0.25, 0.5]"\r\n',
    ),
}


def written(path):
    return path.read_bytes().decode()


@pytest.mark.parametrize("name", CASES)
def test_written_file_matches(name, tmp_path):
    arguments, before, logs, expected = CASES[name]
    path = tmp_path / "log.csv"
    path.write_bytes(before.encode())
    logger = CSVLogger(path, **arguments)
    logger.on_train_begin()
    for epoch, values in enumerate(logs):
        logger.on_epoch_end(epoch, values)
    # Nothing is lost if the process ends here.
    assert written(path) == expected
    logger.on_train_end()
    assert written(path) == expected


def test_numbers_of_fit_are_those_of_its_history(tmp_path):
    path = tmp_path / "log.csv"
    run = small_model().fit(
        X, Y, epochs=3, validation_split=0.4, verbose=0, callbacks=[CSVLogger(path)]
    )
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == run.epoch
    for name, values in run.history.items():
        assert [float(row[name]) for row in rows] == values


def test_file_is_closed_after_an_error(tmp_path):
    class Fails(Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise KeyError

    logger = CSVLogger(tmp_path / "log.csv")
    with pytest.raises(KeyError):
        small_model().fit(X, Y, verbose=0, callbacks=[logger, Fails()])
    assert written(tmp_path / "log.csv").count("\n") == 2
    (tmp_path / "log.csv").unlink()
    logger.close()
