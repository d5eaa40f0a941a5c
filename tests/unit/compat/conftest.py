"""Tests of old programs run with `keras` and `tensorflow` as modules of lamina."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lamina import compat, config


@pytest.fixture(autouse=True)
def old_keras() -> Iterator[None]:
    before = config.image_data_format()
    with compat.installed():
        yield
    config.set_image_data_format(before)
