"""Compilations after edits that a person makes between two runs of a script."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import contextlib, io, json, sys
import jax, numpy as np
import lamina
from lamina import callbacks, layers, losses, metrics, optimizers, regularizers
from lamina.runtime import executable

events = []
jax.monitoring.register_event_listener(lambda event, **_: events.append(event))
random = np.random.default_rng(0)
x, y = random.normal(size=(40, 6)).astype("float32"), np.arange(40) % 3

def train(
    optimizer=None, x=x, y=y, width=4, rate=0.2, strength=1e-3, activity="relu",
    model=None, layer=None, metric="accuracy", loss="sparse_categorical_crossentropy",
    before=lambda model: None, after=lambda model: None, **arguments,
):
    network = lamina.Sequential([
        layers.Input((6,)),
        layers.Dense(width, activity, kernel_regularizer=regularizers.L2(strength)),
        layers.Dropout(rate, name=layer),
        layers.Dense(3, "softmax"),
    ], name=model)
    optimizer = optimizer or optimizers.Adam(0.1, clipnorm=1.0)
    network.compile(optimizer, loss, metrics=[metric])
    before(network)
    defaults = {"batch_size": 8, "epochs": 2, "verbose": 0, "seed": 1}
    network.fit(x, y, **(defaults | arguments))
    after(network)

def compilations(edit):
    # As in a new process: other programs that are in memory are in the cache too.
    executable._executables.clear()
    lamina.backend.clear_session()
    events.clear()
    with contextlib.redirect_stdout(io.StringIO()):
        eval(f"train({edit})")
    return events.count("/jax/compilation_cache/cache_misses")

np.savez("data.npz", x=x.astype("float64"), y=y)
counts = {name: compilations(edit) for name, edit in json.load(sys.stdin).items()}
print(json.dumps(counts))
"""

# What the first run leaves in the cache.
BEFORE = {
    "unchanged": "after=lambda m: m.save_weights('first.weights.h5')",
    "with class weights": "class_weight={0: 1.0, 1: 2.0, 2: 3.0}",
    "with checkpoints": "resume='first'",
    "with a report": "report='first.html'",
}
EDITS = {
    "learning rate": "optimizers.Adam(0.03, clipnorm=1.0)",
    "other hyperparameters": "optimizers.Adam(0.1, beta_1=0.8, clipnorm=0.5)",
    "learning rate callback": "callbacks=callbacks.LearningRateScheduler("
    "lambda epoch, rate: rate / 2)",
    "number of epochs": "epochs=4",
    "seed of the batches": "seed=2",
    "verbosity": "verbose=1",
    "values of the data": "x=x + 1, y=(y + 1) % 3",
    "path and type of the data": "**np.load('data.npz')",
    "name of the model": "model='other'",
    "name of a layer": "layer='other'",
    "name of a metric": "metric=metrics.SparseCategoricalAccuracy(name='zeta')",
    "name of the loss": "loss=losses.SparseCategoricalCrossentropy(name='other')",
    "class weights": "class_weight={0: 3.0, 1: 1.0, 2: 0.5}",
    "initial weights": "before=lambda m: m.set_weights([w.numpy() for w in m.weights])",
    "loaded weights": "before=lambda m: m.load_weights('first.weights.h5')",
    "early stopping": "callbacks=callbacks.EarlyStopping('loss', patience=1)",
    "patience": "callbacks=callbacks.EarlyStopping('loss', patience=5)",
    "folder of checkpoints": "resume='second'",
    "path of the report": "report='second.html'",
    "dropout rate": "rate=0.4",
    "strength of a penalty": "strength=1e-2",
}
# Names that end with "again" repeat the edit before them.
COMPILED = {
    "width of a layer": "width=5",
    "width again": "width=5",
    "activation": "activity='tanh'",
    "number of rows": "x=x[:32], y=y[:32]",
    "number of rows again": "x=x[:32], y=y[:32]",
}


@pytest.fixture(scope="module")
def counts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """The number of programs that each edit compiles, with one cache for all."""
    folder: Path = tmp_path_factory.mktemp("runs")
    environment = {**os.environ, "LAMINA_COMPILE_CACHE": str(folder / "cache")}
    environment.pop("JAX_COMPILATION_CACHE_DIR", None)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        input=json.dumps(BEFORE | EDITS | COMPILED),
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("edit", EDITS)
def test_edit_compiles_nothing(counts: dict[str, int], edit: str) -> None:
    assert counts[edit] == 0


@pytest.mark.parametrize("edit", COMPILED)
def test_new_structure_or_shape_compiles_once(
    counts: dict[str, int], edit: str
) -> None:
    assert counts[edit] == (0 if edit.endswith("again") else 1)
