"""Run a claim: the peers alternate, one round each."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from time import perf_counter

from benchmarks import machine
from benchmarks.claim import Bar, Claim, Level, Peer
from benchmarks.worker import PeerFailed, PeerMissing, Worker

Say = Callable[[str], object]


@dataclass
class Measured:
    """Results of one claim: `samples[peer][quantity]`, in the order of rounds.

    `absent` maps peers without results to the reason. `parameters` is the number of
    trained parameters, which must be equal for all peers. `others` is the mean number
    of processors that other programs kept busy during the rounds.
    """

    claim: Claim
    samples: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    parameters: float | None = None
    others: float = 0.0
    failed: bool = False

    def check(self, quantities: dict[str, float]) -> None:
        """Raise if a peer does not train the same network as the first one."""
        count = quantities.get("parameters")
        self.parameters = self.parameters or count
        if count and count != self.parameters:
            raise PeerFailed(
                f"Trains {count:,.0f} parameters instead of {self.parameters:,.0f}."
            )

    def add(self, peer: Peer, quantities: dict[str, float]) -> None:
        of_peer = self.samples.setdefault(peer.name, {})
        for key, value in quantities.items():
            if not (peer.bound and key == "peak_memory"):
                of_peer.setdefault(key, []).append(value)

    def drop(self, peer: Peer, reason: Exception) -> None:
        self.samples.pop(peer.name, None)
        self.absent[peer.name] = str(reason)
        self.failed |= isinstance(reason, PeerFailed)

    def median(self, peer: str, quantity: str) -> float | None:
        samples = self.samples.get(peer, {}).get(quantity)
        return statistics.median(samples) if samples else None

    def ratio(self, peer: str, quantity: str) -> float | None:
        """Return the peer's median divided by lamina's: above 1, lamina needs less."""
        ours, theirs = self.median("lamina", quantity), self.median(peer, quantity)
        return theirs / ours if ours and theirs is not None else None


@dataclass(frozen=True)
class Verdict:
    """Target with its measurement; `met` is None if a value is missing."""

    bar: Bar
    value: float | None
    limit: float | None

    @property
    def met(self) -> bool | None:
        if self.value is None or self.limit is None:
            return None
        return self.value <= self.limit


def measure(claim: Claim, level: Level, say: Say) -> Measured:
    """Measure all rounds of a claim.

    A peer's first round compiles and is not counted, unless each round has its own
    process. Another peer starts each round.
    """
    claim, quick = claim.at(level), level is Level.QUICK
    measured = Measured(claim)
    rounds = claim.quick_rounds if quick else claim.rounds
    with ExitStack() as running:
        workers = {} if claim.fresh else started(claim, quick, measured, running, say)
        watch = Watch(workers.values())
        for number in range(rounds):
            for peer in in_turn(claim, number):
                if peer.name in measured.absent:
                    continue
                say(f"{claim.name}: round {number + 1} of {rounds}, {peer.name}")
                try:
                    measured.add(peer, one_round(claim, peer, quick, workers, watch))
                except (PeerMissing, PeerFailed) as reason:
                    measured.drop(peer, reason)
        measured.others = watch.others()
    return measured


class Watch:
    """Load of the machine by programs that are not measured."""

    def __init__(self, workers: Iterable[Worker]) -> None:
        self.start, self.busy = perf_counter(), machine.busy_seconds()
        self.workers = list(workers)
        self.ours = -sum(worker.processor_seconds for worker in self.workers)

    def others(self) -> float:
        """Return the mean number of processors that other programs kept busy."""
        ours = self.ours + sum(worker.processor_seconds for worker in self.workers)
        busy = machine.busy_seconds() - self.busy
        return max(0.0, busy - ours) / (perf_counter() - self.start)


def started(
    claim: Claim, quick: bool, measured: Measured, running: ExitStack, say: Say
) -> dict[str, Worker]:
    """Start a worker for each installed peer, and run its first round."""
    workers = {}
    for peer in claim.peers:
        say(f"{claim.name}: setting up {peer.name}")
        try:
            worker = running.enter_context(Worker(claim.name, peer, quick))
            quantities = worker.round()
            seconds = perf_counter() - worker.started
            measured.check(quantities)
            if not peer.bound:
                measured.add(peer, {"first_round": seconds})
            workers[peer.name] = worker
        except (PeerMissing, PeerFailed) as reason:
            measured.drop(peer, reason)
    return workers


def in_turn(claim: Claim, number: int) -> Iterator[Peer]:
    first = number % len(claim.peers)
    yield from claim.peers[first:] + claim.peers[:first]


def one_round(
    claim: Claim, peer: Peer, quick: bool, workers: dict[str, Worker], watch: Watch
) -> dict[str, float]:
    if peer.name in workers:
        return workers[peer.name].round()
    with Worker(claim.name, peer, quick) as worker:
        watch.workers.append(worker)
        return worker.round()


def judge(measured: Measured, platform: str) -> list[Verdict]:
    """Return the verdict on each target of the claim for this platform."""
    bars = (bar for bar in measured.claim.bars if bar.platform == platform)
    return [
        Verdict(bar, measured.median("lamina", bar.quantity), limit(bar, measured))
        for bar in bars
    ]


def limit(bar: Bar, measured: Measured) -> float | None:
    """Return the limit of a target; None if none of its peers was measured."""
    if not bar.peers:
        return bar.plus
    quantity = bar.peer_quantity or bar.quantity
    theirs = [measured.median(peer, quantity) for peer in bar.peers]
    there = [median for median in theirs if median is not None]
    return bar.factor * min(there) + bar.plus if there else None
