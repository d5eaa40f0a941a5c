"""The usual eager torch loop: tensors on the device, fused optimizer, no syncs."""

from __future__ import annotations

from dataclasses import replace
from time import perf_counter

import torch
from torch.nn import functional

from benchmarks.claim import Round
from benchmarks.workload import Training

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def fit(quick: bool, training: Training, quick_epochs: int | None = None) -> Round:
    """All epochs of one `fit` a round."""
    if quick and quick_epochs:
        training = replace(training, epochs=quick_epochs)
    x, y = (torch.from_numpy(array).to(DEVICE) for array in training.data(training))
    if training.is_classifier:
        y = y.long()
    model = network(training)
    parameters = model.parameters()
    optimizer = (
        torch.optim.Adam(parameters, eps=1e-7, fused=True)
        if training.optimizer == "adam"
        else torch.optim.RMSprop(parameters, lr=1e-3, alpha=0.9, eps=1e-7, foreach=True)
    )

    def one_round() -> dict[str, float]:
        start = perf_counter()
        for _ in range(training.epochs):
            [total.item() for total in epoch(training, model, optimizer, x, y)]
        seconds = perf_counter() - start
        return {"step": seconds / training.steps, "epoch": seconds / training.epochs}

    return one_round


def network(training: Training) -> torch.nn.Sequential:
    layers: list[torch.nn.Module] = []
    for inputs, outputs in zip(training.widths[:-1], training.widths[1:], strict=True):
        layers += [torch.nn.Linear(inputs, outputs), torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1]).to(DEVICE)


def epoch(
    training: Training,
    model: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    x: torch.Tensor,
    y: torch.Tensor,
) -> list[torch.Tensor]:
    """One epoch; returns the sums of loss and metrics, still on the device."""
    count = 2 if training.is_classifier else 3
    totals = [torch.zeros((), device=DEVICE) for _ in range(count)]
    for index in torch.randperm(len(x), device=DEVICE).split(training.batch):
        rows, targets = x[index], y[index]
        outputs = model(rows)
        if training.is_classifier:
            loss = functional.cross_entropy(outputs, targets)
        else:
            loss = functional.mse_loss(outputs, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            totals[0] += loss * len(rows)
            if training.is_classifier:
                totals[1] += (outputs.argmax(dim=1) == targets).sum()
            else:
                totals[1] += (outputs - targets).abs().sum()
                totals[2] += (outputs - targets).square().sum()
    return totals


def predict(quick: bool, training: Training, calls: int) -> Round:
    """One row from NumPy through the network and back, without gradients."""
    model = network(training).eval()
    row = training.data(training)[0][:1]

    @torch.inference_mode()
    def one_round() -> dict[str, float]:
        start = perf_counter()
        for _ in range(calls):
            model(torch.from_numpy(row).to(DEVICE)).softmax(dim=1).cpu().numpy()
        seconds = (perf_counter() - start) / calls
        return {"predict": seconds, "call": seconds}

    return one_round
