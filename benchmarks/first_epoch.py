"""Time from process start to the end of the first epoch, for eight networks."""

from collections.abc import Mapping

from benchmarks.claim import Bar, Claim, Level, Peer, Quantity
from benchmarks.contest import KERAS, TORCH
from benchmarks.one_epoch import NETWORKS

_JAX_CACHE = {
    "JAX_COMPILATION_CACHE_DIR": "{folder}",
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
}


def _peer(name: str, target: str, cache: Mapping[str, str], **arguments: str) -> Peer:
    task = {"target": target, "cache": cache, "networks": (*NETWORKS,), **arguments}
    return Peer(name, "process:first_epoch", task)


CLAIM = Claim(
    name="first_epoch",
    title="process start to the end of the first epoch",
    quantities=tuple(
        Quantity(f"{network} {start}", f"{network}, {label}", "s")
        for network in NETWORKS
        for start, label in (("first", "empty compile cache"), ("second", "same again"))
    ),
    peers=(
        _peer(
            "lamina", "keras_api:fit", {"XDG_CACHE_HOME": "{folder}"}, library="lamina"
        ),
        _peer(KERAS, "keras_api:fit", {}, library="keras"),
        _peer(
            "Keras-JAX with JAX's compile cache",
            "keras_api:fit",
            _JAX_CACHE,
            library="keras",
        ),
        _peer(TORCH[0], "torch_loop:fit", {}),
    ),
    bars=tuple(
        Bar(f"{network}: {text}", f"{network} {start}", (peer,), factor)
        for network in NETWORKS
        for text, start, peer, factor in (
            ("not slower than Keras-JAX", "first", KERAS, 1),
            ("at most 1.3 of torch's time", "first", TORCH[0], 1.3),
            ("second start in half of torch's time", "second", TORCH[0], 0.5),
        )
    ),
    rounds=3,
    quick_rounds=2,
    level=Level.DEFAULT,
    notes=(
        "lamina uses a compile cache by default. Keras and JAX use none unless you "
        "configure one, so their second start compiles again.",
        "Convolutional networks do not use lamina's cache on x86 processors: their "
        "programs call oneDNN, and such programs cannot be stored.",
    ),
)
