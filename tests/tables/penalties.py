"""Regularizers and constraints."""

from __future__ import annotations

from tests.tables.cases import SmallCase

REGULARIZERS = [
    SmallCase("l1", lambda k: k.regularizers.L1(0.02)),
    SmallCase("l2", lambda k: k.regularizers.L2(0.03)),
    SmallCase("l1_l2", lambda k: k.regularizers.L1L2(l1=0.02, l2=0.03)),
    SmallCase("l1_by_name", lambda k: k.regularizers.get("l1")),
    SmallCase("l2_by_name", lambda k: k.regularizers.get("l2")),
    SmallCase("orthogonal_rows", lambda k: k.regularizers.OrthogonalRegularizer(0.1)),
    SmallCase(
        "orthogonal_columns",
        lambda k: k.regularizers.OrthogonalRegularizer(mode="columns"),
    ),
]

CONSTRAINTS = [
    SmallCase("max_norm", lambda k: k.constraints.MaxNorm(0.8)),
    SmallCase("max_norm_axis", lambda k: k.constraints.MaxNorm(0.8, axis=[0, 1])),
    SmallCase("min_max_norm", lambda k: k.constraints.MinMaxNorm(0.9, 1.1)),
    SmallCase(
        "min_max_norm_rate", lambda k: k.constraints.MinMaxNorm(0.9, 1.1, 0.5, axis=1)
    ),
    SmallCase("non_neg", lambda k: k.constraints.NonNeg()),
    SmallCase("unit_norm", lambda k: k.constraints.UnitNorm()),
    SmallCase("unit_norm_axis", lambda k: k.constraints.UnitNorm(axis=1)),
    SmallCase("by_name", lambda k: k.constraints.get("max_norm")),
]
