"""Learning rate schedules, evaluated at `STEPS`."""

from __future__ import annotations

from tests.tables.cases import SmallCase

STEPS = (0, 1, 2, 5, 9, 10, 11, 20, 25, 30, 31, 50, 99, 100, 101, 1000)

SCHEDULES = [
    SmallCase(
        "exponential", lambda k: k.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
    ),
    SmallCase(
        "exponential_staircase",
        lambda k: k.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9, staircase=True),
    ),
    SmallCase(
        "piecewise",
        lambda k: k.optimizers.schedules.PiecewiseConstantDecay(
            [10, 30], [0.1, 0.05, 0.01]
        ),
    ),
    SmallCase(
        "polynomial", lambda k: k.optimizers.schedules.PolynomialDecay(0.1, 30, 0.01)
    ),
    SmallCase(
        "polynomial_square",
        lambda k: k.optimizers.schedules.PolynomialDecay(0.1, 30, 0.01, power=2.0),
    ),
    SmallCase(
        "polynomial_cycle",
        lambda k: k.optimizers.schedules.PolynomialDecay(0.1, 30, 0.01, cycle=True),
    ),
    SmallCase(
        "inverse_time", lambda k: k.optimizers.schedules.InverseTimeDecay(0.1, 10, 0.5)
    ),
    SmallCase(
        "inverse_time_staircase",
        lambda k: k.optimizers.schedules.InverseTimeDecay(0.1, 10, 0.5, staircase=True),
    ),
    SmallCase("cosine", lambda k: k.optimizers.schedules.CosineDecay(0.1, 30)),
    SmallCase(
        "cosine_floor", lambda k: k.optimizers.schedules.CosineDecay(0.1, 30, alpha=0.1)
    ),
    SmallCase(
        "cosine_warm_up",
        lambda k: k.optimizers.schedules.CosineDecay(
            0.0, 20, warmup_target=0.1, warmup_steps=10
        ),
    ),
    SmallCase(
        "cosine_restarts", lambda k: k.optimizers.schedules.CosineDecayRestarts(0.1, 10)
    ),
    SmallCase(
        "cosine_restarts_equal",
        lambda k: k.optimizers.schedules.CosineDecayRestarts(
            0.1, 10, t_mul=1.0, m_mul=0.8, alpha=0.05
        ),
    ),
]
