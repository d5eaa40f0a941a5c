"""Pauses of the garbage collector while objects are made that stay."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collection_paused(permanent: bool = False) -> Iterator[None]:
    """Pause the garbage collector in a block that makes many objects that stay.

    Collections in the imports and traces before a first epoch would take 0.1 s, a
    tenth of it.

    Args:
        permanent: whether the objects stay as long as the process, as modules do. They
            then count as old at once, as if they had survived collections.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        if permanent and not gc.get_freeze_count():
            gc.freeze()
            gc.unfreeze()
        gc.enable()
