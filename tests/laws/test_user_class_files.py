"""User-defined classes are restored from files, however they create variables."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import pytest

import lamina
from lamina.core.module import reset_names
from tests.tables.cases import named
from tests.tables.user_classes import TARGETS, USER_CLASSES

STEPS = {"batch_size": 8, "shuffle": False, "verbose": 0}


class Saved(NamedTuple):
    """A model after a few training steps, its weights then, and its files."""

    model: Any
    weights: list[np.ndarray]
    path: Path
    without_optimizer: Path


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Return a function of a case; each case is trained once for all tests."""
    found = {}

    def of(case):
        if case.name not in found:
            model = case.make(lamina)
            model.compile(**case.compile)
            model.fit(case.x, TARGETS, epochs=2, **STEPS)
            folder = tmp_path_factory.mktemp("case")
            whole, bare = folder / "whole.keras", folder / "bare.keras"
            model.save(whole)
            model.save(bare, include_optimizer=False)
            found[case.name] = Saved(model, model.get_weights(), whole, bare)
        return found[case.name]

    return of


def in_another_process(case):
    """Register the classes again and reset automatic names, as in a new process."""
    case.make(lamina)
    reset_names()


def variables(model):
    """Return all variables of a model and its optimizers by name."""
    found = {f"{i} {v.path}": v for i, v in enumerate(model.variables)}
    for name in ("optimizer", "maker_optimizer", "judge_optimizer"):
        variables = getattr(getattr(model, name, None), "variables", ())
        found |= {f"{name} {i}": v for i, v in enumerate(variables)}
    return found


def assert_same_variables(model, twin):
    ours, theirs = variables(model), variables(twin)
    assert [*ours] == [*theirs]
    for name, variable in ours.items():
        other = theirs[name]
        assert (other.shape, other.dtype) == (variable.shape, variable.dtype), name
        assert other.trainable == variable.trainable, name
        np.testing.assert_array_equal(other.numpy(), variable.numpy(), name)


@pytest.mark.parametrize("case", named(USER_CLASSES))
def test_user_defined_model_is_restored_and_resumes(case, saved):
    model, _, path, _ = saved(case)
    in_another_process(case)
    twin = lamina.models.load_model(path)
    assert not twin.load_report.mismatches
    assert_same_variables(model, twin)
    for one, other in zip(
        jax.tree.leaves(model.predict(case.x, verbose=0)),
        jax.tree.leaves(twin.predict(case.x, verbose=0)),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)
    for some in (model, twin):
        some.fit(case.x, TARGETS, epochs=2, **STEPS)
    assert_same_variables(model, twin)


@pytest.mark.parametrize("case", named(USER_CLASSES))
def test_loaded_model_can_be_saved_again(case, saved, tmp_path):
    path = saved(case).path
    in_another_process(case)
    model = lamina.models.load_model(path)
    model.save(tmp_path / "second.keras")
    in_another_process(case)
    twin = lamina.models.load_model(tmp_path / "second.keras")
    assert_same_variables(model, twin)


@pytest.mark.parametrize("case", named(USER_CLASSES))
def test_a_model_for_predicting_needs_no_optimizer(case, saved):
    _, weights, whole, bare = saved(case)
    for path, options in ((whole, {"compile": False}), (bare, {})):
        in_another_process(case)
        twin = lamina.models.load_model(path, **options)
        assert not twin.compiled and not twin.load_report.mismatches
        for one, other in zip(weights, twin.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("case", named(USER_CLASSES))
def test_the_file_records_each_variable(case, saved):
    model, _, path, _ = saved(case)
    with zipfile.ZipFile(path) as archive:
        records = json.loads(archive.read("metadata.json"))["variables"]
    recorded = sorted(
        (r["path"], tuple(r["shape"]), r["dtype"])
        for r in records.values()
        if "trainable" in r  # Other state is recorded by location.
    )
    wanted = {id(v): v for v in variables(model).values()}
    assert recorded == sorted((v.path, v.shape, v.dtype) for v in wanted.values())
