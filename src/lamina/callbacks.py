"""Callbacks under the path of `keras.callbacks`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.lazy import lazy_attributes
from lamina.training import callbacks as _callbacks
from lamina.training.callbacks import *  # noqa: F403

if TYPE_CHECKING:
    from lamina.report.callback import Report as Report
else:
    __getattr__ = lazy_attributes(__name__, Report="lamina.report.callback:Report")

__all__ = ["Report"]
__all__ += _callbacks.__all__


def __dir__() -> list[str]:
    return __all__
