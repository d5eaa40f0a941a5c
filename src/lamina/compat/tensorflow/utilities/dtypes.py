"""Element types and functions of `tensorflow.dtypes`."""

from __future__ import annotations

from typing import Any

from lamina.compat import tensorflow


def __getattr__(name: str) -> Any:
    return getattr(tensorflow, name)
