"""The command `lamina`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from lamina import demo

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command with the given arguments, the command line's by default."""
    parser = argparse.ArgumentParser(
        prog="lamina", description="Deep learning for people who think in layers."
    )
    parser.add_argument("--version", action="version", version=version("lamina"))
    commands = parser.add_subparsers(dest="command", required=True)
    show = commands.add_parser(
        "demo", help="train, evaluate and save two models on real data"
    )
    show.add_argument(
        "--folder",
        type=Path,
        default=Path("lamina-demo"),
        help="where models and pictures go (default: %(default)s)",
    )
    options = parser.parse_args(arguments)
    demo.run(options.folder)
