"""Hinge metrics of maximum-margin classifiers."""

from __future__ import annotations

from lamina.losses.hinge import categorical_hinge, hinge, squared_hinge
from lamina.metrics.reduction import FunctionMetric


class Hinge(FunctionMetric):
    """Hinge metric: the mean of max(1 - y·ŷ, 0), with y of -1 and 1 (or of 0 and 1).

    Example:
        >>> float(Hinge()([[-1.0], [1.0]], [[0.5], [2.0]]))
        0.75
    """

    function = staticmethod(hinge)


class SquaredHinge(FunctionMetric):
    """Squared hinge metric: the mean of max(1 - y·ŷ, 0)².

    Targets y are -1 and 1, or 0 and 1.

    Example:
        >>> float(SquaredHinge()([[-1.0], [1.0]], [[1.0], [2.0]]))
        2.0
    """

    function = staticmethod(squared_hinge)


class CategoricalHinge(FunctionMetric):
    """Hinge metric for one-hot targets.

    Example:
        >>> float(CategoricalHinge()([[0.0, 1.0]], [[0.5, 0.25]]))
        1.25
    """

    function = staticmethod(categorical_hinge)
