"""Tolerances of all comparisons with oracles."""

from __future__ import annotations

from typing import NamedTuple


class Tolerance(NamedTuple):
    relative: float
    absolute: float


FLOAT32 = Tolerance(1e-5, 2e-6)

# Keyed by a family or by `family/case`; each wider bound with its reason.
WIDER: dict[str, Tolerance] = {
    # Pixels that cancel: the bound is for coordinates of up to 100.
    "bounding_boxes": Tolerance(1e-5, 1e-4),
    # Ten steps amplify the last bit.
    "models": Tolerance(2e-4, 2e-5),
    "optimizers": Tolerance(2e-5, 2e-6),
}

# A unit in the last place of the type, times the few roundings of a layer.
POLICIES = {
    "mixed_bfloat16": Tolerance(5e-2, 5e-2),
    "bfloat16": Tolerance(5e-2, 5e-2),
    "float16": Tolerance(1e-2, 1e-2),
    "mixed_float16": Tolerance(1e-2, 1e-2),
}

# A form of an op against its reference form in float64.
KERNELS = {
    "float64": Tolerance(1e-11, 1e-11),
    "float32": Tolerance(1e-4, 1e-5),
    "bfloat16": Tolerance(5e-2, 5e-2),
}


def tolerance(family: str, case: str) -> Tolerance:
    if case.endswith("-bfloat16"):  # Keras sums in 16 bits, lamina in 32
        return POLICIES["bfloat16"]
    return WIDER.get(f"{family}/{case}", WIDER.get(family, FLOAT32))
