"""Names of Keras 2 that code may still use."""

from __future__ import annotations

from lamina.legacy import saving

__all__ = ["saving"]


def __dir__() -> list[str]:
    return __all__
