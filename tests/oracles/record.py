"""Record what Keras does with each case: `python -m tests.oracles.record [family ...]`.

Needs the extra `oracle` (keras 3.15.1). The suite only reads the recorded files."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np

os.environ["KERAS_BACKEND"] = "jax"

import keras  # noqa: E402

from tests.oracles.families import FAMILIES  # noqa: E402

HERE = Path(__file__).parent


def record(name: str) -> None:
    family = FAMILIES[name]
    arrays = {
        f"{case.name}/{key}": value
        for case in family.cases
        for key, value in family.observe(keras, case).items()
    }
    np.savez_compressed(HERE / f"{name}.npz", **arrays)
    print(f"{name}: {len(family.cases)} cases, {len(arrays)} arrays")


if __name__ == "__main__":
    for name in sys.argv[1:] or FAMILIES:
        record(name)
