"""What a claim is: quantities, the peers that are measured, and bars to meet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module

Round = Callable[[], Mapping[str, float]]
"""Does one round of a peer's work; returns quantities, in seconds where they are."""


@dataclass(frozen=True)
class Peer:
    """One contestant: `target` is "module:function" in `benchmarks.peers`.

    The function is called as `function(quick=..., **arguments)` in a process of its
    own and returns a `Round`. The harness never imports a peer, so that a library
    that is not installed is one row of the report, not a crash.
    """

    name: str
    target: str
    arguments: Mapping[str, object] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Quantity:
    """A number that every round returns under `key`; shown as value * scale unit.

    `ratios` is off for growth and counts: how many times zero says nothing.
    """

    key: str
    label: str
    unit: str
    scale: float = 1.0
    ratios: bool = True


@dataclass(frozen=True)
class Bar:
    """lamina's median must be at most `factor` x `peer`'s median + `plus`.

    `plus` is in the unit in which rounds return the quantity (seconds for times).
    `platform` is the jax platform the bar was set for.
    """

    text: str
    quantity: str
    peer: str | None = None
    factor: float = 0.0
    plus: float = 0.0
    peer_quantity: str | None = None
    platform: str = "cpu"


@dataclass(frozen=True)
class Claim:
    """One file's worth of measurement.

    `fresh` starts a new process for every round, for what only a fresh process
    shows, like memory growth.
    """

    name: str
    title: str
    quantities: tuple[Quantity, ...]
    peers: tuple[Peer, ...]
    bars: tuple[Bar, ...]
    rounds: int = 7
    quick_rounds: int = 3
    fresh: bool = False
    notes: tuple[str, ...] = ()

    def peer(self, name: str) -> Peer:
        return next(peer for peer in self.peers if peer.name == name)


def load_claim(name: str) -> Claim:
    """The claim of the file of that name."""
    return import_module(f"benchmarks.{name}").CLAIM
