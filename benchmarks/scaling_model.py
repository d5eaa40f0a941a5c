"""Time of a training step on many GPUs, computed: `python -m benchmarks.scaling_model`.

No time is measured. Floating-point operations and all-reduce operations are counted in
programs that JAX compiles for CPU devices, and divided by published speeds. The counts
are written to `benchmarks/results`; the chart and the tables of docs/scaling.md are
made from them, with `--page` from those of the last run.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks import charts, machine
from benchmarks.peers import keras_networks
from benchmarks.peers.devices import collectives
from benchmarks.results import RESULTS, table

DOCS = Path(__file__).parents[1] / "docs"
RESULT = RESULTS / "scaling_model.json"
# The lines of the page between which the tables stand.
START, END = "<!-- scaling_model -->\n", "<!-- end of scaling_model -->\n"

# NVIDIA H100 datasheet, SXM: dense bfloat16, without sparsity.
PEAK = 989e12
# The share of a link's speed that all-reduce reaches is an assumption.
LINK_USE = 0.8
# Constants of NCCL's tuner, src/graph/tuning.cc, algorithm Tree, protocol LL.
_START = 6.8e-6
DEVICES = (2, 4, 8)
EFFICIENT = 0.5
_STATISTICS = 2  # mean and variance of a batch, for each channel
_LOGS = 2  # loss and accuracy


@dataclass(frozen=True)
class Link:
    """Connection between GPUs.

    Args:
        name: its name on the page.
        speed: bytes a second in one direction for each GPU.
        hop: seconds for a message from one GPU to the next.
        hops: number of messages from the first GPU to the last, of a number of GPUs.
        most: the largest number of GPUs.
    """

    name: str
    speed: float
    hop: float
    hops: Callable[[int], float]
    most: int

    @property
    def counts(self) -> list[int]:
        """Powers of two up to the largest number of GPUs."""
        return [2**i for i in range(self.most.bit_length())]


LINKS = (
    Link("NVLink", 450e9, 0.6e-6, lambda n: n - 1, 8),
    Link("400 Gb/s", 50e9, 5.0e-6, math.log2, 1024),
)


@dataclass(frozen=True)
class Network:
    """Network, its batch, and the assumed speed of one GPU.

    Args:
        name: its name on the page.
        build: returns the model.
        small: returns a model of the same layers, in which all-reduce operations are
            counted.
        shapes: shapes of a row and of its target.
        batch: rows of a step.
        utilization: share of the GPU's peak.
        least: seconds that a step takes at least.
    """

    name: str
    build: Callable[[], Any]
    small: Callable[[], Any]
    shapes: tuple[tuple[int, ...], tuple[int, ...]]
    batch: int
    utilization: float
    least: float = 0.0


def _seed_model() -> Any:
    return keras_networks.dense(_lamina(), (784, 32, 10), "softmax")


def _resnet50(size: int) -> Any:
    shape = (size, size, 3)
    return _lamina().applications.ResNet50(weights=None, input_shape=shape)


def _transformer(**sizes: int) -> Any:
    return keras_networks.transformer(_lamina(), **sizes)


def _lamina() -> Any:
    return import_module("lamina")


_LARGE = {"vocabulary": 32_768, "length": 2_048, "width": 2_048, "heads": 16}
_SMALL = {"vocabulary": 64, "length": 16, "width": 32, "heads": 4}
NETWORKS = (
    Network(
        name="784-32-10",
        build=_seed_model,
        small=_seed_model,
        shapes=((784,), ()),
        batch=32,
        utilization=0.1,
        least=30e-6,
    ),
    Network(
        name="ResNet-50",
        build=partial(_resnet50, 224),
        small=partial(_resnet50, 32),
        shapes=((224, 224, 3), ()),
        batch=2_048,
        utilization=0.08,
    ),
    Network(
        name="transformer",
        build=partial(_transformer, **_LARGE, blocks=18),
        small=partial(_transformer, **_SMALL, blocks=2),
        shapes=((2_048,), (2_048,)),
        batch=512,
        utilization=0.42,
    ),
)


class Counts(NamedTuple):
    """What a step of a network computes and sends.

    Args:
        parameters: number of trainable values.
        channels: number of channels of all layers of batch normalization.
        flops: floating-point operations of a row, forward and backward.
        operations: number of all-reduce operations.
    """

    parameters: int
    channels: int
    flops: float
    operations: int

    @property
    def sent(self) -> int:
        """Bytes that all-reduce operations sum in a step."""
        return sent(self.parameters, self.channels)


class Step(NamedTuple):
    """Seconds of a step on several GPUs."""

    compute: float
    transfer: float
    latency: float

    @property
    def total(self) -> float:
        """Seconds if communication waits for the gradients."""
        return sum(self)

    @property
    def overlapped(self) -> float:
        """Seconds if gradients are sent while others are computed."""
        return max(self.compute, self.transfer) + self.latency


def sent(parameters: int, channels: int) -> int:
    """Return the bytes of gradients, statistics of batches and logs in float32."""
    return 4 * (parameters + _STATISTICS * channels + _LOGS)


def step(network: Network, counts: Counts, link: Link, gpus: int) -> Step:
    """Return the seconds of a step with a batch that the GPUs share."""
    speed = PEAK * network.utilization
    compute = max(network.least, counts.flops * network.batch / gpus / speed)
    if gpus == 1:
        return Step(compute, 0.0, 0.0)
    transfer = 2 * (gpus - 1) / gpus * counts.sent / (link.speed * LINK_USE)
    latency = counts.operations * (_START + 2 * link.hops(gpus) * link.hop)
    return Step(compute, transfer, latency)


def speedup(
    network: Network, counts: Counts, link: Link, gpus: int, overlap: bool
) -> float:
    """Return how many times faster a step is than on one GPU."""
    one, many = (step(network, counts, link, n) for n in (1, gpus))
    return one.total / (many.overlapped if overlap else many.total)


def pays_up_to(network: Network, counts: Counts, link: Link, overlap: bool) -> int:
    """Return the largest number of GPUs with at least `EFFICIENT` of their speed."""
    return max(
        n
        for n in link.counts
        if speedup(network, counts, link, n, overlap) >= EFFICIENT * n
    )


def flops(model: Any, shapes: Sequence[tuple[int, ...]]) -> float:
    """Return the floating-point operations of a row, by JAX's cost analysis."""
    lamina, jax = _lamina(), import_module("jax")
    values = [
        [jax.ShapeDtypeStruct(v.shape, v.dtype) for v in variables]
        for variables in (model.trainable_variables, model.non_trainable_variables)
    ]
    types = model.inputs[0].dtype, "int32"
    batch = [
        jax.ShapeDtypeStruct((1, *shape), dtype)
        for shape, dtype in zip(shapes, types, strict=True)
    ]

    def loss(trainable: Any, fixed: Any, x: Any, y: Any) -> Any:
        outputs, _ = model.stateless_call(trainable, fixed, x, training=True)
        return lamina.losses.sparse_categorical_crossentropy(y, outputs).mean()

    lowered = jax.jit(jax.grad(loss)).lower(*values, *batch)
    return float(lowered.cost_analysis()["flops"])


