"""Save and load a model of a hundred million parameters."""

from benchmarks.claim import Bar, Claim, Level, Peer, Quantity

CLAIM = Claim(
    name="save_load",
    title="four dense layers of 5,000 units, 100 M parameters, 381 MiB",
    quantities=(
        Quantity("both", "model.save and load_model", "s"),
        Quantity("save", "model.save, .keras", "s"),
        Quantity("load", "load_model", "s"),
        Quantity("save_weights", "save_weights, .weights.h5", "s"),
        Quantity("load_weights", "load_weights", "s"),
        Quantity("growth", "memory that save takes", "x weights", ratios=False),
    ),
    peers=(
        Peer("lamina", "saved_model:save_and_load", {"library": "lamina"}),
        Peer("Keras-JAX", "saved_model:save_and_load", {"library": "keras"}),
    ),
    bars=(
        Bar("not slower than Keras", "both", ("Keras-JAX",), factor=1),
        Bar("at most 1.5 x the weights, 0.5 x on top of them", "growth", plus=0.5),
    ),
    rounds=5,
    quick_rounds=3,
    level=Level.DEFAULT,
    notes=(
        "lamina waits until the file has reached the disk, stores its SHA-256 and "
        "verifies it on loading. Keras does neither.",
    ),
)
