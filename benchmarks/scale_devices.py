"""Cost of sharding: equal total work on one device and on several of one CPU."""

from benchmarks.claim import Bar, Claim, Level, Peer, Quantity

_FLAG = "--xla_force_host_platform_device_count"
_COUNTS = (1, 2, 4, 8)


def _peer(name: str, kind: str, count: int) -> Peer:
    flags = {"XLA_FLAGS": f"{_FLAG}={count}"}
    return Peer(name, "devices:fit", {"kind": kind, "count": count}, flags)


CLAIM = Claim(
    name="scale_devices",
    title="784-512-512-10, batch 128 in all: several devices of one CPU",
    quantities=(
        Quantity("step", "a step of fit", "us", 1e6),
        Quantity("state", "state on a device, of the whole", "%", 100, ratios=False),
        Quantity("collective", "sent in a step", "KB", 1e-3, ratios=False),
    ),
    peers=(
        _peer("lamina", "data", 1),
        _peer("without a distribution", "none", 1),
        *(_peer(f"data parallel on {n}", "data", n) for n in _COUNTS[1:]),
        *(_peer(f"fully sharded on {n}", "fully", n) for n in _COUNTS[1:]),
    ),
    bars=(
        Bar(
            "a distribution of one device costs at most 3 %",
            "step",
            ("without a distribution",),
            factor=1.03,
        ),
    ),
    rounds=7,
    level=Level.DEFAULT,
    notes=(
        "All devices share the processors of the machine: a step shows what sharding "
        "costs, not what it gains.",
        "Bytes sent in a step are the results of all-reduce, all-gather and similar "
        "operations in the compiled loop over steps.",
    ),
)