def sizes(model: Any) -> tuple[int, int]:
    """Return the numbers of trainable values and of channels of batch normalization."""
    normalized = [v for v in model.variables if v.path.endswith("moving_mean")]
    return (
        sum(math.prod(v.shape) for v in model.trainable_variables),
        sum(math.prod(v.shape) for v in normalized),
    )


def check(name: str, devices: int) -> dict[str, Any]:
    """Count the all-reduce operations of a compiled program for several CPU devices."""
    network = _network(name)
    import_module("jax").config.update("jax_num_cpu_devices", devices)
    model = network.small()
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    x = np.zeros((8, *model.input_shape[1:]), model.inputs[0].dtype)
    y = np.zeros((8, *model.output_shape[1:-1]), "int32")
    model.fit(x, y, batch_size=8, verbose=0, devices=devices)
    programs = import_module("lamina.runtime.executable")._executables.values()
    # Truth values, of no bytes here, are exchanged once in a dispatch, not in a step.
    found = max(([n for n in collectives(p.as_text()) if n] for p in programs), key=sum)
    parameters, channels = sizes(model)
    return {
        "network": name,
        "devices": devices,
        "parameters": parameters,
        "operations": len(found),
        "counted": sum(found),
        "computed": sent(parameters, channels),
    }


def count(name: str) -> dict[str, Any]:
    """Return a network's `Counts`, without the number of operations.

    The variables have shapes only, so that a large network takes no memory. Ops use
    plain JAX: XLA counts the body of a loop once, however often it is repeated.
    """
    network, kernels = _network(name), _lamina().kernels
    for op, names in kernels.available().items():
        if "reference" in names:
            _lamina().config.set_kernel(op, "reference")
    with import_module("lamina.core.scope").override(uninitialized=[]):
        model = network.build()
        parameters, channels = sizes(model)
        operations = flops(model, network.shapes)
    return {"parameters": parameters, "channels": channels, "flops": operations}


def _network(name: str) -> Network:
    return next(network for network in NETWORKS if network.name == name)


