"""The command `lamina`."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lamina.errors import ArgumentError, LaminaError, missing_package
from lamina.lazy import LazyImport
from lamina.version import __version__

if TYPE_CHECKING:
    from lamina.training.checks.findings import Findings

__all__ = ["main"]

# Status of a program that Ctrl-C has ended; its traceback has been printed.
_INTERRUPTED = 130
_INSPECT = """\
Shows the content of a .keras, .weights.h5, .safetensors or (older Keras) .h5 file:
the architecture, the number of parameters, versions, how the model was compiled, all
variables with their shapes and types, and checksums. Nothing in the file is built or
run, and checksums in the file are compared with its content."""
_INSPECT_EPILOG = """\
examples:
  lamina inspect model.keras
  lamina inspect --json model.keras | jq .parameters
  lamina inspect --json model.keras | jq -r '.variables[].path'

exit status: 0, 1 if the file cannot be read, 2 if the arguments are not valid"""
_CONVERT = """\
Writes the content of a file to a file of another format, by the ending of its name:

  .keras         the whole model
  .weights.h5    weights, for lamina and Keras
  .safetensors   weights by name, for other programs
  .h5            the whole model, in the layout of Keras 2

IN is any of these or an .h5 file of an older Keras; its content determines which. A
model with classes of your own cannot be converted by this command, which does not
know them: use lamina.models.load_model(IN, custom_objects=...) in a program."""
_CONVERT_EPILOG = """\
examples:
  lamina convert old.h5 model.keras
  lamina convert model.keras weights.safetensors
  lamina convert --model model.keras weights.safetensors retrained.keras

exit status: 0, 1 if it failed and OUT is unchanged, 2 if the arguments are not valid"""
_CHECK = """\
Runs a program up to each call of `fit` or `train_on_batch`, looks for mistakes in the
model, the data and the arguments, and continues without training. `evaluate` and
`predict` return the results of the untrained model. SCRIPT may be a notebook
(.ipynb)."""
_CHECK_EPILOG = """\
examples:
  lamina check train.py
  lamina check train.py --epochs 5
  lamina check --json train.py | jq -r .code

exit status: 0, 1 if there is an error or a warning or the program fails before `fit`,
2 if the arguments are not valid"""

_RUN = """\
Runs a program written for Keras 1, 2 or 3 or tf.keras, unchanged: in it, `keras` and
`tensorflow` are lamina, which also understands old names, arguments and module paths.
Each old spelling is named once with today's, on standard error.

SCRIPT may be a notebook (.ipynb): its cells run in order, without magics and shell
lines."""
_RUN_EPILOG = """\
examples:
  lamina run mnist_cnn.py
  lamina run --quiet train.py --epochs 5
  lamina run train.ipynb
  lamina run -m package.train --epochs 5

