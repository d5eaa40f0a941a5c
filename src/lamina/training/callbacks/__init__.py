"""What `fit`, `evaluate` and `predict` call as they go."""

from __future__ import annotations

from lamina.training.callbacks.base import Callback
from lamina.training.callbacks.callback_list import CallbackList
from lamina.training.callbacks.history import History
from lamina.training.callbacks.progress import ProgbarLogger

__all__ = ["Callback", "CallbackList", "History", "ProgbarLogger"]
