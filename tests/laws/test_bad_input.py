"""Mistakes raise an explained error before the first training step."""

from __future__ import annotations

import traceback
from typing import Any

import pytest

from lamina import errors
from lamina.training import engine
from tests.tables import (
    bad_input,
    bad_programs,
    bad_shapes,
    bad_training_input,
    bad_user_code,
    bad_user_functions,
)
from tests.tables.bad_input import BadInput

CASES = (
    *bad_input.CASES,
    *bad_programs.CASES,
    *bad_training_input.CASES,
    *bad_shapes.CASES,
    *bad_user_code.CASES,
    *bad_user_functions.CASES,
)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_mistake_is_explained_before_the_first_step(
    case: BadInput, monkeypatch: pytest.MonkeyPatch
) -> None:
    for runner in (engine.LoopRunner, engine.StepRunner):

        def start(*given: Any, start: Any = runner.start) -> Any:
            assert bad_input.earlier_training, "a training step ran"
            return start(*given)

        monkeypatch.setattr(runner, "start", start)
    with pytest.raises(case.error) as caught:
        case.call()
    message = "\n".join([str(caught.value), *getattr(caught.value, "__notes__", [])])
    for word in case.words:
        assert word in message


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_traceback_has_only_user_frames(case: BadInput) -> None:
    with pytest.raises(case.error) as caught:
        case.call()
    frames = [frame for frame, _ in traceback.walk_tb(caught.value.__traceback__)]
    packages = [frame.f_globals["__name__"].partition(".")[0] for frame in frames]
    library = [package for package in packages if package in ("lamina", "jax")]
    # Errors of Python or JAX also have the frame of lamina that raised them.
    expected = issubclass(case.error, errors.LaminaError | UserWarning)
    assert len(library) <= (0 if expected else 1)
