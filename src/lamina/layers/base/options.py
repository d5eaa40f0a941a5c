"""Types of the keyword arguments that layers pass on to `Layer`."""

from __future__ import annotations

from typing import TypedDict

from lamina.core.dtypes import PolicyLike
from lamina.typing import PartialShape, RegularizerLike


class CommonOptions(TypedDict, total=False):
    """Options of every layer whose constructor itself has `activity_regularizer`."""

    trainable: bool
    dtype: PolicyLike
    autocast: bool
    name: str | None
    input_shape: PartialShape | int | None
    batch_input_shape: PartialShape | None
    batch_shape: PartialShape | None
    input_dim: int | None


class Options(CommonOptions, total=False):
    """Options of every layer."""

    activity_regularizer: RegularizerLike
