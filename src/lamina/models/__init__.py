"""The user's entry: `Sequential`, `Model`, and what they delegate to."""

from __future__ import annotations

from lamina.models.model import Functional, Model, clone_model
from lamina.models.sequential import Sequential

__all__ = ["Functional", "Model", "Sequential", "clone_model"]
