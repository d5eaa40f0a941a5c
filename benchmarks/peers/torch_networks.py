"""Networks of `keras_networks` in torch, without the last softmax or sigmoid.

Images come with the channels second. Momentum and epsilon of the normalisations are
Keras's, so that nothing but the library differs.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.workload import Training


def build(training: Training) -> nn.Module:
    return globals()[training.network](**training.options)


def dense(widths: tuple[int, ...], last: str | None = None) -> nn.Module:
    layers: list[nn.Module] = []
    for inputs, outputs in zip(widths[:-1], widths[1:], strict=True):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def mnist_cnn() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 32, 3),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Dropout(0.25),
        nn.Flatten(),
        nn.Linear(12 * 12 * 64, 128),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(128, 10),
    )


def vgg() -> nn.Module:
    layers: list[nn.Module] = []
    for inputs, filters in ((3, 32), (32, 64)):
        layers += [
            nn.Conv2d(inputs, filters, 3),
            nn.ReLU(),
            nn.Conv2d(filters, filters, 3),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Dropout(0.25),
        ]
    return nn.Sequential(
        *layers,
        nn.Flatten(),
        nn.Linear(5 * 5 * 64, 256),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(256, 10),
    )


def normalized(*convolutions: nn.Module) -> nn.Sequential:
    channels = convolutions[-1].out_channels
    return nn.Sequential(
        *convolutions, nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)
    )


def unbiased(inputs: int, outputs: int, strides: int = 1, groups: int = 1) -> nn.Module:
    return nn.Conv2d(inputs, outputs, 3, strides, 1, groups=groups, bias=False)


class Residual(nn.Module):
    def __init__(self, inputs: int, filters: int, strides: int) -> None:
        super().__init__()
        self.first = normalized(unbiased(inputs, filters, strides))
        self.second = normalized(unbiased(filters, filters))
        self.shortcut = (
            nn.Identity() if strides == 1 else nn.Conv2d(inputs, filters, 1, strides)
        )

    def forward(self, x: Tensor) -> Tensor:
        y = self.second(functional.relu(self.first(x)))
        return functional.relu(y + self.shortcut(x))


def averaged(channels: int) -> list[nn.Module]:
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10)]


def resnet20() -> nn.Module:
    layers: list[nn.Module] = [normalized(unbiased(3, 16)), nn.ReLU()]
    inputs = 16
    for filters in (16, 32, 64):
        for block in range(3):
            strides = 2 if filters > 16 and block == 0 else 1
            layers.append(Residual(inputs, filters, strides))
            inputs = filters
    return nn.Sequential(*layers, *averaged(64))


def separable() -> nn.Module:
    layers: list[nn.Module] = [normalized(unbiased(3, 32)), nn.ReLU()]
    inputs = 32
    for filters, strides in ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1)):
        depthwise = unbiased(inputs, inputs, strides, groups=inputs)
        pointwise = nn.Conv2d(inputs, filters, 1, bias=False)
        layers += [normalized(depthwise, pointwise), nn.ReLU()]
        inputs = filters
    return nn.Sequential(*layers, *averaged(256))


def autoencoder() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, 2, 1),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3, 2, 1),
        nn.ReLU(),
        nn.ConvTranspose2d(64, 64, 3, 2, 1, output_padding=1),
        nn.ReLU(),
        nn.ConvTranspose2d(64, 32, 3, 2, 1, output_padding=1),
        nn.ReLU(),
        nn.Conv2d(32, 1, 3, padding=1),
    )


def embedding(vocabulary: int, width: int) -> nn.Module:
    return nn.Embedding(
        vocabulary, width, _weight=torch.empty(vocabulary, width).uniform_(-0.05, 0.05)
    )


class Recurrent(nn.Module):
    def __init__(self, layer: str, vocabulary: int, width: int) -> None:
        super().__init__()
        self.embedding = embedding(vocabulary, width)
        self.recurrent = getattr(nn, layer)(width, width, batch_first=True)
        if layer == "LSTM":
            # torch has two biases; the second stays zero.
            nn.init.zeros_(self.recurrent.bias_hh_l0.requires_grad_(False))
        self.output = nn.Linear(width, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.output(self.recurrent(self.embedding(x))[0][:, -1])


def recurrent(layer: str, vocabulary: int, width: int, length: int) -> nn.Module:
    return Recurrent(layer, vocabulary, width)


class Block(nn.Module):
    """Attention by torch's fastest documented function."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.before_attention = nn.LayerNorm(width, eps=1e-3)
        self.project = nn.Linear(width, 3 * width)
        self.combine = nn.Linear(width, width)
        self.feed_forward = nn.Sequential(
            nn.LayerNorm(width, eps=1e-3),
            nn.Linear(width, 4 * width),
            nn.GELU(),
            nn.Linear(4 * width, width),
        )

    def forward(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        projected = self.project(self.before_attention(x))
        projected = projected.view(batch, length, 3, self.heads, width // self.heads)
        query, key, value = projected.permute(2, 0, 3, 1, 4)
        y = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        x = x + self.combine(y.transpose(1, 2).reshape(batch, length, width))
        return x + self.feed_forward(x)


class Positions(nn.Module):
    def __init__(self, length: int, width: int) -> None:
        super().__init__()
        self.vectors = nn.Parameter(torch.empty(length, width).uniform_(-0.05, 0.05))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.vectors


def transformer(
    vocabulary: int, length: int, width: int, heads: int, blocks: int
) -> nn.Module:
    return nn.Sequential(
        embedding(vocabulary, width),
        Positions(length, width),
        *(Block(width, heads) for _ in range(blocks)),
        nn.LayerNorm(width, eps=1e-3),
        nn.Linear(width, vocabulary),
    )


class Tabular(nn.Module):
    def __init__(self, columns: int, vocabulary: int, width: int, numbers: int) -> None:
        super().__init__()
        self.embeddings = nn.ModuleList(
            embedding(vocabulary, width) for _ in range(columns)
        )
        self.dense = dense((columns * width + numbers, 256, 128, 1))

    def forward(self, categories: Tensor, values: Tensor) -> Tensor:
        vectors = [
            table(categories[:, column]) for column, table in enumerate(self.embeddings)
        ]
        return self.dense(torch.cat([*vectors, values], dim=1))


def tabular(columns: int, vocabulary: int, width: int, numbers: int) -> nn.Module:
    return Tabular(columns, vocabulary, width, numbers)
