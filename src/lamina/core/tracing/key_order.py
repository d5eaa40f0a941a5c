"""The order of the keys in dictionaries, which JAX sorts."""

from __future__ import annotations

from typing import Any


def with_key_order(like: Any, tree: Any) -> Any:
    """Return a tree whose dictionaries have the keys in the order of another's.

    Args:
        like: a tree of the same structure; only its lists, tuples and dictionaries
            are compared.
        tree: what JAX returned for it.
    """
    if type(like) is not type(tree):
        return tree
    if type(like) is dict:
        return {key: with_key_order(like[key], tree[key]) for key in like}
    if type(like) in (list, tuple):
        return type(like)(map(with_key_order, like, tree))
    return tree
