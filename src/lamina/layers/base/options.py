"""Types of the keyword arguments that layers pass on to `Layer`."""

from __future__ import annotations

from typing import TypeAlias, TypedDict

from lamina.core.dtypes import DTypePolicy
from lamina.typing import Config, DTypeLike, PartialShape, RegularizerLike

PolicyLike: TypeAlias = DTypeLike | DTypePolicy | Config
"""An element type, a policy or its config; `None` for the global policy."""


class CommonOptions(TypedDict, total=False):
    """Options of every layer; for layers that list `activity_regularizer`."""

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
