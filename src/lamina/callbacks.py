"""Callbacks under the path of `keras.callbacks`."""

from __future__ import annotations

from lamina.training.callbacks import *  # noqa: F403
from lamina.training.callbacks import __all__ as __all__


def __dir__() -> list[str]:
    return __all__
