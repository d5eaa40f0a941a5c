"""What a claim is: quantities, the peers that are measured, and bars to meet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from importlib import import_module
from typing import Self

Round = Callable[[], Mapping[str, float]]
"""Does one round of a peer's work; returns quantities, in seconds where they are."""


class Level(IntEnum):
    """How much is measured: what has a level is left out below it."""

    QUICK = 0
    DEFAULT = 1
    FULL = 2


@dataclass(frozen=True)
class Peer:
    """One contestant: `target` is "module:function" in `benchmarks.peers`.

    The function is called as `function(quick=..., **arguments)` in a process of its
    own and returns a `Round`. The harness never imports a peer, so that a library
    that is not installed is one row of the report, not a crash. `packages` are those
    of an environment of the peer's own, where they can't live beside the others. A
    `bound` is no contestant: its time is what no library can go below.
    """

    name: str
    target: str
    arguments: Mapping[str, object] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    packages: tuple[str, ...] = ()
    level: Level = Level.QUICK
    bound: bool = False

    def set_up(self, quick: bool) -> Round:
        """Imports the peer's library and makes it ready for its first round."""
        module, function = self.target.split(":")
        factory = getattr(import_module(f"benchmarks.peers.{module}"), function)
        return factory(quick=quick, **self.arguments)


@dataclass(frozen=True)
class Quantity:
    """A number that rounds return under `key`; shown as value * scale unit.

    Two keys come from the harness, for peers that stay from round to round:
    "first_round", the seconds from the start of a peer's process to the end of its
    first round, and "peak_memory" of that process in bytes.

    `ratios` is off for growth and counts: how many times zero says nothing. A `series`
    is what quantities have in common that differ by what their keys begin with, a
    number.
    """

    key: str
    label: str
    unit: str
    scale: float = 1.0
    ratios: bool = True
    series: str = ""


@dataclass(frozen=True)
class Bar:
    """lamina's median must be at most `factor` x the least of the peers' + `plus`.

    `plus` is in the unit in which rounds return the quantity (seconds for times).
    `platform` is the jax platform the bar was set for.
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
    level: Level = Level.QUICK
    notes: tuple[str, ...] = ()

    def peer(self, name: str) -> Peer:
        return next(peer for peer in self.peers if peer.name == name)

    def at(self, level: Level) -> Self:
        """The claim without the peers that are left out at this level."""
        peers = tuple(peer for peer in self.peers if peer.level <= level)
        return replace(self, peers=peers)


def load_claim(name: str) -> Claim:
    """The claim of the file of that name."""
    return import_module(f"benchmarks.{name}").CLAIM
