"""Signatures as in Keras 3.15.1, and what comes of wrong arguments."""

from __future__ import annotations

import inspect

import pytest

from lamina import callbacks
from lamina.errors import ArgumentError, ArgumentTypeError
from lamina.training.callbacks import (
    Callback,
    CallbackList,
    EarlyStopping,
    History,
    LambdaCallback,
    ModelCheckpoint,
    ProgbarLogger,
    ReduceLROnPlateau,
    TensorBoard,
)
from tests.unit.training.callbacks.helpers import X, Y, small_model

NONE, NEEDED = None, inspect.Parameter.empty
# Recorded from Keras 3.15.1, but for the `**kwargs` of ReduceLROnPlateau, which take in
# whatever is misspelt, and for `rollback`, which Keras has not.
SIGNATURES = {
    "CSVLogger": {"filename": NEEDED, "separator": ",", "append": False},
    "Callback": {},
    "EarlyStopping": {
        "monitor": "val_loss", "min_delta": 0, "patience": 0, "verbose": 0,
        "mode": "auto", "baseline": NONE, "restore_best_weights": False,
        "start_from_epoch": 0,
    },
    "History": {},
    "LambdaCallback": {
        "on_epoch_begin": NONE, "on_epoch_end": NONE, "on_train_begin": NONE,
        "on_train_end": NONE, "on_train_batch_begin": NONE,
        "on_train_batch_end": NONE, "kwargs": NEEDED,
    },
    "LearningRateScheduler": {"schedule": NEEDED, "verbose": 0},
    "ModelCheckpoint": {
        "filepath": NEEDED, "monitor": "val_loss", "verbose": 0,
        "save_best_only": False, "save_weights_only": False, "mode": "auto",
        "save_freq": "epoch", "initial_value_threshold": NONE,
    },
    "OrbaxCheckpoint": {
        "directory": NEEDED, "monitor": "val_loss", "verbose": 0,
        "save_best_only": False, "mode": "auto", "save_freq": "epoch",
        "initial_value_threshold": NONE, "max_to_keep": 1, "save_on_background": True,
        "save_weights_only": False,
    },
    "ProgbarLogger": {},
    "ReduceLROnPlateau": {
        "monitor": "val_loss", "factor": 0.1, "patience": 10, "verbose": 0,
        "mode": "auto", "min_delta": 1e-4, "cooldown": 0, "min_lr": 0.0,
    },
    "RemoteMonitor": {
        "root": "http://localhost:9000", "path": "/publish/epoch/end/",
        "field": "data", "headers": NONE, "send_as_json": False,
    },
    "SwapEMAWeights": {"swap_on_epoch": False},
    "TensorBoard": {
        "log_dir": "logs", "histogram_freq": 0, "write_graph": True,
        "write_images": False, "write_steps_per_second": False,
        "update_freq": "epoch", "profile_batch": 0, "embeddings_freq": 0,
        "embeddings_metadata": NONE,
    },
    "TerminateOnNaN": {"raise_error": False, "rollback": False},
}  # fmt: skip


@pytest.mark.parametrize("name", SIGNATURES)
def test_arguments_and_defaults_are_those_of_keras(name):
    parameters = inspect.signature(getattr(callbacks, name).__init__).parameters
    found = {n: p.default for n, p in parameters.items() if n != "self"}
    assert list(found.items()) == list(SIGNATURES[name].items())


def bad_values():
    for name, signature in SIGNATURES.items():
        cls = getattr(callbacks, name)
        for argument, check in cls.arguments.items():
            if argument in signature:
                for value in check.bad:
                    yield cls, signature, argument, value


GOOD = {
    "filename": "log.csv",
    "filepath": "a.keras",
    "directory": "folder",
    "schedule": lambda epoch: 0.1,
}


@pytest.mark.parametrize(("cls", "signature", "argument", "value"), list(bad_values()))
def test_bad_values_are_refused(cls, signature, argument, value):
    given = {n: GOOD[n] for n, default in signature.items() if default is NEEDED}
    with pytest.raises(ArgumentError, match=f"`{argument}` must be"):
        cls(**{**given, argument: value})


@pytest.mark.parametrize("cls", [History, EarlyStopping, ReduceLROnPlateau])
def test_unknown_keyword_is_refused(cls):
    with pytest.raises(ArgumentTypeError, match="no argument 'monitr'"):
        cls(monitr="loss")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: EarlyStopping(patince=3), "Did you mean 'patience'"),
        (lambda: EarlyStopping(mode="mni"), "Did you mean 'min'"),
        (lambda: ReduceLROnPlateau(epsilon=1e-3), "called `min_delta` now"),
        (lambda: ReduceLROnPlateau(factor=1.5), "up to, not including, 1"),
        (lambda: ModelCheckpoint("a.keras", period=5), "Use save_freq"),
        (lambda: LambdaCallback(on_epoch_ends=print), "Did you mean 'on_epoch_end'"),
        (lambda: TensorBoard(write_grads=True), "no argument 'write_grads'"),
        (lambda: TensorBoard(embeddings_freq=-1), "`embeddings_freq` must be"),
        (lambda: TensorBoard(profile_batch=(5, 2)), "`profile_batch` must be"),
        (lambda: CallbackList([EarlyStopping]), r"Call the class to make an object"),
        (lambda: CallbackList([print]), "must be objects of classes that derive"),
    ],
)
def test_messages(make, words):
    with pytest.raises((ArgumentError, ArgumentTypeError), match=words):
        make()


def test_user_defined_callback_takes_its_own_arguments():
    class Own(Callback):
        def __init__(self, *names, **options):
            super().__init__()
            self.names, self.options = names, options

    callback = Own("a", "b", colour="red")
    assert (callback.names, callback.options) == (("a", "b"), {"colour": "red"})
    with pytest.raises(TypeError, match="missing"):
        ModelCheckpoint()


def test_list_adds_history_and_progress_bar_on_request():
    found = CallbackList([EarlyStopping()], add_history=True, add_progbar=True)
    kinds = [type(c) for c in found.callbacks]
    assert kinds == [EarlyStopping, History, ProgbarLogger]
    mine = [History(), [ProgbarLogger()]]
    found = CallbackList(mine, add_history=True, add_progbar=True)
    assert found.callbacks == [mine[0], mine[1][0]]


def test_user_defined_list_is_used_unchanged():
    model = small_model()
    chosen = CallbackList(History(), model=model, epochs=2, steps=1, verbose=0)
    run = model.fit(X, Y, epochs=2, callbacks=chosen)
    assert run is chosen.callbacks[0]
    assert run.epoch == [0, 1]
    assert len(chosen.callbacks) == 1


def test_params_are_those_of_keras():
    seen = []
    look = LambdaCallback(on_train_begin=lambda logs: seen.append(dict(look.params)))
    run = small_model().fit(X, Y, batch_size=4, epochs=2, verbose=0, callbacks=look)
    assert seen == [{"verbose": 0, "epochs": 2, "steps": 3}] == [run.params]
