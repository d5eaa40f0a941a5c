"""Weights of old files by the names of layers, as old releases of Keras had it."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

import lamina
from lamina.errors import ArgumentError, FileFormatError
from tests.tables.arrays import floats
from tests.unit.saving.legacy_layout import listed, numbered, write

K1, B1, K2, B2 = (
    floats(3, 4),
    floats(4, seed=1),
    floats(4, 2, seed=2),
    floats(2, seed=3),
)
ROWS = floats(5, 3, seed=4)


def model_of(**units):
    """A stack of dense layers of these names and sizes."""
    made = [lamina.layers.Dense(n, name=name) for name, n in units.items()]
    return lamina.Sequential([lamina.Input((3,)), *made])


@pytest.fixture
def path(tmp_path):
    weights = {
        "first": numbered([K1, B1]),
        "nothing": {},
        "second": numbered([K2, B2]),
    }
    return write(tmp_path / "old.h5", None, weights, keras_version="2.2.4")


def changed(model, before):
    """The names of the layers whose weights are not those of before."""
    return [
        layer.name
        for layer in model.layers
        if any(
            not np.array_equal(one, other)
            for one, other in zip(layer.get_weights(), before[layer.name], strict=True)
        )
    ]


def weights_of(model):
    return {layer.name: layer.get_weights() for layer in model.layers}


CASES = [
    # the model, what is loaded, missing in the file, unexpected
    ({"first": 4, "second": 2}, ["first", "second"], [], []),
    ({"first": 4, "middle": 4, "second": 2}, ["first", "second"], ["middle"], []),
    ({"first": 4, "head": 7}, ["first"], ["head"], ["second"]),
    ({"other": 4, "second": 2}, ["second"], ["other"], ["first"]),
]


@pytest.mark.parametrize(("units", "loaded", "missing", "unexpected"), CASES)
def test_layers_load_the_weights_of_their_name(
    units, loaded, missing, unexpected, path
):
    model = model_of(**units)
    before = weights_of(model)
    report = model.load_weights(path, by_name=True)
    assert changed(model, before) == loaded
    assert {p.split("/")[0] for p in report.loaded} == set(loaded)
    assert {p.split("/")[0] for p in report.missing} == set(missing)
    assert len(report.unexpected) == 2 * len(unexpected)
    if "first" in loaded:
        np.testing.assert_array_equal(model.layers[0].get_weights()[0], K1)


def test_order_of_layers_does_not_matter(tmp_path):
    weights = {"b": numbered([K1[:, :3]]), "a": numbered([K1[:, 1:]])}
    path = write(tmp_path / "old.h5", None, weights, keras_version="2.2.4")
    made = [lamina.layers.Dense(3, use_bias=False, name=n) for n in ("a", "b")]
    model = lamina.Sequential([lamina.Input((3,)), *made])
    model.load_weights(path, by_name=True)
    np.testing.assert_array_equal(model.get_weights()[0], K1[:, 1:])
    np.testing.assert_array_equal(model.get_weights()[1], K1[:, :3])


@pytest.mark.parametrize(
    ("units", "loaded"),
    [({"first": 4, "second": 5}, ["first"]), ({"first": 5, "second": 2}, ["second"])],
)
def test_wrong_shape_raises_or_is_skipped(units, loaded, path):
    model = model_of(**units)
    before = weights_of(model)
    with pytest.raises(FileFormatError, match="wrong shape"):
        model.load_weights(path, by_name=True)
    assert changed(model, before) == []
    report = model.load_weights(path, by_name=True, skip_mismatch=True)
    assert report.wrong_shape and loaded[0] in changed(model, before)


def test_wrong_number_of_weights_skips_the_layer(path):
    made = lamina.layers.Dense(4, use_bias=False, name="first")
    model = lamina.Sequential([lamina.Input((3,)), made])
    before = weights_of(model)
    with pytest.raises(FileFormatError, match=r"first \(number\)"):
        model.load_weights(path, by_name=True)
    model.load_weights(path, by_name=True, skip_mismatch=True)
    assert changed(model, before) == []


def test_no_common_name_raises_error_with_names(path):
    with pytest.raises(FileFormatError, match="weights: x, y; of the file: first, sec"):
        model_of(x=4, y=2).load_weights(path, by_name=True)


@pytest.mark.parametrize("ending", ["keras", "weights.h5", "safetensors"])
def test_by_name_is_rejected_for_new_formats(ending, tmp_path):
    model = model_of(first=4)
    save = model.save if ending == "keras" else model.save_weights
    save(tmp_path / f"new.{ending}")
    with pytest.raises(
        ArgumentError, match="`by_name` is for the `.h5` files of Keras"
    ):
        model.load_weights(tmp_path / f"new.{ending}", by_name=True)
    model.load_weights(tmp_path / f"new.{ending}", by_name=False)


class WithOwn(lamina.Model):
    """A model with weights that are in none of its layers."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.first = lamina.layers.Dense(4, name="first")
        self.scale = self.add_weight((4,), "ones", name="scale")
        self.steps = self.add_weight((), "zeros", trainable=False, name="steps")

    def call(self, inputs):
        return self.first(inputs) * self.scale


@pytest.mark.parametrize("by_name", [False, True])
def test_weights_of_the_model_itself_are_read(by_name, tmp_path):
    path = write(tmp_path / "old.h5", None, {"first": numbered([K1, B1])})
    group_name = "top_level_model_weights"
    with h5py.File(path, "a") as file:
        file.attrs["keras_version"] = b"2.15.0"
        group = file.create_group(group_name)
        listed(group, "weight_names", ["scale:0", "steps:0"])
        group["scale:0"], group["steps:0"] = B1, np.float32(7)
    model = WithOwn()
    model(ROWS)
    report = model.load_weights(path, by_name=by_name)
    assert len(report.loaded) == 4 and not report.mismatches
    np.testing.assert_array_equal(model.scale.numpy(), B1)
    assert float(model.steps) == 7
    with h5py.File(path, "a") as file:
        del file[group_name]
    with pytest.raises(FileFormatError, match="missing"):
        model.load_weights(path)
    assert len(model.load_weights(path, by_name=True).missing) == 2
