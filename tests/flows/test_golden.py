"""Files that other releases wrote: they load, predict and learn on as they did there.

`tests/golden/README.md` says what wrote them.
"""

from __future__ import annotations

import functools
from pathlib import Path

import jax
import numpy as np
import pytest

import lamina
from tests.tables.graphs import GRAPHS
from tests.tables.models import MODELS
from tests.tables.user_classes import TARGETS, USER_CLASSES

GOLDEN = Path(__file__).parents[1] / "golden"
FILES = sorted(
    path for ending in ("*/*.keras", "*/*.h5") for path in GOLDEN.glob(ending)
)
USER_CLASS_FILES = [path for path in FILES if path.parent.name.endswith("-own")]
FILES = [path for path in FILES if path not in USER_CLASS_FILES]
TABLES = {case.name: case for case in GRAPHS}
USER_CLASS_CASES = {case.name: case for case in USER_CLASSES}
TRAINED = {f"trained_{case.name}": case for case in MODELS}
STEPS = {"batch_size": 8, "shuffle": False, "verbose": 0}


@functools.cache
def recorded(folder: Path) -> dict[str, np.ndarray]:
    with np.load(folder / "recorded.npz") as archive:
        return dict(archive)


def kept(path: Path, what: str) -> list[np.ndarray]:
    """Return the arrays recorded for a file, in order."""
    found = recorded(path.parent)
    names = [f"{path.stem}/{what}.{i}" for i in range(100)]
    return [found[name] for name in names if name in found]


def close(found, expected) -> None:
    found = jax.tree.leaves(found)
    assert len(found) == len(expected) > 0
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(np.asarray(one), other, rtol=2e-4, atol=2e-5)


def inputs(path: Path):
    arrays = kept(path, "x")
    if arrays:
        return arrays[0] if len(arrays) == 1 else arrays
    if path.stem == "whole":
        return recorded(path.parent)["whole/x"]
    case = TABLES[path.stem]
    case.make(lamina)  # knows the user's own classes from here on
    return case.x


def named(paths, start):
    found = [p for p in paths if p.stem.startswith("trained_") == start]
    found = [p for p in found if p.stem != "only_weights"]
    return [pytest.param(p, id=f"{p.parent.name}-{p.name}") for p in found]


@pytest.mark.parametrize("path", named(FILES, start=False))
def test_a_model_predicts_what_it_did(path):
    x = inputs(path)
    model = lamina.models.load_model(path)
    close(model.predict_on_batch(x), kept(path, "predicted"))


@pytest.mark.parametrize("path", named(FILES, start=True))
def test_training_goes_on_as_it_did(path):
    known = recorded(path.parent)
    model = lamina.models.load_model(path)
    if path.suffix == ".keras":
        case = TRAINED[path.stem]
        close(model.predict(case.x, batch_size=8, verbose=0), kept(path, "predicted"))
        history = model.fit(case.x, case.y, epochs=2, **STEPS, **case.fit)
        found = [*history.history["loss"], *model.get_weights()]
        if path.parent.name != "keras-3.15":
            # Losses were averaged in other ways.
            found[:2] = kept(path, "after")[:2]
    else:
        model.fit(known["trained/x"], known["trained/y"], epochs=3, **STEPS)
        found = model.get_weights()
    close(found, kept(path, "after"))


@pytest.mark.parametrize("path", USER_CLASS_FILES, ids=lambda p: p.stem)
def test_classes_of_ones_own_go_on_as_they_did(path):
    case = USER_CLASS_CASES[path.stem]
    case.make(lamina)  # registers the classes
    model = lamina.models.load_model(path)
    assert not model.load_report.mismatches
    close(model.predict(case.x, batch_size=8, verbose=0), kept(path, "predicted"))
    model.fit(case.x, TARGETS, epochs=2, **STEPS)
    # Half a number's precision is not the same bits everywhere.
    far = 0.01 if path.stem == "other_types" else 0
    for one, other in zip(model.get_weights(), kept(path, "after"), strict=True):
        one = one.astype("float32")
        np.testing.assert_allclose(one, other, rtol=2e-4, atol=2e-5 + far)


ONLY_WEIGHTS = [path for path in FILES if path.stem == "only_weights"]


@pytest.mark.parametrize("path", ONLY_WEIGHTS, ids=lambda p: p.parent.name)
def test_weights_alone_are_read_into_a_model(path):
    whole = path.with_name("stack.h5")
    model = lamina.models.load_model(whole)
    expected = model.get_weights()
    model.set_weights([np.zeros_like(w) for w in expected])
    report = model.load_weights(path)
    assert len(report.loaded) == len(expected) and not report.mismatches
    close(model.get_weights(), expected)
    with pytest.raises(lamina.errors.FileFormatError, match="holds only weights"):
        lamina.models.load_model(path)