exit status: that of the program, 2 if the arguments are not valid"""

_UPGRADE = """\
Rewrites old spellings of Keras 1 and 2 and tf.keras in programs and notebooks, and
shows the changes. Comments and layout are preserved. What has no translation gets a
comment that starts with `# lamina upgrade:`, and is listed at the end."""
_UPGRADE_EPILOG = """\
examples:
  lamina upgrade mnist_cnn.py
  lamina upgrade --in-place *.py notebooks/*.ipynb
  lamina upgrade --to lamina --in-place train.py

exit status: 0, 1 if a file cannot be read or is not Python 3 and none is changed, 2 if
the arguments are not valid"""

_REPORT = """\
Writes one HTML page, which needs no network, about runs of `fit`. RUN is a folder of
fit(resume=...), a page of fit(report=...), or a folder of such pages. With several
runs the page shows their results, curves, and what differs between them; runs that
differ in their seed only are one curve with a band."""
_REPORT_EPILOG = """\
examples:
  lamina report runs/a
  lamina report runs/a runs/b runs/c --output compared.html

exit status: 0, 1 if a run cannot be read, 2 if the arguments are not valid"""


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
        status = options.run(options)
        sys.stdout.flush()
    except LaminaError as error:
        print(f"lamina {options.command}: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # A reader such as `head` has exited; avoid an error when Python flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return status or 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lamina",
        description="Deep learning library with the API of Keras 3, on JAX.",
        epilog="lamina COMMAND --help shows the arguments of a command.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, (run, summary, description, epilog, arguments) in _COMMANDS.items():
        command = commands.add_parser(
            name,
            help=summary,
            description=description,
            epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.set_defaults(run=run)
        for flags, options in arguments.items():
            command.add_argument(*flags.split(), **options)
    return parser


def _demo(options: argparse.Namespace) -> None:
    _load("lamina.demo:run")(options.folder)


def _inspect(options: argparse.Namespace) -> None:
    found = _load("lamina.saving.inspect:inspect_file")(options.file)
    as_text = _load("lamina.saving.inspect:inspection_text")
    text = json.dumps(found, indent=2) if options.json else as_text(found)
    # Names in files may have characters that the terminal cannot encode.
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding))


def _convert(options: argparse.Namespace) -> None:
    if not options.force and os.path.exists(options.target):
        raise ArgumentError(
            f"File exists: {options.target!r}. Pass --force to replace it."
        )
    convert_file = _load("lamina.models.convert:convert_file")
    convert_file(options.source, options.target, options.model, options.force)


def _report(options: argparse.Namespace) -> None:
    runs = _load("lamina.report.write:report_runs")(options.runs, options.output)
    epochs = sum(len(run.epochs) for run in runs)
    print(
        f"{options.output}: {len(runs)} run{'' if len(runs) == 1 else 's'}, "
        f"{epochs} epoch{'' if epochs == 1 else 's'}"
    )


def _run(options: argparse.Namespace) -> int:
    run_program = _load("lamina.compat.program:run_program")
    releases = _load("lamina.compat.defaults:RELEASES")
    status = run_program(
        options.script,
        options.arguments,
        options.quiet,
        options.module,
        releases.get(options.keras),
    )
    if status == _INTERRUPTED:
        # Python ends by the signal after Ctrl-C, so that a loop of a shell ends too.
        sys.excepthook = lambda *_: None
        raise KeyboardInterrupt
    return status


def _upgrade(options: argparse.Namespace) -> None:
    try:
        upgrade_files = _load("lamina.compat.upgrade.command:upgrade_files")
    except ModuleNotFoundError as error:
        if error.name != "libcst":
            raise
        raise missing_package("libcst", "`lamina upgrade`", "upgrade") from None
    root = {"keras3": "keras"}.get(options.to, options.to)
    upgrade_files(options.scripts, options.in_place, root)


def _check(options: argparse.Namespace) -> int:
    # `--json` after the script is the command's own.
    rest = [a for a in options.arguments if a != "--json"]
    as_json = options.json or len(rest) < len(options.arguments)
    check = _load("lamina.training.checks.script:ScriptCheck")(as_json)
    defaults_of = _load("lamina.compat.defaults:defaults_of")
    with _load("lamina.compat:installed")(quiet=True), defaults_of(options.script):
        found = check.run(options.script, rest, options.module)
    if not check.as_json:
        print(_summary(found, check.calls))
    has_failed = check.has_failed and not check.calls
    return 1 if has_failed or found.of("error", "warning") else 0


def _summary(found: Findings, calls: int) -> str:
    if not calls and not found:
        return "The program did not call `fit` or `train_on_batch`."
    counts = Counter(finding.severity for finding in found)
    text = ", ".join(map(_counted, counts.keys(), counts.values()))
    where = f"{calls} call{'' if calls == 1 else 's'} of fit"
    return f"{text or 'No findings'} in {where}."


def _counted(severity: str, count: int) -> str:
    plural = "" if count == 1 or severity == "advice" else "s"
    return f"{count} {severity}{plural}"


def _load(origin: str) -> Any:
    """Import what only one command needs."""
    return LazyImport(origin).load()


def _flag(text: str) -> dict[str, Any]:
    return {"action": "store_true", "help": text}


_SCRIPT = {
    "-m --module": _flag("SCRIPT is the name of a module, as for python -m"),
    "script": {"metavar": "SCRIPT", "type": Path},
    "arguments": {"nargs": argparse.REMAINDER, "metavar": "..."},
}
_FOLDER = {
    "type": Path,
    "default": Path("lamina-demo"),
    "help": "folder for models and pictures (default: %(default)s)",
}
_MODEL = {
    "metavar": "FILE",
    "help": "the model of IN's weights, if IN has only weights: a .keras file, or the "
    "text of model.to_json() in a .json file",
}
_OUTPUT = {
    "metavar": "FILE",
    "default": "report.html",
    "help": "page to write (default: %(default)s)",
}
_TO = {
    "choices": ("keras3", "lamina"),
    "default": "keras3",
    "help": "library that the program imports then (default: %(default)s)",
}
# Function, summary, description, epilog and arguments of each command.
_COMMANDS: dict[str, tuple[Any, str, str | None, str | None, dict[str, Any]]] = {
    "demo": (
        _demo,
        "train, evaluate and save two models on real data",
        *(None, None),
        {"--folder": _FOLDER},
    ),
    "inspect": (
        _inspect,
        "show the content of a model file, without building the model",
        *(_INSPECT, _INSPECT_EPILOG),
        {"file": {"metavar": "FILE"}, "--json": _flag("as JSON, for programs")},
    ),
    "convert": (
        _convert,
        "write a model or its weights in another format",
        *(_CONVERT, _CONVERT_EPILOG),
        {
            "source": {"metavar": "IN"},
            "target": {"metavar": "OUT"},
            "--model": _MODEL,
            "--force": _flag("replace OUT if it exists"),
        },
    ),
    "run": (
        _run,
        "run a program written for any version of Keras or tf.keras",
        *(_RUN, _RUN_EPILOG),
        {
            "--quiet": _flag("do not name the old spellings"),
            "--keras": {
                "type": int,
                "choices": (1, 2, 3),
                "help": "whose defaults apply; by default that of the spellings",
            },
            **_SCRIPT,
        },
    ),
    "upgrade": (
        _upgrade,
        "rewrite a program for today's Keras",
        *(_UPGRADE, _UPGRADE_EPILOG),
        {
            "scripts": {"nargs": "+", "metavar": "SCRIPT", "type": Path},
            "--in-place": _flag("write the files instead of showing the changes"),
            "--to": _TO,
        },
    ),
    "check": (
        _check,
        "look for mistakes in a program that trains a model, without training",
        *(_CHECK, _CHECK_EPILOG),
        {"--json": _flag("as JSON, one line each"), **_SCRIPT},
    ),
    "report": (
        _report,
        "write an HTML page about a run, or a page that compares several",
        *(_REPORT, _REPORT_EPILOG),
        {"runs": {"nargs": "+", "metavar": "RUN"}, "--output -o": _OUTPUT},
    ),
}
