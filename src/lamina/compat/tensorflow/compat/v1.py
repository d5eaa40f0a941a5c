"""Names of `tensorflow.compat.v1` that programs still use."""

from __future__ import annotations

from typing import Any

from lamina.compat import tensorflow
from lamina.compat.tensorflow import random
from lamina.errors import MissingPackageError


def __getattr__(name: str) -> Any:
    if name in ("Session", "placeholder", "InteractiveSession", "get_default_graph"):
        raise MissingPackageError(
            f"lamina does not have tf.compat.v1.{name}: there are no sessions. Call a "
            "function or a model on the values, or keep TensorFlow for this program."
        )
    return getattr(tensorflow, name)


def set_random_seed(seed: int) -> None:
    """Seed the random numbers of lamina, NumPy and Python."""
    random.set_seed(seed)


def disable_eager_execution() -> None:
    """Do nothing: operations always run at once."""


def enable_eager_execution(*_: object, **__: object) -> None:
    """Do nothing: operations always run at once."""


def disable_v2_behavior() -> None:
    """Do nothing."""


enable_v2_behavior = disable_v2_behavior


def reset_default_graph() -> None:
    """Do nothing: there is no graph."""


class _Logging:
    """Names of `tensorflow.compat.v1.logging`."""

    DEBUG, INFO, WARN, ERROR, FATAL = 10, 20, 30, 40, 50

    @staticmethod
    def set_verbosity(level: object) -> None:
        """Do nothing: TensorFlow writes no messages here."""


logging = _Logging()
