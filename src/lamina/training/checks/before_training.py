"""Report of findings: errors are raised, the rest is one warning."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import numpy as np

from lamina import config
from lamina.core.scope import local
from lamina.errors import AdviceWarning, LikelyMistakeWarning
from lamina.lazy import LazyImport
from lamina.tracebacks import user_location, warn
from lamina.training.checks.case import Case
from lamina.training.checks.findings import Findings
from lamina.training.checks.rules import find
from lamina.training.options import FitOptions
from lamina.training.state import TrainingState

_ARRAYS = np.ndarray, jax.Array
_probe = LazyImport("lamina.tuning.probe:probe")


def check_case(state: TrainingState, given: FitOptions, case: Case) -> Findings:
    """Look for mistakes, and report them as `lamina.config.set_checks` says.

    A call with the data, callbacks and numbers of the last one is not checked again.

    Args:
        state: the model's training.
        given: the arguments of `fit` as the user passed them.
        case: the model with its data.

    Returns:
        The findings; none if this call is not checked again.
    """
    is_asked = local.on_findings is not None
    is_silent = given.check_level in ("off", "errors")
    if not is_asked and (is_silent or _is_checked(state, given, case)):
        return Findings()
    found = Findings(find(case))
    if given.check_level == "probe" and given.y is not None:
        data = given.x, given.y, given.sample_weight, given.batch_size
        found = Findings([*found, *_probe.load()(case.model, *data)])
    if local.on_findings is not None:
        where = user_location()
        local.on_findings(
            Findings(f._replace(where=f.where or where) for f in found), where
        )
        return found
    if found:
        is_advice = not found.of("warning")
        warn(_text(found), AdviceWarning if is_advice else LikelyMistakeWarning)
    return found


def _is_checked(state: TrainingState, given: FitOptions, case: Case) -> bool:
    """Return whether the last call had this data and these arguments; store them."""
    weight, held_out = given.sample_weight, given.validation_data
    data = list(_leaves((given.x, given.y, weight, held_out)))
    layers = state.once("layers", lambda: tuple(map(id, case.model.all_layers())))
    key = (
        *layers,
        *(given.check_level, config.silenced_checks()),
        *(given.batch_size, given.epochs, given.initial_epoch),
        *(given.steps_per_epoch, given.shuffle),
        *(given.validation_split, repr(given.class_weight)),
        tuple((type(c), getattr(c, "monitor", None)) for c in case.callbacks),
    )
    before, state.checked = state.checked, None
    if all(isinstance(a, _ARRAYS) for a in data):
        state.checked = key, [weakref.ref(a) for a in data]
    if before is None or before[0] != key or len(before[1]) != len(data):
        return False
    return all(ref() is a for ref, a in zip(before[1], data, strict=True))


def _leaves(data: object) -> Iterator[Any]:
    """Yield the values in nested lists and dictionaries."""
    if isinstance(data, Mapping):
        data = tuple(data.values())
    if isinstance(data, (list, tuple)):
        for item in data:
            yield from _leaves(item)
    elif data is not None:
        yield data


def _text(found: Findings) -> str:
    """Return findings as the text of one warning."""
    if len(found) == 1:
        return f"{found[0]} [{found[0].code}]"
    lines = [f"- {each} [{each.code}]" for each in found]
    return "\n".join([f"{len(found)} likely mistakes:", *lines])