def counted(content: Mapping[str, Any]) -> Iterator[tuple[Network, Counts]]:
    """Yield each network with its counts from a result."""
    for network in NETWORKS:
        operations = max(
            found["operations"]
            for found in content["checks"]
            if found["network"] == network.name
        )
        counts = content["counts"][network.name]
        yield network, Counts(**counts, operations=operations)


def section(content: Mapping[str, Any]) -> str:
    """Return the tables of docs/scaling.md."""
    networks = list(counted(content))
    return "\n".join(
        [
            table(
                ["computed", "parameters", "GFLOP of a row", "sent", "all-reduces"],
                (_counts_row(network, counts) for network, counts in networks),
            ),
            table(
                [
                    "compiled",
                    "devices",
                    "parameters",
                    "all-reduces",
                    "bytes sent",
                    "by the formula",
                ],
                _check_rows(content["checks"]),
            ),
            table(
                [
                    "step",
                    "link",
                    "1 GPU",
                    "8 GPUs",
                    "faster",
                    "pays up to",
                    "rows on each",
                ],
                (
                    _step_row(network, counts, link)
                    for network, counts in networks
                    for link in LINKS
                ),
            ),
        ]
    )


def _counts_row(network: Network, counts: Counts) -> list[str]:
    return [
        network.name,
        f"{counts.parameters:,}",
        _rounded(counts.flops / 1e9),
        f"{_rounded(counts.sent / 1e6)} MB",
        str(counts.operations),
    ]


def _check_rows(checks: Sequence[Mapping[str, Any]]) -> Iterator[list[str]]:
    """Yield a row for each network; numbers of devices with equal counts share it."""
    keys = ("network", "parameters", "operations", "counted", "computed")
    rows: dict[tuple[Any, ...], list[str]] = {}
    for found in checks:
        row = tuple(found[key] for key in keys)
        rows.setdefault(row, []).append(str(found["devices"]))
    for (network, parameters, *numbers), devices in rows.items():
        values = [f"{value:,}" for value in (parameters, *numbers)]
        yield [network, ", ".join(devices), *values]


def _step_row(network: Network, counts: Counts, link: Link) -> list[str]:
    one, eight = (step(network, counts, link, n) for n in (1, 8))
    ends = [pays_up_to(network, counts, link, overlap) for overlap in (False, True)]
    gains = [speedup(network, counts, link, 8, overlap) for overlap in (False, True)]
    return [
        network.name,
        link.name,
        readable(one.total),
        _range([readable(seconds) for seconds in (eight.overlapped, eight.total)]),
        _range([f"{gain:.1f}" for gain in gains]),
        _range([str(n) for n in ends]),
        _range([str(network.batch // n) for n in reversed(ends)]),
    ]


def _rounded(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _range(ends: Sequence[str]) -> str:
    first, last = ends
    return first if first == last else f"{first} to {last}"


def readable(seconds: float) -> str:
    """Format seconds with a unit."""
    unit, scale = (
        ("s", 1) if seconds >= 1 else ("ms", 1e3) if seconds >= 1e-3 else ("us", 1e6)
    )
    return f"{seconds * scale:.3g} {unit}"


def panels(content: Mapping[str, Any]) -> dict[str, list[charts.Curve]]:
    """Return the speedups of each link for the chart."""
    return {
        link.name: [
            charts.Curve(
                network.name,
                link.counts,
                *(
                    [speedup(network, counts, link, n, overlap) for n in link.counts]
                    for overlap in (False, True)
                ),
            )
            for network, counts in counted(content)
        ]
        for link in LINKS
    }


def with_section(page: str, text: str) -> str:
    """Return a page whose tables are replaced."""
    before, start, rest = page.partition(START)
    after = rest.partition(END)[2]
    return f"{before}{start}\n{text}\n{END}{after}"


def write() -> None:
    """Write the chart and the tables from the stored counts."""
    content = json.loads(RESULT.read_text())
    charts.speedups(panels(content), DOCS / "scaling-model.svg")
    path = DOCS / "scaling.md"
    path.write_text(with_section(path.read_text(), section(content)))
    print(path)


def main() -> None:
    if "--page" in sys.argv:
        write()
        return
    context = get_context("spawn")
    names = [network.name for network in NETWORKS]
    pairs = [(name, devices) for name in names for devices in DEVICES]
    with ProcessPoolExecutor(1, context, max_tasks_per_child=1) as pool:
        counts = dict(zip(names, pool.map(count, names), strict=True))
        checks = list(pool.map(check, *zip(*pairs, strict=True)))
    content = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": machine.versions(),
        "commit": machine.commit(),
        "counts": counts,
        "checks": checks,
    }
    RESULT.write_text(json.dumps(content, indent=1) + "\n")
    write()


if __name__ == "__main__":
    main()
