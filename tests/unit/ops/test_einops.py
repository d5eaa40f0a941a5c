"""Patterns of axes that are refused, and unknown sizes."""

from __future__ import annotations

import numpy as np
import pytest

from lamina import ops
from lamina.core.graph import SymbolicTensor
from lamina.errors import ArgumentError, ShapeError


@pytest.mark.parametrize(
    ("pattern", "lengths", "error", "reason"),
    [
        ("a b", {}, ArgumentError, "each name once"),
        ("a b -> a", {}, ArgumentError, "each name once"),
        ("a a -> a a", {}, ArgumentError, "each name once"),
        ("a ... -> ... a", {}, ArgumentError, "each name once"),
        ("a (b c) -> a b c", {}, ArgumentError, "Pass all but one, as in `b=2`"),
        ("a b c -> c b a", {}, ShapeError, "for rank 3"),
        ("a (b c) -> a b c", {"b": 4}, ShapeError, "size 6 cannot be split"),
        ("a b -> b a", {"a": 5}, ShapeError, "size 2 cannot be split"),
    ],
)
def test_invalid_pattern_is_an_error(pattern, lengths, error, reason):
    with pytest.raises(error, match=reason):
        ops.rearrange(np.ones((2, 6)), pattern, **lengths)


def test_unknown_sizes_remain_unknown():
    x = SymbolicTensor((None, 4, 3))
    assert ops.rearrange(x, "b (h p) c -> (b h) (p c)", p=2).shape == (None, 6)
