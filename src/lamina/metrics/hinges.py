"""Margins of maximum-margin classifiers."""

from __future__ import annotations

from lamina.losses.hinge import categorical_hinge, hinge, squared_hinge
from lamina.metrics.reduction import FunctionMetric

__all__ = ["CategoricalHinge", "Hinge", "SquaredHinge"]


class Hinge(FunctionMetric):
    """The mean of max(1 - y·ŷ, 0), with y of -1 and 1 (or of 0 and 1).

    Example:
        >>> float(Hinge()([[-1.0], [1.0]], [[0.5], [2.0]]))
        0.75
    """

    function = staticmethod(hinge)


class SquaredHinge(FunctionMetric):
    """The mean of max(1 - y·ŷ, 0)², with y of -1 and 1 (or of 0 and 1).

    Example:
        >>> float(SquaredHinge()([[-1.0], [1.0]], [[1.0], [2.0]]))
        2.0
    """

    function = staticmethod(squared_hinge)


class CategoricalHinge(FunctionMetric):
    """The mean margin between the right class and the best wrong one.

    Example:
        >>> float(CategoricalHinge()([[0.0, 1.0]], [[0.5, 0.25]]))
        1.25
    """

    function = staticmethod(categorical_hinge)
