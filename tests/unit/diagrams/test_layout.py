"""Layered layout of graphs: boxes apart, edges between borders and beside boxes."""

from __future__ import annotations

import itertools

import pytest

from lamina.diagrams.layout import layered_layout

# Number of nodes, and edges.
GRAPHS = {
    "nothing": (0, []),
    "one": (1, []),
    "chain": (3, [(0, 1), (1, 2)]),
    "two parts": (4, [(0, 1), (2, 3)]),
    "diamond": (4, [(0, 1), (0, 2), (1, 3), (2, 3)]),
    "skip": (5, [(0, 1), (1, 2), (2, 3), (3, 4), (0, 4)]),
    "crossed": (6, [(0, 4), (1, 3), (2, 5), (3, 5)]),
    "late input": (5, [(0, 2), (2, 3), (3, 4), (1, 4)]),
    "all pairs": (6, list(itertools.combinations(range(6), 2))),
    "loop": (2, [(0, 1), (1, 1)]),
    "upwards": (3, [(0, 1), (1, 2), (2, 1), (2, 0)]),
    "twice": (2, [(0, 1), (0, 1)]),
}


@pytest.fixture(params=GRAPHS)
def drawn(request):
    count, edges = GRAPHS[request.param]
    sizes = [(40.0 + 30 * (i % 3), 20.0 + 10 * (i % 2)) for i in range(count)]
    return sizes, edges, layered_layout(sizes, edges)


def frames(sizes, layout):
    """Left, top, right and bottom of each node."""
    return [
        (x - w / 2, y - h / 2, x + w / 2, y + h / 2)
        for (x, y), (w, h) in zip(layout.centers, sizes, strict=True)
    ]


def test_nodes_are_apart_and_inside(drawn):
    sizes, _, layout = drawn
    boxes = frames(sizes, layout)
    for one, other in itertools.combinations(boxes, 2):
        is_beside = one[2] < other[0] or other[2] < one[0]
        assert is_beside or one[3] < other[1] or other[3] < one[1]
    for left, top, right, bottom in boxes:
        assert left >= -1e-9 and top >= -1e-9
        assert right <= layout.width + 1e-9 and bottom <= layout.height + 1e-9


def test_edges_lead_from_border_to_border(drawn):
    sizes, edges, layout = drawn
    boxes = frames(sizes, layout)
    for (start, end), route in zip(edges, layout.routes, strict=True):
        if start == end:
            assert route == []
            continue
        side, other = ("bottom", "top") if start < end else ("top", "bottom")
        border = {"top": 1, "bottom": 3}
        assert route[0] == (layout.centers[start][0], boxes[start][border[side]])
        assert route[-1] == (layout.centers[end][0], boxes[end][border[other]])
        ys = [y for _, y in route]
        assert ys == sorted(ys, reverse=start > end)


def test_edges_pass_beside_nodes(drawn):
    sizes, _, layout = drawn
    for route in layout.routes:
        for (x, y), (to_x, to_y) in zip(route, route[1:], strict=False):
            for left, top, right, bottom in frames(sizes, layout):
                is_beside = max(x, to_x) <= left or min(x, to_x) >= right
                assert is_beside or max(y, to_y) <= top or min(y, to_y) >= bottom


def test_order_of_a_rank_follows_its_neighbors():
    layout = layered_layout([(10.0, 10.0)] * 4, [(0, 3), (1, 2)])
    (first, _), (second, _), (third, _), (fourth, _) = layout.centers
    assert (first < second) == (fourth < third)
    assert (first, second) == (fourth, third)


def test_chains_beside_each_other_are_straight():
    sizes = [(20.0, 9.0), (60.0, 9.0), (20.0, 9.0), (20.0, 9.0), (90.0, 9.0)]
    edges = [(0, 1), (0, 2), (1, 3), (2, 4)]
    centers = layered_layout(sizes, edges).centers
    assert centers[1][0] == centers[3][0] and centers[2][0] == centers[4][0]


def test_input_of_a_late_node_is_right_above_it():
    count, edges = GRAPHS["late input"]
    centers = layered_layout([(9.0, 9.0)] * count, edges).centers
    assert centers[1][1] == centers[3][1]
