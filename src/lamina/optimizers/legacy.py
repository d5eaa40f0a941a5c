"""Names of the optimizers of Keras 1, which Keras 3 keeps so that imports succeed."""

from __future__ import annotations

from typing import NoReturn

__all__ = ["SGD", "Adagrad", "Adam", "Ftrl", "Optimizer", "RMSprop"]


def __dir__() -> list[str]:
    return __all__


class Optimizer:
    """Optimizer of an older version of Keras: creating one raises `ImportError`.

    Args:
        *args: ignored.
        **kwargs: ignored.

    Raises:
        ImportError: always.

    Example:
        >>> Optimizer()
        Traceback (most recent call last):
            ...
        ImportError: The optimizers of `optimizers.legacy` do not exist any more. ...
    """

    def __init__(self, *args: object, **kwargs: object) -> NoReturn:
        raise ImportError(
            "The optimizers of `optimizers.legacy` do not exist any more. Use those of "
            "`lamina.optimizers`, as in `lamina.optimizers.Adam(learning_rate=0.001)`."
        )


Adagrad = Adam = Ftrl = RMSprop = SGD = Optimizer
