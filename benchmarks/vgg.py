"""VGG-like network: two blocks of two convolutions and a pooling layer."""

from benchmarks.claim import Claim
from benchmarks.contest import QUANTITIES, bars, peers
from benchmarks.workload import VGG

CLAIM = Claim(
    name="vgg",
    title="2 conv 32, pool, 2 conv 64, pool, dense 256, 10; 32x32x3, batch 32, Adam",
    quantities=QUANTITIES,
    peers=peers(VGG, images=True),
    bars=bars(keras=3.5, torch=1.05, share=0.5),
    rounds=5,
    quick_rounds=2,
)
