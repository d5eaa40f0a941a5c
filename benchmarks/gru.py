"""GRU text classifier."""

from benchmarks.claim import Claim, Level
from benchmarks.contest import QUANTITIES, bars, peers
from benchmarks.workload import GRU

CLAIM = Claim(
    name="gru",
    title="embedding 20,000 x 128, GRU 128, dense 1; 80 words, batch 32, Adam",
    quantities=QUANTITIES,
    peers=peers(GRU, by_hand=True),
    bars=bars(keras=1.35, torch=1),
    rounds=5,
    quick_rounds=2,
    level=Level.DEFAULT,
)
