"""Lines of the user's program that create modules, for findings of the checks."""

from __future__ import annotations

from lamina import config
from lamina.tracebacks import user_location


def record_creation(module: object) -> None:
    """Record the line that creates an object, for findings of the checks."""
    if config.checks() != "off":
        object.__setattr__(module, "_created_at", user_location())


def created_at(module: object) -> str:
    """Return the line of the user's program that created an object, "" if unknown."""
    return getattr(module, "_created_at", "")
