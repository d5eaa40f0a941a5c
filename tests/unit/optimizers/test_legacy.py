"""`lamina.optimizers.legacy`."""

from __future__ import annotations

import pytest

from lamina.optimizers import legacy


@pytest.mark.parametrize("name", legacy.__all__)
def test_legacy_optimizers_name_the_current_ones(name):
    with pytest.raises(ImportError, match=r"lamina\.optimizers\.Adam"):
        getattr(legacy, name)(0.001)
