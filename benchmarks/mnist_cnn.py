"""Usual convolutional network for MNIST."""

from benchmarks.claim import Claim
from benchmarks.contest import QUANTITIES, bars, peers
from benchmarks.workload import MNIST_CNN

CLAIM = Claim(
    name="mnist_cnn",
    title="conv 32, conv 64, pool, dropout, dense 128, 10; 28x28, batch 128, Adam",
    quantities=QUANTITIES,
    peers=peers(MNIST_CNN, images=True),
    bars=bars(keras=5, torch=1.05, share=0.5),
    rounds=5,
    quick_rounds=2,
)
