"""Run `python -m benchmarks [claim ...] [--quick | --full] [--device cpu|gpu]`."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from rich.console import Console

from benchmarks import machine, report
from benchmarks.claim import Level, load_claim
from benchmarks.harness import Measured, Verdict, judge, measure

CLAIMS = (
    "seed_model",
    "auto_mpg",
    "mlp512",
    "mnist_cnn",
    "vgg",
    "resnet20",
    "separable",
    "augmentation",
    "autoencoder",
    "lstm",
    "gru",
    "transformer",
    "tabular",
    "predict_one",
    "predict_rows",
    "predict_memory",
    "first_epoch",
    "import_time",
    "image_folder",
    "many_models",
    "checkpoint_cost",
    "save_load",
    "scale_rows",
    "scale_epochs",
    "scale_callbacks",
    "scale_batch",
    "scale_depth",
    "scale_devices",
    "depth_start",
    "layers",
)


def main() -> int:
    arguments = parse(sys.argv[1:])
    if arguments.device:
        choose_device(arguments.device)
    level: Level = arguments.level
    computer = machine.describe()
    context = {
        "command": " ".join(["python -m benchmarks", *sys.argv[1:]]),
        "level": level.name.lower(),
        "machine": computer,
        "versions": machine.versions(),
        "commit": machine.commit(),
    }
    console = Console()
    introduce(console, context)
    results: list[tuple[Measured, list[Verdict]]] = []
    for name in arguments.claims or [n for n in CLAIMS if load_claim(n).level <= level]:
        with console.status(name) as status:
            measured = measure(load_claim(name), level, status.update)
        verdicts = judge(measured, str(computer["platform"]))
        report.show(console, measured, verdicts)
        stem = machine.slug(computer) + ("-quick" if level is Level.QUICK else "")
        report.save(measured, verdicts, context, stem)
        results.append((measured, verdicts))
    if len(results) > 1:
        report.overview(console, results)
    return int(any(measured.failed for measured, _ in results))


def parse(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("claims", nargs="*", metavar="claim", help=", ".join(CLAIMS))
    parser.add_argument(
        "--quick",
        dest="level",
        action="store_const",
        const=Level.QUICK,
        default=Level.DEFAULT,
        help="under five minutes",
    )
    parser.add_argument(
        "--full",
        dest="level",
        action="store_const",
        const=Level.FULL,
        help="also torch.compile, and Keras on torch and TensorFlow, which is "
        "installed into an environment in the user's cache folder",
    )
    parser.add_argument(
        "--device", choices=("cpu", "gpu"), help="default: the one that jax chooses"
    )
    arguments = parser.parse_args(words)
    if unknown := set(arguments.claims) - set(CLAIMS):
        parser.error(f"No claim {', '.join(unknown)}; there are {', '.join(CLAIMS)}.")
    return arguments


def choose_device(device: str) -> None:
    """Select the device of this process and, by the environment, of the workers."""
    os.environ["JAX_PLATFORMS"] = "cpu" if device == "cpu" else "cuda"
    if device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""


def introduce(console: Console, context: dict[str, Any]) -> None:
    computer, versions = context["machine"], context["versions"]
    console.print(", ".join(f"{name} {number}" for name, number in versions.items()))
    console.print(
        f"{computer['processor']}, {computer['cores']} cores, device "
        f"{computer['device']}, commit {context['commit']}"
    )
    if computer["load_before"] > 0.25 * computer["cores"]:
        console.print(
            f"The machine is busy (load {computer['load_before']}): the spread will "
            f"be wide, and the ratios are not to be relied on.",
            style="yellow",
        )
    console.print()


if __name__ == "__main__":
    sys.exit(main())
