"""One epoch over a folder of JPEGs, without a model."""

from benchmarks.claim import Bar, Claim, Peer, Quantity

CLAIM = Claim(
    name="image_folder",
    title="5,000 JPEGs of 160 x 160, batches of 32: one epoch",
    quantities=(
        Quantity("epoch", "an epoch", "s"),
        Quantity("growth", "growth of memory in an epoch", "MB", 1e-6, ratios=False),
    ),
    peers=(
        Peer("lamina", "folders:lamina"),
        Peer("torchvision, 2 workers", "folders:torchvision", {"workers": 2}),
        Peer("torchvision, no workers", "folders:torchvision", {"workers": 0}),
    ),
    bars=(
        Bar("not slower than ImageFolder with 2 workers", "epoch",
            ("torchvision, 2 workers",), factor=1),
        Bar("memory grows by at most 20 MB in an epoch", "growth", plus=20e6),
    ),
    rounds=5,
    quick_rounds=3,
    notes=("A quick round reads 1,000 files.",),
)  # fmt: skip
