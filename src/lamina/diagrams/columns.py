"""Horizontal positions in a layered layout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

_GAP = 22.0
_SWEEPS = 8
_STRAIGHTENINGS = 4
# Weights of a link by the number of its ends that are bends: long edges are kept
# straight rather than short ones, as in Graphviz.
_WEIGHTS = (1.0, 2.0, 8.0)


class Ranked(NamedTuple):
    """A graph whose nodes and bends have ranks. Links connect neighboring ranks.

    Args:
        rows: the nodes of each rank, from left to right.
        above: the neighbors of each node in the rank above.
        below: the neighbors of each node in the rank below.
        widths: of each node; 0 for a bend.
        node_count: number of nodes; those with larger numbers are bends.
    """

    rows: list[list[int]]
    above: list[list[int]]
    below: list[list[int]]
    widths: list[float]
    node_count: int

    def weight(self, node: int, other: int) -> float:
        """Return the weight of a link."""
        return _WEIGHTS[(node >= self.node_count) + (other >= self.node_count)]

    def gap(self, left: int, right: int) -> float:
        """Return the least distance between the centers of neighbors in a row."""
        return (self.widths[left] + self.widths[right]) / 2 + _GAP


def columns(graph: Ranked) -> list[float]:
    """Return the x of the center of each node, from 0."""
    xs = [0.0] * len(graph.widths)
    for row in graph.rows:
        _move(graph, row, [(0.0, 1.0)] * len(row), xs)
    for sweep in range(_SWEEPS):
        near, rows = graph.above, graph.rows
        if sweep % 2:
            near, rows = graph.below, rows[::-1]
        for row in rows:
            links = [[(n, m) for m in near[n]] for n in row]
            pulls = [
                _pull(graph, keys, xs, xs[n])
                for n, keys in zip(row, links, strict=True)
            ]
            _move(graph, row, pulls, xs)
    _straighten(graph, xs)
    left = min((x - w / 2 for x, w in zip(xs, graph.widths, strict=True)), default=0)
    return [x - left for x in xs]


def _pull(
    graph: Ranked, links: Sequence[tuple[int, int]], xs: Sequence[float], default: float
) -> tuple[float, float]:
    """Return the mean x at the other ends of links, and the sum of their weights.

    Args:
        graph: the graph.
        links: pairs of a node and a neighbor.
        xs: of all nodes.
        default: returned with a small weight if there are no links.
    """
    if not links:
        return default, 0.1
    weights = [graph.weight(*link) for link in links]
    total = sum(w * xs[m] for w, (_, m) in zip(weights, links, strict=True))
    return total / sum(weights), sum(weights)


def _move(
    graph: Ranked,
    row: Sequence[int],
    pulls: Sequence[tuple[float, float]],
    xs: list[float],
) -> None:
    """Move the nodes of a row towards wanted positions, without overlap."""
    offsets = [0.0]
    for one, other in zip(row, row[1:], strict=False):
        offsets.append(offsets[-1] + graph.gap(one, other))
    pairs = zip(pulls, offsets, strict=True)
    moved = _not_decreasing([(x - offset, weight) for (x, weight), offset in pairs])
    for node, x, offset in zip(row, moved, offsets, strict=True):
        xs[node] = x + offset


def _not_decreasing(wanted: Sequence[tuple[float, float]]) -> list[float]:
    """Return the closest values that do not decrease: weighted isotonic regression.

    Args:
        wanted: pairs of a value and its weight.
    """
    pools: list[tuple[float, float, int]] = []  # mean, weight, number of values
    for value, weight in wanted:
        count = 1
        while pools and pools[-1][0] > value:
            mean, other, number = pools.pop()
            value = (mean * other + value * weight) / (other + weight)
            weight, count = weight + other, count + number
        pools.append((value, weight, count))
    return [mean for mean, _, count in pools for _ in range(count)]


def _straighten(graph: Ranked, xs: list[float]) -> None:
    """Move each chain of nodes to one x, if the nodes beside it leave space."""
    chains = _chains(graph)
    left = {b: a for row in graph.rows for a, b in zip(row, row[1:], strict=False)}
    right = {a: b for b, a in left.items()}
    for turn in range(_STRAIGHTENINGS):
        for chain in chains[::-1] if turn % 2 else chains:
            low = max(
                (xs[left[n]] + graph.gap(left[n], n) for n in chain if n in left),
                default=float("-inf"),
            )
            high = min(
                (xs[right[n]] - graph.gap(n, right[n]) for n in chain if n in right),
                default=float("inf"),
            )
            if low > high:
                continue
            ends = [(chain[0], m) for m in graph.above[chain[0]]]
            ends += [(chain[-1], m) for m in graph.below[chain[-1]]]
            wanted, _ = _pull(graph, ends, xs, xs[chain[0]])
            for node in chain:
                xs[node] = min(max(wanted, low), high)


def _chains(graph: Ranked) -> list[list[int]]:
    """Return the nodes in maximal chains: their links have no other end."""
    chains: list[list[int]] = []
    for node in (n for row in graph.rows for n in row):
        above = graph.above[node]
        if len(above) == 1 and len(graph.below[above[0]]) == 1:
            continue
        chain = [node]
        while True:
            below = graph.below[chain[-1]]
            if len(below) != 1 or len(graph.above[below[0]]) != 1:
                break
            chain.append(below[0])
        chains.append(chain)
    return chains
