"""Cost of checkpoints: the same `fit` with a checkpoint every 10 s, and without."""

from benchmarks.claim import Bar, Claim, Level, Peer, Quantity

CLAIM = Claim(
    name="checkpoint_cost",
    title="fit(resume=folder), a checkpoint every 10 s",
    quantities=(
        Quantity("dense", "784-32-10, batch 32: a step", "us", 1e6),
        Quantity("convolutional", "the demo's digits, batch 32: a step", "us", 1e6),
        Quantity("dense_share", "784-32-10: checkpoints", "%", 100, ratios=False),
        Quantity("convolutional_share", "digits: checkpoints", "%", 100, ratios=False),
    ),
    peers=(
        Peer("lamina", "checkpoints:fit", {"keep": True}),
        Peer("without checkpoints", "checkpoints:fit", {"keep": False}),
    ),
    bars=(
        Bar("under 3 % of dense training", "dense_share", plus=0.03),
        Bar("under 3 % of convolutional training", "convolutional_share", plus=0.03),
    ),
    rounds=5,
    quick_rounds=2,
    level=Level.DEFAULT,
    notes=(
        "A round trains each network for 25 seconds, or 12 with --quick.",
        "The share is the additional time of epochs with a checkpoint, relative to "
        "their neighbors in the same run: whole runs differ by more than 3 %.",
    ),
)
