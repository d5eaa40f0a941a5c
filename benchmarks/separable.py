"""Depthwise-separable convolutions, as in mobile networks."""

from benchmarks.claim import Claim, Level
from benchmarks.contest import QUANTITIES, bars, peers
from benchmarks.workload import SEPARABLE

CLAIM = Claim(
    name="separable",
    title="conv 32, separable 64 to 256, 32x32x3, batch 32, Adam",
    quantities=QUANTITIES,
    peers=peers(SEPARABLE, images=True),
    bars=bars(keras=10, torch=0.7),
    rounds=5,
    quick_rounds=2,
    level=Level.DEFAULT,
)
