"""Table with many categories: most parameters are embeddings."""

from benchmarks.claim import Claim
from benchmarks.contest import QUANTITIES, bars, peers
from benchmarks.workload import TABULAR

CLAIM = Claim(
    name="tabular",
    title="16 embeddings 10,000 x 16, 8 floats, dense 256, 128, 1; batch 256, Adam",
    quantities=QUANTITIES,
    peers=peers(TABULAR, by_hand=True),
    bars=bars(keras=1, torch=1),
    rounds=5,
    quick_rounds=2,
)
