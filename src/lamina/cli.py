"""The command `lamina`."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from lamina import demo
from lamina.errors import ArgumentError, LaminaError
from lamina.models.convert import convert_file
from lamina.saving.inspect import inspect_file, inspection_text

__all__ = ["main"]

_INSPECT = """\
Shows what is in a .keras, .weights.h5, .safetensors or (older Keras) .h5 file: the
architecture, the number of parameters, versions, how the model was compiled, every
variable with its shape and type, and checksums. Nothing of the file is built or run,
and checksums that the file notes are compared with its content."""
_INSPECT_MORE = """\
examples:
  lamina inspect model.keras
  lamina inspect --json model.keras | jq .parameters
  lamina inspect --json model.keras | jq -r '.variables[].path'

exit status: 0, 1 if the file can't be read, 2 if the command is not understood"""
_CONVERT = """\
Writes what is in one file to a file of another format, which the name's ending says:

  .keras         the whole model
  .weights.h5    weights, for lamina and Keras
  .safetensors   weights by name, for other programs

IN is any of these or an .h5 file of an older Keras; its content says which. A model
with classes of your own can't be converted here, where they are not known: use
lamina.models.load_model(IN, custom_objects=...) in a program."""
_CONVERT_MORE = """\
examples:
  lamina convert old.h5 model.keras
  lamina convert model.keras weights.safetensors
  lamina convert --model model.keras weights.safetensors retrained.keras

exit status: 0, 1 if it didn't work and OUT is as before, 2 if the command is not
understood"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with the given arguments, the command line's by default.

    Returns:
        The exit status.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.command is None:
        parser.print_help()
        return 0
    try:
        options.run(options)
        sys.stdout.flush()
    except LaminaError as error:
        print(f"lamina {options.command}: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # The reader has seen enough, as `head` does; nothing is left to flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lamina",
        description="Deep learning for people who think in layers.",
        epilog="lamina COMMAND --help shows the arguments of a command.",
    )
    parser.add_argument("--version", action="version", version=version("lamina"))
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    form = argparse.RawDescriptionHelpFormatter
    show = commands.add_parser(
        "demo", help="train, evaluate and save two models on real data"
    )
    show.add_argument(
        "--folder",
        type=Path,
        default=Path("lamina-demo"),
        help="where models and pictures go (default: %(default)s)",
    )
    show.set_defaults(run=lambda options: demo.run(options.folder))
    look = commands.add_parser(
        "inspect",
        help="show what a model file holds, without building it",
        description=_INSPECT,
        epilog=_INSPECT_MORE,
        formatter_class=form,
    )
    look.add_argument("file", metavar="FILE")
    look.add_argument("--json", action="store_true", help="as JSON, for programs")
    look.set_defaults(run=_inspect)
    turn = commands.add_parser(
        "convert",
        help="write a model or its weights in another format",
        description=_CONVERT,
        epilog=_CONVERT_MORE,
        formatter_class=form,
    )
    turn.add_argument("source", metavar="IN")
    turn.add_argument("target", metavar="OUT")
    turn.add_argument(
        "--model",
        metavar="FILE",
        help="the model that IN's weights belong to, if it has only weights: a .keras "
        "file, or the text of model.to_json() in a .json file",
    )
    turn.add_argument("--force", action="store_true", help="replace OUT if it exists")
    turn.set_defaults(run=_convert)
    return parser


def _inspect(options: argparse.Namespace) -> None:
    found = inspect_file(options.file)
    text = json.dumps(found, indent=2) if options.json else inspection_text(found)
    # Names in files need not be text that the terminal has characters for.
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding))


def _convert(options: argparse.Namespace) -> None:
    if not options.force and os.path.exists(options.target):
        raise ArgumentError(
            f"{options.target!r} exists already. Pass --force to replace it."
        )
    convert_file(options.source, options.target, options.model, options.force)
