"""Usual torch loop: tensors on the device, fused optimizer, no synchronization."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from time import perf_counter

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.claim import Round
from benchmarks.peers.torch_networks import build
from benchmarks.worker import PeerMissing
from benchmarks.workload import BINARY, CLASSES, Array, Training

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
Step = Callable[[list[Tensor], Tensor], list[Tensor]]


def fit(
    quick: bool,
    training: Training,
    channels_last: bool = False,
    compiled: bool = False,
) -> Round:
    """Return a round that runs all epochs of one `fit`."""
    training = training.at(quick)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    arrays, truth = training.data(training.rows)
    inputs = [on_device(array, layout) for array in arrays]
    targets = on_device(truth, layout)
    if training.loss == CLASSES:
        targets = targets.long()
    model = build(training).to(DEVICE, memory_format=layout)
    step = training_step(training, model, compiled)
    size = sum(p.numel() for p in model.parameters() if p.requires_grad)

    def one_round() -> dict[str, float]:
        start = perf_counter()
        for _ in range(training.epochs):
            loss, *_ = (
                total.item() for total in epoch(training, step, inputs, targets)
            )
        times = training.times(perf_counter() - start)
        return {**times, "parameters": size, "loss": loss / training.rows}

    return one_round


def on_device(array: Array, layout: torch.memory_format) -> Tensor:
    """Move an array to the device; images get channels first and the layout."""
    tensor = torch.from_numpy(array).to(DEVICE)
    if tensor.ndim != 4:
        return tensor
    return tensor.permute(0, 3, 1, 2).contiguous(memory_format=layout)


def training_step(training: Training, model: nn.Module, compiled: bool) -> Step:
    """Run one optimizer step; return sums of loss and metrics."""
    optimizer = optimizer_of(training, model)

    def evaluate(inputs: list[Tensor], targets: Tensor) -> tuple[Tensor, list[Tensor]]:
        outputs = model(*inputs)
        return loss_of(training, outputs, targets), measures(training, outputs, targets)

    if compiled:
        if DEVICE == "cpu" and not (shutil.which("g++") or shutil.which("clang++")):
            raise PeerMissing("torch.compile needs a C++ compiler")
        mode = "reduce-overhead" if DEVICE == "cuda" else "default"
        evaluate = torch.compile(evaluate, mode=mode)

    def step(inputs: list[Tensor], targets: Tensor) -> list[Tensor]:
        loss, sums = evaluate(inputs, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return [loss.detach() * len(targets), *sums]

    return step


def optimizer_of(training: Training, model: nn.Module) -> torch.optim.Optimizer:
    parameters = [p for p in model.parameters() if p.requires_grad]
    if training.optimizer == "adam":
        return torch.optim.Adam(parameters, eps=1e-7, fused=True)
    return torch.optim.RMSprop(parameters, lr=1e-3, alpha=0.9, eps=1e-7, foreach=True)


def loss_of(training: Training, outputs: Tensor, targets: Tensor) -> Tensor:
    if training.loss == CLASSES:
        return functional.cross_entropy(outputs.flatten(0, -2), targets.flatten())
    if training.loss == BINARY:
        return functional.binary_cross_entropy_with_logits(outputs, targets)
    return functional.mse_loss(outputs, targets)


@torch.no_grad()
def measures(training: Training, outputs: Tensor, targets: Tensor) -> list[Tensor]:
    """Return the metrics' sums over rows."""

    def accuracy() -> Tensor:
        if training.loss == CLASSES:
            return (outputs.argmax(dim=-1) == targets).sum()
        return ((outputs > 0) == (targets > 0.5)).sum()

    forms = {
        "accuracy": accuracy,
        "mae": lambda: (outputs - targets).abs().sum(),
        "mse": lambda: (outputs - targets).square().sum(),
    }
    return [forms[name]() for name in training.metrics]


def epoch(
    training: Training, step: Step, inputs: list[Tensor], targets: Tensor
) -> list[Tensor]:
    """Run one epoch; return the sums of loss and metrics on the device."""
    totals = [torch.zeros((), device=DEVICE) for _ in range(1 + len(training.metrics))]
    for index in torch.randperm(training.rows, device=DEVICE).split(training.batch):
        sums = step([rows[index] for rows in inputs], targets[index])
        for total, part in zip(totals, sums, strict=True):
            total += part
    return totals


def first_step(quick: bool, training: Training) -> Round:
    """Return a round that creates a model and trains one step, in a new process."""
    (inputs,), truth = training.data(training.rows)
    rows, targets = torch.from_numpy(inputs), torch.from_numpy(truth)

    def one_round() -> dict[str, float]:
        start = perf_counter()
        model = build(training).to(DEVICE)
        step = training_step(training, model, compiled=False)
        loss, *_ = step([rows.to(DEVICE)], targets.to(DEVICE))
        loss.item()
        return {"step": perf_counter() - start}

    return one_round


def predict(quick: bool, training: Training, calls: int, rows: int = 1) -> Round:
    """Return a round that predicts rows from NumPy and back in batches of 32."""
    model = build(training).to(DEVICE).eval()
    (array, *_), _ = training.data(rows)

    @torch.inference_mode()
    def one_round() -> dict[str, float]:
        start = perf_counter()
        for _ in range(calls):
            x = on_device(array, torch.contiguous_format)
            torch.cat(
                [model(part).softmax(dim=1) for part in x.split(32)]
            ).cpu().numpy()
        seconds = (perf_counter() - start) / calls
        return {"predict": seconds, "call": seconds}

    return one_round
