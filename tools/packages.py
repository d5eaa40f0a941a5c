"""Test packages that are built on Keras with lamina as their Keras.

    python -m tools.packages [NAME...]

Each package is installed into an environment of its own in the user's cache folder, its
file in tests/packages is run there, and docs/packages.md gets the result.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.environments import python_with

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "packages.md"
_TABLE = "| package | version | tests | tested |\n|---|---|---|---|\n"


class Package(NamedTuple):
    """A package, the features of it that its tests use, and what it needs besides.

    `needs` has packages that it imports, but that pip does not install with it.
    """

    name: str
    version: str
    tested: str
    needs: tuple[str, ...] = ()

    @property
    def tests(self) -> Path:
        """File of its tests."""
        return ROOT / "tests" / "packages" / f"test_{self.name.replace('-', '_')}.py"


PACKAGES = (
    Package(
        "keras-tuner",
        "1.4.8",
        "random, Bayesian, Hyperband and grid search; reloading a search; best models; "
        "hypermodels with their own `fit`",
        ("six",),
    ),
    Package(
        "scikeras",
        "0.13.0",
        "classifiers and regressors in pipelines and grid searches, pickles, "
        "`partial_fit`",
    ),
    Package(
        "bayesflow",
        "2.0.12",
        "the two moons: simulation, training, samples, saving and loading with "
        "`CouplingFlow` and `FlowMatching`",
    ),
    Package(
        "keras-hub",
        "0.32.0",
        "BERT, GPT-2, ViT and ResNet with a task each: outputs, a step of `fit` and "
        "generated tokens equal Keras 3.15.1's; presets of lamina and of Keras",
    ),
    Package(
        "keras-self-attention",
        "0.51.0",
        "training, saving and loading of a `SeqSelfAttention` on masked tokens",
    ),
    Package("livelossplot", "0.6.1", "`PlotLossesKeras` in `fit`"),
)


def passed_of(package: Package) -> tuple[int, int]:
    """Run the tests of a package; return how many passed, and how many there are."""
    requirement = f"{package.name}=={package.version}"
    python = python_with(
        (requirement, *package.needs, str(ROOT), "pytest", "hypothesis", "scikit-learn")
    )
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        paths = f"{ROOT / 'src'}{os.pathsep}{ROOT}"
        subprocess.run(
            [
                *command,
                f"--junitxml={report}",
                "-o",
                "addopts=--import-mode=importlib",
                str(package.tests),
            ],
            env={**os.environ, "PYTHONPATH": paths, "KERAS_BACKEND": "jax"},
            cwd=ROOT,
        )
        suite = ET.parse(report).getroot()[0].attrib
    total = int(suite["tests"])
    bad = sum(int(suite[name]) for name in ("failures", "errors", "skipped"))
    return total - bad, total


def main(arguments: Sequence[str] | None = None) -> int:
    """Test the packages and write the page; the status is 1 if a test fails."""
    names = [package.name for package in PACKAGES]
    parser = argparse.ArgumentParser(prog="python -m tools.packages")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(names))
    wanted = parser.parse_args(arguments).names or names
    head, _, table = PAGE.read_text("utf-8").partition(_TABLE)
    rows = {line.split(" | ")[0][2:]: line for line in table.splitlines()}
    failed = False
    for package in PACKAGES:
        if package.name in wanted:
            passed, total = passed_of(package)
            failed |= passed < total
            rows[package.name] = (
                f"| {package.name} | {package.version} | {passed} of {total} | "
                f"{package.tested} |"
            )
    lines = [rows[name] for name in names if name in rows]
    PAGE.write_text(head + _TABLE + "\n".join(lines) + "\n", "utf-8")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
