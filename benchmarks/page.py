"""Write docs/performance.md and its charts: `python -m benchmarks.page`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks import charts
from benchmarks.__main__ import CLAIMS
from benchmarks.claim import load_claim
from benchmarks.compile_profile import profiles_of, tables
from benchmarks.results import BUSY, US, Result, load, table

DOCS = Path(__file__).parents[1] / "docs"
Quantity = dict[str, Any]
MANY = 12  # Above this number of quantities, a claim has one table of medians.

INTRODUCTION = """\
# Performance

`python -m benchmarks.page` writes this page from the files in `benchmarks/results`;
do not edit it. Each claim is a file in `benchmarks`, which defines the network and the
work of each library. `python -m benchmarks` measures the claims on your machine.

- The libraries do the same work in alternation, each in its own process. Another
  library starts each round. The first round compiles and is not counted. Values are
  medians over the rounds, with minimum and maximum.
- A ratio is the other library's median divided by lamina's. **Above 1, lamina needs
  less.**
- All train the same network (the parameter counts are compared) with the same batch
  size, optimizer and settings on the same data in memory. lamina and Keras run the same
  code with default settings. In torch, the tensors are on the device, the optimizer is
  fused, and the logs are read once per epoch.
- "JAX scan" is one hand-written program for one network, without the services of `fit`.
  It shows the overhead of `fit`.
- On Linux, `import lamina` makes the C library keep freed memory for the next step (see
  `lamina.config`). `LAMINA_ALLOCATOR=off` disables this. The other libraries run
  unchanged.
- Start and memory refer to the whole process with empty compile caches. The start is
  measured once and includes reading the files of the libraries.
"""

COMPILATION = """\
### Compilation

