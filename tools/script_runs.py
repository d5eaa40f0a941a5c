"""Run copies of a program, each with a seed: the processes of `tools.train_scripts`.

    python -m tools.script_runs WAY ROWS SEED.py...

WAY is `lamina`, for `lamina run`, or `keras`. MNIST has ROWS rows for training.
"""

from __future__ import annotations

import importlib
import os
import runpy
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np


def _mnist(count: int) -> Any:
    """Return a `load_data` of rows in the cache, of which 1,000 are for tests.

    Both libraries check the hash of the file of MNIST, so that they cannot read it.
    """
    file = np.load(Path(os.environ["KERAS_HOME"], "datasets", "mnist.npz"))
    x, y = file["x"], file["y"]
    rows = (x[1000:][:count], y[1000:][:count]), (x[:1000], y[:1000])
    return lambda path="mnist.npz": rows


def _run(way: str, path: Path) -> int:
    if way == "lamina":
        program = importlib.import_module("lamina.compat.program")
        return program.run_program(path, quiet=True)
    runpy.run_path(str(path), run_name="__main__")
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the copies in processes that share the imports."""
    way, count, *paths = sys.argv[1:] if arguments is None else arguments
    library: Any = importlib.import_module(way)
    library.datasets.mnist.load_data = _mnist(int(count))
    for path in map(Path, paths):
        child = os.fork()
        if child == 0:
            library.utils.set_random_seed(int(path.stem))
            sys.exit(_run(way, path))
        if os.waitpid(child, 0)[1]:
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
