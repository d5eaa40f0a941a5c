"""`OrbaxCheckpoint`, which needs the package orbax-checkpoint."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

import lamina
from lamina.callbacks import OrbaxCheckpoint
from lamina.errors import ArgumentError, FileFormatError, MissingPackageError
from tests.unit.training.callbacks.helpers import X, Y

pytestmark = pytest.mark.filterwarnings("ignore:Sharding info not provided")


@pytest.fixture
def orbax():
    return pytest.importorskip("orbax.checkpoint").v1


def model():
    layers = [lamina.Input((X.shape[1],)), lamina.layers.Dense(1, name="dense")]
    made = lamina.Sequential(layers, name="net")
    made.compile("adam", "mse")
    return made


def steps(folder):
    return sorted(int(path.name) for path in Path(folder).iterdir())


def test_missing_package_is_named_with_its_extra(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "orbax.checkpoint", None)
    with pytest.raises(MissingPackageError, match=r"lamina\[orbax\]"):
        OrbaxCheckpoint(tmp_path)


def test_invalid_frequency_is_refused(tmp_path):
    with pytest.raises(ArgumentError, match="save_freq"):
        OrbaxCheckpoint(tmp_path, save_freq="never")


@pytest.mark.parametrize("background", [True, False])
def test_checkpoint_holds_the_state_and_the_config(orbax, tmp_path, background):
    saved = model()
    callback = OrbaxCheckpoint(tmp_path, save_on_background=background)
    saved.fit(X, Y, epochs=3, callbacks=[callback], verbose=0)
    assert steps(tmp_path) == [2]
    contents = orbax.load_checkpointables(tmp_path / "2")
    text = contents["model_config"]["config"]
    again = lamina.models.model_from_json(text)
    again.compile_from_config(json.loads(text)["compile_config"])
    again.set_state_tree(contents["pytree"])
    for one, other in zip(saved.variables, again.variables, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())
    assert int(again.optimizer.iterations) == int(saved.optimizer.iterations)
    assert again.name == "net"


def test_checkpoints_after_batches_are_named_by_their_number(orbax, tmp_path):
    callback = OrbaxCheckpoint(
        tmp_path, save_freq=3, max_to_keep=None, save_weights_only=True
    )
    saved = model()
    saved.fit(X, Y, batch_size=3, epochs=2, callbacks=[callback], verbose=0)
    assert steps(tmp_path) == [3, 6]
    tree = orbax.load_checkpointables(tmp_path / "6")["pytree"]
    assert sorted(tree) == ["non_trainable_variables", "trainable_variables"]


def test_only_improvements_are_saved(orbax, tmp_path):
    callback = OrbaxCheckpoint(
        tmp_path, "loss", save_best_only=True, initial_value_threshold=-1.0
    )
    model().fit(X, Y, callbacks=[callback], verbose=0)
    assert callback.best == -1.0 and not list(tmp_path.iterdir())


@pytest.mark.parametrize("of_one", [True, False], ids=["one", "newest"])
def test_model_is_loaded_from_the_folder(orbax, tmp_path, of_one):
    saved = model()
    callback = OrbaxCheckpoint(tmp_path, save_on_background=False, max_to_keep=2)
    saved.fit(X, Y, epochs=3, callbacks=[callback], verbose=0)
    again = lamina.models.load_model(tmp_path / "2" if of_one else tmp_path)
    assert "dense/kernel" in again.load_report.loaded
    for one, other in zip(saved.variables, again.variables, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())
    saved.fit(X, Y, epochs=2, verbose=0, seed=1)
    again.fit(X, Y, epochs=2, verbose=0, seed=1)
    np.testing.assert_array_equal(saved.predict(X), again.predict(X))


def test_weights_are_loaded_from_the_folder(orbax, tmp_path):
    saved, other = model(), model()
    callback = OrbaxCheckpoint(
        tmp_path, save_on_background=False, save_weights_only=True
    )
    saved.fit(X, Y, callbacks=[callback], verbose=0)
    assert other.load_weights(tmp_path).loaded == ["dense/kernel", "dense/bias"]
    np.testing.assert_array_equal(saved.predict(X), other.predict(X))
    with pytest.raises(FileFormatError, match="only weights"):
        lamina.models.load_model(tmp_path)


def test_model_with_more_weights_is_refused(orbax, tmp_path):
    callback = OrbaxCheckpoint(tmp_path, save_on_background=False)
    model().fit(X, Y, callbacks=[callback], verbose=0)
    more = model()
    more.add(lamina.layers.Dense(1, name="more"))
    before = more.get_weights()
    with pytest.raises(FileFormatError, match="more/kernel"):
        more.load_weights(tmp_path)
    for value, new in zip(before, more.get_weights(), strict=True):
        np.testing.assert_array_equal(value, new)
    report = more.load_weights(tmp_path, skip_mismatch=True)
    assert report.missing == ["more/kernel", "more/bias"]


@pytest.mark.parametrize("item", ["pytree", "model_config"])
def test_damaged_checkpoint_is_refused(orbax, tmp_path, item):
    callback = OrbaxCheckpoint(tmp_path, save_on_background=False)
    model().fit(X, Y, callbacks=[callback], verbose=0)
    for file in (tmp_path / "0" / item).rglob("*"):
        if file.is_file():
            file.write_bytes(b"damaged")
    with pytest.raises(FileFormatError, match="cannot be read"):
        lamina.models.load_model(tmp_path)


def test_assets_are_not_extracted(orbax, tmp_path):
    """Keys of assets that lead out of the folder, as in Keras's #22839."""
    folder, made = tmp_path / "0", model()
    contents = {
        "pytree": made.get_state_tree(),
        "model_config": {"config": made.to_json()},
        "assets": {"../outside": np.zeros(1), "/outside": np.zeros(1)},
    }
    orbax.save_checkpointables(folder, contents)
    before = sorted(p.name for p in tmp_path.rglob("*"))
    lamina.models.load_model(folder)
    assert sorted(p.name for p in tmp_path.rglob("*")) == before


def test_folders_that_do_not_fit_are_refused(orbax, tmp_path):
    with pytest.raises(ArgumentError, match="no complete checkpoint"):
        lamina.models.load_model(tmp_path)
    callback = OrbaxCheckpoint(tmp_path, save_on_background=False)
    model().fit(X, Y, callbacks=[callback], verbose=0)
    for layer in (lamina.layers.Dense(1, name="b"), lamina.layers.Dense(2)):
        other = lamina.Sequential([lamina.Input((X.shape[1],)), layer])
        with pytest.raises(FileFormatError, match="do not match the model's"):
            other.load_weights(tmp_path)
    with pytest.raises(ArgumentError, match="name_map"):
        model().load_weights(tmp_path, name_map={})
    lamina.config.set_memory_limit(16)
    with pytest.raises(FileFormatError, match="set_memory_limit"):
        lamina.models.load_model(tmp_path)
