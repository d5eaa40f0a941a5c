"""Claims about scaling: the same work in several sizes, one quantity per size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.claim import Bar, Peer, Quantity
from benchmarks.contest import KERAS
from benchmarks.workload import Training

Variants = Mapping[str, Mapping[str, Any]]
"""Arguments of the peer's function by name, which begins with a number."""


def counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'s' if count != 1 else ''}"


def tasks(trainings: Mapping[str, Training]) -> Variants:
    return {name: {"training": training} for name, training in trainings.items()}


def quantities(variants: Variants, what: str, unit: str, scale: float) -> Any:
    return tuple(
        Quantity(name, f"{name}: {what}", unit, scale, series=what) for name in variants
    )


def peer(name: str, target: str, of: str, variants: Variants, **common: Any) -> Peer:
    """Return a peer that runs one round of every variant."""
    with_common = {key: {**value, **common} for key, value in variants.items()}
    arguments = {"target": target, "of": of, "variants": with_common}
    return Peer(name, "series:each", arguments)


def keras_peers(variants: Variants, of: str, function: str = "fit") -> tuple[Peer, ...]:
    """Return lamina and Keras-JAX."""
    target = f"keras_api:{function}"
    return (
        peer("lamina", target, of, variants, library="lamina"),
        peer(KERAS, target, of, variants, library="keras"),
    )


def bars(variants: Variants) -> tuple[Bar, ...]:
    return tuple(
        Bar(f"{name}: not slower than Keras-JAX", name, (KERAS,), 1)
        for name in variants
    )
