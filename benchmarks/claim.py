"""Claims: quantities, peers to measure, and targets to meet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from importlib import import_module
from typing import Self

Round = Callable[[], Mapping[str, float]]
"""Run one round of a peer's work and return quantities; times are in seconds."""


class Level(IntEnum):
    """Extent of a measurement; peers and claims of a higher level are omitted."""

    QUICK = 0
    DEFAULT = 1
    FULL = 2


@dataclass(frozen=True)
class Peer:
    """Library to measure; `target` is "module:function" in `benchmarks.peers`.

    The function is called as `function(quick=..., **arguments)` in its own
    process and returns a `Round`. The harness never imports a peer, so that a library
    that is not installed is a row of the report, not a crash. `packages` are those
    of a separate environment for peers that cannot be installed with the others. A
    `bound` is not a library: its time is a lower bound for all libraries.
    """

    name: str
    target: str
    arguments: Mapping[str, object] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    packages: tuple[str, ...] = ()
    level: Level = Level.QUICK
    bound: bool = False

    def set_up(self, quick: bool) -> Round:
        """Import the peer's library and prepare the first round."""
        module, function = self.target.split(":")
        factory = getattr(import_module(f"benchmarks.peers.{module}"), function)
        return factory(quick=quick, **self.arguments)


@dataclass(frozen=True)
class Quantity:
    """Value that rounds return under `key`; shown as value * scale unit.

    Two keys come from the harness, for peers that stay from round to round:
    "first_round", the seconds from the start of a peer's process to the end of its
    first round, and "peak_memory" of that process in bytes.

    `ratios` is off for growth and counts, where a ratio to zero is meaningless. A
    `series` is the common name of quantities whose keys begin with different numbers.
    """

    key: str
    label: str
    unit: str
    scale: float = 1.0
    ratios: bool = True
    series: str = ""


@dataclass(frozen=True)
class Bar:
    """Target: lamina's median is at most `factor` x the least of the peers' + `plus`.

    `plus` is in the unit in which rounds return the quantity (seconds for times).
    `platform` is the JAX platform that the target is set for.
    """

    text: str
    quantity: str
    peers: tuple[str, ...] = ()
    factor: float = 0.0
    plus: float = 0.0
    peer_quantity: str | None = None
    platform: str = "cpu"


@dataclass(frozen=True)
class Claim:
    """Measurement defined by one file in `benchmarks`.

    `fresh` starts a new process for every round, such as to measure memory growth.
    """

    name: str
    title: str
    quantities: tuple[Quantity, ...]
    peers: tuple[Peer, ...]
    bars: tuple[Bar, ...]
    rounds: int = 7
    quick_rounds: int = 3
    fresh: bool = False
    level: Level = Level.QUICK
    notes: tuple[str, ...] = ()

    def peer(self, name: str) -> Peer:
        return next(peer for peer in self.peers if peer.name == name)

    def at(self, level: Level) -> Self:
        """Return the claim without the peers of higher levels."""
        peers = tuple(peer for peer in self.peers if peer.level <= level)
        return replace(self, peers=peers)


def load_claim(name: str) -> Claim:
    """Return the claim of the file with that name."""
    return import_module(f"benchmarks.{name}").CLAIM
