"""What `fit` calls as it goes: what `lamina.training.callbacks` defines, for users."""

from __future__ import annotations

from lamina.training.callbacks import *  # noqa: F403
from lamina.training.callbacks import __all__ as __all__


def __dir__() -> list[str]:
    return __all__
