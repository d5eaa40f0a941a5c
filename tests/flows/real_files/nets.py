"""Models of `silero-vad` and `facenet-pytorch`, written with lamina's layers."""

from __future__ import annotations

import numpy as np

from lamina import Input, Model, ops
from lamina.layers import (
    LSTM,
    Conv1D,
    Conv2D,
    Dense,
    Flatten,
    MaxPooling2D,
    Permute,
    PReLU,
    Softmax,
    ZeroPadding1D,
)

CHUNK, CONTEXT, FREQUENCIES = 512, 64, 129


def silero_vad(steps: int) -> Model:
    """Chunks of samples, as many as `steps`, to the probability of speech in each."""
    inputs = Input((steps, CONTEXT + CHUNK))
    x = ops.reshape(inputs, (-1, CONTEXT + CHUNK, 1))
    x = ops.pad(x, [[0, 0], [0, 64], [0, 0]], "reflect")
    # A Fourier transform, with the window in the weights.
    x = Conv1D(2 * FREQUENCIES, 256, 128, use_bias=False, name="stft_conv")(x)
    real, imaginary = x[..., :FREQUENCIES], x[..., FREQUENCIES:]
    x = ops.sqrt(real**2 + imaginary**2)
    for i, (filters, stride) in enumerate([(128, 1), (64, 2), (64, 2), (128, 1)], 1):
        x = ZeroPadding1D(1)(x)
        x = Conv1D(filters, 3, stride, activation="relu", name=f"conv{i}")(x)
    x = ops.reshape(x, (-1, steps, 128))
    x = LSTM(128, return_sequences=True, name="lstm")(x)
    x = Conv1D(1, 1, activation="sigmoid", name="final_conv")(ops.relu(x))
    return Model(inputs, x)


# Pools of PyTorch round sizes up. Padding at the end has that effect for even sizes.
UP, DOWN = "same", "valid"
CONVOLUTIONS = {  # filters, kernel, pool and its padding
    "PNet": [(10, 3, 2, UP), (16, 3, 0, ""), (32, 3, 0, "")],
    "RNet": [(28, 3, 3, UP), (48, 3, 3, DOWN), (64, 2, 0, "")],
    "ONet": [(32, 3, 3, UP), (64, 3, 3, DOWN), (64, 3, 2, DOWN), (128, 2, 0, "")],
}
UNITS = {"RNet": 128, "ONet": 256}
HEADS = {  # in the order of PyTorch's outputs
    "PNet": {"conv4_2": 4, "conv4_1": 2},
    "RNet": {"dense5_2": 4, "dense5_1": 2},
    "ONet": {"dense6_2": 4, "dense6_3": 10, "dense6_1": 2},
}


def facenet(name: str, size: int) -> Model:
    """Images to boxes, landmarks and the probability of a face."""
    inputs = x = Input((size, size, 3))
    for i, (filters, kernel, pool, padding) in enumerate(CONVOLUTIONS[name], 1):
        x = Conv2D(filters, kernel, name=f"conv{i}")(x)
        x = PReLU(shared_axes=(1, 2), name=f"prelu{i}")(x)
        x = MaxPooling2D(pool, 2, padding)(x) if pool else x
    if name in UNITS:
        i = len(CONVOLUTIONS[name]) + 1
        x = Flatten()(Permute((2, 1, 3))(x))
        x = Dense(UNITS[name], name=f"dense{i}")(x)
        x = PReLU(name=f"prelu{i}")(x)
    outputs = []
    for head, units in HEADS[name].items():
        layer = (
            Dense(units, name=head) if name in UNITS else Conv2D(units, 1, name=head)
        )
        outputs.append(layer(x) if units > 2 else Softmax()(layer(x)))
    return Model(inputs, outputs)


# Names of weights in PyTorch, and of those that they become.
WEIGHTS = {
    "weight": "kernel",
    "bias": "bias",
    "weight_ih": "kernel",
    "weight_hh": "recurrent_kernel",
    "bias_ih": "bias",
    "bias_hh": None,  # PyTorch adds two biases in an LSTM.
}
PATHS = {"lstm_cell": "lstm/lstm_cell"}  # where a path is not the layer's name
AXES = {1: (0,), 2: (1, 0), 3: (2, 1, 0), 4: (2, 3, 1, 0)}


def name_map(arrays: dict[str, np.ndarray]) -> dict:
    """Map the names and axes of PyTorch to those of lamina."""
    table = {}
    for name, array in arrays.items():
        layer, _, kind = name.rpartition(".")
        layer, weight = PATHS.get(layer, layer), WEIGHTS[kind]
        if layer.startswith("prelu"):
            table[name] = f"{layer}/alpha"
        else:
            table[name] = weight and (f"{layer}/{weight}", AXES[array.ndim])
    return table
