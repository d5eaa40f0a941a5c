"""Layered layout of directed graphs, by the method of Sugiyama.

Nodes are assigned to ranks, so that edges point down. An edge that spans several ranks
gets a bend in each rank between. Nodes and bends of a rank are ordered so that few
edges cross, and then moved towards their neighbors without overlap.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from lamina.diagrams.columns import Ranked, columns

Point: TypeAlias = tuple[float, float]
Edge: TypeAlias = tuple[int, int]

_RANK_GAP = 32.0
_SWEEPS = 8


class Layout(NamedTuple):
    """Positions of a graph, with y downwards and the origin at the upper left.

    Args:
        centers: the center of each node.
        routes: the points of each edge: the border of its source, points above and
            below each rank that it passes, and the border of its target. An edge to an
            earlier node runs upwards. Empty for an edge from a node to itself.
        width: of all nodes and bends.
        height: of all ranks.
    """

    centers: list[Point]
    routes: list[list[Point]]
    width: float
    height: float


def layered_layout(sizes: Sequence[Point], edges: Sequence[Edge]) -> Layout:
    """Lay out a directed graph from top to bottom.

    Args:
        sizes: width and height of each node.
        edges: pairs of a source and a target, as indices in `sizes`. Those to a later
            node point down.
    """
    count = len(sizes)
    ranks, chains = _with_bends(count, edges)
    sizes = [*sizes, *[(0.0, 0.0)] * (len(ranks) - count)]
    graph = _ordered(_linked(ranks, chains.values(), [w for w, _ in sizes], count))
    xs = columns(graph)
    heights = [max((sizes[n][1] for n in row), default=0.0) for row in graph.rows]
    # Each rank starts below the one above it, and the first one at 0.
    steps = [0.0, *(height + _RANK_GAP for height in heights)]
    tops = list(itertools.accumulate(steps))[: len(heights)]
    bottoms = [top + height for top, height in zip(tops, heights, strict=True)]
    middles = [(tops[rank] + bottoms[rank]) / 2 for rank in ranks]

    def route(edge: Edge) -> list[Point]:
        start, *_, end = chain = chains[min(edge), max(edge)]
        points = [(xs[start], middles[start] + sizes[start][1] / 2)]
        for node in chain:
            points += [(xs[node], tops[ranks[node]]), (xs[node], bottoms[ranks[node]])]
        # From the lower end of the first rank to the upper end of the last one.
        points[1:2] = []
        points[-1] = xs[end], middles[end] - sizes[end][1] / 2
        return points if edge[0] < edge[1] else points[::-1]

    routes = [[] if a == b else route((a, b)) for a, b in edges]
    width = max((x + w / 2 for x, (w, _) in zip(xs, sizes, strict=True)), default=0.0)
    centers = list(zip(xs, middles, strict=True))[:count]
    return Layout(centers, routes, width, max(bottoms, default=0.0))


def _with_bends(
    count: int, edges: Sequence[Edge]
) -> tuple[list[int], dict[Edge, list[int]]]:
    """Return the ranks of nodes and bends, and for each edge the nodes on its way.

    Edges are those that point down; others are reversed.
    """
    down = dict.fromkeys((min(edge), max(edge)) for edge in edges if edge[0] != edge[1])
    ranks = _ranks(count, list(down))
    chains: dict[Edge, list[int]] = {}
    for start, end in down:
        between = range(ranks[start] + 1, ranks[end])
        bends = range(len(ranks), len(ranks) + len(between))
        chains[start, end] = [start, *bends, end]
        ranks.extend(between)
    return ranks, chains


def _ranks(count: int, edges: Sequence[Edge]) -> list[int]:
    """Return ranks by longest paths; sources are right above their first targets."""
    ranks = [0] * count
    for start, end in sorted(edges):
        ranks[end] = max(ranks[end], ranks[start] + 1)
    targets = {end for _, end in edges}
    first = [count] * count
    for start, end in edges:
        first[start] = min(first[start], ranks[end])
    for node in range(count):
        if node not in targets and first[node] < count:
            ranks[node] = first[node] - 1
    return ranks


def _linked(
    ranks: Sequence[int],
    chains: Iterable[Sequence[int]],
    widths: list[float],
    count: int,
) -> Ranked:
    rows: list[list[int]] = [[] for _ in range(max(ranks, default=-1) + 1)]
    above: list[list[int]] = [[] for _ in ranks]
    below: list[list[int]] = [[] for _ in ranks]
    for node, rank in enumerate(ranks):
        rows[rank].append(node)
    for chain in chains:
        for upper, lower in zip(chain, chain[1:], strict=False):
            below[upper].append(lower)
            above[lower].append(upper)
    return Ranked(rows, above, below, widths, count)


def _ordered(graph: Ranked) -> Ranked:
    """Order rows by the mean positions of neighbors; take the best of the orders."""
    rows = [list(row) for row in graph.rows]
    places = {node: i for row in rows for i, node in enumerate(row)}
    best, least = graph, _crossings(graph, places)
    for sweep in range(_SWEEPS):
        if least == 0:
            break
        near = graph.below if sweep % 2 else graph.above
        for row in rows[::-1] if sweep % 2 else rows:
            means = {n: _mean([places[m] for m in near[n]], places[n]) for n in row}
            row.sort(key=means.__getitem__)
            places.update((node, i) for i, node in enumerate(row))
        moved = graph._replace(rows=[list(row) for row in rows])
        crossings = _crossings(moved, places)
        if crossings < least:
            best, least = moved, crossings
    return best


def _crossings(graph: Ranked, places: Mapping[int, int]) -> int:
    """Count the pairs of links between the same ranks that cross."""
    total = 0
    for row in graph.rows:
        passed: list[int] = []
        for node in row:
            ends = [places[m] for m in graph.below[node]]
            total += sum(len(passed) - bisect.bisect(passed, end) for end in ends)
            for end in ends:
                bisect.insort(passed, end)
    return total


def _mean(values: Sequence[float], default: float) -> float:
    return sum(values) / len(values) if values else default
