"""Rearrangement of axes by a pattern of their names."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from lamina.core.graph import op
from lamina.errors import ArgumentError, ShapeError
from lamina.ops.types import Tensor, array_of
from lamina.typing import Array

__all__ = ["rearrange"]

_PATTERN = re.compile(r"[\w\s()]*->[\w\s()]*")


@op
def rearrange(tensor: Tensor, pattern: str, **axes_lengths: int) -> Array:
    """Split, permute and merge axes by a pattern of their names.

    Args:
        tensor: any array.
        pattern: the names of its axes, "->", and those of the result. Names in
            parentheses are one axis, the last name varying fastest.
        axes_lengths: lengths of axes. In each pair of parentheses on the left, all but
            one must be known.

    Raises:
        ArgumentError: the pattern is not valid, or the length of an axis is unknown.
        ShapeError: the pattern does not fit the shape.

    Example:
        >>> x = jnp.zeros((2, 8, 6, 3))
        >>> rearrange(x, "b (h p) (w q) c -> b h w (p q c)", p=2, q=2).shape
        (2, 4, 3, 12)

    Reference: Rogozhnikov 2022, https://openreview.net/forum?id=oapKSVM2bcj
    """
    x = array_of(tensor)
    inputs, outputs = _parse(pattern)
    sizes = _sizes(pattern, inputs, x.shape, axes_lengths)
    names = [name for group in inputs for name in group]
    order = [names.index(name) for group in outputs for name in group]
    split = x.reshape([sizes[name] for name in names]).transpose(order)
    return split.reshape([math.prod(sizes[name] for name in g) for g in outputs])


def _parse(pattern: str) -> list[list[list[str]]]:
    """Return the axes of both sides as lists of names."""
    sides = [
        [group.strip("()").split() for group in re.findall(r"\([^()]*\)|\w+", side)]
        for side in pattern.split("->")
    ]
    flat = [sorted(name for group in side for name in group) for side in sides]
    is_valid = _PATTERN.fullmatch(pattern) and flat[0] == flat[-1]
    if not is_valid or len(set(flat[0])) < len(flat[0]):
        raise ArgumentError(
            "rearrange: `pattern` must have each name once on both sides of '->', as "
            f"in 'b h w c -> b c (h w)'. Received: {pattern!r}."
        )
    return sides


def _sizes(
    pattern: str,
    groups: Sequence[Sequence[str]],
    shape: Sequence[int],
    known: Mapping[str, int],
) -> dict[str, int]:
    """Return the length of each named axis."""
    if len(groups) != len(shape):
        raise ShapeError(
            f"rearrange: the pattern {pattern!r} is for rank {len(groups)}. Received: "
            f"shape {shape}."
        )
    sizes = dict(known)
    for group, size in zip(groups, shape, strict=True):
        product = math.prod(known[name] for name in group if name in known)
        unknown = [name for name in group if name not in known]
        if len(unknown) > 1:
            raise ArgumentError(
                f"rearrange: the lengths of {unknown} are not known. Pass all but one, "
                f"as in `{unknown[0]}=2`."
            )
        if product == 0 or size % product or not (unknown or product == size):
            raise ShapeError(
                f"rearrange: an axis of size {size} cannot be split into {group} with "
                f"{dict(known)}."
            )
        sizes.update(dict.fromkeys(unknown, size // product))
    return sizes
