"""Padded sequences, under the path of Keras."""

from __future__ import annotations

from lamina.utils import pad_sequences

__all__ = ["pad_sequences"]


def __dir__() -> list[str]:
    return __all__