The training program for one full batch, by `python -m benchmarks.compile_profile`: a
claim's network, or a number of dense layers of 64. Equal kernels are compiled once and
counted once. JAX traces and lowers the program; `first fit` has these times, the
compilation, the checks of `fit` and the step.
"""


def main() -> None:
    parts = [INTRODUCTION]
    for slug, results in load(CLAIMS).items():
        parts += machine(slug, results)
    path = DOCS / "performance.md"
    path.write_text("\n".join(parts))
    print(path)


def machine(slug: str, results: Sequence[Result]) -> Iterator[str]:
    """Yield the section of one machine."""
    yield heading(results)
    training = [result for result in results if result.trains]
    growing = [result for result in results if result.series]
    if training:
        yield "### Training\n"
        yield picture(slug, "training", "Training speed of lamina relative to others")
        charts.training(training, DOCS / f"performance-{slug}-training.svg")
        yield ratio_table(training)
    yield "### Where lamina is slower or larger\n"
    yield from lost(results)
    yield from bar_tables(results)
    if training:
        yield "### Start and memory\n"
        yield picture(slug, "memory", "Peak memory of the process")
        charts.memory(training, DOCS / f"performance-{slug}-memory.svg")
        yield whole_process_table(training)
    if profiles := profiles_of(slug):
        yield COMPILATION
        yield from tables(profiles)
    if growing:
        yield "### Scaling\n"
        yield picture(
            slug, "growth", "Cost by number of rows, epochs, callbacks and layers"
        )
        charts.growth(growing, DOCS / f"performance-{slug}-growth.svg")
    yield "### All measurements\n"
    for result in results:
        yield from details(result)


def heading(results: Sequence[Result]) -> str:
    computer = results[0].content["machine"]
    on_gpu = computer["platform"] == "gpu"
    name = computer["device"] if on_gpu else computer["processor"]
    return (
        f"## {name}, {computer['cores']} cores\n\n"
        f"{computer['memory_gib']} GiB, {computer['system']}.\n"
    )


def measured_with(result: Result) -> str:
    """Return a sentence with the date, commit and versions of a measurement."""
    content = result.content
    versions = content["versions"].items()
    packages = ", ".join(f"{name} {number}" for name, number in versions)
    quick = " with few rounds" if content["level"] == "quick" else ""
    return f"{content['date'][:10]}{quick}, commit {content['commit']}, {packages}.\n"


def picture(slug: str, kind: str, text: str) -> str:
    return f"![{text}](performance-{slug}-{kind}.svg)\n"


def ratio_table(results: Sequence[Result]) -> str:
    """Return a table of speed ratios, with networks as rows and peers as columns."""
    peers = columns(results)
    bounds = {bound for r in results for bound in r.content["bounds"]}
    head = ["a step of `fit`", US, *peers, *(["share of peak"] if bounds else [])]
    return table(head, (ratio_row(result, peers, bool(bounds)) for result in results))


def columns(results: Sequence[Result]) -> list[str]:
    """Return the peers without variants of one library, the main ones first."""
    found = {peer for r in results for peer in r.rivals() if "," not in peer}
    main = [peer for peer in charts.COLORS if peer in found]
    return [*main, *sorted(found - set(main))]


def ratio_row(result: Result, peers: Sequence[str], with_share: bool) -> list[str]:
    quantity = result.quantities[0]
    ratios = [result.ratio(peer, quantity["key"]) for peer in peers]
    name = result.name if quantity["key"] == "step" else f"{result.name}, an epoch"
    row = [name, shown(result.median(US, quantity["key"]), quantity)]
    row += ["" if ratio is None else marked(ratio) for ratio in ratios]
    if with_share:
        of_bounds = [result.ratio(b, quantity["key"]) for b in result.content["bounds"]]
        row += [f"{share:.0%}" for share in of_bounds if share] or [""]
    return row


def marked(ratio: float) -> str:
    """Format a ratio, bold below 1."""
    return f"{ratio:.2f}" if ratio >= 1 else f"**{ratio:.2f}**"


def shown(value: float | None, quantity: Quantity) -> str:
    if value is None:
        return ""
    return f"{value * quantity['scale']:,.4g} {quantity['unit']}"


def lost(results: Sequence[Result]) -> Iterator[str]:
    """Yield a list of the quantities in which a peer needs less than lamina."""
    lines = [
        f"- {result.name}, {quantity['label']}: {peer} needs {ratio:.2f} of lamina's "
        f"({shown(result.median(peer, quantity['key']), quantity)}, lamina "
        f"{shown(result.median(US, quantity['key']), quantity)})."
        for result in results
        for quantity in result.quantities
        for peer in result.rivals()
        if (ratio := result.ratio(peer, quantity["key"])) is not None and ratio < 1
    ]
    yield "Another library needs less than lamina:\n" if lines else "Nowhere.\n"
    yield "\n".join(lines) + "\n"


def bar_tables(results: Sequence[Result]) -> Iterator[str]:
    """Yield a table of missed targets, and one of the targets met by each claim."""
    missed: list[list[str]] = []
    counts: list[list[str]] = []
    for result in results:
        quantities = {quantity["key"]: quantity for quantity in result.quantities}
        bars = result.content["bars"]
        for bar in bars:
            if bar["met"]:
                continue
            quantity = quantities[bar["quantity"]]
            values = [shown(bar[name], quantity) for name in ("lamina", "limit")]
            text = bar["bar"] + (" (not measured)" if bar["met"] is None else "")
            missed.append([result.name, text, *values])
        if bars:
            met = sum(bool(bar["met"]) for bar in bars)
            counts.append([result.name, str(met), str(len(bars))])
    yield "Targets that were set before measuring and are not met:\n"
    yield table(["claim", "target", US, "at most"], missed)
    yield table(["claim", "targets met", "of"], counts)


def whole_process_table(results: Sequence[Result]) -> str:
    peers = columns(results)

    def row(result: Result, quantity: Quantity) -> list[str]:
        medians = [result.median(peer, quantity["key"]) for peer in [US, *peers]]
        return [result.name, *(shown(median, quantity) for median in medians)]

    tables = [
        table(
            [quantity["label"], US, *peers],
            (row(result, quantity) for result in results),
        )
        for quantity in results[0].quantities
        if quantity["key"] in ("first_round", "peak_memory")
    ]
    return "\n".join(tables)


def details(result: Result) -> Iterator[str]:
    """Yield all measurements of one claim."""
    claim = load_claim(result.name)
    yield f"#### {result.name}: {claim.title}\n"
    yield measured_with(result)
    if (others := result.content["others_busy"]) > BUSY:
        yield f"Unreliable: other programs kept {others} processors busy.\n"
    if len(result.quantities) > MANY:
        yield medians_table(result)
    else:
        yield from (quantity_table(result, q) for q in result.quantities)
    for peer, reason in result.content["absent"].items():
        yield f"{peer} was not measured: {reason.strip().splitlines()[-1]}\n"
    yield from (f"{note}\n" for note in claim.notes)


def medians_table(result: Result) -> str:
    """Return a table with a row for each quantity, for claims that have many."""
    rivals = list(result.rivals())

    def row(quantity: Quantity) -> Iterator[str]:
        key = quantity["key"]
        yield quantity["label"]
        yield shown(result.median(US, key), quantity)
        for peer in rivals:
            ratio = result.ratio(peer, key)
            yield shown(result.median(peer, key), quantity)
            yield "" if ratio is None else marked(ratio)

    head = ["", US, *(cell for peer in rivals for cell in (peer, "ratio"))]
    return table(head, [[*row(quantity)] for quantity in result.quantities])


def quantity_table(result: Result, quantity: Quantity) -> str:
    def row(peer: str, numbers: dict[str, Any]) -> list[str]:
        ratio = numbers["ratio_to_lamina"]
        values = [numbers[name] for name in ("median", "min", "max")]
        return [
            peer,
            "" if ratio is None else marked(ratio),
            *(f"{value * quantity['scale']:,.4g}" for value in values),
            str(len(numbers["samples"])),
        ]

    measured = [
        (peer, result.statistics(peer, quantity["key"])) for peer in result.peers
    ]
    rows = [row(peer, numbers) for peer, numbers in measured if numbers]
    head = [f"{quantity['label']}, {quantity['unit']}", "ratio", "median"]
    return table([*head, "minimum", "maximum", "rounds"], rows)


if __name__ == "__main__":
    main()
