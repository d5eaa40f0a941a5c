"""ResNet-20 with batch normalization."""

from benchmarks.claim import Claim, Level
from benchmarks.contest import QUANTITIES, bars, peers
from benchmarks.workload import RESNET20

CLAIM = Claim(
    name="resnet20",
    title="ResNet-20, 32x32x3, batch 128, Adam",
    quantities=QUANTITIES,
    peers=peers(RESNET20, images=True),
    bars=bars(keras=4, torch=0.85),
    rounds=5,
    quick_rounds=2,
    level=Level.DEFAULT,
)
