"""Places of variables and data, and changes of devices."""

from __future__ import annotations

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from numpy.testing import assert_allclose

import lamina
from benchmarks.peers.devices import collectives
from benchmarks.scaling_model import sent, sizes
from lamina import layers
from lamina.distribution import (
    DataParallel,
    DeviceMesh,
    FullySharded,
    LayoutMap,
    ModelParallel,
    TensorLayout,
    distribute_tensor,
    distribution,
    get_device_count,
    list_devices,
    visualize,
)
from lamina.distribution.shards import shards_of
from lamina.runtime import executable
from lamina.runtime.placement import place
from lamina.training.checkpoint.shards import read_shards, variables_of, write_shards
from tests.unit.distribution.eight_devices.models import CASES, CLASSES, VECTORS, dense

pytestmark = pytest.mark.filterwarnings("ignore:.*equal parts")

QUIET: dict[str, Any] = {"verbose": 0, "batch_size": 15, "seed": 1}


def bytes_on(device: jax.Device, arrays: list[Any]) -> int:
    shards = [s for a in arrays for s in a.addressable_shards]
    return sum(s.data.nbytes for s in shards if s.device == device)


def test_state_of_fully_sharded_is_an_eighth_on_each_device() -> None:
    with FullySharded().scope():
        model = lamina.Sequential(
            [layers.Input((64,)), *[layers.Dense(64) for _ in range(3)]]
        )
        model.compile("adam", "mse")
        x = np.ones((16, 64), "float32")
        model.fit(x, x, verbose=0)
    arrays = [v.raw for v in (*model.variables, *model.optimizer.variables)]
    total = sum(a.nbytes for a in arrays)
    for device in jax.devices():
        assert bytes_on(device, arrays) <= 1.05 * total / 8


def test_bytes_sent_are_those_of_the_formula_in_docs_scaling() -> None:
    model = CASES["convolutional"].make()
    x, y = CASES["convolutional"].x[:8], CASES["convolutional"].y[:8]
    before = set(executable._executables)
    model.fit(x, y, batch_size=8, verbose=0, devices=8)
    new = [p for key, p in executable._executables.items() if key not in before]
    counted = max(sum(collectives(program.as_text())) for program in new)
    # XLA adds 8 bytes for the convolution.
    assert 0 <= counted - sent(*sizes(model)) <= 8


def test_devices_of_fit_change_and_stay() -> None:
    expected, model = dense(), dense()
    model.set_weights(expected.get_weights())
    before = model.predict(VECTORS, verbose=0), np.asarray(model(VECTORS))
    for devices, count in (("all", 8), (3, 3), (["cpu:5", "cpu:2"], 2), (1, 1)):
        model.fit(VECTORS, CLASSES, devices=devices, **QUIET)
        expected.fit(VECTORS, CLASSES, **QUIET)
        assert len(model.layers[0].kernel.value.devices()) == count
        assert_allclose(model.get_weights()[0], expected.get_weights()[0], atol=1e-5)
        found = model.predict(VECTORS, verbose=0), np.asarray(model(VECTORS))
        assert_allclose(found[0], found[1], atol=1e-6)
        assert model.evaluate(VECTORS, CLASSES, verbose=0)
    assert np.abs(before[0] - found[0]).max() > 0.01
    assert distribution() is None


def test_single_batches_and_streams() -> None:
    expected, model = dense(), dense()
    model.set_weights(expected.get_weights())

    def stream() -> Any:
        for start in range(0, 45, 10):
            yield VECTORS[start : start + 10], CLASSES[start : start + 10]

    expected.fit(stream(), verbose=0, seed=1)
    with DataParallel(devices=list_devices()[:5]).scope():
        model.fit(stream(), verbose=0, seed=1)
        assert_allclose(model.get_weights()[0], expected.get_weights()[0], atol=1e-5)
        loss = model.train_on_batch(VECTORS[:11], CLASSES[:11])
        assert_allclose(
            loss, expected.train_on_batch(VECTORS[:11], CLASSES[:11]), atol=0.5
        )
        assert np.isfinite(model.test_on_batch(VECTORS[:3], CLASSES[:3])[0])


