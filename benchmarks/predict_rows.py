"""Time of `predict` for one row, a batch and ten thousand rows."""

from benchmarks.claim import Claim, Level
from benchmarks.scaling import bars, counted, keras_peers, peer, quantities
from benchmarks.workload import MLP512, MNIST_CNN

# Rows, and calls per round.
_DENSE = {
    f"{counted(rows, 'row')}, dense": {"training": MLP512, "rows": rows, "calls": calls}
    for rows, calls in ((1, 100), (32, 100), (10_000, 3))
}
_IMAGES = {
    f"{counted(rows, 'row')}, images": {
        "training": MNIST_CNN,
        "rows": rows,
        "calls": calls,
    }
    for rows, calls in ((1, 50), (32, 20), (10_000, 1))
}
_VARIANTS = _DENSE | _IMAGES

CLAIM = Claim(
    name="predict_rows",
    title="predict with its default batch of 32",
    quantities=(
        *quantities(_DENSE, "predict, 784-512-512-10", "ms", 1e3),
        *quantities(_IMAGES, "predict, MNIST's convolutional network", "ms", 1e3),
    ),
    peers=(
        *keras_peers(_VARIANTS, "predict", "predict_rows"),
        peer("torch eager", "torch_loop:predict", "predict", _VARIANTS),
    ),
    bars=bars(_VARIANTS),
    rounds=5,
    quick_rounds=2,
    level=Level.DEFAULT,
)
