from __future__ import annotations

import jax
import numpy as np
import pytest

from lamina.core.tracing.stateless import bind
from lamina.errors import ArgumentError
from lamina.optimizers import schedules
from lamina.runtime.module_state import ModuleState

STEPS = np.arange(60)
HALF_WAVE = 0.5 * (1 + np.cos(np.pi * np.minimum(STEPS, 20) / 20))


def restarts(steps: np.ndarray, first: int, growth: float, fall: float) -> np.ndarray:
    """Compute the definition period by period."""
    values = []
    for step in steps.tolist():
        length, height = first, 1.0
        while step >= length:
            step, length, height = step - length, length * growth, height * fall
        values.append(height * 0.5 * (1 + np.cos(np.pi * step / length)))
    return np.array(values)


CASES = {
    "exponential": (schedules.ExponentialDecay(0.1, 7, 0.5), 0.1 * 0.5 ** (STEPS / 7)),
    "exponential-staircase": (
        schedules.ExponentialDecay(0.1, 7, 0.5, staircase=True),
        0.1 * 0.5 ** (STEPS // 7),
    ),
    "inverse-time": (
        schedules.InverseTimeDecay(0.1, 7, 0.5),
        0.1 / (1 + 0.5 * STEPS / 7),
    ),
    "piecewise": (
        schedules.PiecewiseConstantDecay([10, 30], [0.3, 0.2, 0.1]),
        np.select([STEPS <= 10, STEPS <= 30], [0.3, 0.2], 0.1),
    ),
    "polynomial": (
        schedules.PolynomialDecay(0.1, 20, 0.01, power=2.0),
        0.09 * (1 - np.minimum(STEPS, 20) / 20) ** 2 + 0.01,
    ),
    "polynomial-cycle": (
        schedules.PolynomialDecay(0.1, 20, 0.01, cycle=True),
        0.09 * (1 - STEPS / (20 * np.maximum(np.ceil(STEPS / 20), 1))) + 0.01,
    ),
    "cosine": (
        schedules.CosineDecay(0.1, 20, alpha=0.2),
        0.1 * (0.8 * HALF_WAVE + 0.2),
    ),
    "cosine-warm-up": (
        schedules.CosineDecay(0.02, 20, warmup_target=0.1, warmup_steps=10),
        np.where(
            STEPS < 10,
            0.02 + 0.08 * STEPS / 10,
            0.05 * (1 + np.cos(np.pi * np.clip(STEPS - 10, 0, 20) / 20)),
        ),
    ),
    "restarts": (
        schedules.CosineDecayRestarts(0.1, 5, t_mul=2.0, m_mul=0.5),
        0.1 * restarts(STEPS, 5, 2.0, 0.5),
    ),
    "restarts-equal": (
        schedules.CosineDecayRestarts(0.1, 7, t_mul=1.0),
        0.1 * restarts(STEPS, 7, 1.0, 1.0),
    ),
}
every_schedule = pytest.mark.parametrize(
    ("schedule", "expected"), CASES.values(), ids=CASES
)


@every_schedule
def test_values_follow_the_formula(schedule, expected):
    eager = [float(schedule(step)) for step in STEPS.tolist()]
    np.testing.assert_allclose(eager, expected, rtol=1e-5, atol=1e-8)


@every_schedule
def test_hyperparameters_and_step_may_be_traced(schedule, expected):
    state = ModuleState.of([schedule])

    def traced(values, step):
        with bind([], [], state.bind_hyperparameters(values)):
            return schedule(step)

    mapped = jax.jit(jax.vmap(traced, (None, 0)))(state.hyperparameters(), STEPS)
    np.testing.assert_allclose(mapped, expected, rtol=1e-5, atol=1e-7)


@every_schedule
def test_config_round_trip_preserves_the_schedule(schedule, expected):
    config = schedules.serialize(schedule)
    assert config["module"] == "keras.optimizers.schedules"
    again = schedules.deserialize(config)
    assert schedules.serialize(again) == config
    assert float(again(3)) == float(schedule(3))


@pytest.mark.parametrize(
    "make",
    [
        lambda: schedules.ExponentialDecay(0.1, 0, 0.5),
        lambda: schedules.PiecewiseConstantDecay([1, 2], [0.1, 0.2]),
        lambda: schedules.PiecewiseConstantDecay([2, 1], [0.1, 0.2, 0.3]),
        lambda: schedules.CosineDecay(0.1, 10, warmup_steps=5),
        lambda: schedules.CosineDecayRestarts(0.1, 10, t_mul=0.5),
    ],
)
def test_invalid_arguments_are_refused(make):
    with pytest.raises(ArgumentError):
        make()
