"""Autoencoder with a decoder of transposed convolutions."""

from benchmarks.claim import Claim, Level
from benchmarks.contest import QUANTITIES, bars, peers
from benchmarks.workload import AUTOENCODER

CLAIM = Claim(
    name="autoencoder",
    title="conv 32, 64, transposed 64, 32, conv 1; 28x28, batch 128, Adam",
    quantities=QUANTITIES,
    peers=peers(AUTOENCODER, images=True),
    bars=bars(keras=4, torch=0.9),
    rounds=5,
    quick_rounds=2,
    level=Level.DEFAULT,
)
