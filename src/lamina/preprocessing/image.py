"""Image files and resizing, under the path of Keras."""

from __future__ import annotations

from lamina.data.files.images import (
    array_to_img,
    img_to_array,
    load_img,
    save_img,
    smart_resize,
)

__all__ = ["array_to_img", "img_to_array", "load_img", "save_img", "smart_resize"]


def __dir__() -> list[str]:
    return __all__
