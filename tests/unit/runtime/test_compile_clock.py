"""Reports of compilations while they last."""

from __future__ import annotations

import time

import jax.numpy as jnp
import pytest

from lamina.runtime.compile_clock import CompileClock, compiling
from lamina.runtime.executable import Program
from lamina.runtime.interrupts import result_of, run_in_thread


@pytest.fixture
def reports():
    return []


@pytest.fixture
def clock(reports):
    return CompileClock(lambda seconds, done: reports.append((seconds, done)))


def test_waiting_for_a_compilation_is_reported(clock, reports):
    with clock, compiling():
        result_of(run_in_thread(time.sleep, 0.2))
    *during, (seconds, done) = reports
    assert during and not any(finished for _, finished in during)
    assert done and seconds >= max(s for s, _ in during) > 0


def test_nested_parts_are_one_compilation(clock, reports):
    with clock, compiling(), compiling():
        pass
    assert [done for _, done in reports] == [True]


def test_nothing_is_reported_outside_the_context(clock, reports):
    with clock:
        result_of(run_in_thread(int))
    with compiling():
        pass
    assert reports == []


def test_a_program_is_reported_once(clock, reports):
    program = Program(lambda x: jnp.tanh(x) * 17.25)
    with clock:
        program(jnp.ones(3))
        count = len(reports)
        program(jnp.ones(3))
    assert count >= 1 and len(reports) == count and reports[-1][1]


def test_inner_clock_reports(clock, reports):
    inner: list[float] = []
    with clock, CompileClock(lambda seconds, done: inner.append(seconds)), compiling():
        pass
    assert inner and reports == []
