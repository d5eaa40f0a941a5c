"""Every test starts from the same state, whatever ran before it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

# Set before lamina is imported: it reads the variable then. Programs compiled by one
# run are there for the next; deleting the folder only costs time.
CACHE = Path(__file__).parents[1] / ".pytest_cache" / "xla"
os.environ.setdefault("LAMINA_COMPILE_CACHE", str(CACHE))
# What is timed may come out another way the next time.
os.environ["LAMINA_AUTOTUNE"] = "off"

import jax  # noqa: E402
import pytest  # noqa: E402
from hypothesis import settings  # noqa: E402

from lamina import config, execution, limits  # noqa: E402
from lamina.core import custom_objects, module  # noqa: E402
from lamina.core.random import seeds  # noqa: E402

# These tests compare numbers within tolerances, so they hold for any machine code.
# Compiling with few optimizations takes less time.
OPTIMIZE_LESS = "jax_disable_most_optimizations"
QUICKLY_COMPILED = (
    *("laws", "unit/layers", "unit/losses", "unit/metrics", "unit/models"),
    *("unit/ops", "unit/optimizers", "flows/real_files"),
)
FULLY_COMPILED = ("laws/test_kernels.py", "unit/ops/kernels")

settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")


def pytest_configure(config: pytest.Config) -> None:
    # Tests have few rows and small models, made to be quick.
    config.addinivalue_line("filterwarnings", "ignore::lamina.errors.AdviceWarning")


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("gpu") and jax.default_backend() != "gpu":
        pytest.skip("needs a GPU")


@pytest.fixture(scope="module", autouse=True)
def optimizations(request: pytest.FixtureRequest) -> None:
    """Compile with few optimizations where the result does not depend on them."""
    path = request.path.relative_to(Path(__file__).parent).as_posix()
    few = path.startswith(QUICKLY_COMPILED) and not path.startswith(FULLY_COMPILED)
    if few != jax.config.values[OPTIMIZE_LESS]:
        jax.clear_caches()  # they do not distinguish the two
        jax.config.update(OPTIMIZE_LESS, few)


@pytest.fixture(autouse=True)
def fresh_state(monkeypatch: pytest.MonkeyPatch) -> None:
    """Automatic names, seeds, settings and registered objects as in a new process."""
    monkeypatch.setattr(config, "_settings", dict(config._settings))
    monkeypatch.setattr(execution, "_settings", dict(execution._settings))
    monkeypatch.setattr(limits, "_limits", dict(limits._limits))
    custom = dict(custom_objects._custom)
    monkeypatch.setattr(custom_objects, "_custom", custom)
    config.set_dtype_policy(None)
    module.reset_names()
    seeds.set_seed(0)


@pytest.fixture
def keyboard() -> Iterator[None]:
    """Ctrl-C as in a terminal: what a shell runs in the background ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
