"""Crossentropies and other divergences between distributions."""

from __future__ import annotations

from lamina.core.check import between, boolean
from lamina.core.dtypes import PolicyLike
from lamina.losses import crossentropy, probabilistic
from lamina.metrics.reduction import FunctionMetric


class KLDivergence(FunctionMetric):
    """Kullback-Leibler divergence metric: the mean of Σ y·log(y / ŷ).

    Example:
        >>> round(float(KLDivergence()([[0.5, 0.5]], [[0.25, 0.75]])), 4)
        0.1438
    """

    function = staticmethod(probabilistic.kl_divergence)


class Poisson(FunctionMetric):
    """Poisson metric: the mean of ŷ - y·log(ŷ).

    Example:
        >>> round(float(Poisson()([[2.0], [0.0]], [[1.0], [1.0]])), 4)
        1.0
    """

    function = staticmethod(probabilistic.poisson)


class BinaryCrossentropy(FunctionMetric):
    """Binary crossentropy metric: the mean of -(y·log(p) + (1 - y)·log(1 - p)).

    Args:
        name: see `Metric`.
        dtype: see `Metric`.
        from_logits: whether predictions are logits.
        label_smoothing: fraction by which targets move towards ½.

    Example:
        >>> round(float(BinaryCrossentropy()([[1.0], [0.0]], [[0.8], [0.5]])), 4)
        0.4581
    """

    function = staticmethod(crossentropy.binary_crossentropy)
    arguments = {
        "from_logits": boolean,
        "label_smoothing": between(0, 1),
    }

    def __init__(
        self,
        name: str | None = "binary_crossentropy",
        dtype: PolicyLike = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
    ) -> None:
        super().__init__(name, dtype)
        self.from_logits, self.label_smoothing = from_logits, label_smoothing


class CategoricalCrossentropy(FunctionMetric):
    """Crossentropy metric for one-hot targets: the mean of -Σ y·log(p).

    Args:
        name: see `Metric`.
        dtype: see `Metric`.
        from_logits: whether predictions are logits.
        label_smoothing: fraction by which targets move towards 1 / classes.
        axis: the class axis.

    Example:
        >>> metric = CategoricalCrossentropy()
        >>> round(float(metric([[0.0, 1.0]], [[0.75, 0.25]])), 4)
        1.3863
    """

    function = staticmethod(crossentropy.categorical_crossentropy)
    arguments = BinaryCrossentropy.arguments

    def __init__(
        self,
        name: str | None = "categorical_crossentropy",
        dtype: PolicyLike = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
        axis: int = -1,
    ) -> None:
        super().__init__(name, dtype)
        self.from_logits, self.label_smoothing = from_logits, label_smoothing
        self.axis = axis


class SparseCategoricalCrossentropy(FunctionMetric):
    """Crossentropy metric for class indices: the mean of -log(p[y]).

    Args:
        name: see `Metric`.
        dtype: see `Metric`.
        from_logits: whether predictions are logits.
        ignore_class: index of a class whose loss is 0; with weights, as in Keras,
            its targets are ignored.
        axis: the class axis.

    Example:
        >>> metric = SparseCategoricalCrossentropy()
        >>> round(float(metric([1, 0], [[0.75, 0.25], [0.5, 0.5]])), 4)
        1.0397
    """

    function = staticmethod(crossentropy.sparse_categorical_crossentropy)
    arguments = {"from_logits": boolean}

    def __init__(
        self,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: PolicyLike = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ) -> None:
        super().__init__(name, dtype)
        self.from_logits, self.ignore_class = from_logits, ignore_class
        self.axis = axis
