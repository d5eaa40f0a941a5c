"""What symbolic tensors carry, and what is said when a graph can't be wired."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lamina
from lamina import layers


class NeedsMask(layers.Layer):
    """A layer that insists on a mask, as users' layers do."""

    supports_masking = True

    def call(self, inputs: Any, mask: Any = None) -> Any:
        assert mask is not None
        return inputs * mask[..., None]


def test_masks_are_known_while_a_graph_is_wired() -> None:
    tokens = layers.Input((None,), dtype="int32")
    vectors = layers.Embedding(5, 2, mask_zero=True)(tokens)
    assert vectors.mask == (None, None)
    kept = NeedsMask()(layers.Dense(3)(vectors))
    assert kept.mask == (None, None)
    last = layers.LSTM(4)(kept)
    assert last.mask is None
    model = lamina.Model(tokens, kept)
    values = model.predict(np.array([[1, 2, 0]]), verbose=0)
    assert np.all(values[0, 2] == 0) and np.any(values[0, 1] != 0)


def test_a_layer_is_told_that_there_is_no_mask() -> None:
    with pytest.raises(AssertionError):
        NeedsMask()(layers.Input((3, 2)))


def test_errors_show_unknown_sizes_as_unknown() -> None:
    inner = lamina.Sequential([layers.Input((4,)), layers.Dense(3)], name="inner")
    with pytest.raises(lamina.errors.ShapeError, match=r"one of shape \(None, 2, 4\)"):
        inner(layers.Input((2, 4)))

    class Failing(layers.Layer):
        def call(self, inputs: Any) -> Any:
            raise ZeroDivisionError("in the user's layer")

    with pytest.raises(ZeroDivisionError, match="user's layer") as caught:
        Failing(name="failing")(layers.Input((None, 3)))
    (note, *_) = caught.value.__notes__
    assert "'failing'" in note and "(None, None, 3)" in note
