"""LSTM text classifier."""

from benchmarks.claim import Claim
from benchmarks.contest import QUANTITIES, bars, peers
from benchmarks.workload import LSTM

CLAIM = Claim(
    name="lstm",
    title="embedding 20,000 x 128, LSTM 128, dense 1; 80 words, batch 32, Adam",
    quantities=QUANTITIES,
    peers=peers(LSTM, by_hand=True),
    bars=bars(keras=1.35, torch=1),
    rounds=5,
    quick_rounds=2,
)
