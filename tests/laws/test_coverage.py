"""Every public class and function has a case in a table, or tests of another kind."""

from __future__ import annotations

import ast
import doctest
import functools
import inspect
import operator
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import lamina
from tests.tables.activations import ACTIVATIONS, SPARSEMAX
from tests.tables.applications import FUNCTIONS as APPLICATIONS
from tests.tables.bounding_boxes import BOUNDING_BOXES
from tests.tables.functions import FUNCTIONS
from tests.tables.initializers import INITIALIZERS
from tests.tables.layers import LAYERS
from tests.tables.losses import LOSSES
from tests.tables.metrics import METRICS
from tests.tables.ops import CASES as OPS
from tests.tables.ops_ctc import CTC_OPS
from tests.tables.ops_image import IMAGE_OPS
from tests.tables.optimizers import OPTIMIZERS
from tests.tables.penalties import CONSTRAINTS, REGULARIZERS
from tests.tables.schedules import SCHEDULES
from tools.api_snapshot import public_names

TESTS = Path(__file__).parents[1]
# Cases that make an object or select a function.
SUBJECTS = (
    *(ACTIVATIONS, SPARSEMAX, APPLICATIONS, INITIALIZERS, LAYERS, LOSSES, METRICS),
    *(OPTIMIZERS, CONSTRAINTS, REGULARIZERS, SCHEDULES),
)


class Exemption(NamedTuple):
    """Public names without a case.

    Args:
        reason: why no table can hold them.
        tests: file or folder with their tests, which must use each name.
        names: names, or modules all of whose names it is about.
    """

    reason: str
    tests: str
    names: str


EXEMPTIONS = [
    Exemption(
        "a base that users extend, or the wrapper of another library's object",
        "unit",
        "Constraint FlaxLayer Initializer InputLayer InputSpec JaxLayer Layer "
        "LearningRateSchedule Loss Metric Operation OptaxOptimizer Optimizer "
        "OptimizerMap Regularizer TFSMLayer TorchModuleWrapper Wrapper",
    ),
    Exemption("the laws of configs call it", "", "deserialize get serialize"),
    Exemption("a setting of the process", "", "backend config mixed_precision"),
    Exemption("a part of graphs or of tracing", "unit", "lamina models dtype_policies"),
    Exemption("it acts while a model trains", "unit", "callbacks distillation"),
    Exemption("a name of Keras 2", "unit", "legacy"),
    Exemption("it is about files, models or terminals", "", "datasets saving utils"),
    Exemption("its tests draw images", "unit/visualization", "visualization"),
    Exemption("it measures a model", "unit", "tuning"),
    Exemption("its tests need eight devices", "unit/distribution", "distribution"),
    Exemption("its random numbers have laws", "unit", "random elastic_transform"),
    Exemption("its tests cause the error", "", "errors"),
    Exemption("its result is about this machine", "unit/test_kernels.py", "kernels"),
    Exemption("scikit-learn's own checks", "unit/test_wrappers.py", "wrappers"),
    Exemption("it returns nothing or no arrays", "unit/test_tree.py", "tree"),
    Exemption(
        "it reads the file with the names of classes",
        "unit/applications",
        "decode_predictions",
    ),
]


def cases() -> Iterator[Any]:
    """Yield the class or function that each case is about."""
    for case in [case for table in SUBJECTS for case in table]:
        subject = case.make(lamina)
        yield subject if inspect.isfunction(subject) else type(subject)
        while isinstance(subject, functools.partial):
            subject = subject.func
            yield subject
    for case in LOSSES:
        if case.function:
            yield case.function(lamina).func
    names = [case.name.split()[0] for case in [*FUNCTIONS, *BOUNDING_BOXES, *CTC_OPS]]
    names += [f"ops.{case.name}" for case in OPS]
    names += [f"ops.image.{case.op}" for case in IMAGE_OPS]
    for name in names:
        yield operator.attrgetter(name)(lamina)


@functools.cache
def without_case() -> dict[str, Any]:
    """Return public classes and functions without a case, by their shortest name."""
    values = {
        id(value): (name, value)
        for name, value in sorted(public_names(), key=lambda item: -len(item[0]))
        if inspect.isclass(value) or inspect.isfunction(value)
    }
    for value in cases():
        values.pop(id(value), None)
    return dict(values.values())


def exemption_of(name: str) -> Exemption | None:
    """Return the exemption for a name or for its module."""
    *modules, leaf = name.split(".")
    for exemption in EXEMPTIONS:
        if not {*(modules[1:] or modules), leaf}.isdisjoint(exemption.names.split()):
            return exemption
    return None


def test_everything_public_has_a_case():
    missing = {name for name in without_case() if not exemption_of(name)}
    assert missing == set(), "add cases to tests/tables, or exempt the module"


@functools.cache
def used_names(path: Path) -> set[str]:
    """Return the names, attributes and strings in the code of a file or folder."""
    if path.is_dir():
        return set().union(*(used_names(p) for p in path.rglob("*.py")))
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.alias):
            found.add(node.name)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value)
    return found


def has_example(name: str, value: Any) -> bool:
    """Return whether the docstring has an example, which the tests run."""
    examples = doctest.DocTestParser().get_examples(value.__doc__ or "")
    return any(name in example.source for example in examples)


@pytest.mark.parametrize("exemption", EXEMPTIONS, ids=lambda e: e.names.split()[0])
def test_what_has_no_case_has_other_tests(exemption):
    exempt = {n: v for n, v in without_case().items() if exemption_of(n) is exemption}
    assert exempt, "remove the exemption"
    used = used_names(TESTS / exemption.tests)
    leaves = {name.rpartition(".")[2]: value for name, value in exempt.items()}
    missing = {n for n, v in leaves.items() if n not in used and not has_example(n, v)}
    assert missing == set(), f"add tests to {exemption.tests}"
