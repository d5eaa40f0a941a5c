"""Time from process start to the end of the first epoch of the seed model."""

from collections.abc import Mapping

from benchmarks.claim import Bar, Claim, Level, Peer, Quantity

_JAX_CACHE = {
    "JAX_COMPILATION_CACHE_DIR": "{folder}",
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
}


def _peer(name: str, peer: str, cache: Mapping[str, str] | None = None) -> Peer:
    arguments = {"claim": "seed_model", "peer": peer, "cache": cache or {}}
    return Peer(name, "process:first_epoch", arguments)


CLAIM = Claim(
    name="first_epoch",
    title="784-32-10, batch 32, 60,000 rows, process start to end of first epoch",
    quantities=(
        Quantity("first", "empty compile cache", "s"),
        Quantity("second", "same again", "s"),
    ),
    peers=(
        _peer("lamina", "lamina", {"XDG_CACHE_HOME": "{folder}"}),
        _peer("JAX scan", "JAX scan"),
        _peer("Keras-JAX", "Keras-JAX"),
        _peer("Keras-JAX with JAX's compile cache", "Keras-JAX", _JAX_CACHE),
        _peer("torch eager", "torch eager"),
    ),
    bars=(
        Bar("faster than Keras-JAX with an empty cache", "first", ("Keras-JAX",), 1),
        Bar("half of Keras-JAX with a warm cache", "second", ("Keras-JAX",), 0.5),
    ),
    rounds=5,
    quick_rounds=2,
    level=Level.DEFAULT,
    notes=(
        "lamina uses a compile cache by default. Keras and JAX use none unless you "
        "configure one, so their second start compiles again.",
        "Convolutional networks do not use lamina's cache on x86 processors: their "
        "programs call oneDNN, and such programs cannot be stored.",
    ),
)
