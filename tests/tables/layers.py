"""Every layer case. Traits: a case `couples rows` when an output row depends on other
rows of the batch, is `random` when a training call draws numbers, `augments` if a call
without `training` draws them too, `remembers` between calls, `jumps` where it has no
slope, is `sized by values` when these determine the shape of the output, holds `code`
that no config can carry, `merges` weights in files, and is a `host` case when it cannot
run inside a compiled program."""

from __future__ import annotations

import functools
from typing import Any

from tests.tables.cases import LayerCase
from tests.tables.layers_adaptation import ADAPTATION
from tests.tables.layers_attention import ATTENTION
from tests.tables.layers_by_hand import (
    DISCRETIZATION,
    INTEGER_LOOKUP,
    MAXOUT,
    PENALTIES,
    STRING_LOOKUP,
)
from tests.tables.layers_conv_lstm import CONV_LSTM
from tests.tables.layers_convolution import CONVOLUTION
from tests.tables.layers_core import CORE
from tests.tables.layers_image import IMAGE
from tests.tables.layers_preprocessing import PREPROCESSING
from tests.tables.layers_recurrent import RECURRENT
from tests.tables.layers_spatial import SPATIAL
from tests.tables.layers_statistics import STATISTICS
from tests.tables.layers_text import HASHING, TEXT_VECTORIZATION
from tests.tables.layers_volumes import MORE

# One file of recorded results for each table.
TABLES = {
    "attention": ATTENTION,
    "convolution": CONVOLUTION,
    "core": CORE,
    "preprocessing": PREPROCESSING,
    "image": IMAGE,
    "recurrent": RECURRENT,
    "spatial": SPATIAL,
    "statistics": STATISTICS,
    "volumes": MORE,
    "adaptation": ADAPTATION,
    "conv_lstm": CONV_LSTM,
}
WITH_ORACLE = [case for table in TABLES.values() for case in table]
BY_HAND = [
    *MAXOUT,
    *PENALTIES,
    *STRING_LOOKUP,
    *INTEGER_LOOKUP,
    *DISCRETIZATION,
    *TEXT_VECTORIZATION,
    *HASHING,
]
LAYERS = [*WITH_ORACLE, *BY_HAND]


@functools.cache
def one_of_each(k: Any) -> list[LayerCase]:
    """The first case of each class, for laws that cost a compilation."""
    return list({type(case.make(k)): case for case in reversed(LAYERS)}.values())
