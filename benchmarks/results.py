"""Results as read back from their JSON files, for the page and its charts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
US = "lamina"
# So many processors of other programs make a measurement worthless.
BUSY = 0.1


@dataclass(frozen=True)
class Result:
    """One claim as measured on one machine."""

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
        """Whether this is a claim about a whole network's training."""
        return any(q["key"] == "first_round" for q in self.quantities)

    @property
    def series(self) -> dict[str, list[dict[str, Any]]]:
        """The quantities that grow, by what they have in common."""
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
        """The peer's median divided by lamina's: above 1, lamina needs less."""
        return self.statistics(peer, key).get("ratio_to_lamina")

    def rivals(self) -> Iterator[str]:
        """The peers that are contestants, lamina left out."""
        for peer in self.peers:
            if peer != US and peer not in self.content["bounds"]:
                yield peer


def load(order: tuple[str, ...]) -> dict[str, list[Result]]:
    """Every result but the quick ones, by machine, in this order of claims."""
    machines: dict[str, list[Result]] = {}
    for claim in order:
        for path in sorted(RESULTS.glob(f"{claim}-*.json")):
            slug = path.stem.removeprefix(f"{claim}-")
            content = json.loads(path.read_text())
            if content["claim"] == claim and content["level"] != "quick":
                machines.setdefault(slug, []).append(Result(content, slug))
    return machines
