"""User-defined classes are restored from files, however they create variables."""

from __future__ import annotations

import json
import zipfile

import jax
import numpy as np
import pytest

import lamina
from lamina.core.module import reset_names
from tests.tables.cases import named
from tests.tables.user_classes import TARGETS, USER_CLASSES

STEPS = {"batch_size": 8, "shuffle": False, "verbose": 0}


def trained(case):
    """Return a model after a few training steps."""
    model = case.make(lamina)
    model.compile(**case.compile)
    model.fit(case.x, TARGETS, epochs=2, **STEPS)
    return model


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
def test_user_defined_model_is_restored_and_resumes(case, tmp_path):
    model = trained(case)
    model.save(tmp_path / "model.keras")
    in_another_process(case)
    twin = lamina.models.load_model(tmp_path / "model.keras")
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
def test_loaded_model_can_be_saved_again(case, tmp_path):
    trained(case).save(tmp_path / "first.keras")
    in_another_process(case)
    model = lamina.models.load_model(tmp_path / "first.keras")
    model.save(tmp_path / "second.keras")
    in_another_process(case)
    twin = lamina.models.load_model(tmp_path / "second.keras")
    assert_same_variables(model, twin)


@pytest.mark.parametrize("case", named(USER_CLASSES))
def test_a_model_for_predicting_needs_no_optimizer(case, tmp_path):
    model = trained(case)
    model.save(tmp_path / "whole.keras")
    model.save(tmp_path / "bare.keras", include_optimizer=False)
    for name, options in (("whole", {"compile": False}), ("bare", {})):
        in_another_process(case)
        twin = lamina.models.load_model(tmp_path / f"{name}.keras", **options)
        assert not twin.compiled and not twin.load_report.mismatches
        for one, other in zip(model.get_weights(), twin.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("case", named(USER_CLASSES))
def test_the_file_records_each_variable(case, tmp_path):
    model = trained(case)
    model.save(tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        records = json.loads(archive.read("metadata.json"))["variables"]
    recorded = sorted(
        (r["path"], tuple(r["shape"]), r["dtype"])
        for r in records.values()
        if "trainable" in r  # Other state is recorded by location.
    )
    wanted = {id(v): v for v in variables(model).values()}
    assert recorded == sorted((v.path, v.shape, v.dtype) for v in wanted.values())