def test_copies_and_files(tmp_path: Path) -> None:
    model = dense()
    model.fit(VECTORS, CLASSES, devices=FullySharded(), **QUIET)
    expected = model.predict(VECTORS, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = lamina.saving.load_model(tmp_path / "model.keras")
    with FullySharded().scope():
        split = lamina.saving.load_model(tmp_path / "model.keras")
        assert shards_of(split.layers[0].kernel).num_shards == 8
        assert_allclose(split.predict(VECTORS, verbose=0), expected, atol=1e-6)
        split.fit(VECTORS, CLASSES, **QUIET)
    copies = loaded, copy.deepcopy(model), pickle.loads(pickle.dumps(model))
    for other in copies:
        assert_allclose(other.predict(VECTORS, verbose=0), expected, atol=1e-6)
        other.fit(VECTORS, CLASSES, **QUIET)


def test_resumed_on_other_devices(tmp_path: Path) -> None:
    whole, first = dense(), dense()
    first.set_weights(whole.get_weights())
    whole.fit(VECTORS, CLASSES, epochs=4, **QUIET)
    weights = first.get_weights()
    first.fit(VECTORS, CLASSES, epochs=2, devices=8, resume=tmp_path, **QUIET)
    second = dense()
    second.set_weights(weights)
    second.fit(
        VECTORS, CLASSES, epochs=4, devices=FullySharded(), resume=tmp_path, **QUIET
    )
    assert_allclose(second.get_weights()[0], whole.get_weights()[0], atol=1e-5)


@pytest.mark.parametrize("count", [8, 1])
def test_restored_weights_have_the_same_bits(tmp_path: Path, count: int) -> None:
    first = dense()
    first.fit(VECTORS, CLASSES, epochs=2, devices=count, resume=tmp_path, **QUIET)
    for devices in (8, 4, 1, FullySharded()):
        other = dense()
        other.fit(VECTORS, CLASSES, epochs=2, devices=devices, resume=tmp_path, **QUIET)
        for found, expected in zip(
            other.get_weights(), first.get_weights(), strict=True
        ):
            np.testing.assert_array_equal(found, expected)


def test_shards_are_read_on_other_devices(tmp_path: Path) -> None:
    pytest.importorskip("orbax.checkpoint")
    values = {"kernel": np.random.default_rng(0).normal(size=(16, 8)), "bias": [1.5]}
    path = tmp_path / "step-1.shards"
    with FullySharded().scope():
        written = {name: lamina.Variable(value) for name, value in values.items()}
        place(written.values())
        write_shards(path, {"variables": {k: v.raw for k, v in written.items()}})()
    for devices in (["cpu:5"], list_devices()[:4], list_devices()):
        with FullySharded(devices=devices).scope():
            variables = {
                k: lamina.Variable(np.zeros_like(v)) for k, v in written.items()
            }
            found = variables_of(read_shards(path), variables)
        for name, array in found.items():
            np.testing.assert_array_equal(array, written[name])
            assert len(array.devices()) == len(devices)


def test_assigned_values_stay_on_the_devices() -> None:
    with FullySharded().scope():
        model = dense()
        kernel = model.layers[0].kernel
        kernel.assign(np.ones(kernel.shape))
        assert len(kernel.value.addressable_shards) == 8
        assert kernel.value.addressable_shards[0].data.size == kernel.size // 8


def test_variables_with_a_layout() -> None:
    mesh = DeviceMesh((2, 4), ["batch", "model"])
    layout = TensorLayout([None, "model"], mesh)
    variable = lamina.Variable(np.ones((2, 8)), layout=layout)
    with ModelParallel(layout_map=LayoutMap(mesh)).scope():
        assert shards_of(variable).axes == (None, "model")
    x = jax.jit(lambda a: distribute_tensor(a * 2, layout))(np.ones((2, 8)))
    assert x.sharding.spec == jax.sharding.PartitionSpec(None, "model")
    assert distribute_tensor(variable, layout).addressable_shards[0].data.shape == (
        2,
        2,
    )


def test_program_of_the_guide_of_keras_runs() -> None:
    mesh = DeviceMesh((2, 4), ["data", "model"], devices=jax.devices())
    layouts = LayoutMap(mesh)
    layouts["d1/kernel"] = (None, "model")
    layouts["d1/bias"] = ("model",)
    layouts["d2/output"] = ("data", None)
    x, y = np.ones((32, 28, 28, 1)), np.ones((32, 10)) / 10
    for chosen in (
        DataParallel(devices=jax.devices()),
        ModelParallel(layout_map=layouts, batch_dim_name="data"),
    ):
        with chosen.scope():
            inputs = layers.Input((28, 28, 1))
            hidden = layers.Dense(200, "relu", name="d1")(layers.Flatten()(inputs))
            outputs = layers.Dense(10, "softmax", name="d2")(
                layers.Dropout(0.4)(hidden)
            )
            model = lamina.Model(inputs, outputs)
            model.compile(loss="mse")
            model.fit(x, y, batch_size=16, epochs=3, verbose=0)
            assert np.isfinite(model.evaluate(x, y, batch_size=16, verbose=0))
            parts = shards_of(model.get_layer("d1").kernel).num_shards
            assert parts == (4 if chosen.splits_variables else 1)


def test_layout_of_the_output_of_a_layer() -> None:
    layouts = LayoutMap(DeviceMesh((2, 4), ["batch", "model"]))
    layouts["dense/output"] = (None, "model")
    model = dense()
    model.layers[0].name = "dense"
    expected = model.predict(VECTORS, verbose=0)
    with ModelParallel(layout_map=layouts).scope():
        hidden = jax.jit(lambda x: model.layers[0](x))(VECTORS)
        assert_allclose(model.predict(VECTORS, verbose=0), expected, atol=1e-6)
    assert hidden.sharding.spec[-1] == "model"


def test_tables_and_pictures(capsys: pytest.CaptureFixture[str]) -> None:
    case = CASES["dense"]
    layouts = LayoutMap(DeviceMesh((2, 4), ["batch", "model"]))
    layouts.update(case.layouts)
    with ModelParallel(layout_map=layouts).scope():
        model = case.make()
        model.summary(line_length=110, sharding=True)
        figure = visualize(model)
    text = capsys.readouterr().out
    assert "16 x 32 (model)" in text
    assert "On each device" in text
    (axes,) = figure.axes
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert any("16 x 32 (model)" in label for label in labels)
    assert len(axes.texts) == 8 * len(labels)


def test_devices_are_listed() -> None:
    assert list_devices() == [f"cpu:{i}" for i in range(8)]
    assert get_device_count("CPU") == 8


def test_values_of_every_way_lie_on_the_devices() -> None:
    with FullySharded().scope():
        model = lamina.Sequential([layers.Input((8,)), layers.BatchNormalization()])
        model.compile("sgd", "mse")
        x = np.ones((16, 8), "float32")
        for _ in range(3):
            model(x, training=True)
            model.fit(x, x, verbose=0)
            model.set_weights([np.asarray(w) for w in model.get_weights()])
            model.train_on_batch(x, x)
        shardings = [w.value.sharding for w in model.weights]
        assert all(not s.is_fully_replicated for s in shardings)


def test_moving_to_one_device_keeps_the_array_of_the_user() -> None:
    mine = jax.numpy.ones((16, 32))
    model = dense()
    model.layers[0].kernel.assign(mine)
    model.fit(VECTORS, CLASSES, devices=1, epochs=3, **QUIET)
    assert mine.sum() == 16 * 32


def test_models_of_threads_are_on_their_own_devices() -> None:
    def train(devices: int) -> Any:
        model = dense()
        model.fit(VECTORS, CLASSES, devices=devices, epochs=3, **QUIET)
        return len(model.layers[0].kernel.value.devices())

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(train, (1, 3, 5))) == [1, 3, 5]
