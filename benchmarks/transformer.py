"""Small transformer that predicts the next character."""

from benchmarks.claim import Claim
from benchmarks.contest import QUANTITIES, bars, peers
from benchmarks.workload import TRANSFORMER

CLAIM = Claim(
    name="transformer",
    title="2 blocks, width 128, 4 heads, 128 characters of 256, batch 32, Adam",
    quantities=QUANTITIES,
    peers=peers(TRANSFORMER, by_hand=True),
    bars=bars(keras=1.1, torch=0.9),
    rounds=5,
    quick_rounds=2,
)
