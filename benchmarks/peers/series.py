"""Variants of one task in one process, to measure scaling."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.claim import Peer, Round


def each(
    quick: bool, target: str, of: str, variants: Mapping[str, Mapping[str, Any]]
) -> Round:
    """Return a round of all variants: arguments of `target`, which returns `of`.

    A variant is set up right before its first round, so that first uses can be timed.
    """
    rounds: dict[str, Round] = {}

    def one_round() -> dict[str, float]:
        values = {}
        for key, arguments in variants.items():
            if key not in rounds:
                rounds[key] = Peer(key, target, arguments).set_up(quick)
            values[key] = rounds[key]()[of]
        return values

    return one_round
