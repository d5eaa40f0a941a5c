"""Results read from their JSON files, for the page and its charts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
US = "lamina"
# Above this many processors used by other programs, a measurement is unreliable.
BUSY = 0.1


@dataclass(frozen=True)
class Result:
    """Measurement of one claim on one machine."""

    content: dict[str, Any]
    slug: str

    @property
    def name(self) -> str:
        return self.content["claim"]

    @property
    def quantities(self) -> list[dict[str, Any]]:
        return self.content["quantities"]

    @property
    def peers(self) -> list[str]:
        return list(self.content["peers"])

    @property
    def trains(self) -> bool:
        """True if the claim is about training a whole network."""
        return any(q["key"] == "first_round" for q in self.quantities)

    @property
    def series(self) -> dict[str, list[dict[str, Any]]]:
        """Quantities that depend on a size, by series."""
        found: dict[str, list[dict[str, Any]]] = {}
        for quantity in self.quantities:
            if quantity["series"]:
                found.setdefault(quantity["series"], []).append(quantity)
        return found

    def statistics(self, peer: str, key: str) -> dict[str, Any]:
        return self.content["peers"].get(peer, {}).get(key, {})

    def median(self, peer: str, key: str) -> float | None:
        return self.statistics(peer, key).get("median")

    def ratio(self, peer: str, key: str) -> float | None:
        """Return the peer's median divided by lamina's: above 1, lamina needs less."""
        return self.statistics(peer, key).get("ratio_to_lamina")

    def rivals(self) -> Iterator[str]:
        """Yield the peers without lamina and without bounds."""
        for peer in self.peers:
            if peer != US and peer not in self.content["bounds"]:
                yield peer


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---", *("--:" for _ in head[1:])], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def load(order: tuple[str, ...]) -> dict[str, list[Result]]:
    """Load the results by machine, in the order of claims, without files of quick runs.

    A quick run of a claim that takes very long may be kept under the claim's name.
    """
    machines: dict[str, list[Result]] = {}
    for claim in order:
        for path in sorted(RESULTS.glob(f"{claim}-*.json")):
            slug = path.stem.removeprefix(f"{claim}-")
            content = json.loads(path.read_text())
            if content["claim"] == claim and not slug.endswith("-quick"):
                machines.setdefault(slug, []).append(Result(content, slug))
    return machines
