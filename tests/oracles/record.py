"""Record what Keras does with each case: `python -m tests.oracles.record [family ...]`.

Needs the extra `oracle` (keras 3.15.1). The suite only reads the recorded files."""

from __future__ import annotations

import os
import sys

import numpy as np

os.environ["KERAS_BACKEND"] = "jax"

import keras  # noqa: E402

from tests.oracles.families import FAMILIES, FORMATS, ORACLES  # noqa: E402

ALL = FAMILIES | FORMATS


def record(name: str) -> None:
    family = ALL[name]
    arrays = {
        f"{case.name}/{key}": value
        for case in family.cases
        for key, value in family.observe(keras, case).items()
    }
    np.savez_compressed(ORACLES / f"{name}.npz", **arrays)
    print(f"{name}: {len(family.cases)} cases, {len(arrays)} arrays")


if __name__ == "__main__":
    for name in sys.argv[1:] or ALL:
        record(name)
