"""Base class of layers with spatial axes: signals, images and volumes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Unpack

from lamina import config
from lamina.core.check import Check, one_of, optional, sizes
from lamina.errors import ShapeError
from lamina.layers.base import Converted, InputSpec, Layer, Options
from lamina.typing import PartialShape

data_formats = optional(one_of("channels_last", "channels_first"))


def per_axis(value: int | Sequence[int], rank: int) -> tuple[int, ...]:
    """Return one integer for each spatial axis, repeating a single one."""
    return (value,) * rank if isinstance(value, int) else tuple(value)


class DataFormat(Converted[str]):
    """Attribute with the order of the axes; `None` sets that of the configuration."""

    def __init__(self) -> None:
        super().__init__(lambda v: (v or config.image_data_format()).lower())


class PerAxis(Converted[tuple[int, ...]]):
    """Attribute with an integer for each spatial axis, set by one or by several.

    Args:
        like: the attribute whose value replaces `None`, if `None` is allowed.
    """

    def __init__(self, like: str = "") -> None:
        super().__init__(tuple)
        self.like = like

    def __set__(self, instance: Any, value: Any) -> None:
        value = getattr(instance, self.like) if value is None else value
        vars(instance)[self.name] = per_axis(value, instance.rank)

    def check(self, rank: int) -> Check:
        """Return the constraint on the constructor's argument of the same name."""
        return optional(sizes(rank)) if self.like else sizes(rank)


class Spatial(Layer):
    """Base class of layers with a batch axis, `rank` spatial axes and a channel axis.

    A class that sets `rank` checks the arguments that are `PerAxis` attributes.

    Args:
        data_format: `"channels_last"` or `"channels_first"`; `None` for
            `config.image_data_format()`.
    """

    rank: ClassVar[int]
    data_format: DataFormat = DataFormat()
    arguments = {"data_format": data_formats}

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        if "rank" in vars(cls):
            members = [m for base in cls.__mro__ for m in vars(base).values()]
            declared = [m for m in members if isinstance(m, PerAxis)]
            checks = {m.name: m.check(cls.rank) for m in reversed(declared)}
            cls.arguments = checks | cls.arguments

    def __init__(
        self, data_format: str | None = None, **kwargs: Unpack[Options]
    ) -> None:
        super().__init__(**kwargs)
        self.data_format = data_format
        self.input_spec = InputSpec(ndim=self.rank + 2)

    @property
    def channel_axis(self) -> int:
        """The axis of the channels."""
        return -1 if self.data_format == "channels_last" else 1

    @property
    def spatial_axes(self) -> tuple[int, ...]:
        """The axes of the steps, or of the rows and columns."""
        first = 1 if self.data_format == "channels_last" else 2
        return tuple(range(first, first + self.rank))

    def spatial_sizes(self, shape: PartialShape) -> tuple[int | None, ...]:
        """Return the sizes along the spatial axes."""
        return tuple(shape[axis] for axis in self.spatial_axes)

    def check_window(
        self, shape: PartialShape, window: Sequence[int], name: str
    ) -> None:
        """Raise `ShapeError` if a window is larger than the input."""
        inner = self.spatial_sizes(shape)
        if all(n is None or n >= w for n, w in zip(inner, window, strict=True)):
            return
        mend = (
            f"Use padding='same', a smaller {name}, or fewer pooling layers before it."
        )
        code, is_last = "", self.data_format == "channels_last"
        if is_last and inner[0] in (1, 3) and inner[1:] == (shape[-1],):
            code = "channels-first"
            mend = (
                "These are images with their channels first: pass "
                "x.transpose(0, 2, 3, 1), and give the model the shape "
                f"{(*inner[1:], shape[-1], inner[0])}."
            )
        raise ShapeError(
            f"Layer {self.name!r} ({type(self).__name__}): the {name} spans "
            f"{tuple(window)}, which is larger than the input, {inner} "
            f"(input shape {tuple(shape)}, {self.data_format}). {mend}",
            code,
        )
