"""Findings of planted curves, and none of healthy ones."""

from __future__ import annotations

import numpy as np
import pytest

from lamina.training.checks.curves import (
    RunFacts,
    curve_findings,
    unit_findings,
    update_findings,
)

EPOCHS = np.arange(30)


def noisy(values, scale, seed=0):
    return values * (1 + scale * np.random.default_rng(seed).normal(size=len(values)))


def falling(first=2.0, last=0.1, rate=5.0, count=30):
    return last + (first - last) * np.exp(-np.arange(count) / rate)


TURN = np.where(EPOCHS < 8, 1.0 - 0.06 * EPOCHS, 0.5 + 0.03 * (EPOCHS - 8))
FLAT = np.full(30, 0.693)
ZIGZAG = 1.0 + 0.5 * (-1.0) ** EPOCHS
FACTS = RunFacts(learning_rate=0.1)

# Curves, facts about the run, codes of the findings.
PLANTED = {
    "validation turns": (
        {"loss": falling(), "val_loss": noisy(TURN, 0.02)},
        FACTS,
        ["overfitting"],
    ),
    "nothing is learned": ({"loss": noisy(FLAT, 0.002)}, FACTS, ["no-progress"]),
    "worse than at first": (
        {"loss": np.append(7.6, noisy(FLAT + 8, 0.001))},
        FACTS,
        ["no-progress"],
    ),
    "stands still": (
        {"loss": noisy(falling(1.0, 0.6, 2.0), 0.001)},
        FACTS,
        ["plateau"],
    ),
    "zigzag": ({"loss": ZIGZAG}, FACTS, ["oscillation"]),
    "rises": (
        {"loss": noisy(1 + (EPOCHS - 5) ** 2 / 100, 0.01)},
        FACTS,
        ["rising-loss"],
    ),
    "penalty": ({"loss": falling()}, RunFacts(penalty=0.08), ["large-penalty"]),
    "accuracy stays": (
        {"loss": falling(), "accuracy": np.full(30, 0.5)},
        FACTS,
        ["metric-does-not-follow"],
    ),
    "error grows": (
        {"loss": falling(), "mae": np.linspace(1, 2, 30)},
        FACTS,
        ["metric-does-not-follow"],
    ),
}


@pytest.mark.parametrize("case", PLANTED)
def test_planted_curve_is_found(case):
    logs, facts, codes = PLANTED[case]
    found = curve_findings({k: v.tolist() for k, v in logs.items()}, facts)
    assert [f.code for f in found] == codes
    assert all(f.message and f.fix for f in found)


HEALTHY = {
    "falls": {"loss": falling(), "val_loss": falling(2.1), "acc": 1 - falling(0.9, 0)},
    "still falls": {"loss": falling(rate=20.0)},
    "noise": {"loss": noisy(falling(), 0.05), "val_loss": noisy(falling(), 0.1, 1)},
    "validation is flat": {"loss": falling(), "val_loss": noisy(falling(2, 0.5), 0.03)},
    "one bad epoch": {"loss": falling(), "val_loss": falling() + 0.5 * (EPOCHS == 20)},
    "falls to the end of many": {"loss": falling(1.0, 0.01, 3.0)},
    "accuracy is perfect": {"loss": falling(), "accuracy": np.full(30, 0.99)},
    "unknown metric": {"loss": falling(), "perplexity_of_mine": np.full(30, 3.0)},
    "negative": {"loss": -falling()},
    "not finite": {"loss": np.append(falling(), np.nan)},
    "no loss": {"reward": ZIGZAG},
    "several values": {"loss": falling(), "f1_score": np.zeros((30, 3))},
    "few epochs": {"loss": ZIGZAG[:4], "val_loss": TURN[::8][:4]},
}  # fmt: skip


@pytest.mark.parametrize("case", HEALTHY)
def test_healthy_curve_has_no_finding(case):
    logs = {name: list(values) for name, values in HEALTHY[case].items()}
    assert curve_findings(logs) == []


@pytest.mark.parametrize("seed", range(20))
def test_noise_is_no_finding(seed):
    logs = {
        "loss": noisy(falling(rate=6.0, count=15), 0.05, seed),
        "val_loss": noisy(falling(2.2, 0.3, 6.0, 15), 0.08, 100 + seed),
    }
    assert curve_findings({k: v.tolist() for k, v in logs.items()}) == []


def test_callback_that_keeps_the_best_epoch_answers_overfitting():
    logs = {"loss": falling().tolist(), "val_loss": TURN.tolist()}
    assert curve_findings(logs, RunFacts(restores_best=True)) == []


def test_model_that_was_trained_before_may_stand_still():
    assert curve_findings({"loss": FLAT.tolist()}, RunFacts(fresh=False)) == []


def test_message_has_the_epoch_and_the_gap():
    logs = {"loss": falling().tolist(), "val_loss": TURN.tolist()}
    [finding] = curve_findings(logs)
    assert "epoch 9 of 30: 0.5 then, 1.1 at the end" in finding.message


RATIOS = {
    "usual": ({"a": 1e-3, "b": 0.05}, []),
    "small": ({"a": 1e-6, "b": 1e-3}, ["small-updates"]),
    "large": ({"a": 0.5}, ["large-updates"]),
    "both": ({"a": 0.5, "b": 1e-9}, ["small-updates", "large-updates"]),
    "none": ({}, []),
}


@pytest.mark.parametrize("case", RATIOS)
def test_updates_are_between_a_ten_thousandth_and_a_tenth(case):
    ratios, codes = RATIOS[case]
    assert [f.code for f in update_findings(ratios)] == codes


@pytest.mark.parametrize("dead", [{}, {"a": 0.4}])
def test_some_units_may_be_dead(dead):
    assert unit_findings(dead) == []


def test_dead_layer_is_named():
    [finding] = unit_findings({"a": 0.1, "b": 0.9})
    assert finding.message.startswith("90 % of the ReLU units of layer 'b'")
