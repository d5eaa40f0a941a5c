"""Every layer case. Traits: a case `couples rows` when an output row depends on other
rows of the batch, is `random` when a training call draws numbers, `remembers` between
calls, holds `code` that no config can carry, and is a `host` case when it cannot run
inside a compiled program."""

from __future__ import annotations

from tests.tables.layers_by_hand import MAXOUT, STRING_LOOKUP
from tests.tables.layers_core import CORE
from tests.tables.layers_more import MORE
from tests.tables.layers_recurrent import RECURRENT
from tests.tables.layers_spatial import SPATIAL
from tests.tables.layers_statistics import STATISTICS

WITH_ORACLE = [*CORE, *SPATIAL, *RECURRENT, *STATISTICS, *MORE]
BY_HAND = [*MAXOUT, *STRING_LOOKUP]
LAYERS = [*WITH_ORACLE, *BY_HAND]
