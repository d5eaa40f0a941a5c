"""Cases of the loss and the decoders of connectionist temporal classification."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.tables.arrays import floats
from tests.tables.cases import SmallCase

LOGITS = floats(3, 6, 4, low=-3.0, high=3.0)
STEPS = np.array([6, 4, 2], "int32")
LABELS = np.array([[1, 1, 2], [2, 1, 1], [2, 1, 1]], "int32")


def loss(name: str, counts: list[int], **kwargs: Any) -> SmallCase:
    lengths = np.array(counts, "int32")
    return SmallCase(
        f"ops.ctc_loss {name}",
        lambda k: k.ops.ctc_loss(LABELS, LOGITS, lengths, STEPS, **kwargs),
    )


def decode(name: str, **kwargs: Any) -> SmallCase:
    return SmallCase(
        f"ops.ctc_decode {name}", lambda k: k.ops.ctc_decode(LOGITS, STEPS, **kwargs)
    )


BEAMS = {"strategy": "beam_search", "beam_width": 5, "top_paths": 3}
CTC_OPS = [
    loss("padded", [3, 2, 1]),
    loss("empty", [2, 0, 1]),
    loss("first_class_is_no_blank", [3, 1, 2], mask_index=3),
    decode("greedy"),
    decode("greedy_unmerged", merge_repeated=False),
    decode("greedy_last_class_is_blank", mask_index=None),
    decode("beams", **BEAMS),
    decode("beams_last_class_is_blank", mask_index=None, **BEAMS),
    decode("one_beam", strategy="beam_search", beam_width=1),
]
